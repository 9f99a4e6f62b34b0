use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};
use u2i_random::Stream;

use crate::cross_entropy::{SharedSoftmax, attach, rows, vectors_of_shared};
use crate::learned_temperature::Divisor;
use crate::{
    Candidates, Comparison, Draw, Drawn, Loss, LossError, LossMemory, Parameter, Temperature,
    TemperatureError, TrainingItems,
};

/// [`full_softmax`] over all items with a training event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullSoftmax {
    /// Divides every score.
    pub temperature: Temperature,
    /// Learns the temperature, beginning with `temperature`, and keeps it above this. Fixed if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_floor: Option<Temperature>,
}

impl FullSoftmax {
    fn divisor(&self) -> Divisor {
        Divisor { start: self.temperature, floor: self.temperature_floor }
    }
}

impl Loss for FullSoftmax {
    fn check(&self) -> Result<(), LossError> {
        self.divisor().check()
    }

    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(All { n_trained: items.n_trained() as u32 }))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (users, temperature) = self.divisor().scaled(step);
        let targets = step.positive_places();
        match step.candidate_vectors() {
            Some(items) => full_softmax(users, items, targets, temperature),
            // Each candidate is a negative of all rows but its own, in the order of the candidates.
            None => {
                full_softmax_with_positives(users, step.positives(), step.negatives(), targets, temperature)
            }
        }
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        if n_trained <= FULL_SOFTMAX_BLOCK as u64 {
            let (scores, vectors) = (batch * n_trained / 4, vectors_of_shared(batch, n_trained));
            return LossMemory { candidates: n_trained, scores, vectors };
        }
        // Compared block by block, by burn's operators: scores and marks.
        let scores = batch * FULL_SOFTMAX_BLOCK as u64;
        LossMemory { candidates: n_trained, scores: scores + scores / 4, vectors: 6 * batch + 4 * n_trained }
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

/// Every item is a negative.
struct All {
    n_trained: u32,
}

impl Draw for All {
    fn draw(&self, _: &[u32], _: &[u32], _: &mut Stream) -> Drawn {
        Drawn { items: (1..=self.n_trained).collect(), ..Drawn::default() }
    }

    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        candidates.rows_without(&[&candidates.negatives])
    }
}

/// Items that [`full_softmax`] compares at once.
pub const FULL_SOFTMAX_BLOCK: usize = 1 << 14;

/// Softmax cross-entropy of each user's target against all items.
///
/// With `s_ij = <users_i, items_j> / temperature`:
///
/// ```text
/// loss = -mean_i log( exp(s_it) / sum_j exp(s_ij) ),  t = targets_i
/// ```
///
/// Every row of `items` is a candidate, so leave the padding row out. More than 16,384 items are compared block by
/// block, and once more for the gradients, so that memory grows with `batch · 16,384 + items · dim` and never with
/// `batch · items`.
///
/// # Shapes
///
/// - `users`: `[batch, dim]`
/// - `items`: `[items, dim]`
/// - `targets`: `[batch]`, rows of `items`. Some devices do not check them: a row that is not there may read
///   zeros
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, or there are no items.
///
/// # Examples
///
/// The target scores 1, the two other items 0.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, full_softmax};
/// let device = Device::flex();
/// let user = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let items = Tensor::<2>::from_floats([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]], &device);
/// let loss = full_softmax(user, items, Tensor::from_ints([1], &device), Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 0.551_445).abs() < 1e-6); // ln(1 + 2/e)
/// ```
pub fn full_softmax(
    users: Tensor<2>,
    items: Tensor<2>,
    targets: Tensor<1, Int>,
    temperature: Temperature,
) -> Tensor<1> {
    assert!(items.dims()[0] > 0, "there are no items");
    assert_eq!(targets.dims(), [users.dims()[0]], "one target per user");
    let positives = items.clone().select(0, targets.clone());
    full_softmax_with_positives(users, positives, items, targets, temperature)
}

/// [`full_softmax`] where the vectors of the targets are looked up already. Their gradient goes to `positives` and is not
/// added to that of `items`: for a caller who adds up the rows of a target that occurs often in a better way than
/// `select` does.
///
/// # Shapes
///
/// - `users`: `[batch, dim]`
/// - `positives`: `[batch, dim]`, the rows `targets` of `items`
/// - `items`: `[items, dim]`
/// - `targets`: `[batch]`, rows of `items`
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, or there are no items.
///
/// # Examples
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, full_softmax_with_positives};
/// let device = Device::flex();
/// let user = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let items = Tensor::<2>::from_floats([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]], &device);
/// let target = Tensor::from_ints([1], &device);
/// let positive = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let loss = full_softmax_with_positives(user, positive, items, target, Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 0.551_445).abs() < 1e-6); // ln(1 + 2/e)
/// ```
pub fn full_softmax_with_positives(
    users: Tensor<2>,
    positives: Tensor<2>,
    items: Tensor<2>,
    targets: Tensor<1, Int>,
    temperature: Temperature,
) -> Tensor<1> {
    let [batch, dim] = users.dims();
    let [n_items, item_dim] = items.dims();
    assert_eq!(item_dim, dim, "items are as long as users");
    assert_eq!(positives.dims(), [batch, dim], "positives are as many and as long as users");
    assert!(n_items > 0, "there are no items");
    assert_eq!(targets.dims(), [batch], "one target per user");
    if n_items > FULL_SOFTMAX_BLOCK {
        return by_blocks(users, positives, items, targets, temperature, FULL_SOFTMAX_BLOCK);
    }
    let rows = Tensor::<1, Int>::arange(0..n_items as i64, (&targets.device(), targets.dtype()));
    let hits = targets.unsqueeze_dim::<2>(1).equal(rows.unsqueeze_dim(0));
    SharedSoftmax { users, positives, negatives: items, hits, positive_offset: None, negative_offset: None }
        .cross_entropy(temperature)
}

