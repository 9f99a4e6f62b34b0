use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use postgres::types::Type;
use postgres::{Error, NoTls, Row};

use super::schema::Absent;
use super::session::{Sessions, failed};
use super::{address, schema};
use crate::event::check_items;
use crate::forgotten::{Mark, Salt};
use crate::{
    Appended, EventLog, ForgottenUsers, HourCount, LiveError, LiveEvent, LiveStore, NewEvent, Revision,
};

/// Events that are exported by one query.
const CHUNK: i64 = 4096;

/// Events that one transaction removes.
const EXPIRED: i64 = 10_000;

const APPEND: &str = "INSERT INTO u2i_events (event_id, user_id, item_id, time_s, kind)
    SELECT event_id, user_id, item_id, time_s, kind
    FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS new (event_id, user_id, item_id, time_s, kind, place)
    ORDER BY place ON CONFLICT (event_id) DO NOTHING RETURNING event_id";
const RECENT: &str = "SELECT place, newest.item_id, newest.time_s, newest.kind
    FROM unnest($1) WITH ORDINALITY AS asked (user_id, place)
    CROSS JOIN LATERAL (
        SELECT item_id, time_s, kind, arrival FROM u2i_events
        WHERE user_id = asked.user_id ORDER BY time_s DESC, arrival DESC LIMIT $2
    ) AS newest ORDER BY place, newest.time_s, newest.arrival";
const COUNTS: &str = "SELECT item_id, time_s / 3600 - (time_s % 3600 < 0)::int AS hour, kind, count(*)
    FROM u2i_events WHERE time_s >= $1 GROUP BY item_id, hour, kind";
const EXPORT: &str = "SELECT arrival, event_id, user_id, item_id, time_s, kind FROM u2i_events
    WHERE arrival > $1 AND time_s >= $2 ORDER BY arrival LIMIT $3";
const FORGET: &str = "WITH gone AS (DELETE FROM u2i_events WHERE user_id = $1 RETURNING 1),
    kept AS (INSERT INTO u2i_forgotten VALUES ($2) ON CONFLICT DO NOTHING),
    told AS (UPDATE u2i_state SET revision = revision + 1)
    SELECT count(*) FROM gone";
const EXPIRE: &str = "DELETE FROM u2i_events WHERE arrival IN
    (SELECT arrival FROM u2i_events WHERE time_s < $1 ORDER BY time_s LIMIT $2)";

/// Events in a database of a PostgreSQL server, for several services at once. Statements have 10 seconds.
pub struct PostgresStore {
    sessions: Sessions,
    salt: Salt,
}

impl PostgresStore {
    /// Connects to `postgres://USER:PASSWORD@HOST:PORT/DATABASE` and makes the tables where there are none; services that
    /// start at once wait for each other. `options=-csearch_path%3DNAME` puts the tables into a schema of that name.
    ///
    /// # Errors
    ///
    /// [`Address`](LiveError::Address) for one that cannot be read or asks for TLS, [`Database`](LiveError::Database) if the
    /// server cannot be reached, [`NotAStore`](LiveError::NotAStore) and [`Newer`](LiveError::Newer) as of
    /// [`SqliteStore`](crate::SqliteStore).
    pub fn open(address: &str, n_connections: usize) -> Result<Self, LiveError> {
        Self::connect(address, n_connections, Absent::Made)
    }

    /// As [`open`](Self::open), but makes no tables.
    pub(crate) fn open_log(address: &str) -> Result<Self, LiveError> {
        Self::connect(address, 1, Absent::Refused)
    }

    fn connect(address: &str, n_connections: usize, absent: Absent) -> Result<Self, LiveError> {
        let (config, store) = address::read(address)?;
        let mut client = config.connect(NoTls).map_err(failed(&store, "connect"))?;
        let salt = schema::migrate(&mut client, &store, schema::MIGRATIONS, absent)?;
        Ok(PostgresStore { sessions: Sessions::new(config, store, n_connections), salt })
    }

    /// The first column of each row.
    fn texts(&self, action: &'static str, sql: &str) -> Result<Vec<String>, LiveError> {
        self.sessions
            .run(action, |client| client.query_typed(sql, &[])?.iter().map(|row| row.try_get(0)).collect())
    }

    /// The one number of the one row.
    fn number(&self, action: &'static str, sql: &str) -> Result<i64, LiveError> {
        self.sessions.run(action, |client| one(&client.query_typed(sql, &[])?))
    }
}

