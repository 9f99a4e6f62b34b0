//! Reading a store in SQLite, each thread by a connection of its own for the time.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};
use rusqlite::{Connection, OpenFlags, Row, Rows};

use super::connection::{PATIENCE, connect};
use super::fault::failed;
use super::schema;
use crate::forgotten::{Mark, Salt};
use crate::{ForgottenUsers, HourCount, LiveError, LiveEvent, NewEvent, Revision};

/// Events that are exported by one query.
const CHUNK: usize = 4096;

const RECENT: &str = "SELECT item_id, time_s, kind FROM events
    WHERE user = (SELECT user FROM users WHERE mark = ?1) ORDER BY time_s DESC, arrival DESC LIMIT ?2";
const COUNTS: &str = "SELECT item_id, time_s / 3600 - (time_s % 3600 < 0) AS hour, kind, count(*)
    FROM events WHERE time_s >= ?1 GROUP BY item_id, hour, kind";
// In this order, whatever the planner thinks of the index over times: a chunk is a piece of the table.
const EXPORT: &str =
    "SELECT arrival, event_id, user_id, item_id, time_s, kind FROM events CROSS JOIN users USING (user)
    WHERE arrival > ?1 AND +time_s >= ?2 ORDER BY arrival LIMIT ?3";

/// Connections that read one file.
pub(super) struct Readers {
    pool: Pool<Manager>,
    store: String,
    salt: Salt,
}