/// [`full_softmax_with_positives`] of `block` items at a time. The sum of exponentials is kept as of the highest score so far.
pub(crate) fn by_blocks(
    users: Tensor<2>,
    positives: Tensor<2>,
    items: Tensor<2>,
    targets: Tensor<1, Int>,
    temperature: Temperature,
    block: usize,
) -> Tensor<1> {
    let [batch, _] = users.dims();
    let [n_items, _] = items.dims();
    let inverse = 1.0 / temperature.get();
    let scaled = users.clone().inner() * inverse;
    let (own_items, all_items) = (positives.clone().inner(), items.clone().inner());
    let ids = targets.inner().unsqueeze_dim::<2>(1);
    let blocks = || (0..n_items).step_by(block).map(|first| (first, block.min(n_items - first)));
    let vectors = |(first, n): (usize, usize)| all_items.clone().narrow(0, first, n);
    let scores = |(first, n): (usize, usize)| {
        let here = Tensor::<1, Int>::arange(first as i64..(first + n) as i64, (&ids.device(), ids.dtype()));
        let hits = ids.clone().equal(here.unsqueeze_dim(0));
        scaled.clone().matmul(vectors((first, n)).transpose()).mask_fill(hits, f32::NEG_INFINITY)
    };

    let positive = (scaled.clone() * own_items.clone()).sum_dim(1);
    let mut highest = positive.clone();
    let mut others = positive.zeros_like();
    for at in blocks() {
        let scores = scores(at);
        let higher = scores.clone().max_dim(1).max_pair(highest.clone());
        let so_far = others * (highest - higher.clone()).exp();
        others = so_far + (scores - higher.clone()).exp().sum_dim(1);
        highest = higher;
    }
    let own = (positive.clone() - highest.clone()).exp();
    let loss = rows(positive, highest.clone(), own.clone(), others.clone()).mean();
    if !(users.is_tracked() || items.is_tracked()) {
        return loss;
    }

    let total = (own + others.clone()) * batch as f32;
    let push = -others / total.clone();
    let by_total = scaled.clone() / total.clone();
    let mut pull = scaled.zeros_like();
    let mut items_grad = Vec::new();
    for at in blocks() {
        let weights = (scores(at) - highest.clone()).exp();
        pull = pull + weights.clone().matmul(vectors(at));
        items_grad.push(weights.transpose().matmul(by_total.clone()));
    }
    let users_grad = (pull / total + own_items * push.clone()) * inverse;
    let loss = attach(loss, users, users_grad);
    attach(attach(loss, positives, scaled * push), items, Tensor::cat(items_grad, 0))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use u2i_random::{Purpose, Stream};

    use super::*;

    /// Value and gradients by users and items.
    fn run(numbers: &[Vec<f32>; 2], dim: usize, targets: &[i64], block: Option<usize>) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let leaf = |values: &Vec<f32>| {
            let shape = [values.len() / dim, dim];
            Tensor::<2>::from_data(TensorData::new(values.clone(), shape), &device).require_grad()
        };
        let inputs = numbers.each_ref().map(leaf);
        let [users, items] = inputs.clone();
        let targets = TensorData::new(targets.to_vec(), [targets.len()]);
        let targets = Tensor::<1, Int>::from_data(targets, &device);
        let temperature = Temperature::new(0.1).unwrap();
        let loss = match block {
            Some(block) => {
                let positives = items.clone().select(0, targets.clone());
                by_blocks(users, positives, items, targets, temperature, block)
            }
            None => full_softmax(users, items, targets, temperature),
        };
        let gradients = loss.backward();
        let mut found = vec![vec![loss.into_scalar::<f32>()]];
        let of = |input: &Tensor<2>| input.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
        found.extend(inputs.iter().map(of));
        found
    }

    /// `full_softmax` at once equals its oracle, and at once and by blocks of any size it is the same.
    #[test]
    fn blocks_of_any_size_come_to_what_all_items_at_once_do() {
        for step in 0..1_000 {
            let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, step);
            let [batch, n, dim] = [6, 40, 8].map(|most| 1 + stream.index(most));
            // Scores within ±30.
            let bound = (3.0 / dim as f64).sqrt();
            let numbers = [batch, n].map(|rows| {
                (0..rows * dim).map(|_| stream.uniform(-bound, bound) as f32).collect::<Vec<_>>()
            });
            let targets: Vec<i64> = (0..batch).map(|_| stream.index(n) as i64).collect();
            let at_once = run(&numbers, dim, &targets, None);
            let block = 1 + stream.index(n + 2);
            for (a, b) in at_once.iter().zip(run(&numbers, dim, &targets, Some(block))) {
                let largest = a.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
                for (a, b) in a.iter().zip(b) {
                    assert!((a - b).abs() <= 1e-5 * largest, "{step}, {block} of {n}: {a}, by blocks {b}");
                }
            }
        }
    }

    /// Logits of ±1,000, in blocks that are lower and higher than those before.
    #[test]
    fn blocks_of_extreme_scores_stay_finite() {
        let numbers = [vec![1.0], vec![-100.0, 100.0, 0.0, 99.0, -100.0]];
        for target in 0..5 {
            for block in 1..=5 {
                let found = run(&numbers, 1, &[target], Some(block));
                let own = numbers[1][target as usize];
                let wanted = (100.0 - own) * 10.0;
                assert!((found[0][0] - wanted).abs() <= 1e-3 + 1e-6 * wanted, "{target}: {found:?}");
                assert!(found.iter().flatten().all(|x| x.is_finite()), "{target}: {found:?}");
            }
        }
    }
}
