//! The one log-sum-exp behind every softmax loss.

use burn::tensor::{Bool, Tensor};
use u2i_host::{floats, is_f32_on_host, read};

use crate::{Temperature, host};

/// Vectors of users, of the positive of each and of negatives that they share; see [`SharedSoftmax::cross_entropy`].
pub(crate) struct SharedSoftmax {
    /// `[batch, dim]`
    pub users: Tensor<2>,
    /// `[batch, dim]`, row `i` is the positive of user `i`
    pub positives: Tensor<2>,
    /// `[negatives, dim]`
    pub negatives: Tensor<2>,
    /// `[batch, negatives]`, true where a negative is no negative of that row
    pub hits: Tensor<2, Bool>,
    /// `[batch]`, subtracted from the positives' scores
    pub positive_offset: Option<Tensor<1>>,
    /// `[negatives]`, subtracted from the negatives' scores
    pub negative_offset: Option<Tensor<1>>,
}

impl SharedSoftmax {
    /// Mean over the batch of `log( exp(s+) + sum_j exp(s_j) ) - s+`, in nats, `[1]`.
    ///
    /// Autodiff would walk several `[batch, negatives]` tensors again on the way back. The gradient of a
    /// softmax is known, so it is computed here, outside the graph, and attached by [`attach`]: in the memory of
    /// the host block by block, elsewhere from the one tensor that holds the probabilities. It cannot be
    /// differentiated again.
    pub fn cross_entropy(self, temperature: Temperature) -> Tensor<1> {
        let on_host = [&self.users, &self.positives, &self.negatives].into_iter().all(is_f32_on_host);
        self.by(temperature, on_host)
    }

    /// [`cross_entropy`](Self::cross_entropy) in the memory of the host, or with tensors.
    pub(crate) fn by(self, temperature: Temperature, on_host: bool) -> Tensor<1> {
        let SharedSoftmax { users, positives, negatives, hits, positive_offset, negative_offset } = self;
        let inverse = 1.0 / temperature.get();
        let inner = SharedSoftmax {
            users: users.clone().inner(),
            positives: positives.clone().inner(),
            negatives: negatives.clone().inner(),
            hits: hits.inner(),
            positive_offset: positive_offset.map(Tensor::inner),
            negative_offset: negative_offset.map(Tensor::inner),
        };
        let is_tracked = users.is_tracked() || positives.is_tracked() || negatives.is_tracked();
        let (loss, gradients) = if on_host {
            inner.in_memory(inverse, is_tracked)
        } else {
            inner.with_tensors(inverse, is_tracked)
        };
        let Some([users_grad, positives_grad, negatives_grad]) = gradients else { return loss };
        // The other gradients have the temperature from the scaled users.
        let loss = attach(loss, users, users_grad * inverse);
        attach(attach(loss, positives, positives_grad), negatives, negatives_grad)
    }

    /// The loss, and its gradients by scaled users, positives and negatives.
    fn with_tensors(self, inverse: f32, gradients: bool) -> (Tensor<1>, Option<[Tensor<2>; 3]>) {
        let SharedSoftmax { users, positives, negatives, hits, positive_offset, negative_offset } = self;
        let [batch, _] = users.dims();
        let scaled = users * inverse;
        let positive = (scaled.clone() * positives.clone()).sum_dim(1);
        let positive = match positive_offset {
            Some(offset) => positive - offset.unsqueeze_dim(1),
            None => positive,
        };
        let scores = scaled.clone().matmul(negatives.clone().transpose());
        let scores = match negative_offset {
            Some(offset) => scores - offset.unsqueeze_dim(0),
            None => scores,
        };
        let Softmax { rows, own, others, weights } =
            Softmax::new(positive, scores.mask_fill(hits, f32::NEG_INFINITY));
        let loss = rows.mean();
        if !gradients {
            return (loss, None);
        }
        // Rows are divided by their sums on the `dim` side, which is narrower than `negatives`.
        let total = (own + others.clone()) * batch as f32;
        let push = -others / total.clone();
        let pull = weights.clone().matmul(negatives) / total.clone();
        let users_grad = pull + positives * push.clone();
        let negatives_grad = weights.transpose().matmul(scaled.clone() / total);
        (loss, Some([users_grad, scaled * push, negatives_grad]))
    }

    /// [`with_tensors`](Self::with_tensors) in the memory of the host, block by block.
    fn in_memory(self, inverse: f32, gradients: bool) -> (Tensor<1>, Option<[Tensor<2>; 3]>) {
        let device = self.users.device();
        let ([batch, dim], [n, _]) = (self.users.dims(), self.negatives.dims());
        let hits = self.hits.into_data().convert::<bool>().try_into_vec().expect("marks are boolean");
        let positive_offset = self.positive_offset.map(read);
        let negative_offset = self.negative_offset.map(read);
        let rows = host::Rows {
            dim,
            users: &read(self.users),
            positives: &read(self.positives),
            negatives: &read(self.negatives),
            hits: &hits,
            positive_offset: positive_offset.as_deref(),
            negative_offset: negative_offset.as_deref(),
            inverse,
        };
        let host::Solved { loss, users, positives, negatives } = rows.solve(gradients);
        let loss = Tensor::from_data([loss], &device);
        let tensor = |data: Vec<f32>, rows| floats(data, &device).reshape([rows, dim]);
        let gradients =
            gradients.then(|| [tensor(users, batch), tensor(positives, batch), tensor(negatives, n)]);
        (loss, gradients)
    }
}

