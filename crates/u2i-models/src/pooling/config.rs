use serde::{Deserialize, Serialize};

/// What a model looks back on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledHistoryConfig {
    /// How their vectors become one, or one per head.
    pub pooling: PoolingConfig,
    /// Share of the numbers in history vectors dropped while training, one mask per chunk.
    pub dropout: f64,
}

/// How the vectors of a history become one vector per head. Padding is masked by all of them, and an empty
/// history gives zeros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PoolingConfig {
    /// Sum divided by the number of events.
    Mean {},
    /// Sum.
    Sum {},
    /// Largest value of each number.
    Max {},
    /// Sum divided by the square root of the number of events.
    SqrtN {},
    /// One weighted mean per head. Head `k` has a learned log-weight for each lag (0 is the newest event), which
    /// starts at `-slopes[k] * lag`; weights are softmaxed over the events that are there.
    Recency {
        /// Initial decay per event, one per head.
        slopes: Vec<f64>,
    },
    /// As [`Recency`](Self::Recency), and each head has a learned query `q` besides: an event of vector `x` weighs
    /// `exp(b(⟨q, x⟩))` times as much, with `b(z) = 5 tanh(z / 5)` (Lin et al., "A Structured Self-Attentive Sentence
    /// Embedding", ICLR 2017, with one layer, bounded). Queries are drawn as the weights of dense layers are.
    ///
    /// The item that is scored is no part of it: a user tower does not know it.
    Attention {
        /// Initial decay per event, one per head.
        slopes: Vec<f64>,
    },
}

impl PoolingConfig {
    pub(super) fn slopes(&self) -> Option<&[f64]> {
        match self {
            PoolingConfig::Recency { slopes } | PoolingConfig::Attention { slopes } => Some(slopes),
            _ => None,
        }
    }
}

impl PooledHistoryConfig {
    /// Number of heads.
    pub fn heads(&self) -> usize {
        self.pooling.slopes().map_or(1, <[f64]>::len)
    }

    /// Whether events have learned weights.
    pub fn has_weights(&self) -> bool {
        self.pooling.slopes().is_some()
    }
}
