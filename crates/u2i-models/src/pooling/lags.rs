//! Weights of events by their lag.

use std::ops::Range;

use burn::module::Param;
use burn::tensor::{Int, Tensor};
use u2i_ops::LEAST_LOG_WEIGHT;

use crate::{Init, ModelError};

/// `[heads, length]` log-weights that fall by a head's slope from lag to lag.
pub(super) fn log_weights(
    key: &'static str,
    slopes: &[f64],
    length: usize,
    init: &mut Init,
) -> Result<Param<Tensor<2>>, ModelError> {
    if slopes.is_empty() || slopes.iter().any(|slope| !slope.is_finite()) {
        return Err(ModelError::Range {
            key,
            found: format!("{slopes:?}"),
            expected: "at least one finite slope",
        });
    }
    let weights = slopes.iter().flat_map(|&slope| (0..length).map(move |lag| (-slope * lag as f64) as f32));
    let weights = weights.collect();
    Ok(init.constant(weights, [slopes.len(), length]))
}

/// Weights of `[heads, length]` log-weights, the largest of each head 1, and none less than that of [`LEAST_LOG_WEIGHT`]:
/// shifting a head's log-weights changes nothing after the division.
pub(super) fn by_lag(log_weights: Tensor<2>) -> Tensor<2> {
    let largest = log_weights.clone().detach().max_dim(1);
    let shifted = log_weights - largest;
    // NaN stays.
    let is_less = shifted.clone().detach().lower_elem(LEAST_LOG_WEIGHT);
    shifted.mask_fill(is_less, LEAST_LOG_WEIGHT).exp()
}

/// Some rows or columns; all, as they are.
pub(super) fn narrowed(weights: &Tensor<2>, dim: usize, range: Range<usize>) -> Tensor<2> {
    match weights.dims()[dim] == range.len() {
        true => weights.clone(),
        false => weights.clone().narrow(dim, range.start, range.len()),
    }
}

/// `[length, n]`: 1 in row `lags_j` of column `j`, else 0.
pub(super) fn one_hot(length: usize, lags: Tensor<1, Int>) -> Tensor<2> {
    let rows = Tensor::<1, Int>::arange(0..length as i64, (&lags.device(), lags.dtype()));
    rows.unsqueeze_dim::<2>(1).equal(lags.unsqueeze_dim(0)).float()
}

/// `[n, width]` times each `[width, dim]` of `[chunks, width, dim]`: `[chunks, n, dim]`.
pub(super) fn broadcast_matmul(band: Tensor<2>, vectors: Tensor<3>) -> Tensor<3> {
    let [chunks, width, dim] = vectors.dims();
    let n = band.dims()[0];
    let columns = vectors.swap_dims(0, 1).reshape([width, chunks * dim]);
    band.matmul(columns).reshape([n, chunks, dim]).swap_dims(0, 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// As in the operators: none is subnormal, and NaN is no small number.
    #[test]
    fn weights_by_lag_are_held_to_the_least() {
        let device = Device::flex().autodiff();
        let log_weights = Tensor::<2>::from_data([[40.0, 39.0, -60.0], [0.0, f32::NAN, -100.0]], &device);
        let log_weights = log_weights.require_grad();
        let weights = by_lag(log_weights.clone());
        let found: Vec<f32> = weights.clone().into_data().try_into_vec().unwrap();
        assert_eq!(found[..3], [1.0, (-1f32).exp(), LEAST_LOG_WEIGHT.exp()]);
        assert!(found[4].is_nan());
        let gradients = weights.narrow(0, 0, 1).sum().backward();
        let of: Vec<f32> = log_weights.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
        assert_eq!(of[..3], [1.0, (-1f32).exp(), 0.0]);
    }
}
