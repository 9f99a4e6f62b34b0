//! Weights that depend on more than the lag: on the time from an event to a target, or on what a query makes of the event.

use std::sync::Arc;

use burn::tensor::Tensor;
use u2i_host::ints;

use super::lags::{broadcast_matmul, one_hot};
use crate::UserBatch;

pub(super) fn gaps(users: &UserBatch) -> &Arc<[u32]> {
    users.gaps.as_ref().expect("the batch tells the time since each event")
}

/// Least sum of weights that is divided by. Up to two factors beside that of the lag are each at least `exp(-2 * BOUND)` of the
/// largest.
pub(super) const LEAST_OF_PRODUCTS: f64 = 1e-16;

const BOUND: f64 = 5.0;

/// `exp(b(z))` with `b(z) = 5 tanh(z / 5)`.
pub(super) fn bounded_exp<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    ((z / BOUND).tanh() * BOUND).exp()
}

/// A band of `[targets * heads, width]` for each chunk, times what `log_weights` say of the time from each event to each
/// target: `[chunks, targets * heads, width]`.
pub(super) fn by_gap(band: Tensor<2>, log_weights: Tensor<2>, users: &UserBatch, heads: usize) -> Tensor<3> {
    let gaps = ints(gaps(users), &band.device());
    let (chunks, targets, width) = (users.chunks, users.targets, band.dims()[1]);
    let weights = bounded_exp(log_weights);
    let weights = match users.has_parallel_gradients() {
        true => {
            let intervals = weights.dims()[1];
            weights.matmul(one_hot(intervals, gaps))
        }
        false => weights.select(1, gaps),
    };
    let weights = weights.reshape([heads, chunks, targets, width]).permute([1, 2, 0, 3]);
    weights.reshape([chunks, targets * heads, width]) * band.unsqueeze_dim(0)
}

/// `[chunks * targets, heads * dim]`: means of `vectors`, of one table or of one per head, each `[chunks, width, dim]`,
/// weighted by `bands`, `[chunks, targets * heads, width]` or one for all chunks, and by what the queries `[dim, heads]`
/// make of them.
pub(super) fn weigh(
    bands: Tensor<3>,
    vectors: &[Tensor<3>],
    queries: Option<Tensor<2>>,
    mask: &Tensor<2>,
    heads: usize,
) -> Tensor<2> {
    let [chunks, width, dim] = vectors[0].dims();
    let [n_bands, rows, _] = bands.dims();
    let targets = rows / heads;
    let mask = mask.clone().reshape([chunks, width, 1]);
    let times = |bands: &Tensor<3>, vectors: Tensor<3>| match bands.dims() {
        [n_bands, ..] if n_bands == chunks => bands.clone().matmul(vectors),
        [_, rows, width] => broadcast_matmul(bands.clone().reshape([rows, width]), vectors),
    };
    let mean = |bands: &Tensor<3>, vectors: Tensor<3>, weights: Tensor<3>| {
        times(bands, vectors) / times(bands, weights).clamp_min(LEAST_OF_PRODUCTS)
    };
    if let (None, [vectors]) = (&queries, vectors) {
        return mean(&bands, vectors.clone(), mask).reshape([chunks * targets, heads * dim]);
    }
    let bands = bands.reshape([n_bands, targets, heads, width]);
    let pooled = (0..heads).map(|head| {
        let band = bands.clone().narrow(2, head, 1).reshape([n_bands, targets, width]);
        let vectors = &vectors[if vectors.len() == 1 { 0 } else { head }];
        let pooled = match &queries {
            // Vectors of padding are zero already.
            None => mean(&band, vectors.clone(), mask.clone()),
            Some(queries) => {
                let query = queries.clone().narrow(1, head, 1);
                let logits = vectors.clone().reshape([chunks * width, dim]).matmul(query);
                let weights = bounded_exp(logits).reshape([chunks, width, 1]) * mask.clone();
                mean(&band, vectors.clone() * weights.clone(), weights)
            }
        };
        pooled.reshape([chunks * targets, dim])
    });
    Tensor::cat(pooled.collect(), 1)
}
