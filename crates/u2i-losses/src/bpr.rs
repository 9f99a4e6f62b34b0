use std::num::NonZeroUsize;

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;
use serde::{Deserialize, Serialize};

use crate::samplers::SamplerConfig;
use crate::{Comparison, Draw, Loss, LossError, LossMemory, RowDraw, TrainingItems};

/// [`bpr`] of each positive against negatives of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bpr {
    /// Draws per positive, with replacement.
    pub negatives: NonZeroUsize,
    /// What they are drawn from.
    pub sampler: SamplerConfig,
}

impl Loss for Bpr {
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        // A draw that is the positive is left in: the loss is of pairs, and each pair counts.
        Ok(Box::new(RowDraw::new(self.sampler.build(items.counts)?, self.negatives.get())))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        bpr(positive, negative)
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, self.negatives.get() as u64)
    }
}

/// Bayesian personalised ranking: each positive should score above its sampled negatives.
///
/// ```text
/// loss = -mean_ij log σ(positive_i - negative_ij)
/// ```
///
/// Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009, without its penalty on weights,
/// which is the optimizer's. Only differences of scores count, so a bias of the user is not learned. A negative that is the
/// positive itself adds ln 2 and has no gradient.
///
/// # Shapes
///
/// - `positive_scores`: `[batch]`
/// - `negative_scores`: `[batch, negatives]`, row `i` belongs to positive `i`
/// - returns: `[1]`, mean over all pairs, in nats
///
/// # Panics
///
/// If the two differ in `batch`, or there is no pair.
///
/// # Examples
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::bpr;
/// let device = Device::flex();
/// let positives = Tensor::<1>::from_floats([1.0], &device);
/// let loss = bpr(positives, Tensor::from_floats([[1.0, 0.0]], &device));
/// assert!((loss.into_scalar::<f32>() - 0.503_204).abs() < 1e-6); // (ln 2 + ln(1 + 1/e)) / 2
/// ```
pub fn bpr(positive_scores: Tensor<1>, negative_scores: Tensor<2>) -> Tensor<1> {
    let [batch, n_negatives] = negative_scores.dims();
    assert!(batch > 0 && n_negatives > 0, "there is no pair");
    assert_eq!(positive_scores.dims(), [batch], "one positive score per row of negative scores");
    let behind = negative_scores - positive_scores.unsqueeze_dim(1);
    softplus(behind, 1.0).mean()
}
