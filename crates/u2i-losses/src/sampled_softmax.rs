use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};
use u2i_random::Stream;

use crate::cross_entropy::{SharedSoftmax, vectors_of_shared};
use crate::learned_temperature::Divisor;
use crate::samplers::{Hits, KnownItems, Negatives, RowNegatives, Sampler, SamplerConfig};
use crate::{
    Candidates, Comparison, Draw, Drawn, Loss, LossError, LossMemory, Parameter, Temperature,
    TemperatureError, TrainingItems, sampled_softmax_picked, sampled_softmax_rows,
};

/// [`sampled_softmax`], or [`sampled_softmax_rows`] where each row has draws of its own: sampled negatives, corrected by
/// log q.
///
/// Keys that are an [`Option`] may be left out of a file, and say what happens then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledSoftmax {
    /// Draws: per step where they are shared, else per target.
    pub negatives: NonZeroUsize,
    /// What they are drawn from.
    pub sampler: SamplerConfig,
    /// Divides every score.
    pub temperature: Temperature,
    /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_floor: Option<Temperature>,
    /// Who shares a draw, and whether an item may come up twice in it: `shared` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<DrawConfig>,
    /// Which draws are no negatives of a target: `positive` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskConfig>,
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

impl DrawConfig {
    fn is_per_row(self) -> bool {
        matches!(self, DrawConfig::PerRow | DrawConfig::PerRowDistinct)
    }
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

impl SampledSoftmax {
    fn shares(&self) -> DrawConfig {
        self.draw.unwrap_or(DrawConfig::Shared)
    }

