use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use burn::tensor::{Int, Tensor};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use u2i_random::Stream;

use crate::cross_entropy::{SharedSoftmax, vectors_of_shared};
use crate::learned_temperature::Divisor;
use crate::samplers::{StreamingFrequency, popularity_log_q};
use crate::{
    Candidates, Comparison, Draw, Drawn, Loss, LossError, LossMemory, Parameter, Temperature,
    TemperatureError, TrainingItems,
};

/// [`in_batch_softmax`]: the other positives of the step are the negatives, corrected by their training frequency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InBatchSoftmax {
    /// Divides every score.
    pub temperature: Temperature,
    /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_floor: Option<Temperature>,
    /// Estimates how often items come up from the batches themselves. From counts of training events if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<StreamingConfig>,
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

fn open_share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let alpha = f64::deserialize(from)?;
    match alpha > 0.0 && alpha < 1.0 {
        true => Ok(alpha),
        false => Err(D::Error::custom(format!("`alpha` is {alpha}, expected a number between 0 and 1"))),
    }
}

impl InBatchSoftmax {
    fn divisor(&self) -> Divisor {
        Divisor { start: self.temperature, floor: self.temperature_floor }
    }
}

impl Loss for InBatchSoftmax {
    fn check(&self) -> Result<(), LossError> {
        self.divisor().check()
    }

    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(match self.streaming {
            Some(StreamingConfig { alpha, buckets, hashes }) => {
                Box::new(Estimated(StreamingFrequency::new(alpha, buckets, hashes)?))
            }
            None => Box::new(Counted { log_q: popularity_log_q(items.counts) }),
        })
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (users, temperature) = self.divisor().scaled(step);
        in_batch_softmax(users, step.positives(), step.target_ids(), step.log_expected(), temperature)
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        let (scores, vectors) = (batch * batch / 4, vectors_of_shared(batch, batch));
        LossMemory { candidates: n_trained.min(batch), scores, vectors }
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

/// The corrections of a step that draws nothing.
fn corrected(targets: &[u32], log_q: impl Fn(u32) -> f32) -> Drawn {
    Drawn { log_expected: targets.iter().map(|&target| log_q(target)).collect(), ..Drawn::default() }
}

/// By counts of training events.
struct Counted {
    log_q: Vec<f32>,
}

impl Draw for Counted {
    fn draw(&self, targets: &[u32], _: &[u32], _: &mut Stream) -> Drawn {
        corrected(targets, |target| self.log_q[target as usize])
    }

    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        candidates.rows_without(&[&candidates.positives])
    }
}

/// By the frequencies of the steps so far.
struct Estimated(StreamingFrequency);

impl Draw for Estimated {
    fn draw(&self, targets: &[u32], _: &[u32], _: &mut Stream) -> Drawn {
        corrected(targets, |target| self.0.log_q(target))
    }

    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        candidates.rows_without(&[&candidates.positives])
    }

    fn observe(&mut self, targets: &[u32], step: usize) {
        self.0.observe(step as u64 + 1, targets);
    }

    fn observes(&self) -> bool {
        true
    }
}

/// Softmax cross-entropy of each user against the items of its own batch.
///
/// Row `i` of `items` is the positive of row `i` of `users`; the rows with other ids are its negatives. With
/// `s_ij = <users_i, items_j> / temperature - log_q_j`:
///
/// ```text
/// loss = -mean_i log( exp(s_ii) / ( exp(s_ii) + sum_{j: ids_j != ids_i} exp(s_ij) ) )
/// ```
///
/// `log_q` offsets that popular items are drawn as negatives more often: Yi et al., "Sampling-Bias-Corrected
/// Neural Modeling for Large Corpus Item Recommendations", RecSys 2019. As there, the positive is corrected
/// too. Departing from the paper, an item twice in a batch is not its own negative: as one it would pull its
/// vector towards and away from the same user, the more the more popular it is, and two copies could never
/// score below ln 2. A batch whose rows are all one item has loss 0.
///
/// No gradient flows into `log_q`.
///
/// # Shapes
///
/// - `users`, `items`: `[batch, dim]`
/// - `ids`: `[batch]`, equal where rows of `items` are the same item
/// - `log_q`: `[batch]`, natural log of each item's probability of being drawn, finite
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If `users` and `items` differ in shape, `ids` or `log_q` is not `[batch]`, or the batch is empty.
///
/// # Examples
///
/// Two orthogonal pairs: each positive scores 1, its one negative 0.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, in_batch_softmax};
/// let device = Device::flex();
/// let pairs = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
/// let ids = Tensor::from_ints([7, 9], &device);
/// let uniform = Tensor::<1>::zeros([2], &device);
/// let loss = in_batch_softmax(pairs.clone(), pairs, ids, uniform, Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 0.313_262).abs() < 1e-6); // ln(1 + 1/e)
/// ```
pub fn in_batch_softmax(
    users: Tensor<2>,
    items: Tensor<2>,
    ids: Tensor<1, Int>,
    log_q: Tensor<1>,
    temperature: Temperature,
) -> Tensor<1> {
    let [batch, dim] = users.dims();
    assert!(batch > 0, "the batch is empty");
    assert_eq!(items.dims(), [batch, dim], "one item per user, as long as its vector");
    assert_eq!(ids.dims(), [batch], "one id per item");
    assert_eq!(log_q.dims(), [batch], "one log q per item");
    let hits = ids.clone().unsqueeze_dim::<2>(1).equal(ids.unsqueeze_dim(0));
    let (positive_offset, negative_offset) = (Some(log_q.clone()), Some(log_q));
    let (positives, negatives) = (items.clone(), items);
    SharedSoftmax { users, positives, negatives, hits, positive_offset, negative_offset }
        .cross_entropy(temperature)
}
