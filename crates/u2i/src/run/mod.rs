//! The folder of a run: from an experiment file to a trained model and what there is to know about it.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the experiment as it was run |
//! | `checkpoints/` | what `--resume` goes on from ([`checkpoint`](crate::checkpoint)) |
//! | `train.jsonl` | a line per logging step and per epoch |
//! | `model.safetensors` | the weights of the best epoch |
//! | `ranks.parquet` | where each test target came |
//! | `recommended.parquet` | in how many top 10 lists each item is |
//! | `report.json` | hashes, metrics, baselines, costs; written last |
//! | `report.html` | the same as pictures, by `u2i report` |
//!
//! [`train`] fills it, [`evaluate`] ranks the test targets once more, [`compare`] sets runs side by side. A [`Job`] does
//! so with data and models of one's own.

mod bootstrap;
mod compare;
mod counted;
mod data;
mod describe;
mod digests;
mod evaluate;
mod experiment;
mod files;
mod finished;
mod follow;
mod indexes;
mod job;
mod log;
mod parity;
mod results;
mod train;

pub use compare::{Compared, Comparison, compare};
pub use counted::{Counted, CountedMetrics};
pub use data::read_listing_rejects;
pub use evaluate::evaluate;
pub use experiment::{Measures, Names};
pub use files::RunFiles;
pub use follow::Follow;
pub use job::Job;
pub use log::{EpochLine, StepLine};
pub use results::{ItemRow, TargetRow};
pub use train::{TrainOptions, train};

pub use crate::report::{Parity, PlainParity};

pub(crate) use experiment::Run;
pub(crate) use finished::Finished;

/// The experiment as it was run.
pub const CONFIG: &str = "config.toml";
/// What `--resume` goes on from.
pub const CHECKPOINTS: &str = "checkpoints";
/// A line per logging step and per epoch.
pub const TRAIN_LOG: &str = "train.jsonl";
/// The weights of the best epoch.
pub const MODEL: &str = "model.safetensors";
/// Where each test target came.
pub const RANKS: &str = "ranks.parquet";
/// In how many top 10 lists each item is.
pub const RECOMMENDED: &str = "recommended.parquet";
/// Hashes, metrics, baselines, costs.
pub const REPORT: &str = "report.json";
/// The report as pictures.
pub const HTML: &str = "report.html";
/// Rows of the data that could not be used, if there are any.
pub const REJECTS: &str = "rejects.csv";
