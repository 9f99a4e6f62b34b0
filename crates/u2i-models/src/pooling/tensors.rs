use super::{PooledHistoryConfig, PoolingConfig};
use crate::{HistoryUse, Inputs};

/// The sizes of the tensors that pooling makes of the histories of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryTensors {
    length: u64,
    dim: u64,
    heads: u64,
    /// One, or one per head.
    tables: u64,
    drops: bool,
    /// Only the largest numbers are kept, which is left to burn's operators.
    is_max: bool,
    /// Events are weighed by what they are.
    attends: bool,
    /// Events are weighed by the time since them.
    tells_time: bool,
}

/// What a batch goes through a model for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// A training step, with gradients.
    Training,
    /// Vectors alone.
    Serving,
}

impl PooledHistoryConfig {
    /// The sizes of the tensors that pooling makes of vectors of `dim` numbers from so many tables, one or one per
    /// head.
    pub fn tensors(&self, dim: usize, tables: usize, inputs: &Inputs) -> HistoryTensors {
        let history = inputs.history.as_ref();
        HistoryTensors {
            length: history.map_or(0, |history| history.length as u64),
            dim: dim as u64,
            heads: self.heads() as u64,
            tables: tables as u64,
            drops: self.dropout > 0.0,
            is_max: matches!(self.pooling, PoolingConfig::Max {}),
            attends: matches!(self.pooling, PoolingConfig::Attention { .. }),
            tells_time: history.is_some_and(|history| !history.gap_edges_s.is_empty()),
        }
    }

    /// How the history is used, in words for reports.
    pub fn in_use(&self) -> HistoryUse {
        let heads = |what: &str| {
            let heads = self.heads();
            format!("{heads} {what} head{}", if heads == 1 { "" } else { "s" })
        };
        let pooling = match &self.pooling {
            PoolingConfig::Recency { .. } => heads("pooled"),
            PoolingConfig::Attention { .. } => heads("attentive"),
            PoolingConfig::Mean {} => "the mean".to_owned(),
            PoolingConfig::Sum {} => "the sum".to_owned(),
            PoolingConfig::Max {} => "the maximum".to_owned(),
            PoolingConfig::SqrtN {} => "the sum over the root of the number".to_owned(),
        };
        HistoryUse { pooling, has_weights: self.has_weights() }
    }
}

impl HistoryTensors {
    /// Numbers that are made for `batch` targets in so many chunks of at most `targets` targets.
    pub fn numbers(&self, chunks: u64, targets: u64, batch: u64, pass: Pass) -> u64 {
        let HistoryTensors { length, dim, heads, tables, drops, is_max, attends, tells_time } = *self;
        let trains = pass == Pass::Training;
        let events = chunks * (length + targets - 1);
        // Off the training device the vectors of a table are gone before those of the next come.
        let looked_up = if trains { tables } else { 1 } * events * dim;
        // Factors; where queries see what is left, that, too.
        let dropped = if drops && trains { looked_up * if attends { 2 } else { 1 } } else { 0 };
        let masked = if is_max { 2 * looked_up + chunks * targets * length * dim } else { 0 };
        // A gradient of their own, and what becomes a weight.
        let attended = if attends && trains { looked_up + 6 * events * heads } else { 0 };
        let by_time = if tells_time { events * targets } else { 0 };
        // As they are pooled, and side by side where tables are several.
        let pooled = chunks * targets * heads * dim * if tables > 1 { 2 } else { 1 };
        // With gradients: places of chunks, then targets, as picked, as an input and its gradient.
        let gradients = if trains { (chunks * targets + 3 * batch) * heads * dim } else { 0 };
        looked_up + dropped + masked + attended + by_time + pooled + gradients
    }
}
