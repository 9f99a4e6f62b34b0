use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use u2i_models::HostTensor;

use crate::EpochReport;

/// Everything that a run needs to go on as if it had never stopped, as a plain value. An observer gets a
/// [`StateView`](crate::StateView) of it, which copies nothing.
///
/// Shuffles, negatives and dropout need nothing here: they are keyed by the seed and the step.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainState {
    /// How far the run is.
    pub progress: TrainProgress,
    /// Weights and optimizer state by name: `model/<path>`, `moment/<j>/<path>` for dense parameters,
    /// `table/<i>/weight`, `table/<i>/moment/<j>` for embedding tables in the model's order, and `best/<path>`, the
    /// whole model of the best epoch. What the loss itself learns is `loss/<name>` and `loss_moment/<j>/<name>`.
    pub tensors: BTreeMap<String, HostTensor>,
}

/// How far a run is. Numbers that results depend on are kept as the bits of their `f64`, so that text loses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainProgress {
    /// Optimizer steps that are done, over all epochs.
    pub step: usize,
    /// Sum of the losses of this epoch's targets, as bits.
    pub loss_sum_bits: u64,
    /// Targets of this epoch that are done.
    pub epoch_targets: u64,
    /// Targets of all finished epochs.
    pub targets: u64,
    /// Finished epochs: bits of the loss and of the validation metric.
    pub epochs: Vec<(u64, Option<u64>)>,
    /// The best epoch, counted from 1, and the bits of its metric.
    pub best: Option<(usize, u64)>,
    /// Targets whose negatives were all masked, by epoch. Epochs without any may be missing at the end, so that states
    /// from before this was counted read and write as they did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows_without_negatives: Vec<u64>,
}

impl TrainProgress {
    pub(crate) fn finished(&self) -> Vec<EpochReport> {
        let report = |(i, &(loss, validation)): (usize, &(u64, Option<u64>))| EpochReport {
            epoch: i + 1,
            loss: f64::from_bits(loss),
            validation: validation.map(f64::from_bits),
            rows_without_negatives: self.without_negatives(i + 1),
        };
        self.epochs.iter().enumerate().map(report).collect()
    }

    /// Adds to the count of an epoch, counted from 1.
    pub(crate) fn count_without_negatives(&mut self, epoch: usize, n: u64) {
        if n > 0 {
            let counts = &mut self.rows_without_negatives;
            counts.resize(counts.len().max(epoch), 0);
            counts[epoch - 1] += n;
        }
    }

    /// The count of an epoch, counted from 1.
    pub(crate) fn without_negatives(&self, epoch: usize) -> u64 {
        self.rows_without_negatives.get(epoch - 1).copied().unwrap_or(0)
    }
}
