//! What SQLite says, as errors of a store.

use rusqlite::{Error, ErrorCode};

use crate::LiveError;

/// For `map_err`: what SQLite said when something was tried.
pub(super) fn failed(store: &str, action: &'static str) -> impl FnOnce(Error) -> LiveError {
    move |error| {
        let (store, message) = (store.to_owned(), error.to_string());
        match &error {
            Error::SqliteFailure(cause, _) | Error::SqlInputError { error: cause, .. } => match cause.code {
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    LiveError::NotAStore { store, found: message }
                }
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                    LiveError::InUse { store, action, message }
                }
                // A table or column that the schema has and the file has not.
                ErrorCode::Unknown if message.starts_with("no such ") => {
                    LiveError::NotAStore { store, found: message }
                }
                _ => LiveError::Database { store, action, message },
            },
            // A value of a type that the schema does not allow, or a text that is none.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            | Error::InvalidColumnType(..)
            | Error::InvalidColumnIndex(..)
            | Error::QueryReturnedNoRows
            | Error::QueryReturnedMoreThanOneRow => LiveError::NotAStore { store, found: message },
            _ => LiveError::Database { store, action, message },
        }
    }
}

pub(super) fn not_a_store(store: &str, found: String) -> LiveError {
    LiveError::NotAStore { store: store.to_owned(), found }
}