/// Softmaxes of rows, each shifted by its highest score.
pub(crate) struct Softmax {
    /// `[batch, 1]`: `log( exp(s+) + sum_j exp(s_j) ) - s+`, in nats
    pub rows: Tensor<2>,
    /// `[batch, 1]`: `exp(s+ - highest)`
    pub own: Tensor<2>,
    /// `[batch, 1]`: the sum of `weights`
    pub others: Tensor<2>,
    /// `[batch, negatives]`: `exp(s_j - highest)`
    pub weights: Tensor<2>,
}

impl Softmax {
    /// Of the positives' scores, `[batch, 1]`, and the negatives', `[batch, negatives]`, −∞ where masked.
    pub fn new(positive: Tensor<2>, scores: Tensor<2>) -> Self {
        let highest = scores.clone().max_dim(1).max_pair(positive.clone());
        let weights = (scores - highest.clone()).exp();
        let others = weights.clone().sum_dim(1);
        let own = (positive.clone() - highest.clone()).exp();
        let rows = rows(positive, highest, own.clone(), others.clone());
        Softmax { rows, own, others, weights }
    }
}

/// Where the positive is highest, `own` is 1 and small losses keep their digits: `ln(1 + others)`.
pub(crate) fn rows(positive: Tensor<2>, highest: Tensor<2>, own: Tensor<2>, others: Tensor<2>) -> Tensor<2> {
    (own - 1.0 + others).log1p() + (highest - positive)
}

/// `value`, with a gradient of its own by `input`: the sum of `input * gradient`, less itself, is 0 and has it.
pub(crate) fn attach<const D: usize>(value: Tensor<1>, input: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    if !input.is_tracked() {
        return value;
    }
    let linear = (input * gradient).sum();
    linear.clone() - linear.detach() + value
}

/// Vectors that a softmax of `n` shared negatives needs, and their gradients: those of negatives are added up in
/// [`GRADIENT_PARTS`](host::GRADIENT_PARTS).
pub(crate) fn vectors_of_shared(batch: u64, n: u64) -> u64 {
    4 * batch + (host::GRADIENT_PARTS as u64 + 2) * n
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use u2i_random::{Purpose, Stream};

    use super::*;

    /// Shapes that fill blocks and do not, rows whose negatives are all hits, with and without offsets.
    #[test]
    fn the_host_finds_what_tensors_find() {
        let device = Device::flex().autodiff();
        let mut stream = Stream::new(7, Purpose::SYNTHETIC, 0, 0);
        for (case, (batch, n, dim)) in
            [(1, 1, 1), (3, 7, 5), (130, 9, 16), (1_100, 300, 24), (40, 5_000, 8)].into_iter().enumerate()
        {
            let mut draw = |rows: usize| {
                let data: Vec<f32> = (0..rows * dim).map(|_| stream.normal() as f32).collect();
                TensorData::new(data, [rows, dim])
            };
            let (users, positives, negatives) = (draw(batch), draw(batch), draw(n));
            let mut offsets = |n: usize| {
                let data: Vec<f32> = (0..n).map(|_| stream.normal() as f32).collect();
                TensorData::new(data, [n])
            };
            let (of_positives, of_negatives) = (offsets(batch), offsets(n));
            let hits: Vec<bool> = (0..batch * n).map(|i| i / n == 2 || stream.unit() < 0.05).collect();
            let hits = TensorData::new(hits, [batch, n]);
            let run = |on_host| {
                let leaf = |data: &TensorData| Tensor::<2>::from_data(data.clone(), &device).require_grad();
                let offset =
                    |data: &TensorData| (case % 2 == 0).then(|| Tensor::from_data(data.clone(), &device));
                let [users, positives, negatives] = [&users, &positives, &negatives].map(leaf);
                let candidates = SharedSoftmax {
                    users: users.clone(),
                    positives: positives.clone(),
                    negatives: negatives.clone(),
                    hits: Tensor::from_data(hits.clone(), &device),
                    positive_offset: offset(&of_positives),
                    negative_offset: offset(&of_negatives),
                };
                let loss = candidates.by(Temperature::new(0.3).unwrap(), on_host);
                let mut gradients = loss.clone().backward();
                let mut found: Vec<Vec<f32>> = vec![vec![loss.into_scalar::<f32>()]];
                found.extend([users, positives, negatives].map(|leaf| {
                    leaf.grad_remove(&mut gradients).unwrap().into_data().try_into_vec::<f32>().unwrap()
                }));
                found
            };
            for (host, tensors) in run(true).iter().zip(run(false)) {
                let most = tensors.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let off = host.iter().zip(&tensors).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
                assert!(
                    host.len() == tensors.len() && off <= 2e-6 * most,
                    "{batch} {n} {dim}: {off} of {most}"
                );
            }
        }
    }
}
