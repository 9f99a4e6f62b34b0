//! Recommendations of a bundle over HTTP, that count what just happened, and a page to try them.
//!
//! [`Service::start`] opens a bundle that [`u2i_bundle::write()`] made, and a store of events ([`u2i_live`]);
//! [`Service::run`] answers until it is told to stop. `docs/serving.md` has the endpoints, limits and metrics; the service
//! itself has them at `/openapi.json`.

mod api;
mod app;
mod ask;
mod auth;
mod body;
mod current;
mod error;
mod jobs;
mod live;
mod measures;
mod options;
mod page;
mod pool;
mod router;
mod server;
mod service;
mod serving;
mod titles;
mod trace;

pub use auth::Token;
pub use error::ServeError;
pub use options::{Limits, ServeOptions};
pub use server::{Ended, Stop};
pub use service::Service;
pub use trace::{LogFormat, log_to_stderr};
pub use tracing::level_filters::LevelFilter;
