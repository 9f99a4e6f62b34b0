use std::io;
use std::path::PathBuf;

use crate::Action;

/// A step that the operating system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}", action.verb(), path.display())]
pub struct DiskError {
    /// What was tried.
    pub action: Action,
    /// On which file or folder, by its final name where it gets one.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl DiskError {
    /// For `map_err`: an error of the system in a step.
    pub(crate) fn of(action: Action, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| DiskError { action, path: path.into(), source }
    }
}

/// The error of the system alone, for callers that name the file themselves.
impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        error.source
    }
}
