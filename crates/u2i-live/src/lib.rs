//! Events that arrive while a recommender serves, kept in SQLite or PostgreSQL.
//!
//! A service appends what its users do and reads it back with the next request: the newest events of a user, counts of
//! the day, items that must not be shown. What it acknowledged outlasts the process and a power cut, once. No frames, no
//! tensors, no network but for PostgreSQL.
//!
//! ```toml
//! u2i-live = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! [`open`] leads to a store by its address: a path for SQLite, `postgres://…` for PostgreSQL (feature `postgres`), which
//! several services share. Both do what [`LiveStore`] says, and the same tests hold both to it. [`open_log`] reads one
//! back while others serve with it, and [`export_parquet`] writes it as a file for the next training.
//!
//! # SQLite
//!
//! One file with a write-ahead log, of which each transaction is synced before its calls return. One thread writes; calls
//! that wait for it share a transaction, so that a busy service syncs once for many of them, and one alone does not wait.
//! Readers have connections of their own and are not held up. One process serves with a file, by a lock beside it.
//!
//! # Forgetting
//!
//! A forgotten user leaves a row with a hash, under a key of the store's own, so that what else is known of them stays
//! unused. Their id is overwritten where it stands, their events are zeroed, the log is emptied, all before
//! [`forget_user`](LiveStore::forget_user) returns; a file of up to 64 MiB is then written anew. In a larger one SQLite may have
//! left copies of rows that it moved from page to page, without the user's id: which item, when, and the event's id. A
//! [`backup`](EventLog::backup) never holds them, nor does a file after the statement `VACUUM`. Event ids should not be made
//! of ids of users.
//!
//! # Backup
//!
//! [`backup`](EventLog::backup), by the command `u2i export-events STORE --backup FILE`, copies a file as it is at one moment
//! while a service goes on. To restore, stop the service, remove `STORE-wal` and `STORE-shm` if a killed service left
//! them, and put the copy in the place of `STORE`. Do not copy a file that is being served with by other means: what is in
//! its log would be missing. On a server, `pg_dump --table 'u2i_*' DATABASE >FILE` makes a copy, and `psql DATABASE <FILE`
//! in an empty database restores it.
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/live_alone.rs")]
//! ```

mod error;
mod event;
mod export;
mod forgotten;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod store;

pub use error::LiveError;
pub use event::{Appended, HourCount, LiveEvent, MAX_TEXT_BYTES, NewEvent, Revision};
pub use export::export_parquet;
pub use forgotten::ForgottenUsers;
pub use open::{open, open_log};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use store::{EventLog, LiveStore};
