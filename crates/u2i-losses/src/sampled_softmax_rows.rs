use burn::tensor::{Bool, Tensor};

use crate::Temperature;
use crate::cross_entropy::{Softmax, attach};

/// Softmax cross-entropy of each user's positive against negatives of its own.
///
/// [`sampled_softmax`](crate::sampled_softmax) with a draw for each row instead of one for all: `negatives_ij` and
/// `log_expected_ij` take the place of `negatives_j` and `log_expected_j`. Rows do not share the noise of a draw, and a
/// step looks up `batch` times as many vectors.
///
/// A row whose negatives are all hits has loss 0 and no gradient, and stays in the mean. No gradient flows into
/// `log_expected`.
///
/// # Shapes
///
/// - `users`, `positives`: `[batch, dim]`
/// - `negatives`: `[batch, negatives, dim]`
/// - `hits`: `[batch, negatives]`, true where the negative is the row's positive
/// - `log_expected`: `[batch, negatives]`, natural log of the number of times the item is expected among the row's draws:
///   [`RowNegatives::log_expected`](crate::samplers::RowNegatives)
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, or there are no negatives.
///
/// # Examples
///
/// Two rows with one negative each, drawn out of four equally likely ones: the first scores 0, the second 1 as its
/// positive does.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, sampled_softmax_rows};
/// let device = Device::flex();
/// let users = Tensor::<2>::from_floats([[1.0, 0.0], [1.0, 0.0]], &device);
/// let negatives = Tensor::<3>::from_floats([[[0.0, 1.0]], [[1.0, 0.0]]], &device);
/// let no_hits = Tensor::from_bool([[false], [false]], &device);
/// let log_expected = Tensor::<2>::full([2, 1], 0.25f32.ln(), &device);
/// let loss =
///     sampled_softmax_rows(users.clone(), users, negatives, no_hits, log_expected, Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 1.257_135).abs() < 1e-6); // (ln(1 + 4/e) + ln 5) / 2
/// ```
pub fn sampled_softmax_rows(
    users: Tensor<2>,
    positives: Tensor<2>,
    negatives: Tensor<3>,
    hits: Tensor<2, Bool>,
    log_expected: Tensor<2>,
    temperature: Temperature,
) -> Tensor<1> {
    let [batch, dim] = users.dims();
    let [rows, n_negatives, negative_dim] = negatives.dims();
    assert_eq!(positives.dims(), [batch, dim], "one positive per user, as long as its vector");
    assert_eq!([rows, negative_dim], [batch, dim], "negatives of each user, as long as its vector");
    assert!(n_negatives > 0, "there are no negatives");
    assert_eq!(hits.dims(), [batch, n_negatives], "one mark per user and negative");
    assert_eq!(log_expected.dims(), [batch, n_negatives], "one correction per user and negative");
    let inverse = 1.0 / temperature.get();
    let scaled = users.clone().inner() * inverse;
    let (own_items, other_items) = (positives.clone().inner(), negatives.clone().inner());
    let positive = (scaled.clone() * own_items.clone()).sum_dim(1);
    let scores = other_items.clone().matmul(scaled.clone().unsqueeze_dim::<3>(2)).squeeze_dim::<2>(2);
    let scores = match u2i_bug::planted("rows_are_not_corrected") {
        true => scores,
        false => scores - log_expected.inner(),
    };
    let scores = scores.mask_fill(hits.inner(), f32::NEG_INFINITY);
    let Softmax { rows, own, others, weights } = Softmax::new(positive, scores);
    let loss = rows.mean();
    if !(users.is_tracked() || positives.is_tracked() || negatives.is_tracked()) {
        return loss;
    }
    let total = (own + others.clone()) * batch as f32;
    let push = -others / total.clone();
    let weights = weights / total;
    let pull = weights.clone().unsqueeze_dim::<3>(1).matmul(other_items).squeeze_dim::<2>(1);
    let users_grad = (pull + own_items * push.clone()) * inverse;
    let negatives_grad = weights.unsqueeze_dim::<3>(2) * scaled.clone().unsqueeze_dim::<3>(1);
    let positives_grad = scaled * push;
    let loss = attach(loss, users, users_grad);
    attach(attach(loss, positives, positives_grad), negatives, negatives_grad)
}
