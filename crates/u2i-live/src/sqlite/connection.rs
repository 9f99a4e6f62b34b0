//! Connections to a file of SQLite.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::failed;
use crate::LiveError;

/// How long one waits for another program that holds the file, and for a connection that is free.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A name such as `:memory:` means something else to SQLite; a whole path never does.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, LiveError> {
    std::path::absolute(path).map_err(LiveError::io("read", path))
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What every connection has: it waits for others, trusts nothing that a schema could do, and zeroes what is deleted.
pub(super) fn connect(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;",
    )?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(connection)
}

/// What is committed is synced in a log first, and readers do not wait for who writes.
pub(super) fn keep_a_log(connection: &Connection, store: &str) -> Result<(), LiveError> {
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
    match mode.map_err(failed(store, "keep a write-ahead log"))?.as_str() {
        "wal" => Ok(()),
        mode => Err(LiveError::Database {
            store: store.to_owned(),
            action: "keep a write-ahead log",
            message: format!("the file system allows only the journal mode {mode}"),
        }),
    }
}
