use std::num::{NonZeroU32, NonZeroUsize};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use u2i_losses::Temperature;

use crate::TrainError;

/// What a step minimises.
///
/// Keys that are an [`Option`] may be left out of a file, and say what happens then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LossConfig {
    /// [`u2i_losses::sampled_softmax`]: sampled negatives, corrected by log q.
    SampledSoftmax {
        /// Draws: per step where they are shared, else per target.
        negatives: NonZeroUsize,
        /// What they are drawn from.
        sampler: SamplerConfig,
        /// Divides every score.
        temperature: Temperature,
        /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature_floor: Option<Temperature>,
        /// Who shares a draw, and whether an item may come up twice in it: `shared` if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draw: Option<DrawConfig>,
        /// Which draws are no negatives of a target: `positive` if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mask: Option<MaskConfig>,
    },
    /// [`u2i_losses::in_batch_softmax`]: the other positives of the step are the negatives, corrected by
    /// their training frequency.
    InBatchSoftmax {
        /// Divides every score.
        temperature: Temperature,
        /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature_floor: Option<Temperature>,
        /// Estimates how often items come up from the batches themselves. From counts of training events if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        streaming: Option<StreamingConfig>,
    },
    /// [`u2i_losses::mixed_softmax`]: the other positives of the step and shared draws are the negatives, corrected by
    /// the probability of either.
    MixedSoftmax {
        /// Draws per step, with replacement.
        negatives: NonZeroUsize,
        /// What they are drawn from.
        sampler: SamplerConfig,
        /// Divides every score.
        temperature: Temperature,
        /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature_floor: Option<Temperature>,
    },
    /// [`u2i_losses::full_softmax`] over all items with a training event.
    FullSoftmax {
        /// Divides every score.
        temperature: Temperature,
        /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature_floor: Option<Temperature>,
    },
    /// [`u2i_losses::bce`]: each positive against negatives of its own.
    Bce {
        /// Draws per positive, with replacement.
        negatives: NonZeroUsize,
        /// What they are drawn from.
        sampler: SamplerConfig,
    },
    /// [`u2i_losses::bpr`]: each positive should score above negatives of its own.
    Bpr {
        /// Draws per positive, with replacement.
        negatives: NonZeroUsize,
        /// What they are drawn from.
        sampler: SamplerConfig,
    },
}

impl LossConfig {
    /// The temperature that learning begins with and the floor that it stays above; `None` where it is fixed or there
    /// is none.
    pub fn learned_temperature(&self) -> Option<(Temperature, Temperature)> {
        match *self {
            LossConfig::SampledSoftmax { temperature, temperature_floor, .. }
            | LossConfig::InBatchSoftmax { temperature, temperature_floor, .. }
            | LossConfig::MixedSoftmax { temperature, temperature_floor, .. }
            | LossConfig::FullSoftmax { temperature, temperature_floor } => {
                temperature_floor.map(|floor| (temperature, floor))
            }
            LossConfig::Bce { .. } | LossConfig::Bpr { .. } => None,
        }
    }

    /// How negatives are drawn, where that is not said, too.
    pub(crate) fn draw(&self) -> DrawConfig {
        match *self {
            LossConfig::SampledSoftmax { draw, .. } => draw.unwrap_or(DrawConfig::Shared),
            LossConfig::Bce { .. } | LossConfig::Bpr { .. } => DrawConfig::PerRow,
            _ => DrawConfig::Shared,
        }
    }

    /// What no key can say by itself. A file with a key that is out of range is refused where it is read.
    ///
    /// # Errors
    ///
    /// [`TrainError::Range`] if a learned temperature does not begin above its floor.
    pub fn check(&self) -> Result<(), TrainError> {
        match self.learned_temperature() {
            Some((start, floor)) if floor.get() >= start.get() => Err(TrainError::Range {
                key: "loss.temperature_floor",
                found: f64::from(floor.get()),
                expected: "less than the temperature that learning begins with",
            }),
            _ => Ok(()),
        }
    }
}

fn power<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let exponent = f64::deserialize(from)?;
    match exponent.is_finite() && exponent >= 0.0 {
        true => Ok(exponent),
        false => {
            Err(D::Error::custom(format!("`exponent` is {exponent}, expected a finite number of at least 0")))
        }
    }
}

fn open_share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let alpha = f64::deserialize(from)?;
    match alpha > 0.0 && alpha < 1.0 {
        true => Ok(alpha),
        false => Err(D::Error::custom(format!("`alpha` is {alpha}, expected a number between 0 and 1"))),
    }
}

/// What negatives are drawn from: always items with a training event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SamplerConfig {
    /// All alike.
    Uniform {},
    /// By popularity rank: `ln((r + 2) / (r + 1)) / ln(n + 1)` for rank `r` from 0.
    LogUniform {},
    /// In proportion to a power of the number of training events.
    Unigram {
        /// The power: 0 draws all alike, 1 by popularity; word2vec took 0.75.
        #[serde(deserialize_with = "power")]
        exponent: f64,
    },
}

/// Who shares a draw of negatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawConfig {
    /// One draw for the whole step, with replacement.
    Shared,
    /// One draw of different items for the whole step.
    SharedDistinct,
    /// A draw for each target, with replacement.
    PerRow,
    /// A draw of different items for each target.
    PerRowDistinct,
}

/// Which draws are no negatives of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskConfig {
    /// The target itself.
    Positive,
    /// Every item that the user has in training, be it before or after the target. Of what came later nothing else is
    /// learned than that it is no negative.
    TrainingPositives,
}

/// Estimation of item frequencies from the batches: Yi et al., RecSys 2019, Algorithm 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamingConfig {
    /// Weight of the newest gap between two sightings, in (0, 1).
    #[serde(deserialize_with = "open_share")]
    pub alpha: f64,
    /// Places of each hash function.
    pub buckets: NonZeroUsize,
    /// Hash functions, of which the one that says the item is rarest counts.
    pub hashes: NonZeroU32,
}
