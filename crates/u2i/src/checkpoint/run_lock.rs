use std::fs;
use std::path::Path;

use u2i_disk::{FileLock, LockError};

use super::error::{CheckpointError, io};

/// The right to work in a run's folder, as long as it lives. The system takes it back when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct RunLock {
    _lock: FileLock,
}

impl RunLock {
    /// Takes the lock of `folder`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Locked`](CheckpointError::Locked) names the process that has it.
    pub fn take(folder: &Path) -> Result<Self, CheckpointError> {
        fs::create_dir_all(folder).map_err(io("write", folder, None))?;
        Ok(RunLock { _lock: FileLock::take(&folder.join("lock"))? })
    }
}

impl From<LockError> for CheckpointError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { path, pid } => CheckpointError::Locked { path, pid },
            LockError::Io { action, path, source } => io(action, &path, None)(source),
        }
    }
}
