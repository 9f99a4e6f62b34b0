use burn::tensor::{Int, Tensor};

use crate::Temperature;
use crate::cross_entropy::Candidates;

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
    Candidates { users, positives, negatives, hits, positive_offset, negative_offset }
        .cross_entropy(temperature)
}