impl Readers {
    /// Up to `n_connections` to a file that has the newest schema.
    pub fn open(path: &Path, store: &str, n_connections: usize) -> Result<Self, LiveError> {
        let manager = Manager { path: path.to_owned() };
        let first = manager.connect().map_err(failed(store, "open"))?;
        let salt = schema::salt(&first, store)?;
        for sql in [RECENT, COUNTS, EXPORT] {
            first.prepare(sql).map_err(failed(store, "read the schema"))?;
        }
        let pool = Pool::builder()
            .max_size(u32::try_from(n_connections.max(1)).unwrap_or(u32::MAX))
            .min_idle(Some(1))
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(NopErrorHandler));
        let pool = pool.build(manager).map_err(|error| LiveError::Database {
            store: store.to_owned(),
            action: "open",
            message: error.to_string(),
        })?;
        Ok(Readers { pool, store: store.to_owned(), salt })
    }

    pub fn store(&self) -> &str {
        &self.store
    }

    pub fn salt(&self) -> Salt {
        self.salt
    }

    fn connection(&self) -> Result<PooledConnection<Manager>, LiveError> {
        self.pool.get().map_err(|error| LiveError::Database {
            store: self.store.clone(),
            action: "open another connection",
            message: error.to_string(),
        })
    }

    /// What `read` finds by a connection.
    fn read<T>(
        &self,
        action: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LiveError> {
        read(&*self.connection()?).map_err(failed(&self.store, action))
    }

    pub fn recent(&self, users: &[&str], n: usize) -> Result<Vec<Vec<LiveEvent>>, LiveError> {
        let limit = i64::try_from(n).unwrap_or(i64::MAX);
        self.read("read events", |connection| {
            // Of one moment for all of them.
            let _moment = (users.len() > 1).then(|| connection.unchecked_transaction()).transpose()?;
            let mut recent = connection.prepare_cached(RECENT)?;
            let mut events_of = |user: &&str| {
                let rows = recent.query_map((self.salt.mark(user), limit), |row| {
                    Ok(LiveEvent { item: row.get(0)?, time_s: row.get(1)?, kind: row.get(2)? })
                })?;
                let mut events = rows.collect::<rusqlite::Result<Vec<_>>>()?;
                events.reverse();
                Ok(events)
            };
            users.iter().map(&mut events_of).collect()
        })
    }

    pub fn counts_since(&self, time_s: i64) -> Result<Vec<HourCount>, LiveError> {
        self.read("count events", |connection| {
            let count = |row: &Row<'_>| {
                let (item, hour, kind) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(HourCount { item, hour, kind, n: number(row, 3)? })
            };
            connection.prepare_cached(COUNTS)?.query_map([time_s], count)?.collect()
        })
    }

    pub fn is_forgotten(&self, users: &[&str]) -> Result<Vec<bool>, LiveError> {
        self.read("read who is forgotten", |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE mark = ?1 AND forgotten = 1)";
            let mut asked = connection.prepare_cached(sql)?;
            users.iter().map(|user| asked.query_row([self.salt.mark(user)], |row| row.get(0))).collect()
        })
    }

    pub fn forgotten(&self) -> Result<ForgottenUsers, LiveError> {
        self.read("read who is forgotten", |connection| {
            let mut found = connection.prepare_cached("SELECT mark FROM users WHERE forgotten = 1")?;
            let marks: HashSet<Mark> =
                found.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(ForgottenUsers::new(self.salt, marks))
        })
    }

    pub fn hidden(&self) -> Result<Vec<String>, LiveError> {
        self.read("read hidden items", |connection| {
            let mut found = connection.prepare_cached("SELECT item_id FROM hidden ORDER BY item_id")?;
            found.query_map([], |row| row.get(0))?.collect()
        })
    }

    pub fn revision(&self) -> Result<Revision, LiveError> {
        self.read("read", |connection| {
            let mut found = connection.prepare_cached("SELECT revision FROM state WHERE one = 1")?;
            found.query_row([], |row| row.get(0)).map(Revision)
        })
    }

    pub fn n_events(&self, since_s: Option<i64>) -> Result<u64, LiveError> {
        self.read("count events", |connection| match since_s {
            None => connection.query_row("SELECT count(*) FROM events", [], |row| number(row, 0)),
            Some(time_s) => {
                let sql = "SELECT count(*) FROM events WHERE time_s >= ?1";
                connection.query_row(sql, [time_s], |row| number(row, 0))
            }
        })
    }

    pub fn export(
        &self,
        since_s: Option<i64>,
        each: &mut dyn FnMut(NewEvent) -> ControlFlow<()>,
    ) -> Result<u64, LiveError> {
        let since_s = since_s.unwrap_or(i64::MIN);
        let (mut n, mut last) = (0, i64::MIN);
        loop {
            // A query is through before the events are handed over, so that no transaction stays open.
            let chunk = self.read("read events", |connection| {
                let mut chunk = connection.prepare_cached(EXPORT)?;
                arrived(chunk.query((last, since_s, CHUNK as i64))?)
            })?;
            let is_last = chunk.len() < CHUNK;
            for (arrival, event) in chunk {
                (n, last) = (n + 1, arrival);
                if each(event).is_break() {
                    return Ok(n);
                }
            }
            if is_last {
                return Ok(n);
            }
        }
    }

    /// Writes all of it to an empty file.
    pub fn copy(&self, to: &Path) -> Result<(), LiveError> {
        let name = to.to_str().ok_or_else(|| LiveError::Database {
            store: self.store.clone(),
            action: "copy to a file whose name is no UTF-8",
            message: to.display().to_string(),
        })?;
        self.read("copy", |connection| {
            connection.pragma_update(None, "query_only", false)?;
            let copied = connection.execute("VACUUM INTO ?1", [name]);
            connection.pragma_update(None, "query_only", true)?;
            copied.map(drop)
        })
    }
}

/// A count.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn arrived(mut rows: Rows<'_>) -> rusqlite::Result<Vec<(i64, NewEvent)>> {
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = NewEvent {
            event_id: row.get(1)?,
            user: row.get(2)?,
            item: row.get(3)?,
            time_s: row.get(4)?,
            kind: row.get(5)?,
        };
        events.push((row.get(0)?, event));
    }
    Ok(events)
}

/// Opens connections that only read.
struct Manager {
    path: PathBuf,
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.path, OpenFlags::empty())?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn is_valid(&self, _: &mut Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}
