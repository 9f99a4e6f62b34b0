//! The tables of a store in PostgreSQL, and how they come to be.

use postgres::{Client, Error, Transaction};

use super::session::failed;
use crate::LiveError;
use crate::forgotten::{SALT_BYTES, Salt};

/// From each version of the schema to the next; the first makes version 1 of a database without these tables. Tables are
/// looked for and made where the search path leads.
pub(super) const MIGRATIONS: &[&str] = &["
    CREATE TABLE u2i_state (
        one integer PRIMARY KEY CHECK (one = 1),
        schema bigint NOT NULL,
        salt bytea NOT NULL,
        revision bigint NOT NULL
    );
    INSERT INTO u2i_state VALUES
        (1, 1, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 0);
    CREATE TABLE u2i_events (
        arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id text NOT NULL UNIQUE,
        user_id text NOT NULL,
        item_id text NOT NULL,
        time_s bigint NOT NULL,
        kind text
    );
    CREATE INDEX u2i_events_of_user ON u2i_events (user_id, time_s, arrival) INCLUDE (item_id, kind);
    CREATE INDEX u2i_events_by_time ON u2i_events (time_s, item_id, kind);
    CREATE TABLE u2i_hidden (item_id text PRIMARY KEY);
    CREATE TABLE u2i_forgotten (mark bytea PRIMARY KEY);
"];

/// Held while a schema is looked at and made, so that of services that start at once one makes it.
const ADVISORY_LOCK: i64 = 0x7532_692d_6c69_7665;

/// What becomes of a database without these tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// They are made.
    Made,
    /// It is no store.
    Refused,
}

/// Brings a database to the newest schema, whole or not at all, and returns the key of its hashes.
pub(super) fn migrate(
    client: &mut Client,
    store: &str,
    migrations: &[&str],
    absent: Absent,
) -> Result<Salt, LiveError> {
    let said = |error| failed(store, "bring the schema up to date")(error);
    let mut transaction = client.transaction().map_err(said)?;
    let found = version(&mut transaction).map_err(said)?;
    let newest = migrations.len() as i64;
    if found > newest {
        return Err(LiveError::Newer { store: store.to_owned(), found, newest });
    }
    let not_a_store = |found| LiveError::NotAStore { store: store.to_owned(), found };
    let known = usize::try_from(found).map_err(|_| not_a_store(format!("its schema is {found}")))?;
    if known == 0 && absent == Absent::Refused {
        return Err(not_a_store("it has no tables of one".to_owned()));
    }
    if known < migrations.len() {
        let scripts = migrations[known..].concat();
        transaction.batch_execute(&scripts).map_err(said)?;
        transaction.execute("UPDATE u2i_state SET schema = $1", &[&newest]).map_err(said)?;
    }
    let row = transaction.query_one("SELECT salt FROM u2i_state", &[]).map_err(said)?;
    let salt: Vec<u8> = row.try_get(0).map_err(said)?;
    let salt = <[u8; SALT_BYTES]>::try_from(salt)
        .map_err(|salt| not_a_store(format!("its salt has {} bytes instead of {SALT_BYTES}", salt.len())))?;
    transaction.commit().map_err(said)?;
    Ok(Salt(salt))
}

/// 0 where there are no tables.
fn version(transaction: &mut Transaction<'_>) -> Result<i64, Error> {
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&ADVISORY_LOCK])?;
    let is_there: bool =
        transaction.query_one("SELECT to_regclass('u2i_state') IS NOT NULL", &[])?.try_get(0)?;
    match is_there {
        true => transaction.query_one("SELECT schema FROM u2i_state", &[])?.try_get(0),
        false => Ok(0),
    }
}
