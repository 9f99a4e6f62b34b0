//! Removing what a store in SQLite must not hold any more, from its file and from its log.

use std::time::Instant;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, ffi};

use super::connection::PATIENCE;
use crate::forgotten::Mark;

/// Up to this size a file is written anew when a user is forgotten, which takes less than a second.
pub(super) const REWRITTEN_BYTES: i64 = 64 << 20;

/// Events that one transaction removes.
const CHUNK: i64 = 10_000;

/// Removes the events and the id of a user, and returns how many events it were.
pub(super) fn forget(
    connection: &mut Connection,
    mark: Mark,
    id: &str,
    rewritten_bytes: i64,
) -> rusqlite::Result<u64> {
    // As long as the id: the row is overwritten where it stands.
    let blank = "0".repeat(id.len());
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known =
        transaction.query_row("SELECT user FROM users WHERE mark = ?1", [mark], |row| row.get::<_, i64>(0));
    let n = match known.optional()? {
        None => {
            let sql = "INSERT INTO users (mark, user_id, forgotten) VALUES (?1, ?2, 1)";
            transaction.execute(sql, (mark, &blank))?;
            0
        }
        Some(user) => {
            let sql = "UPDATE users SET user_id = ?2, forgotten = 1 WHERE user = ?1";
            transaction.execute(sql, (user, &blank))?;
            transaction.execute("DELETE FROM events WHERE user = ?1", [user])?
        }
    };
    transaction.execute("UPDATE state SET revision = revision + 1", [])?;
    transaction.commit()?;
    if bytes(connection)? <= rewritten_bytes {
        connection.execute_batch("VACUUM")?;
    }
    empty_log(connection)?;
    Ok(n as u64)
}

/// Removes some of the events that happened before `before_s`, and returns how many; fewer than a chunk if these were all.
pub(super) fn expire_some(connection: &mut Connection, before_s: i64) -> rusqlite::Result<(u64, bool)> {
    let sql = "DELETE FROM events WHERE arrival IN
        (SELECT arrival FROM events WHERE time_s < ?1 ORDER BY time_s LIMIT ?2)";
    let n = connection.prepare_cached(sql)?.execute((before_s, CHUNK))?;
    Ok((n as u64, (n as i64) < CHUNK))
}

/// Moves what the log holds into the file and makes the log empty.
fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    let begin = Instant::now();
    loop {
        let is_blocked: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !is_blocked {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            let busy = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
            let message = "the events are removed, but another program still reads the log that holds them";
            return Err(rusqlite::Error::SqliteFailure(busy, Some(message.to_owned())));
        }
    }
}

fn bytes(connection: &Connection) -> rusqlite::Result<i64> {
    let number =
        |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}
