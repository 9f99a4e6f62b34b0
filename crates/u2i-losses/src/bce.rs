use std::num::NonZeroUsize;

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;
use serde::{Deserialize, Serialize};

use crate::samplers::SamplerConfig;
use crate::{Comparison, Draw, Loss, LossError, LossMemory, RowDraw, TrainingItems};

/// [`bce`] of each positive against negatives of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bce {
    /// Draws per positive, with replacement.
    pub negatives: NonZeroUsize,
    /// What they are drawn from.
    pub sampler: SamplerConfig,
}

impl Loss for Bce {
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        // A draw that is the positive is left in: the loss is of pairs, and each pair counts.
        Ok(Box::new(RowDraw::new(self.sampler.build(items.counts)?, self.negatives.get())))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        match step.user_bias() {
            Some(bias) => bce(positive + bias.clone(), negative + bias.unsqueeze_dim(1)),
            None => bce(positive, negative),
        }
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, self.negatives.get() as u64)
    }

    fn takes_user_bias(&self) -> bool {
        true
    }
}

/// Binary cross-entropy of positives (label 1) and their sampled negatives (label 0).
///
/// ```text
/// loss = -sum_i [ log σ(positive_i) + sum_j log σ(-negative_ij) ] / (batch · (1 + negatives))
/// ```
///
/// The mean is over all labelled pairs, as the chapter's code has it, so more negatives per positive make the
/// positives weigh less. `-log σ(s)` is `softplus(-s)`, which neither overflows nor loses small values.
///
/// # Shapes
///
/// - `positive_scores`: `[batch]`
/// - `negative_scores`: `[batch, negatives]`, row `i` belongs to positive `i`
/// - returns: `[1]`, mean over all pairs, in nats
///
/// # Panics
///
/// If the two differ in `batch`, or the batch is empty.
///
/// # Examples
///
/// A model that knows nothing scores 0 everywhere and gives each label the probability ½.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::bce;
/// let device = Device::flex();
/// let loss = bce(Tensor::zeros([4], &device), Tensor::zeros([4, 5], &device));
/// assert!((loss.into_scalar::<f32>() - 0.693_147).abs() < 1e-6); // ln 2
/// ```
pub fn bce(positive_scores: Tensor<1>, negative_scores: Tensor<2>) -> Tensor<1> {
    let [batch, n_negatives] = negative_scores.dims();
    assert!(batch > 0, "the batch is empty");
    assert_eq!(positive_scores.dims(), [batch], "one positive score per row of negative scores");
    let sum = softplus(-positive_scores, 1.0).sum() + softplus(negative_scores, 1.0).sum();
    sum / (batch * (1 + n_negatives)) as f32
}
