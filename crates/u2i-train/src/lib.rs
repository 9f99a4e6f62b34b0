//! One training loop for every two-tower model: batches, negatives, losses, row-sparse embedding tables,
//! schedules and early stopping.
//!
//! [`fit`] knows a model only by [`TwoTower`](u2i_models::TwoTower) and validates through a callback, so it
//! trains models that this project has never seen and depends on no index and no metric. The embedding tables
//! that a model lists are trained row by row: a step looks up the rows of its batch, lets the model run on those
//! vectors, and updates those rows and their moments, so that it costs the same at 10⁴ and 10⁶ rows.
//!
//! Everything random is keyed by (seed, epoch, step); on the CPU the same seed gives the same bytes, and [`resume`]
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
mod config;
mod dense;
mod device;
mod draws;
mod encode;
mod error;
mod fit;
mod loss_config;
mod objective;
mod optimizer;
mod precision;
mod rows;
mod schedule;
mod sparse;
mod state;

pub use burn;
pub use config::{Decay, EarlyStopping, OptimizerConfig, ScheduleConfig, TablePrecision, TrainConfig};
pub use device::TrainDevice;
pub use encode::{Vectors, item_vectors, user_vectors};
pub use error::TrainError;
pub use fit::{EpochReport, Fitted, Flow, Observer, StepReport, TrainData, Validated, fit, resume};
pub use loss_config::{DrawConfig, LossConfig, MaskConfig, SamplerConfig, StreamingConfig};
pub use schedule::Schedule;
pub use state::{TrainProgress, TrainState};
pub use u2i_models::{HostTensor as StateTensor, weights};
