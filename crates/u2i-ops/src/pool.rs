use burn::tensor::Tensor;

use crate::{Divisor, Windows};

/// Sums of the vectors of each target's events, divided, one for each head; or nothing where a tensor is not of 32-bit
/// numbers of burn's flex backend.
///
/// With `log_weights`, the event of lag `l` (0 is the newest) weighs `exp(log_weights[head, l])` in a head; without, 1
/// in the only head. Under [`Divisor::Weights`] the weights of a head are scaled by the largest, which changes nothing
/// above `least`, and none is less than `exp(`[`LEAST_LOG_WEIGHT`](crate::LEAST_LOG_WEIGHT)`)`. The sums are computed in the window of each target,
/// not as a product with a band of which more than half is zero, and each is added up from the oldest event to the
/// newest: it has the same bits wherever its window lies in a chunk.
///
/// # Shapes
///
/// - `vectors`: `[chunks * width, dim]`
/// - `mask`: `[chunks, width]`, 0 where there is no event, else 1
/// - `keep`: `[chunks * width * dim]`, what each number is multiplied by, of dropout
/// - `log_weights`: `[heads, length]`
/// - returns: `[chunks * targets, heads * dim]`
///
/// No gradient reaches the mask, nor, through what weights are scaled by, the largest of them.
///
/// # Panics
///
/// If the shapes do not fit, there are no targets, lags, heads or numbers in a vector, or `least` is not above 0.
///
/// # Examples
///
/// Two targets, of which the first sees the events 1 and 2, the other 2 and 4.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// # use burn::tensor::{Device, Tensor};
/// use u2i_ops::{Divisor, Windows, pool};
///
/// let device = Device::flex();
/// let vectors = Tensor::<2>::from_data([[1.0], [2.0], [4.0]], &device);
/// let windows = Windows { length: 2, targets: 2 };
/// let mask = Tensor::ones([1, 3], &device);
/// let means = pool(&vectors, &mask, None, None, windows, Divisor::Count).expect("the device is burn's flex");
/// assert_eq!(means.into_data().try_into_vec::<f32>().unwrap(), [1.5, 3.0]);
/// # }
/// ```
pub fn pool(
    vectors: &Tensor<2>,
    mask: &Tensor<2>,
    keep: Option<Vec<f32>>,
    log_weights: Option<&Tensor<2>>,
    windows: Windows,
    divisor: Divisor,
) -> Option<Tensor<2>> {
    assert!(windows.length > 0 && windows.targets > 0, "{windows:?} look at nothing");
    let ([rows, dim], width) = (vectors.dims(), windows.width());
    assert!(
        dim > 0 && log_weights.is_none_or(|weights| weights.dims()[0] > 0),
        "vectors and heads hold numbers"
    );
    let is_divisor = !matches!(divisor, Divisor::Weights { least } if least.is_nan() || least <= 0.0);
    assert!(is_divisor, "{divisor:?} may divide by 0");
    assert!(rows.is_multiple_of(width), "{rows} rows of chunks of {width}");
    assert_eq!(mask.dims(), [rows / width, width], "the shape of the mask");
    assert!(keep.as_ref().is_none_or(|keep| keep.len() == rows * dim), "a factor for each number");
    assert!(log_weights.is_none_or(|weights| weights.dims()[1] == windows.length), "a weight for each lag");
    #[cfg(feature = "flex")]
    return crate::flex::pool(vectors, mask, keep, log_weights, windows, divisor);
    #[cfg(not(feature = "flex"))]
    None
}
