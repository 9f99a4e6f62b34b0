//! Connections to a server, and what is done when one is lost.

use std::time::Duration;

use postgres::error::SqlState;
use postgres::{Client, Config, Error, NoTls};
use r2d2::{CustomizeConnection, NopErrorHandler, Pool};
use r2d2_postgres::PostgresConnectionManager;

use super::address::CONNECT;
use crate::LiveError;

/// What every connection begins with. A server may be set to acknowledge before its disk has it.
const BEGIN: &str = "SET statement_timeout = '10s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// How often a statement is begun anew that met another one it could not go on beside.
const AGAIN: usize = 5;

/// Connections to one database.
pub(super) struct Sessions {
    pool: Pool<PostgresConnectionManager<NoTls>>,
    store: String,
}

impl Sessions {
    /// Up to `n_connections`, opened as they are needed.
    pub fn new(config: Config, store: String, n_connections: usize) -> Self {
        let pool = Pool::builder()
            .max_size(u32::try_from(n_connections.max(1)).unwrap_or(u32::MAX))
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(CONNECT)
            .idle_timeout(Some(Duration::from_secs(600)))
            .connection_customizer(Box::new(Begin))
            .error_handler(Box::new(NopErrorHandler));
        Sessions { pool: pool.build_unchecked(PostgresConnectionManager::new(config, NoTls)), store }
    }

    pub fn store(&self) -> &str {
        &self.store
    }

    /// Does `work` by a connection. It must be such that doing it twice is doing it once: it is begun anew on another
    /// connection where one was lost, be it that the server was restarted since it was opened, and after a deadlock.
    pub fn run<T>(
        &self,
        action: &'static str,
        mut work: impl FnMut(&mut Client) -> Result<T, Error>,
    ) -> Result<T, LiveError> {
        // Each connection of the pool may be from before a restart.
        let mut left = AGAIN + self.pool.max_size() as usize;
        loop {
            let mut client = self.pool.get().map_err(|error| LiveError::Database {
                store: self.store.clone(),
                action,
                message: error.to_string(),
            })?;
            match work(&mut client) {
                Ok(done) => return Ok(done),
                Err(error) if left > 0 && (client.is_closed() || is_passing(&error)) => left -= 1,
                Err(error) => return Err(failed(&self.store, action)(error)),
            }
        }
    }
}

/// Whether the statement was not done and may be, if it is begun anew.
fn is_passing(error: &Error) -> bool {
    const PASSING: [SqlState; 5] = [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    error.is_closed() || error.code().is_some_and(|code| PASSING.contains(code))
}

/// For `map_err`: what the server or the way to it said when something was tried.
pub(super) fn failed(store: &str, action: &'static str) -> impl FnOnce(Error) -> LiveError {
    move |error| {
        let store = store.to_owned();
        let Some(told) = error.as_db_error() else {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            return LiveError::Database {
                store,
                action,
                message: format!("{error}{}", cause.unwrap_or_default()),
            };
        };
        let message = format!("{} ({})", told.message(), told.code().code());
        let missing = [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::DUPLICATE_TABLE];
        match missing.contains(told.code()) {
            true => LiveError::NotAStore { store, found: message },
            false => LiveError::Database { store, action, message },
        }
    }
}

#[derive(Debug)]
struct Begin;

impl CustomizeConnection<Client, Error> for Begin {
    fn on_acquire(&self, client: &mut Client) -> Result<(), Error> {
        client.batch_execute(BEGIN)
    }
}