/// The number of the one row; 0 where there is no row.
fn one(rows: &[Row]) -> Result<i64, Error> {
    rows.first().map_or(Ok(0), |row| row.try_get(0))
}

/// A user whose id has a NUL has no events: PostgreSQL knows no such texts.
fn known<'a>(user: &&'a str) -> Option<&'a str> {
    Some(*user).filter(|user| !user.contains('\0'))
}

impl EventLog for PostgresStore {
    fn name(&self) -> &str {
        self.sessions.store()
    }

    fn n_events(&self, since_s: Option<i64>) -> Result<u64, LiveError> {
        let since_s = since_s.unwrap_or(i64::MIN);
        let sql = "SELECT count(*) FROM u2i_events WHERE time_s >= $1";
        let count = self
            .sessions
            .run("count events", |client| one(&client.query_typed(sql, &[(&since_s, Type::INT8)])?))?;
        Ok(count.unsigned_abs())
    }

    fn export(
        &self,
        since_s: Option<i64>,
        each: &mut dyn FnMut(NewEvent) -> ControlFlow<()>,
    ) -> Result<u64, LiveError> {
        let since_s = since_s.unwrap_or(i64::MIN);
        let (mut n, mut last) = (0, i64::MIN);
        loop {
            let chunk = self.sessions.run("read events", |client| {
                let by = [(&last as _, Type::INT8), (&since_s as _, Type::INT8), (&CHUNK as _, Type::INT8)];
                client.query_typed(EXPORT, &by)?.iter().map(arrived).collect::<Result<Vec<_>, Error>>()
            })?;
            let is_last = chunk.len() < CHUNK as usize;
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

    fn backup(&self, _: &Path) -> Result<(), LiveError> {
        Err(LiveError::NoBackup { store: self.name().to_owned() })
    }
}

fn arrived(row: &Row) -> Result<(i64, NewEvent), Error> {
    let event = NewEvent {
        event_id: row.try_get(1)?,
        user: row.try_get(2)?,
        item: row.try_get(3)?,
        time_s: row.try_get(4)?,
        kind: row.try_get(5)?,
    };
    Ok((row.try_get(0)?, event))
}

impl LiveStore for PostgresStore {
    fn append(&self, events: &[NewEvent]) -> Result<Appended, LiveError> {
        for (position, event) in events.iter().enumerate() {
            event.check(position)?;
        }
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let ids: Vec<&str> = events.iter().map(|event| &event.event_id[..]).collect();
        let users: Vec<&str> = events.iter().map(|event| &event.user[..]).collect();
        let items: Vec<&str> = events.iter().map(|event| &event.item[..]).collect();
        let times: Vec<i64> = events.iter().map(|event| event.time_s).collect();
        let kinds: Vec<Option<&str>> = events.iter().map(|event| event.kind.as_deref()).collect();
        let mut accepted: HashSet<String> = self.sessions.run("append events", |client| {
            let texts = || Type::TEXT_ARRAY;
            let by = [
                (&ids as _, texts()),
                (&users as _, texts()),
                (&items as _, texts()),
                (&times as _, Type::INT8_ARRAY),
                (&kinds as _, texts()),
            ];
            client.query_typed(APPEND, &by)?.iter().map(|row| row.try_get(0)).collect()
        })?;
        let mut appended = Appended::default();
        // Of two with one id the first is the one that was kept.
        events.iter().for_each(|event| appended.push(!accepted.remove(&event.event_id)));
        Ok(appended)
    }

    fn recent(&self, users: &[&str], n: usize) -> Result<Vec<Vec<LiveEvent>>, LiveError> {
        let asked: Vec<Option<&str>> = users.iter().map(known).collect();
        let limit = i64::try_from(n).unwrap_or(i64::MAX);
        self.sessions.run("read events", |client| {
            let mut recent = vec![Vec::new(); users.len()];
            let by = [(&asked as _, Type::TEXT_ARRAY), (&limit as _, Type::INT8)];
            for row in client.query_typed(RECENT, &by)? {
                let place: i64 = row.try_get(0)?;
                let event =
                    LiveEvent { item: row.try_get(1)?, time_s: row.try_get(2)?, kind: row.try_get(3)? };
                // Counted from 1.
                if let Some(events) = usize::try_from(place - 1).ok().and_then(|place| recent.get_mut(place))
                {
                    events.push(event);
                }
            }
            Ok(recent)
        })
    }

    fn counts_since(&self, time_s: i64) -> Result<Vec<HourCount>, LiveError> {
        self.sessions.run("count events", |client| {
            let count = |row: &Row| -> Result<HourCount, Error> {
                let n: i64 = row.try_get(3)?;
                let (item, hour, kind) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                Ok(HourCount { item, hour, kind, n: n.unsigned_abs() })
            };
            client.query_typed(COUNTS, &[(&time_s, Type::INT8)])?.iter().map(count).collect()
        })
    }

    fn forget_user(&self, user: &str) -> Result<u64, LiveError> {
        let mark = self.salt.mark(user);
        let id = known(&user);
        let n = self.sessions.run("forget a user", |client| {
            let by = [(&id as _, Type::TEXT), (&&mark[..] as _, Type::BYTEA)];
            one(&client.query_typed(FORGET, &by)?)
        })?;
        Ok(n.unsigned_abs())
    }

    fn is_forgotten(&self, users: &[&str]) -> Result<Vec<bool>, LiveError> {
        let marks: Vec<Mark> = users.iter().map(|user| self.salt.mark(user)).collect();
        let asked: Vec<&[u8]> = marks.iter().map(|mark| &mark[..]).collect();
        let found: HashSet<Vec<u8>> = self.sessions.run("read who is forgotten", |client| {
            let sql = "SELECT mark FROM u2i_forgotten WHERE mark = ANY ($1)";
            client
                .query_typed(sql, &[(&asked, Type::BYTEA_ARRAY)])?
                .iter()
                .map(|row| row.try_get(0))
                .collect()
        })?;
        Ok(asked.iter().map(|mark| found.contains(*mark)).collect())
    }

    fn forgotten(&self) -> Result<ForgottenUsers, LiveError> {
        let found: Vec<Vec<u8>> = self.sessions.run("read who is forgotten", |client| {
            client
                .query_typed("SELECT mark FROM u2i_forgotten", &[])?
                .iter()
                .map(|row| row.try_get(0))
                .collect()
        })?;
        let marks = found.into_iter().map(Mark::try_from).collect::<Result<HashSet<Mark>, _>>();
        let marks = marks.map_err(|mark| LiveError::NotAStore {
            store: self.name().to_owned(),
            found: format!("a mark of a forgotten user with {} bytes", mark.len()),
        })?;
        Ok(ForgottenUsers::new(self.salt, marks))
    }

    fn hidden(&self) -> Result<Vec<String>, LiveError> {
        let mut items = self.texts("read hidden items", "SELECT item_id FROM u2i_hidden")?;
        // The server's order depends on its language.
        items.sort();
        Ok(items)
    }

    fn set_hidden(&self, items: &[String]) -> Result<(), LiveError> {
        check_items(items)?;
        self.sessions.run("hide items", |client| {
            let mut transaction = client.transaction()?;
            // First, so that of two that do this at once the second waits here.
            transaction.execute_typed("UPDATE u2i_state SET revision = revision + 1", &[])?;
            transaction.execute_typed("DELETE FROM u2i_hidden", &[])?;
            let sql = "INSERT INTO u2i_hidden SELECT DISTINCT * FROM unnest($1)";
            transaction.execute_typed(sql, &[(&items, Type::TEXT_ARRAY)])?;
            transaction.commit()
        })
    }

    fn revision(&self) -> Result<Revision, LiveError> {
        self.number("read", "SELECT revision FROM u2i_state").map(Revision)
    }

    fn expire(&self, before_s: i64) -> Result<u64, LiveError> {
        let mut n = 0;
        loop {
            let removed = self.sessions.run("remove old events", |client| {
                client.execute_typed(EXPIRE, &[(&before_s, Type::INT8), (&EXPIRED, Type::INT8)])
            })?;
            n += removed;
            if removed < EXPIRED.unsigned_abs() {
                return Ok(n);
            }
        }
    }

    fn check(&self) -> Result<(), LiveError> {
        self.revision()?;
        let sql = "SELECT current_setting('transaction_read_only')";
        match self.texts("read", sql)?.first().map(String::as_str) {
            Some("off") => Ok(()),
            _ => Err(LiveError::Database {
                store: self.name().to_owned(),
                action: "write",
                message: "the server only reads".to_owned(),
            }),
        }
    }
}
