use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

/// How one model is trained. No `Default`: the experiment file states every value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the samples.
    pub epochs: NonZeroUsize,
    /// Consecutive targets of one user that share one window of history. 1 makes every target its own chunk.
    pub chunk_targets: NonZeroU32,
    /// Chunks per optimizer step.
    pub chunks_per_step: NonZeroUsize,
    /// What the gradient does.
    pub optimizer: OptimizerConfig,
    /// How the learning rate moves.
    pub schedule: ScheduleConfig,
    /// When to stop before the last epoch; leave the section out to run them all. The best epoch is kept either
    /// way.
    pub early_stopping: Option<EarlyStopping>,
    /// What embedding tables are stored in; leave it out to store `f32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_precision: Option<TablePrecision>,
}

/// What the numbers of embedding tables are stored in, where that is not `f32`: two bytes each. All is computed in `f32`,
/// moments of the optimizer are kept in it, and what is exported and saved is `f32`, too.
///
/// A row that a step has changed is rounded to one of its two neighbours, at random so that on average it is not changed:
/// steps that are smaller than half the distance of these still add up (Gupta, Agrawal, Gopalakrishnan and Narayanan, "Deep
/// Learning with Limited Numerical Precision", ICML 2015). The draws are keyed by the seed and the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TablePrecision {
    /// IEEE 754 binary16: 11 significant bits, up to 65,504.
    F16,
    /// The upper half of an `f32`: 8 significant bits, as large as an `f32`.
    Bf16,
}

/// The optimizer of dense layers and of the rows of embedding tables.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Kingma and Ba, "Adam", ICLR 2015. On table rows it is lazy: rows that are not in a batch keep their
    /// values and moments, where dense Adam would go on moving them.
    Adam {
        /// Largest learning rate.
        learning_rate: f64,
        /// Decay of the mean of gradients.
        beta_1: f32,
        /// Decay of the mean of squared gradients.
        beta_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
    },
    /// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
    Adagrad {
        /// Largest learning rate.
        learning_rate: f64,
        /// Added to the root of the sum of squared gradients.
        epsilon: f32,
    },
    /// Adagrad that keeps one sum for each row of a table, of the means of its squared gradients, instead of one for each
    /// number (Mudigere et al., "Software-Hardware Co-design for Fast and Scalable Training of Deep Learning Recommendation
    /// Models", ISCA 2022, section 4.1.3). Dense parameters have Adagrad as it is.
    RowWiseAdagrad {
        /// Largest learning rate.
        learning_rate: f64,
        /// Added to the root of the sum.
        epsilon: f32,
    },
    /// Stochastic gradient descent as such, without momentum: nothing is kept.
    Sgd {
        /// Largest learning rate.
        learning_rate: f64,
    },
}

impl OptimizerConfig {
    /// The largest learning rate.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            OptimizerConfig::Adam { learning_rate, .. }
            | OptimizerConfig::Adagrad { learning_rate, .. }
            | OptimizerConfig::RowWiseAdagrad { learning_rate, .. }
            | OptimizerConfig::Sgd { learning_rate } => learning_rate,
        }
    }

    /// Tensors that are kept for each table and each dense parameter. Adam: both moments. Adagrad: the sum of squares.
    pub fn n_moments(self) -> usize {
        match self {
            OptimizerConfig::Adam { .. } => 2,
            OptimizerConfig::Adagrad { .. } | OptimizerConfig::RowWiseAdagrad { .. } => 1,
            OptimizerConfig::Sgd { .. } => 0,
        }
    }

    /// Numbers that each of these has for a row of `dim` numbers in a table.
    pub fn moment_dim(self, dim: usize) -> usize {
        if matches!(self, OptimizerConfig::RowWiseAdagrad { .. }) { 1 } else { dim }
    }
}

/// The learning rate over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Steps in which the rate climbs linearly from 0.
    pub warm_up_steps: usize,
    /// What follows, and multiplies the warm-up.
    pub decay: Decay,
}

/// The course of the learning rate over all steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decay {
    /// It stays.
    Constant {},
    /// It falls along half a cosine to `final_share` of itself at the last step.
    Cosine {
        /// Share that is left in the end.
        final_share: f64,
    },
}

/// When to stop before the last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a better validation metric after which training stops.
    pub patience: NonZeroUsize,
}
