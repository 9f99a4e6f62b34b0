//! Losses of two-tower recall models, and the samplers of their negatives.
//!
//! A loss takes vectors or scores and never knows the model that made them. The losses are functions of
//! [burn](https://burn.dev) tensors, on whatever device the tensors are; they are behind the feature
//! `tensor`, which is on by default. The [`samplers`] are plain Rust and always there.
//!
//! ```toml
//! u2i-losses = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-random = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! # the samplers alone, without burn:
//! u2i-losses = { git = "https://github.com/u2i-rs/u2i", default-features = false }
//! ```
//!
//! | loss | negatives of a row | source |
//! |---|---|---|
//! | [`full_softmax`] | every other item | |
//! | [`sampled_softmax`] | one draw, shared by the batch | Jean et al. 2015, Covington et al. 2016 |
//! | [`sampled_softmax_rows`], [`sampled_softmax_picked`] | a draw of its own | the same |
//! | [`in_batch_softmax`] | the other rows' positives | Yi et al. 2019 |
//! | [`mixed_softmax`] | the other rows' positives and one draw, shared by the batch | Yang et al. 2020 |
//! | [`bce`] | a few of its own | |
//! | [`bpr`] | a few of its own | Rendle et al. 2009 |
//!
//! A [`Temperature`] is fixed; a [`LearnedTemperature`] is trained with the model.
//!
//! Each of these functions has a struct beside it, such as [`SampledSoftmax`], which implements [`Loss`]: what it draws, what
//! it computes, what it learns itself and what memory it takes. `u2i_train` trains by any [`Loss`], also by one of your own;
//! [`LossConfig`] names those of this crate in a config file, and a [`LossSource`] those of anybody.
//!
//! # Examples
//!
//! A model that knows nothing scores all items of a catalog of four the same. The loss of a user who likes
//! item 1 is then ln 4, and the sampled one estimates it.
//!
#![cfg_attr(feature = "tensor", doc = "```")]
#![cfg_attr(not(feature = "tensor"), doc = "```text")]
#![doc = include_str!("../examples/losses_alone.rs")]
//! ```

#[cfg(feature = "tensor")]
mod bce;
#[cfg(feature = "tensor")]
mod bpr;
#[cfg(feature = "tensor")]
mod candidates;
#[cfg(feature = "tensor")]
mod comparison;
#[cfg(feature = "tensor")]
mod config;
#[cfg(feature = "tensor")]
mod cross_entropy;
#[cfg(feature = "tensor")]
mod draw;
#[cfg(feature = "tensor")]
mod error;
#[cfg(feature = "tensor")]
mod full_softmax;
#[cfg(feature = "tensor")]
mod host;
#[cfg(feature = "tensor")]
mod in_batch_softmax;
#[cfg(feature = "tensor")]
mod learned_temperature;
#[cfg(feature = "tensor")]
mod loss;
#[cfg(feature = "tensor")]
mod mixed_softmax;
#[cfg(feature = "tensor")]
mod sampled_softmax;
#[cfg(feature = "tensor")]
mod sampled_softmax_rows;
pub mod samplers;
mod temperature;

#[cfg(feature = "tensor")]
pub use bce::{Bce, bce};
#[cfg(feature = "tensor")]
pub use bpr::{Bpr, bpr};
#[cfg(feature = "tensor")]
pub use burn;
#[cfg(feature = "tensor")]
pub use candidates::{Candidates, Drawn};
#[cfg(feature = "tensor")]
pub use comparison::{CandidateVectors, Comparison};
#[cfg(feature = "tensor")]
pub use config::{LossConfig, LossSource};
#[cfg(feature = "tensor")]
pub use draw::{Draw, RowDraw, TrainingItems};
#[cfg(feature = "tensor")]
pub use error::LossError;
#[cfg(feature = "tensor")]
pub use full_softmax::{FULL_SOFTMAX_BLOCK, FullSoftmax, full_softmax, full_softmax_with_positives};
#[cfg(feature = "tensor")]
pub use in_batch_softmax::{InBatchSoftmax, StreamingConfig, in_batch_softmax};
#[cfg(feature = "tensor")]
pub use learned_temperature::LearnedTemperature;
#[cfg(feature = "tensor")]
pub use loss::{Loss, LossMemory, Parameter};
#[cfg(feature = "tensor")]
pub use mixed_softmax::{MixedSoftmax, mixed_softmax};
#[cfg(feature = "tensor")]
pub use sampled_softmax::{DrawConfig, MaskConfig, SampledSoftmax, sampled_softmax};
#[cfg(feature = "tensor")]
pub use sampled_softmax_rows::{sampled_softmax_picked, sampled_softmax_rows};
pub use temperature::{Temperature, TemperatureError};
