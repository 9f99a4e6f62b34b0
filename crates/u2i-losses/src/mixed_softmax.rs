use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};
use u2i_host::floats;
use u2i_random::Stream;

use crate::cross_entropy::{SharedSoftmax, vectors_of_shared};
use crate::learned_temperature::Divisor;
use crate::samplers::{Sampler, SamplerConfig, mixed_log_expected, popularity_log_q};
use crate::{
    Candidates, Comparison, Draw, Drawn, Loss, LossError, LossMemory, Parameter, Temperature,
    TemperatureError, TrainingItems,
};

/// [`mixed_softmax`]: the other positives of the step and shared draws are the negatives, corrected by the probability of
/// either.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedSoftmax {
    /// Draws per step, with replacement.
    pub negatives: NonZeroUsize,
    /// What they are drawn from.
    pub sampler: SamplerConfig,
    /// Divides every score.
    pub temperature: Temperature,
    /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_floor: Option<Temperature>,
}

impl MixedSoftmax {
    fn divisor(&self) -> Divisor {
        Divisor { start: self.temperature, floor: self.temperature_floor }
    }
}

impl Loss for MixedSoftmax {
    fn check(&self) -> Result<(), LossError> {
        self.divisor().check()
    }

    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(Mixture {
            sampler: self.sampler.build(items.counts)?,
            negatives: self.negatives.get(),
            log_p: popularity_log_q(items.counts),
        }))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (users, temperature) = self.divisor().scaled(step);
        let (positives, negatives) = (step.positives(), step.negatives());
        let (of_batch, of_drawn) = step.candidates().log_expected.split_at(step.batch());
        let log_expected = (floats(of_batch, &step.device()), floats(of_drawn, &step.device()));
        let (ids, negative_ids) = (step.target_ids(), step.drawn_ids());
        mixed_softmax(users, positives, ids, negatives, negative_ids, log_expected, temperature)
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        let n = n_trained.min(self.negatives.get() as u64);
        LossMemory {
            candidates: n_trained.min(batch + n),
            scores: batch * (batch + n) / 4,
            vectors: vectors_of_shared(batch, batch + n),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.divisor().parameters()
    }

    fn temperature(
        &self,
        learned: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Option<Temperature>, TemperatureError> {
        self.divisor().learned(learned)
    }
}

struct Mixture {
    sampler: Box<dyn Sampler>,
    negatives: usize,
    /// `[items + 1]`: log of each item's share of training events.
    log_p: Vec<f32>,
}

impl Draw for Mixture {
    /// Corrected are the targets, and then the draws.
    fn draw(&self, targets: &[u32], _: &[u32], stream: &mut Stream) -> Drawn {
        let n = self.negatives;
        let drawn = self.sampler.draw(n, stream);
        let (mut log_expected, of_drawn) =
            mixed_log_expected(targets, &self.log_p, &*self.sampler, &drawn, n);
        log_expected.extend(of_drawn);
        Drawn { items: drawn.items, log_expected, hits: None }
    }

    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        candidates.rows_without(&[&candidates.positives, &candidates.negatives])
    }
}

/// Softmax cross-entropy of each user against the items of its own batch and negatives drawn for the whole batch.
///
/// Items of the batch are popular ones for the most part; uniform draws beside them let rare items be pushed away, too:
/// Yang et al., "Mixed Negative Sampling for Learning Two-tower Neural Networks in Recommendations", WWW 2020. With
/// `s_ij = <users_i, items_j> / temperature - log_expected_j` over the rows of `items` and of `negatives`:
///
/// ```text
/// loss = -mean_i log( exp(s_ii) / ( exp(s_ii) + sum_{j: ids_j != ids_i} exp(s_ij) ) )
/// ```
///
/// As there, and as in [`in_batch_softmax`](crate::in_batch_softmax), the positive is corrected too. Departing from the
/// paper, an item that is the row's positive is no negative of it, on whichever side it is, and the correction is the
/// log of how often the item is expected on both sides together, which is the paper's log of the mixture's probability
/// and a constant that cancels out.
///
/// A row without negatives has loss 0 and no gradient, and stays in the mean. No gradient flows into the corrections.
///
/// # Shapes
///
/// - `users`, `items`: `[batch, dim]`
/// - `ids`: `[batch]`, equal where rows of `items` are the same item
/// - `negatives`: `[negatives, dim]`
/// - `negative_ids`: `[negatives]`
/// - `log_expected`: `[batch]` and `[negatives]`, of `items` and of `negatives`:
///   [`mixed_log_expected`](crate::samplers::mixed_log_expected)
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, or the batch is empty.
///
/// # Examples
///
/// Each positive scores 1, its two negatives 0, all expected equally often.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, mixed_softmax};
/// let device = Device::flex();
/// let pairs = Tensor::<2>::from_floats([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], &device);
/// let negatives = Tensor::<2>::from_floats([[0.0, 0.0, 1.0]], &device);
/// let (ids, negative_ids) = (Tensor::from_ints([7, 9], &device), Tensor::from_ints([4], &device));
/// let log_expected = (Tensor::<1>::zeros([2], &device), Tensor::<1>::zeros([1], &device));
/// let loss = mixed_softmax(
///     pairs.clone(), pairs, ids, negatives, negative_ids, log_expected, Temperature::ONE,
/// );
/// assert!((loss.into_scalar::<f32>() - 0.551_445).abs() < 1e-6); // ln(1 + 2/e)
/// ```
pub fn mixed_softmax(
    users: Tensor<2>,
    items: Tensor<2>,
    ids: Tensor<1, Int>,
    negatives: Tensor<2>,
    negative_ids: Tensor<1, Int>,
    log_expected: (Tensor<1>, Tensor<1>),
    temperature: Temperature,
) -> Tensor<1> {
    let [batch, dim] = users.dims();
    let [n_negatives, negative_dim] = negatives.dims();
    let (of_items, of_negatives) = log_expected;
    assert!(batch > 0, "the batch is empty");
    assert_eq!(items.dims(), [batch, dim], "one item per user, as long as its vector");
    assert_eq!(ids.dims(), [batch], "one id per item");
    assert_eq!(negative_dim, dim, "negatives are as long as users");
    assert_eq!(negative_ids.dims(), [n_negatives], "one id per negative");
    assert_eq!(of_items.dims(), [batch], "one correction per item");
    assert_eq!(of_negatives.dims(), [n_negatives], "one correction per negative");
    let others = Tensor::cat(vec![ids.clone(), negative_ids], 0);
    let hits = ids.unsqueeze_dim::<2>(1).equal(others.unsqueeze_dim(0));
    SharedSoftmax {
        users,
        positives: items.clone(),
        negatives: Tensor::cat(vec![items, negatives], 0),
        hits,
        positive_offset: Some(of_items.clone()),
        negative_offset: Some(Tensor::cat(vec![of_items, of_negatives], 0)),
    }
    .cross_entropy(temperature)
}
