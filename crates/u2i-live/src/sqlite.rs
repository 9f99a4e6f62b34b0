//! A store in one file, written by one thread and read by many.

mod connection;
mod fault;
mod forget;
mod log;
mod readers;
mod schema;
mod store;
mod writer;

pub(crate) use log::SqliteLog;
pub use store::SqliteStore;
