use std::io;
use std::path::{Path, PathBuf};

use u2i_disk::DiskError;

use crate::ErrorKind;
use crate::tensor_file::ReadError;

/// The layout of what is written, and the only one that is read: what names a run is made otherwise in an older one.
pub(super) const FORMAT: u32 = 2;

/// Why a checkpoint could not be kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file that cannot be read or written. The checkpoint before stays.
    #[error("cannot {action} {}{}", path.display(), bytes.map_or(String::new(), |n| format!(" ({n} bytes)")))]
    Io {
        /// `read`, `write`, `sync`, `rename` or `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Bytes that were to be written.
        bytes: Option<u64>,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{}: {what}: expected {expected}, found {found}; remove the folder to begin anew", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was compared.
        what: String,
        /// What the manifest says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A checkpoint of another experiment, of other data or of another seed.
    #[error("{} belongs to another run: its {key} is {found}, this run's is {expected}", path.display())]
    OtherRun {
        /// The manifest.
        path: PathBuf,
        /// What differs.
        key: String,
        /// This run's.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// Written by another version.
    #[error("{}: format {found} is not {FORMAT}, which this version reads", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Numbers of the state cannot be read while it is written.
    #[error("cannot read `{name}` of the state")]
    Numbers {
        /// The tensor.
        name: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody asked to stop while a checkpoint was read.
    #[error("stopped while a checkpoint was read")]
    Stopped,
    /// Another process works in the folder.
    #[error("{} is held by process {pid}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as it wrote down.
        pid: String,
    },
}

impl CheckpointError {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            // A file of our own that was changed.
            CheckpointError::Numbers { source, .. } if !source.is::<ReadError>() => ErrorKind::Integrity,
            CheckpointError::Io { .. } | CheckpointError::Numbers { .. } => ErrorKind::Files,
            CheckpointError::Corrupt { .. } => ErrorKind::Integrity,
            CheckpointError::OtherRun { .. } | CheckpointError::Format { .. } => ErrorKind::Mixture,
            CheckpointError::Stopped => ErrorKind::Stopped,
            CheckpointError::Locked { .. } => ErrorKind::Busy,
        }
    }
}

impl From<DiskError> for CheckpointError {
    fn from(error: DiskError) -> Self {
        io(error.action.verb(), &error.path, None)(error.source)
    }
}

/// For `map_err`: what was done to which file.
pub(super) fn io(
    action: &'static str,
    path: &Path,
    bytes: impl Into<Option<u64>>,
) -> impl FnOnce(io::Error) -> CheckpointError {
    let (path, bytes) = (path.to_owned(), bytes.into());
    move |source| CheckpointError::Io { action, path, bytes, source }
}
