//! The one log-sum-exp behind every softmax loss.

use burn::tensor::{Bool, Tensor};

use crate::Temperature;

/// Scores of one positive and of shared negatives per row; see [`Candidates::cross_entropy`].
pub(crate) struct Candidates {
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

impl Candidates {
    /// Mean over the batch of `log( exp(s+) + sum_j exp(s_j) ) - s+`, in nats, `[1]`.
    ///
    /// Autodiff would walk several `[batch, negatives]` tensors again on the way back. The gradient of a
    /// softmax is known, so it is computed here, outside the graph, from the one tensor that holds the
    /// probabilities, and attached by [`attach`]: a quarter less time at 1,700 × 512 × 64. It cannot be
    /// differentiated again.
    pub fn cross_entropy(self, temperature: Temperature) -> Tensor<1> {
        let Candidates { users, positives, negatives, hits, positive_offset, negative_offset } = self;
        let [batch, _] = users.dims();
        let inverse = 1.0 / temperature.get();
        let scaled = users.clone().inner() * inverse;
        let own_items = positives.clone().inner();
        let other_items = negatives.clone().inner();

        let positive = (scaled.clone() * own_items.clone()).sum_dim(1);
        let positive = match positive_offset {
            Some(offset) => positive - offset.inner().unsqueeze_dim(1),
            None => positive,
        };
        let scores = scaled.clone().matmul(other_items.clone().transpose());
        let scores = match negative_offset {
            Some(_) if u2i_bug::planted("log_q_is_left_out") => scores,
            Some(offset) if u2i_bug::planted("log_q_is_added") => scores + offset.inner().unsqueeze_dim(0),
            Some(offset) => scores - offset.inner().unsqueeze_dim(0),
            None => scores,
        };
        let scores = match u2i_bug::planted("hits_are_negatives") {
            true => scores,
            false => scores.mask_fill(hits.inner(), f32::NEG_INFINITY),
        };

        let Softmax { rows, own, others, weights } = Softmax::new(positive, scores);
        let loss = rows.mean();
        if !(users.is_tracked() || positives.is_tracked() || negatives.is_tracked()) {
            return loss;
        }

        let inverse = if u2i_bug::planted("gradients_ignore_the_temperature") { 1.0 } else { inverse };
        // Rows are divided by their sums on the `dim` side, which is narrower than `negatives`.
        let total = (own + others.clone()) * batch as f32;
        let push = -others / total.clone();
        let pull = weights.clone().matmul(other_items) / total.clone();
        let users_grad = (pull + own_items * push.clone()) * inverse;
        let negatives_grad = weights.transpose().matmul(scaled.clone() / total);
        let positives_grad = scaled * push;
        let loss = attach(loss, users, users_grad);
        attach(attach(loss, positives, positives_grad), negatives, negatives_grad)
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
        let highest = match u2i_bug::planted("exponentials_are_not_shifted") {
            true => positive.zeros_like(),
            false => scores.clone().max_dim(1).max_pair(positive.clone()),
        };
        let weights = (scores - highest.clone()).exp();
        let others = weights.clone().sum_dim(1);
        let own = (positive.clone() - highest.clone()).exp();
        let rows = rows(positive, highest, own.clone(), others.clone());
        Softmax { rows, own, others, weights }
    }
}

/// Where the positive is highest, `own` is 1 and small losses keep their digits: `ln(1 + others)`.
pub(crate) fn rows(positive: Tensor<2>, highest: Tensor<2>, own: Tensor<2>, others: Tensor<2>) -> Tensor<2> {
    let total = match u2i_bug::planted("small_losses_lose_their_digits") {
        true => (own + others).log(),
        false => (own - 1.0 + others).log1p(),
    };
    total + (highest - positive)
}

/// `value`, with a gradient of its own by `input`: the sum of `input * gradient`, less itself, is 0 and has it.
pub(crate) fn attach<const D: usize>(value: Tensor<1>, input: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    if !input.is_tracked() {
        return value;
    }
    let linear = (input * gradient).sum();
    linear.clone() - linear.detach() + value
}
