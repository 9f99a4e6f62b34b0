use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::OpenFlags;
use u2i_disk::replace_with;

use super::connection::{absolute, connect};
use super::fault::{failed, not_a_store};
use super::readers::Readers;
use super::schema;
use super::store::SqliteStore;
use crate::{EventLog, LiveError, NewEvent};

/// A file of SQLite to read back, also while a process serves with it.
pub(crate) struct SqliteLog {
    readers: Readers,
}

impl SqliteLog {
    /// Opens the file at `path`, which must be there.
    pub fn open(path: &Path) -> Result<Self, LiveError> {
        File::open(path).map_err(LiveError::io("read", path))?;
        let store = path.display().to_string();
        let path = &absolute(path)?;
        let newest = schema::MIGRATIONS.len();
        let connection = connect(path, OpenFlags::empty()).map_err(failed(&store, "open"))?;
        match schema::version(&connection, &store, newest)? {
            0 => return Err(not_a_store(&store, "it is empty".to_owned())),
            // Whoever serves with it has the newest schema, or holds the lock.
            version if version < newest => drop(SqliteStore::open(path, 1)?),
            _ => {}
        }
        drop(connection);
        Ok(SqliteLog { readers: Readers::open(path, &store, 1)? })
    }
}

impl EventLog for SqliteLog {
    fn name(&self) -> &str {
        self.readers.store()
    }

    fn n_events(&self, since_s: Option<i64>) -> Result<u64, LiveError> {
        self.readers.n_events(since_s)
    }

    fn export(
        &self,
        since_s: Option<i64>,
        each: &mut dyn FnMut(NewEvent) -> ControlFlow<()>,
    ) -> Result<u64, LiveError> {
        self.readers.export(since_s, each)
    }

    fn backup(&self, to: &Path) -> Result<(), LiveError> {
        replace_with(to, |_, aside| self.readers.copy(aside))
    }
}
