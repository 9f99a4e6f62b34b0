use burn::tensor::{Bool, Tensor};

use crate::Temperature;
use crate::cross_entropy::Candidates;

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
    Candidates { users, positives, negatives, hits, positive_offset, negative_offset }
        .cross_entropy(temperature)
}
