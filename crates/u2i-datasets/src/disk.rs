//! What is done to a disk so that a folder is either whole or not there: files are synced, then their folder, which is
//! then renamed into place. Each of these steps is a function here, so that tests can see their order and let any of them
//! fail.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes what was written to `file` last; `path` is its name.
pub(crate) fn sync(file: &File, path: &Path) -> io::Result<()> {
    begin("sync", path)?;
    file.sync_all()
}

/// Makes the names in a folder last; elsewhere than on Unix a folder cannot be synced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    begin("sync folder", path)?;
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Gives a file or folder its final name.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    begin("rename", to)?;
    fs::rename(from, to)
}

#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails where it is told to")]
fn begin(_step: &'static str, _path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use script::begin;

/// What tests see of the steps, and let fail.
#[cfg(test)]
pub(crate) mod script {
    use std::cell::RefCell;
    use std::io;
    use std::path::{Path, PathBuf};

    /// A step, and what it was done to.
    pub(crate) type Step = (&'static str, PathBuf);

    #[derive(Default)]
    struct Script {
        steps: Vec<Step>,
        fails: Option<usize>,
    }

    thread_local! {
        static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
    }

    /// Runs `job` on this thread and returns the steps that it began. The step numbered `fails`, from 0, does nothing
    /// and returns an error of the system.
    pub(crate) fn follow<T>(fails: Option<usize>, job: impl FnOnce() -> T) -> (T, Vec<Step>) {
        SCRIPT.set(Some(Script { fails, ..Script::default() }));
        let result = job();
        (result, SCRIPT.take().expect("nobody else takes it").steps)
    }

    pub(crate) fn begin(step: &'static str, path: &Path) -> io::Result<()> {
        SCRIPT.with_borrow_mut(|script| {
            let Some(script) = script else { return Ok(()) };
            script.steps.push((step, path.to_owned()));
            match script.fails == Some(script.steps.len() - 1) {
                true => Err(io::Error::from_raw_os_error(5)),
                false => Ok(()),
            }
        })
    }
}
