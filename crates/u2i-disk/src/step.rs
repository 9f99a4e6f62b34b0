//! The steps in which something comes to be on a disk, and how tests follow them.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Action, DiskError};

/// An action, and the file or folder that it is for. A file that is written aside goes by its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// To which file or folder.
    pub path: PathBuf,
}

/// The error of the system that a failing step returns: `EIO`, of a disk that is broken.
const BROKEN_DISK: i32 = 5;

thread_local! {
    /// Set while a job is followed on this thread.
    static FOLLOWED: RefCell<Option<Followed>> = const { RefCell::new(None) };
}

struct Followed {
    steps: Vec<Step>,
    failing: Option<usize>,
}

/// Runs `job` and returns its result with the steps that this thread began meanwhile, for tests of what writes.
///
/// The step numbered `failing`, counted from 0, does nothing and returns the error of a broken disk. Steps of other
/// threads are neither seen nor failed. Within `job` it must not be called again.
///
/// # Panics
///
/// If `job` is followed already.
pub fn follow<T>(failing: Option<usize>, job: impl FnOnce() -> T) -> (T, Vec<Step>) {
    let before = FOLLOWED.replace(Some(Followed { steps: Vec::new(), failing }));
    assert!(before.is_none(), "a job is followed within one that is followed");
    let _forget = Forget;
    let result = job();
    let followed = FOLLOWED.take().expect("it was set above and is taken here alone");
    (result, followed.steps)
}

/// A job that panics leaves nothing behind for the next one on its thread.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        FOLLOWED.set(None);
    }
}

/// Stands before each step.
pub(crate) fn begin(action: Action, path: &Path) -> Result<(), DiskError> {
    FOLLOWED.with_borrow_mut(|followed| {
        let Some(followed) = followed else { return Ok(()) };
        let number = followed.steps.len();
        followed.steps.push(Step { action, path: path.to_owned() });
        match followed.failing == Some(number) {
            true => Err(DiskError::of(action, path)(io::Error::from_raw_os_error(BROKEN_DISK))),
            false => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_followed_fails_and_nothing_after_it() {
        let path = Path::new("a");
        let (results, steps) = follow(Some(1), || [Action::Create, Action::Sync].map(|a| begin(a, path)));
        let [first, second] = results;
        first.unwrap();
        let second = second.unwrap_err();
        assert_eq!(second.to_string(), "cannot sync a");
        assert_eq!(second.source.raw_os_error(), Some(BROKEN_DISK));
        assert_eq!(steps.iter().map(|step| step.action).collect::<Vec<_>>(), [Action::Create, Action::Sync]);
        begin(Action::Sync, path).unwrap();
    }

    #[test]
    fn a_job_that_panics_is_forgotten() {
        let panicked = std::panic::catch_unwind(|| follow(Some(0), || panic!("on purpose")));
        assert!(panicked.is_err());
        begin(Action::Sync, Path::new("a")).unwrap();
    }
}
