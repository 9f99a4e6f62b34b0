//! FM, DSSM and YouTubeDNN as ordinary burn modules over one trait, [`TwoTower`].
//!
//! A model turns users into vectors with [`encode_users`](TwoTower::encode_users) and items with
//! [`encode_items`](TwoTower::encode_items); a match is always their inner product. A model that wants cosine
//! normalises inside its towers. There are no modes: training, evaluation and export call the same two
//! functions, and dropout is part of the batch (its [`Noise`]), not of the model. The one exception is batch norm
//! ([`NormKind::Batch`]).
//!
//! A config implements [`TwoTowerConfig`]: it makes its model and says what reports, checks and the memory estimate want
//! to know of it. [`ModelConfig`] names one of ours in a file, and [`AnyModel`] is whichever it was. [`weights`] takes the
//! weights out of any model as plain numbers by name, [`with_weights`] puts them in again.
//!
//! Any optimizer of burn can train the models. `u2i-train` trains their embedding [`Table`]s row by row, so that
//! a step costs the same with 10⁴ and 10⁶ rows.
//!
//! ```toml
//! u2i-models = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-schema = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! ```
//!
//! # Examples
//!
//! Two users of known countries and three items: an FM scores each pair by an inner product.
//!
//! ```
#![doc = include_str!("../examples/models_alone.rs")]
//! ```

mod any_model;
mod batch;
mod columns;
mod config;
mod dropout;
mod dssm;
mod error;
mod fm;
mod init;
mod mlp;
mod pooling;
mod reference;
mod table;
mod tensors;
mod two_tower;
mod user_tower;
mod weights;
mod youtube_dnn;

pub use any_model::{AnyModel, ModelConfig};
pub use batch::{ColumnBatch, Ids, ItemBatch, UserBatch};
pub use burn;
pub use config::{ColumnMismatch, DeclaredColumn, TwoTowerConfig};
pub use dropout::Noise;
pub use dssm::{Dssm, DssmConfig, ItemTowerConfig};
pub use error::ModelError;
pub use fm::{Fm, FmConfig, PlainFm};
pub use init::Init;
pub use mlp::{ActivationKind, Mlp, MlpConfig, NormKind, OutputKind};
pub use pooling::{HistoryTensors, Pass, PooledHistoryConfig, Pooling, PoolingConfig};
pub use reference::ReferenceScores;
pub use table::{Table, TableRows};
pub use tensors::ModelTensors;
pub use two_tower::{HistoryInput, HistoryUse, Inputs, Normalization, TwoTower};
pub use user_tower::{UserTower, UserTowerConfig};
pub use weights::{HostTensor, ModulePath, WeightError, weights, with_weights};
pub use youtube_dnn::{YoutubeDnn, YoutubeDnnConfig};
