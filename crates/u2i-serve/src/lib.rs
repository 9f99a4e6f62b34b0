//! Recommendations of a bundle over HTTP, that count what just happened, and a page to try them.
//!
//! [`Service::start`] opens a bundle that [`u2i_bundle::write()`] made, and a store of events ([`u2i_live`]);
//! [`Service::run`] answers until it is told to stop. `docs/serving.md` has the endpoints, limits and metrics; the service
//! itself has them at `/openapi.json`.
//!
//! ```toml
//! u2i-serve = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-bundle = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-index = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-models = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-schema = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! # with faiss, events in PostgreSQL, or a collector of traces:
//! u2i-serve = { git = "https://github.com/u2i-rs/u2i", features = ["faiss", "postgres", "otel"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/serve_alone.rs")]
//! ```

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
#[cfg(feature = "otel")]
mod otel;
mod page;
mod pool;
mod router;
mod server;
mod service;
mod serving;
mod span;
mod titles;
mod trace;

pub use auth::Token;
pub use error::ServeError;
pub use options::{Limits, ServeOptions};
#[cfg(feature = "otel")]
pub use otel::{Traces, log_and_trace};
pub use server::{Shutdown, Stop};
pub use service::Service;
pub use trace::{LogFormat, log_to_stderr};
pub use tracing::level_filters::LevelFilter;
