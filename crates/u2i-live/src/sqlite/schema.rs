//! The tables of a store in SQLite, how they come to be, and how a file is seen to have them.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::{failed, not_a_store};
use crate::LiveError;
use crate::forgotten::{SALT_BYTES, Salt};

/// In the header of each file of ours: `u2iL`.
const APPLICATION_ID: i64 = 0x7532_694c;

/// From each version of the schema to the next; the first makes version 1 of an empty file.
///
/// Ids of users stand in one table, and its rows are only ever appended and overwritten in place. A B-tree that is
/// inserted into elsewhere moves rows from page to page and leaves copies behind, which deleting the row does not reach;
/// so whatever is looked up by an id has an index over its hash.
pub(super) const MIGRATIONS: &[&str] = &["
    PRAGMA application_id = 0x7532694c;
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB NOT NULL,
        revision INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, randomblob(32), 0);
    CREATE TABLE users (
        user INTEGER PRIMARY KEY,
        mark BLOB NOT NULL,
        user_id TEXT NOT NULL,
        forgotten INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX user_of_mark ON users (mark);
    CREATE TABLE events (
        arrival INTEGER PRIMARY KEY,
        mark BLOB NOT NULL,
        event_id TEXT NOT NULL,
        user INTEGER NOT NULL,
        item_id TEXT NOT NULL,
        time_s INTEGER NOT NULL,
        kind TEXT
    ) STRICT;
    CREATE UNIQUE INDEX event_of_mark ON events (mark);
    CREATE INDEX events_of_user ON events (user, time_s, arrival, item_id, kind);
    CREATE INDEX events_by_time ON events (time_s, item_id, kind);
    CREATE TABLE hidden (item_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"];

/// Refuses a file that holds something else or a newer schema, and leaves it as it is. Returns the version, 0 of a new
/// file.
pub(super) fn version(connection: &Connection, store: &str, newest: usize) -> Result<usize, LiveError> {
    let number = |pragma: &str| {
        let found = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        found.map_err(failed(store, "read the header"))
    };
    let (application, found) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        if application == 0 && found == 0 && tables.map_err(failed(store, "read the schema"))? == 0 {
            return Ok(0);
        }
        let found = format!("a database of another program, with application_id {application}");
        return Err(not_a_store(store, found));
    }
    match usize::try_from(found) {
        Ok(version) if (1..=newest).contains(&version) => Ok(version),
        Ok(version) if version > newest => {
            Err(LiveError::Newer { store: store.to_owned(), found, newest: newest as i64 })
        }
        _ => Err(not_a_store(store, format!("a database with user_version {found}"))),
    }
}

/// Brings a file to the newest schema, a version at a time, each whole or not at all.
pub(super) fn migrate(
    connection: &mut Connection,
    store: &str,
    migrations: &[&str],
) -> Result<(), LiveError> {
    for (from, script) in migrations.iter().enumerate().skip(version(connection, store, migrations.len())?) {
        let step = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(script)?;
            transaction.pragma_update(None, "user_version", from as i64 + 1)?;
            transaction.commit()
        };
        step(connection).map_err(failed(store, "bring the schema up to date"))?;
    }
    Ok(())
}

/// The key of the store's hashes.
pub(super) fn salt(connection: &Connection, store: &str) -> Result<Salt, LiveError> {
    let found =
        connection.query_row("SELECT salt FROM state WHERE one = 1", [], |row| row.get::<_, Vec<u8>>(0));
    let bytes = found.map_err(failed(store, "read the salt"))?;
    let found = bytes.len();
    let bytes: [u8; SALT_BYTES] = bytes
        .try_into()
        .map_err(|_| not_a_store(store, format!("its salt has {found} bytes instead of {SALT_BYTES}")))?;
    Ok(Salt(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use u2i_schema::ErrorKind;

    fn names(connection: &Connection) -> Vec<String> {
        let mut found = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_store_of_an_older_schema_is_brought_up_to_date_and_keeps_what_it_has() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "a", MIGRATIONS).unwrap();
        let before = salt(&connection, "a").unwrap();
        let newer =
            [MIGRATIONS[0], "ALTER TABLE events ADD COLUMN weight REAL", "CREATE TABLE more (x) STRICT"];
        // The last one does not work: TEXT or another type must stand there.
        let error = migrate(&mut connection, "a", &newer).unwrap_err();
        assert!(error.to_string().starts_with("a: cannot bring the schema up to date: "), "{error}");
        assert_eq!(version(&connection, "a", 3).unwrap(), 2);
        let newer = [newer[0], newer[1], "CREATE TABLE more (x INTEGER) STRICT"];
        migrate(&mut connection, "a", &newer).unwrap();
        assert_eq!(version(&connection, "a", 3).unwrap(), 3);
        assert!(names(&connection).contains(&"more".to_owned()));
        assert!(salt(&connection, "a").unwrap() == before);
        // Again it changes nothing, and what knows less refuses it.
        migrate(&mut connection, "a", &newer).unwrap();
        let error = migrate(&mut connection, "a", MIGRATIONS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mixture);
        let wanted = "a has schema 3, and this version reads up to 1; a newer version wrote it";
        assert_eq!(error.to_string(), wanted);
    }

    #[test]
    fn a_database_of_another_program_is_refused_and_left_as_it_is() {
        let check = |script: &str, wanted: &str| {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(script).unwrap();
            let before = names(&connection);
            let error = migrate(&mut connection, "a", MIGRATIONS).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string()),
                (ErrorKind::Integrity, wanted.to_owned()),
                "{script}"
            );
            assert_eq!(names(&connection), before);
        };
        let other = "a is no store of events: a database of another program, with application_id";
        check("CREATE TABLE mine (x)", &format!("{other} 0"));
        check("PRAGMA user_version = 1", &format!("{other} 0"));
        check("PRAGMA application_id = 7", &format!("{other} 7"));
        let ours = "PRAGMA application_id = 0x7532694c; PRAGMA user_version =";
        check(&format!("{ours} 0"), "a is no store of events: a database with user_version 0");
        check(&format!("{ours} -1"), "a is no store of events: a database with user_version -1");
    }
}
