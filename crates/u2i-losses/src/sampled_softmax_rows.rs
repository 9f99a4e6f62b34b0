use burn::tensor::{Bool, Int, Tensor};
use u2i_host::{floats, is_f32_on_host, read};

use crate::cross_entropy::{Softmax, attach};
use crate::{Temperature, host};

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
    let scores = (scores - log_expected.inner()).mask_fill(hits.inner(), f32::NEG_INFINITY);
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

/// [`sampled_softmax_rows`] of negatives that are some of the items: in the memory of a CPU no vector of theirs is copied, and
/// their gradients are added up as they are found.
///
/// # Shapes
///
/// - `users`, `positives`: `[batch, dim]`
/// - `items`: `[items, dim]`
/// - `negatives`: `[batch, negatives]`, places among the items
/// - `hits`, `log_expected`: `[batch, negatives]`
/// - returns: `[1]`, mean over the batch, in nats
///
/// # Panics
///
/// If shapes are not these, there are no negatives, or one lies beyond the items.
///
/// # Examples
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{Temperature, sampled_softmax_picked};
/// let device = Device::flex();
/// let users = Tensor::<2>::from_floats([[1.0, 0.0], [1.0, 0.0]], &device);
/// let items = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
/// let negatives = Tensor::from_data([[1], [0]], &device);
/// let no_hits = Tensor::from_bool([[false], [false]], &device);
/// let log_expected = Tensor::<2>::full([2, 1], 0.25f32.ln(), &device);
/// let positives = users.clone();
/// let loss =
///     sampled_softmax_picked(users, positives, items, negatives, no_hits, log_expected, Temperature::ONE);
/// assert!((loss.into_scalar::<f32>() - 1.257_135).abs() < 1e-6); // as of `sampled_softmax_rows`
/// ```
pub fn sampled_softmax_picked(
    users: Tensor<2>,
    positives: Tensor<2>,
    items: Tensor<2>,
    negatives: Tensor<2, Int>,
    hits: Tensor<2, Bool>,
    log_expected: Tensor<2>,
    temperature: Temperature,
) -> Tensor<1> {
    let ([batch, dim], [n_items, item_dim], [rows, n]) = (users.dims(), items.dims(), negatives.dims());
    if ![&users, &positives, &items].into_iter().all(is_f32_on_host) {
        let picked = items.select(0, negatives.reshape([rows * n])).reshape([rows, n, item_dim]);
        return sampled_softmax_rows(users, positives, picked, hits, log_expected, temperature);
    }
    assert_eq!(positives.dims(), [batch, dim], "one positive per user, as long as its vector");
    assert_eq!((item_dim, rows), (dim, batch), "items as long as users, negatives of each user");
    assert!(n > 0, "there are no negatives");
    assert_eq!(hits.dims(), [batch, n], "one mark per user and negative");
    assert_eq!(log_expected.dims(), [batch, n], "one correction per user and negative");
    let device = users.device();
    let is_tracked = users.is_tracked() || positives.is_tracked() || items.is_tracked();
    let places: Vec<i64> =
        negatives.into_data().convert::<i64>().try_into_vec().expect("places are whole numbers");
    let place = |&place: &i64| usize::try_from(place).ok().filter(|&place| place < n_items);
    let places: Option<Vec<usize>> = places.iter().map(place).collect();
    let hits = hits.into_data().convert::<bool>().try_into_vec().expect("marks are boolean");
    let inverse = 1.0 / temperature.get();
    let rows = host::PickedRows {
        dim,
        users: &read(users.clone().inner()),
        positives: &read(positives.clone().inner()),
        items: &read(items.clone().inner()),
        negatives: &places.unwrap_or_else(|| panic!("negatives lie among the {n_items} items")),
        hits: &hits,
        negative_offset: &read(log_expected.inner()),
        inverse,
    };
    let solved = rows.solve(is_tracked);
    let loss = Tensor::from_data([solved.loss], &device.clone().inner());
    if !is_tracked {
        return loss;
    }
    let tensor = |data: Vec<f32>, rows| floats(data, &device.clone().inner()).reshape([rows, dim]);
    let loss = attach(loss, users, tensor(solved.users, batch) * inverse);
    let loss = attach(loss, positives, tensor(solved.positives, batch));
    attach(loss, items, tensor(solved.negatives, n_items))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use u2i_random::{Purpose, Stream};

    use super::*;

    /// What is found in memory is what tensors find: some items are negatives of several rows, some of none, and there are rows
    /// whose negatives are all hits.
    #[test]
    fn picked_rows_are_rows() {
        let device = Device::flex().autodiff();
        let mut stream = Stream::new(9, Purpose::SYNTHETIC, 0, 0);
        for (batch, n_items, n, dim) in [(1, 1, 1, 1), (40, 9, 7, 5), (70, 300, 20, 33)] {
            let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
            let vectors = [draw(batch * dim), draw(batch * dim), draw(n_items * dim)];
            let offset = TensorData::new(draw(batch * n), [batch, n]);
            let places: Vec<i32> = (0..batch * n).map(|_| stream.index(n_items) as i32).collect();
            let hits: Vec<bool> = (0..batch * n).map(|i| i / n == 2 || stream.unit() < 0.05).collect();
            let run = |is_picked: bool| {
                let leaf = |at: usize, rows: usize| {
                    let data = TensorData::new(vectors[at].clone(), [rows, dim]);
                    Tensor::<2>::from_data(data, &device).require_grad()
                };
                let leaves = [leaf(0, batch), leaf(1, batch), leaf(2, n_items)];
                let [users, positives, items] = leaves.clone();
                let places =
                    Tensor::<2, Int>::from_data(TensorData::new(places.clone(), [batch, n]), &device);
                let hits = Tensor::from_data(TensorData::new(hits.clone(), [batch, n]), &device);
                let offset = Tensor::from_data(offset.clone(), &device);
                let temperature = Temperature::new(0.3).unwrap();
                let loss = match is_picked {
                    true => {
                        sampled_softmax_picked(users, positives, items, places, hits, offset, temperature)
                    }
                    false => {
                        let negatives = items.select(0, places.reshape([batch * n])).reshape([batch, n, dim]);
                        sampled_softmax_rows(users, positives, negatives, hits, offset, temperature)
                    }
                };
                let mut gradients = loss.clone().backward();
                let mut found: Vec<Vec<f32>> = vec![vec![loss.into_scalar::<f32>()]];
                found.extend(leaves.map(|leaf| {
                    leaf.grad_remove(&mut gradients).unwrap().into_data().try_into_vec::<f32>().unwrap()
                }));
                found
            };
            for (picked, rows) in run(true).iter().zip(run(false)) {
                let most = rows.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let off = picked.iter().zip(&rows).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
                assert!(
                    picked.len() == rows.len() && off <= 2e-6 * most,
                    "{batch} {n} {dim}: {off} of {most}"
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "negatives lie among the 2 items")]
    fn a_negative_beyond_the_items_is_refused() {
        let device = Device::flex();
        let vector = Tensor::<2>::ones([1, 2], &device);
        let (items, place) = (Tensor::ones([2, 2], &device), Tensor::from_data([[2]], &device));
        let (no_hit, offset) = (Tensor::from_bool([[false]], &device), Tensor::zeros([1, 1], &device));
        sampled_softmax_picked(vector.clone(), vector, items, place, no_hit, offset, Temperature::ONE);
    }
}
