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
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(failed(&store, "open"))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// H11: in the log, as each transaction ends.
    #[test]
    fn what_is_acknowledged_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("events.db"), 1).unwrap();
        let setting = |pragma: &'static str| {
            let read = move |connection: &mut Connection| {
                connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            };
            store.writer.work("read a setting", read).unwrap()
        };
        // 2 is FULL: with a log, one sync at the end of each transaction.
        assert_eq!(setting("synchronous"), 2);
        let mode = |connection: &mut Connection| {
            connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))
        };
        assert_eq!(store.writer.work("read a setting", mode).unwrap(), "wal");
    }

    /// As of more than 64 MiB. So few rows that none was ever moved.
    #[test]
    fn deleted_rows_are_zeroed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let mut store = SqliteStore::open(&path, 1).unwrap();
        store.rewritten_bytes = 0;
        let own = |user: &str| NewEvent {
            event_id: format!("<event-of-{user}>"),
            user: user.to_owned(),
            item: format!("<item-of-{user}>"),
            time_s: 1,
            kind: Some(format!("<kind-of-{user}>")),
        };
        store.append(&["ada", "bob", "eve"].map(own)).unwrap();
        store.forget_user("bob").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let holds = |text: String| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        for part in ["event", "item", "kind"] {
            let held = ["ada", "bob", "eve"].map(|user| holds(format!("<{part}-of-{user}>")));
            assert_eq!(held, [true, false, true], "{part}");
        }
    }

    /// As of more than 64 MiB.
    #[test]
    fn a_file_that_is_not_written_anew_holds_no_id_of_a_forgotten_user_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let mut store = SqliteStore::open(&path, 1).unwrap();
        store.rewritten_bytes = 0;
        // In an order in which the trees of a simpler schema leave copies behind.
        let user = |i: u64| format!("<{:016x}>", i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let own = |i: u64| NewEvent {
            event_id: format!("event-{i}"),
            user: user(i % 2_500),
            item: format!("item-{}", i % 101),
            time_s: (i * 7919 % 10_007) as i64,
            kind: None,
        };
        for call in 0..50 {
            store.append(&(0..100).map(|i| own(call * 100 + i)).collect::<Vec<_>>()).unwrap();
        }
        let holds = |text: &str| {
            let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file).unwrap();
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            })
        };
        for user in (0..2_500).step_by(83).map(user) {
            assert!(holds(&user), "{user}");
            assert_eq!(store.forget_user(&user).unwrap(), 2);
            assert!(!holds(&user), "{user}");
            // Whoever comes back and goes again leaves no more.
            store.append(&[NewEvent { user: user.clone(), event_id: "back".to_owned(), ..own(1) }]).unwrap();
            assert_eq!(store.forget_user(&user).unwrap(), 1);
            assert!(!holds(&user), "{user}");
        }
    }
}
