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
//! This crate joins the others. It makes experiment files from data ([`onboarding`]) and reads them ([`config`]), finds
//! data ([`data`]), counts baselines ([`baselines`]), tells
//! cold items and users from warm ones ([`cold`]), fills the folder of a run ([`run`]) and keeps what training has
//! reached ([`checkpoint`]), writes reports ([`report`]) and draws them ([`html`]), writes bundles ([`export`]) and asks
//! them ([`recommend`]), repeats the chapter's experiments ([`experiments`]), opens
//! [`device`]s by their names.
//!
//! ```toml
//! u2i = { git = "https://github.com/u2i-rs/u2i" }
//! ```

pub mod baselines;
pub mod checkpoint;
pub mod cold;
pub mod config;
pub mod data;
pub mod experiments;
pub mod export;
pub mod html;
pub mod memory;
pub mod onboarding;
pub mod pipeline;
pub mod recommend;
pub mod report;
pub mod run;
pub mod tables;

mod disk;
mod error;
mod heap;
mod intervals;
mod parquet_columns;
mod progress;
mod resources;

pub use burn;
pub use {
    u2i_bundle as bundle, u2i_device as device, u2i_eval as eval, u2i_features as features,
    u2i_index as index, u2i_losses as losses, u2i_models as models, u2i_random as random,
    u2i_schema as schema, u2i_train as train,
};

pub use error::{Error, exit_code};
pub use heap::{HugePages, keep_freed_memory};
pub use progress::Progress;
pub use resources::{Stage, StageCost};
