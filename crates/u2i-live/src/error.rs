use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use u2i_disk::{DiskError, LockError};
use u2i_schema::ErrorKind;

/// Why a store of events cannot be opened, read or written. No message holds a password.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// A file that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, `sync`, `rename` or `lock`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why. Shared, since one failed transaction is the error of all whose events were in it.
        source: Arc<io::Error>,
    },
    /// The database does not do what it is asked for: a full disk, a server that cannot be reached.
    #[error("{store}: cannot {action}: {message}")]
    Database {
        /// The file, or the server and its database.
        store: String,
        /// What was tried.
        action: &'static str,
        /// What the database says.
        message: String,
    },
    /// A file or database that no store was written to, or one that is damaged.
    #[error("{store} is no store of events: {found}")]
    NotAStore {
        /// The file, or the server and its database.
        store: String,
        /// What is there.
        found: String,
    },
    /// A store that a newer version wrote.
    #[error("{store} has schema {found}, and this version reads up to {newest}; a newer version wrote it")]
    Newer {
        /// The file, or the server and its database.
        store: String,
        /// Its schema.
        found: i64,
        /// The newest that is known here.
        newest: i64,
    },
    /// Another process serves with the file.
    #[error("{} is held by process {pid}, which serves with this store", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as it wrote down.
        pid: String,
    },
    /// Another program holds the file for longer than is waited for.
    #[error("{store}: cannot {action}, since another program holds it: {message}")]
    InUse {
        /// The file.
        store: String,
        /// What was tried.
        action: &'static str,
        /// What the database says.
        message: String,
    },
    /// A text that not every store could keep. Nothing of its call was kept.
    #[error("{field} {reason}")]
    Text {
        /// Where it stands in the call: `events[3].item`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that leads to no store.
    #[error("the address of the events {0}")]
    Address(String),
    /// The address is that of a PostgreSQL server, and this build cannot speak to one.
    #[error("this build has no PostgreSQL; build it with the feature `postgres`")]
    NoPostgres,
    /// A server does not write its database to a file here.
    #[error("{store} is on a server, which is copied by pg_dump")]
    NoBackup {
        /// The server and its database.
        store: String,
    },
    /// The store was closed, or what writes to it has ended.
    #[error("{store} is closed")]
    Closed {
        /// The file.
        store: String,
    },
}

impl LiveError {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            LiveError::Io { .. } | LiveError::Database { .. } | LiveError::Closed { .. } => ErrorKind::Files,
            LiveError::NotAStore { .. } => ErrorKind::Integrity,
            LiveError::Newer { .. } => ErrorKind::Mixture,
            LiveError::Locked { .. } | LiveError::InUse { .. } => ErrorKind::Busy,
            LiveError::Text { .. } => ErrorKind::Data,
            LiveError::Address(_) | LiveError::NoPostgres | LiveError::NoBackup { .. } => ErrorKind::Usage,
        }
    }

    /// For `map_err`: an error of the system with a file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| LiveError::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }
}

impl From<DiskError> for LiveError {
    fn from(error: DiskError) -> Self {
        LiveError::io(error.action.verb(), &error.path)(error.source)
    }
}

impl From<LockError> for LiveError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { path, pid } => LiveError::Locked { path, pid },
            LockError::Io { action, path, source } => LiveError::io(action, &path)(source),
        }
    }
}