    fn divisor(&self) -> Divisor {
        Divisor { start: self.temperature, floor: self.temperature_floor }
    }
}

impl Loss for SampledSoftmax {
    fn check(&self) -> Result<(), LossError> {
        self.divisor().check()
    }

    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        let masks_known = self.mask == Some(MaskConfig::TrainingPositives);
        Ok(Box::new(Sampled {
            sampler: self.sampler.build(items.counts)?,
            negatives: self.negatives.get(),
            draw: self.shares(),
            known: masks_known.then(|| KnownItems::new(items.of_users())),
        }))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (users, temperature) = self.divisor().scaled(step);
        let (hits, log_expected) = (step.hits(), step.log_expected());
        let positives = step.positives();
        if !self.shares().is_per_row() {
            return sampled_softmax(users, positives, step.negatives(), hits, log_expected, temperature);
        }
        let [batch, dim] = users.dims();
        let n = step.negatives_per_row();
        let log_expected = log_expected.reshape([batch, n]);
        match step.candidate_vectors() {
            Some(items) => {
                let negatives = step.negative_places().reshape([batch, n]);
                sampled_softmax_picked(users, positives, items, negatives, hits, log_expected, temperature)
            }
            None => {
                let negatives = step.negatives().reshape([batch, n, dim]);
                sampled_softmax_rows(users, positives, negatives, hits, log_expected, temperature)
            }
        }
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        let negatives = self.negatives.get() as u64;
        if self.shares().is_per_row() {
            // Not copied; each has a place, an expected count and a mark.
            let pairs = batch * negatives;
            let candidates = n_trained.min(batch + pairs);
            let vectors = 4 * batch + 2 * candidates;
            return LossMemory { candidates, scores: 2 * pairs + pairs / 4, vectors };
        }
        // They are drawn with replacement, and each is compared once.
        let n = n_trained.min(negatives);
        LossMemory {
            candidates: n_trained.min(batch + n),
            scores: batch * n / 4,
            vectors: vectors_of_shared(batch, n),
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

struct Sampled {
    sampler: Box<dyn Sampler>,
    negatives: usize,
    draw: DrawConfig,
    /// What each user has in training, where that masks negatives.
    known: Option<KnownItems>,
}

impl Draw for Sampled {
    fn draw(&self, targets: &[u32], users: &[u32], stream: &mut Stream) -> Drawn {
        let (rows, n) = (targets.len(), self.negatives);
        let shared = |Negatives { items, log_expected }| (items, log_expected);
        let of_rows = |RowNegatives { items, log_expected, .. }| (items, log_expected);
        let (items, log_expected) = match self.draw {
            DrawConfig::Shared => shared(self.sampler.draw(n, stream)),
            DrawConfig::SharedDistinct => shared(self.sampler.draw_distinct(n, stream)),
            DrawConfig::PerRow => of_rows(self.sampler.draw_for_rows(rows, n, stream)),
            DrawConfig::PerRowDistinct => of_rows(self.sampler.draw_distinct_for_rows(rows, n, stream)),
        };
        let known = self.known.as_ref().map(|known| (known, users));
        let hits = match self.draw.is_per_row() {
            true => Some(Hits::per_row(targets, &items, items.len() / rows.max(1), known)),
            false => known.is_some().then(|| Hits::shared(targets, &items, known)),
        };
        Drawn { items, log_expected, hits }
    }

    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        match &candidates.hits {
            Some(hits) => hits.rows_without_negatives,
            None => candidates.rows_without(&[&candidates.negatives]),
        }
    }
}

/// Softmax cross-entropy of each user's positive against negatives drawn once for the whole batch.
///
/// With `s+_i = <users_i, positives_i> / temperature` and
/// `s_ij = <users_i, negatives_j> / temperature - log_expected_j`:
///
/// ```text
/// loss = mean_i [ log( exp(s+_i) + sum_j exp(s_ij) ) - s+_i ]
/// ```
///
/// `log_expected` makes the sum over the draw an unbiased estimate of the sum over the items that can be
/// drawn (importance sampling: Bengio and Senécal, "Adaptive Importance Sampling to Accelerate Training of a
/// Neural Probabilistic Language Model", IEEE Transactions on Neural Networks 2008). Jean et al., "On Using
/// Very Large Target Vocabulary for Neural Machine Translation", ACL 2015, and Covington et al., "Deep Neural
/// Networks for YouTube Recommendations", RecSys 2016, train so. Departing from Jean et al., the positive is
/// not corrected: it is always there, counted once, and its own appearances among the negatives (`hits`) are
/// dropped, so that the negatives estimate the rest of the sum.
///
/// A row whose negatives are all hits has loss 0 and no gradient, and stays in the mean. No gradient flows
/// into `log_expected`.
///
/// # Shapes
///
/// - `users`, `positives`: `[batch, dim]`
/// - `negatives`: `[negatives, dim]`, distinct items
/// - `hits`: `[batch, negatives]`, true where the negative is the row's positive
/// - `log_expected`: `[negatives]`, natural log of the number of times the item is expected in the draw, less
///   that of the number of times it came up: [`Negatives::log_expected`](crate::samplers::Negatives)
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, or there are no negatives.
///
/// # Examples
///
/// One negative drawn out of four equally likely ones is expected ¼ times, so it stands for all four.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, sampled_softmax};
/// let device = Device::flex();
/// let user = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let negative = Tensor::<2>::from_floats([[0.0, 1.0]], &device);
/// let no_hit = Tensor::from_bool([[false]], &device);
/// let log_expected = Tensor::from_floats([0.25f32.ln()], &device);
/// let loss = sampled_softmax(user.clone(), user, negative, no_hit, log_expected, Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 0.904_832).abs() < 1e-6); // ln(1 + 4/e)
/// ```
pub fn sampled_softmax(
    users: Tensor<2>,
    positives: Tensor<2>,
    negatives: Tensor<2>,
    hits: Tensor<2, Bool>,
    log_expected: Tensor<1>,
    temperature: Temperature,
) -> Tensor<1> {
    let [batch, dim] = users.dims();
    let [n_negatives, negative_dim] = negatives.dims();
    assert_eq!(positives.dims(), [batch, dim], "one positive per user, as long as its vector");
    assert_eq!(negative_dim, dim, "negatives are as long as users");
    assert!(n_negatives > 0, "there are no negatives");
    assert_eq!(hits.dims(), [batch, n_negatives], "one mark per user and negative");
    assert_eq!(log_expected.dims(), [n_negatives], "one correction per negative");
    let (positive_offset, negative_offset) = (None, Some(log_expected));
    SharedSoftmax { users, positives, negatives, hits, positive_offset, negative_offset }
        .cross_entropy(temperature)
}
