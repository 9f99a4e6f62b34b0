use std::path::Path;

use crate::sqlite::{SqliteLog, SqliteStore};
use crate::{EventLog, LiveError, LiveStore};

/// Opens a store to serve with: the file at a path, which is made if there is none, or the database of a PostgreSQL server,
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` (feature `postgres`). Up to `n_connections` threads read at once; more wait.
///
/// # Errors
///
/// [`Locked`](LiveError::Locked) if another process serves with the file, [`NotAStore`](LiveError::NotAStore) for one that
/// holds something else or is damaged, [`Newer`](LiveError::Newer) for one of a newer version, [`Io`](LiveError::Io) and
/// [`Database`](LiveError::Database) with what the system or the server says, [`Address`](LiveError::Address) for one that
/// leads nowhere, [`NoPostgres`](LiveError::NoPostgres) in a build without the feature.
pub fn open(address: &str, n_connections: usize) -> Result<Box<dyn LiveStore>, LiveError> {
    match place(address)? {
        Place::File(path) => Ok(Box::new(SqliteStore::open(path, n_connections)?)),
        #[cfg(feature = "postgres")]
        Place::Server => Ok(Box::new(crate::PostgresStore::open(address, n_connections)?)),
        #[cfg(not(feature = "postgres"))]
        Place::Server => Err(LiveError::NoPostgres),
    }
}

/// Opens a store that is there to read it back, also while a service uses it. Addresses are those of [`open`].
///
/// # Errors
///
/// As of [`open`], but for `Locked`; and [`Io`](LiveError::Io) if there is no such file.
pub fn open_log(address: &str) -> Result<Box<dyn EventLog>, LiveError> {
    match place(address)? {
        Place::File(path) => Ok(Box::new(SqliteLog::open(path)?)),
        #[cfg(feature = "postgres")]
        Place::Server => Ok(Box::new(crate::PostgresStore::open_log(address)?)),
        #[cfg(not(feature = "postgres"))]
        Place::Server => Err(LiveError::NoPostgres),
    }
}

enum Place<'a> {
    File(&'a Path),
    Server,
}

fn place(address: &str) -> Result<Place<'_>, LiveError> {
    match address.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(Place::Server),
        // What follows may hold a password.
        Some((scheme, _)) if scheme.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+') => {
            Err(LiveError::Address(format!(
                "begins with {scheme}://, but must be a path or begin with postgres://"
            )))
        }
        _ if address.is_empty() => Err(LiveError::Address("is empty".to_owned())),
        _ => Ok(Place::File(Path::new(address))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use u2i_schema::ErrorKind;

    #[test]
    fn an_address_that_leads_nowhere_is_named_without_its_password() {
        let check = |address: &str, wanted: &str| {
            let error = open(address, 1).err().expect(address);
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Usage, wanted.to_owned()));
            assert_eq!(open_log(address).err().expect(address).to_string(), wanted);
        };
        check("", "the address of the events is empty");
        let wanted =
            "the address of the events begins with mysql://, but must be a path or begin with postgres://";
        check("mysql://me:secret@host/db", wanted);
        if cfg!(not(feature = "postgres")) {
            let wanted = "this build has no PostgreSQL; build it with the feature `postgres`";
            check("postgres://me:secret@host/db", wanted);
            check("postgresql://me:secret@host/db", wanted);
        }
    }
}
