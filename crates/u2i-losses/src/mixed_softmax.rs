use burn::tensor::{Int, Tensor};

use crate::Temperature;
use crate::cross_entropy::Candidates;

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
    Candidates {
        users,
        positives: items.clone(),
        negatives: Tensor::cat(vec![items, negatives], 0),
        hits,
        positive_offset: Some(of_items.clone()),
        negative_offset: Some(Tensor::cat(vec![of_items, of_negatives], 0)),
    }
    .cross_entropy(temperature)
}
