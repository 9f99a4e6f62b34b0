//! One training loop for every two-tower model: batches, negatives, losses, row-sparse embedding tables,
//! schedules and early stopping.
//!
//! A [`Trainer`] knows a model only by [`TwoTower`](u2i_models::TwoTower) and a loss only by [`Loss`], and validates through a
//! callback, so it trains models by losses that this project has never seen and depends on no index and no metric. The embedding tables
//! that a model lists are trained row by row: a step looks up the rows of its batch, lets the model run on those
//! vectors, and updates those rows and their moments, so that it costs the same at 10⁴ and 10⁶ rows.
//!
//! Everything random is keyed by (seed, epoch, step); on the CPU the same seed gives the same bytes, and [`Trainer::resume`]
//! from a [`TrainState`] gives those of a run that was never stopped.
//!
//! ```toml
//! u2i-train = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-models = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-random = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-schema = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/train_alone.rs")]
//! ```

mod batches;
mod best;
mod config;
mod data;
mod dense;
mod device;
mod encode;
mod error;
mod gradients;
mod learned;
mod module_tensors;
mod objective;
mod observer;
mod optimizer;
mod precision;
mod report;
mod rows;
mod run;
mod schedule;
mod sparse;
mod state;
mod trainer;
mod view;

pub use burn;
pub use config::{Decay, EarlyStopping, OptimizerConfig, ScheduleConfig, TablePrecision, TrainConfig};
pub use data::TrainData;
pub use device::TrainDevice;
pub use encode::{Vectors, item_vectors, item_vectors_of, n_items_ranked, user_vectors};
pub use error::TrainError;
pub use module_tensors::weight_views;
pub use observer::{Flow, Observer};
pub use report::{Ended, EpochReport, Fitted, StepReport, Validated, ValidationReport};
pub use schedule::Schedule;
pub use state::{TrainProgress, TrainState};
pub use trainer::Trainer;
pub use u2i_losses::samplers::SamplerConfig;
pub use u2i_losses::{
    Bce, Bpr, DrawConfig, FullSoftmax, InBatchSoftmax, Loss, LossConfig, LossError, LossSource, MaskConfig,
    MixedSoftmax, SampledSoftmax, StreamingConfig,
};
pub use u2i_models::{HostTensor as StateTensor, weights};
pub use view::{Piece, Pieces, StateView, TensorView, TensorViews};
