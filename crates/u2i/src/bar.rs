use std::ops::ControlFlow;

use crate::{Error, Progress};

/// Does some work under a bar. The work tells how much of `of` is done, and is told whether to go on; where it is not, it ends
/// with [`Error::Stopped`].
pub(crate) fn under_a_bar<T>(
    progress: &mut dyn Progress,
    label: &str,
    of: u64,
    work: impl FnOnce(&mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<T, Error>,
) -> Result<T, Error> {
    progress.begin(label, of);
    let result = work(&mut |done| {
        progress.advance(done, "");
        if progress.stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.end();
    result
}
