use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use u2i_disk::{FileLock, folder_of, replace_with, sync_folder};

use super::connection::{absolute, beside, connect, keep_a_log};
use super::fault::failed;
use super::readers::Readers;
use super::writer::Writer;
use super::{forget, schema};
use crate::event::check_items;
use crate::{
    Appended, EventLog, ForgottenUsers, HourCount, LiveError, LiveEvent, LiveStore, NewEvent, Revision,
};

/// Events in a file of SQLite, which one process at a time serves with.
///
/// Beside the file stand its write-ahead log (`-wal`, `-shm`) while it is open, and the lock (`.lock`).
pub struct SqliteStore {
    // In this order they are dropped: the lock is held until nobody writes.
    readers: Readers,
    writer: Writer,
    rewritten_bytes: i64,
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens the file at `path`, which is made if there is none, for up to `n_connections` threads that read at once.
    ///
    /// # Errors
    ///
    /// [`Locked`](LiveError::Locked) with the process that serves with it, [`NotAStore`](LiveError::NotAStore) for a file
    /// that holds something else, [`Newer`](LiveError::Newer) for one of a newer version, and what the system says.
    pub fn open(path: &Path, n_connections: usize) -> Result<Self, LiveError> {
        let store = path.display().to_string();
        let path = &absolute(path)?;
        let lock = FileLock::take(&beside(path, ".lock"))?;
        let mut connection =
            connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(failed(&store, "open"))?;
        // Before anything is changed.
        schema::version(&connection, &store, schema::MIGRATIONS.len())?;
        keep_a_log(&connection, &store)?;
        schema::migrate(&mut connection, &store, schema::MIGRATIONS)?;
        sync_folder(folder_of(path))?;
        let readers = Readers::open(path, &store, n_connections)?;
        let writer = Writer::start(connection, &store, readers.salt())?;
        Ok(SqliteStore { readers, writer, rewritten_bytes: forget::REWRITTEN_BYTES, _lock: lock })
    }
}

impl EventLog for SqliteStore {
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

impl LiveStore for SqliteStore {
    fn append(&self, events: &[NewEvent]) -> Result<Appended, LiveError> {
        for (position, event) in events.iter().enumerate() {
            event.check(position)?;
        }
        match events {
            [] => Ok(Appended::default()),
            _ => self.writer.append(events),
        }
    }

    fn recent(&self, users: &[&str], n: usize) -> Result<Vec<Vec<LiveEvent>>, LiveError> {
        self.readers.recent(users, n)
    }

    fn counts_since(&self, time_s: i64) -> Result<Vec<HourCount>, LiveError> {
        self.readers.counts_since(time_s)
    }

    fn forget_user(&self, user: &str) -> Result<u64, LiveError> {
        let (mark, id, limit) = (self.readers.salt().mark(user), user.to_owned(), self.rewritten_bytes);
        self.writer.work("forget a user", move |connection| forget::forget(connection, mark, &id, limit))
    }

    fn is_forgotten(&self, users: &[&str]) -> Result<Vec<bool>, LiveError> {
        self.readers.is_forgotten(users)
    }

    fn forgotten(&self) -> Result<ForgottenUsers, LiveError> {
        self.readers.forgotten()
    }

    fn hidden(&self) -> Result<Vec<String>, LiveError> {
        self.readers.hidden()
    }

    fn set_hidden(&self, items: &[String]) -> Result<(), LiveError> {
        check_items(items)?;
        let items = items.to_vec();
        self.writer.work("hide items", move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM hidden", [])?;
            let mut hide = transaction.prepare("INSERT OR IGNORE INTO hidden VALUES (?1)")?;
            items.iter().try_for_each(|item| hide.execute([item]).map(drop))?;
            drop(hide);
            transaction.execute("UPDATE state SET revision = revision + 1", [])?;
            transaction.commit()
        })
    }

    fn revision(&self) -> Result<Revision, LiveError> {
        self.readers.revision()
    }

    fn expire(&self, before_s: i64) -> Result<u64, LiveError> {
        let mut n = 0;
        loop {
            let work = move |connection: &mut Connection| forget::expire_some(connection, before_s);
            let (removed, is_last) = self.writer.work("remove old events", work)?;
            n += removed;
            if is_last {
                return Ok(n);
            }
        }
    }

    fn check(&self) -> Result<(), LiveError> {
        self.readers.revision()?;
        self.writer.work("begin to write", |connection| {
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()
        })
    }
}
