//! A store in the database of a PostgreSQL server, which several services share.

mod address;
mod schema;
mod session;
mod store;

pub use store::PostgresStore;
