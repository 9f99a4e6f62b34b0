use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The right to work with something, as long as it lives. The system takes it back when the process ends, however it
/// ends; the file stays and is no sign that somebody works.
///
/// # Examples
///
/// ```
/// use u2i_disk::{FileLock, LockError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("u2i-disk-lock-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("lock");
/// let held = FileLock::take(&path)?;
/// let Err(LockError::Held { pid, .. }) = FileLock::take(&path) else { panic!("taken twice") };
/// assert_eq!(pid, std::process::id().to_string());
/// drop(held);
/// FileLock::take(&path)?;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it, or another part of this one.
    #[error("{} is held by process {pid}", path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// Who holds it, as it wrote down.
        pid: String,
    },
    /// The system refuses.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `write` or `lock`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FileLock {
    /// Takes the lock of the file at `path`, which is made if it is not there, and writes the id of this process into it.
    ///
    /// # Errors
    ///
    /// [`Held`](LockError::Held) names the process that has it; otherwise what the system says.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |action| move |source| LockError::Io { action, path: path.to_owned(), source };
        let open = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(failed("write"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                return Err(LockError::Held { path: path.to_owned(), pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(failed("write"))?;
        Ok(FileLock { _file: file })
    }
}
