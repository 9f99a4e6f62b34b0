use burn::tensor::{Int, Tensor};

use crate::Temperature;
use crate::cross_entropy::Candidates;

/// Softmax cross-entropy of each user's target against all items.
///
/// With `s_ij = <users_i, items_j> / temperature`:
///
/// ```text
/// loss = -mean_i log( exp(s_it) / sum_j exp(s_ij) ),  t = targets_i
/// ```
///
/// Every row of `items` is a candidate, so leave the padding row out.
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
    let [batch, dim] = users.dims();
    let [n_items, item_dim] = items.dims();
    assert_eq!(item_dim, dim, "items are as long as users");
    assert!(n_items > 0, "there are no items");
    assert_eq!(targets.dims(), [batch], "one target per user");
    let rows = Tensor::<1, Int>::arange(0..n_items as i64, (&targets.device(), targets.dtype()));
    let hits = targets.clone().unsqueeze_dim::<2>(1).equal(rows.unsqueeze_dim(0));
    let positives = items.clone().select(0, targets);
    Candidates { users, positives, negatives: items, hits, positive_offset: None, negative_offset: None }
        .cross_entropy(temperature)
}
