//! U2I (user-to-item) recall with FM, DSSM and YouTubeDNN: from raw events to a table of ranking metrics.
//!
//! The chapter's six steps are six calls, see [`pipeline`]:
//!
//! ```
#![doc = include_str!("../examples/six_steps.rs")]
//! ```
//!
//! A model of one's own implements two traits, and is trained, evaluated, exported and served by the calls that ours go
//! through:
//!
//! ```
#![doc = include_str!("../examples/own_model.rs")]
//! ```
//!
//! A loss of one's own implements one trait, and goes the same way:
//!
//! ```
#![doc = include_str!("../examples/own_loss.rs")]
//! ```
//!
//! This crate joins the others. It reads experiment files ([`config`]), some of which are [`built_in`], finds data
//! ([`datasets`]), counts baselines ([`baselines`]), tells cold items and users from warm ones ([`cold`]), fills the folder
//! of a run ([`run`]) and keeps what training has reached ([`checkpoint`]), writes reports ([`report`]) and tables
//! ([`table`]), writes bundles ([`export`]) and asks them ([`recommend`]), and opens [`device`]s by their names.
//!
//! Crates of their own make experiment files from data (`u2i-onboarding`), draw reports (`u2i-page`), repeat the chapter's
//! experiments (`u2i-chapter`) and are the command `u2i` (`u2i-cli`).
//!
//! ```toml
//! u2i = { git = "https://github.com/u2i-rs/u2i" }
//! ```

pub mod baselines;
pub mod built_in;
pub mod checkpoint;
pub mod cold;
pub mod config;
pub mod export;
pub mod followed;
pub mod held_out;
pub mod intervals;
pub mod memory;
pub mod pipeline;
pub mod recommend;
pub mod report;
pub mod run;
pub mod table;
mod target_metrics;

mod error;
mod late_bar;
mod parquet_columns;
mod progress;
mod ranking;
mod request_file;
mod resources;
mod tensor_file;
mod user_sample;
mod validation;
mod validation_search;

pub use burn;
pub use {
    u2i_bundle as bundle, u2i_datasets as datasets, u2i_device as device, u2i_eval as eval,
    u2i_features as features, u2i_index as index, u2i_losses as losses, u2i_models as models,
    u2i_random as random, u2i_schema as schema, u2i_train as train,
};

pub use error::Error;
pub use progress::Progress;
pub use resources::{Stage, StageCost};
pub use u2i_schema::ErrorKind;

/// What this library was built from and with, as reports name it: a hash of the sources and the locked dependencies, the
/// compiler, the profile and the cargo features.
pub const BUILD: &str = env!("U2I_BUILD");
