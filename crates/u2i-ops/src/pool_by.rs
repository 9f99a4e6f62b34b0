use std::sync::Arc;

use burn::tensor::Tensor;

use crate::{Factors, Windows};

/// Weighted means of the vectors of each target's events, one for each head, where an event may weigh another for each target;
/// or nothing where a tensor is not of 32-bit numbers of burn's flex backend.
///
/// ```text
/// mean = Σ weight · vector / max(Σ weight, least)
/// ```
///
/// Otherwise as [`pool`](crate::pool), which is faster where weights depend on the lag alone. Factors are weights
/// themselves, not their logarithms, and gradients reach each of them. An event that a target does not see, or that is not
/// there, may have any factors.
///
/// # Shapes
///
/// - `vectors`: `[chunks * width, dim]`
/// - `mask`: `[chunks, width]`, 0 where there is no event, else 1
/// - `keep`: `[chunks * width * dim]`, what each number is multiplied by, of dropout
/// - returns: `[chunks * targets, heads * dim]`
///
/// # Panics
///
/// If the shapes do not fit, there are no targets, lags, heads or numbers in a vector, `least` is not above 0, or there is no
/// such interval.
///
/// # Examples
///
/// Two targets, of which the first sees the events 1 and 2, the other 2 and 4. What happened in the last hour weighs three
/// times as much.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// # use burn::tensor::{Device, Tensor};
/// use u2i_ops::{Factors, Windows, pool_by};
///
/// let device = Device::flex();
/// let vectors = Tensor::<2>::from_data([[1.0], [2.0], [4.0]], &device);
/// let mask = Tensor::ones([1, 3], &device);
/// let by_hour = Tensor::<2>::from_data([[3.0, 1.0]], &device);
/// // To the first target, event 1 was long ago and event 2 just now; the third event is none of its own.
/// let hours = vec![1, 0, 0, /* second target */ 0, 1, 0].into();
/// let factors = Factors { by_gap: Some((&by_hour, &hours)), ..Factors::default() };
/// let windows = Windows { length: 2, targets: 2 };
/// let means = pool_by(&vectors, &mask, None, factors, windows, 1e-8).expect("the device is burn's flex");
/// assert_eq!(means.into_data().try_into_vec::<f32>().unwrap(), [1.75, 3.5]);
/// # }
/// ```
pub fn pool_by(
    vectors: &Tensor<2>,
    mask: &Tensor<2>,
    keep: Option<Vec<f32>>,
    factors: Factors<'_>,
    windows: Windows,
    least: f32,
) -> Option<Tensor<2>> {
    assert!(windows.length > 0 && windows.targets > 0, "{windows:?} look at nothing");
    let ([rows, dim], width) = (vectors.dims(), windows.width());
    let heads = factors.all_heads().next().unwrap_or(1);
    assert!(dim > 0 && heads > 0, "vectors and heads hold numbers");
    assert!(factors.all_heads().all(|own| own == heads), "all factors have {heads} heads");
    assert!(least > 0.0, "{least} may divide by 0");
    assert!(rows.is_multiple_of(width), "{rows} rows of chunks of {width}");
    assert_eq!(mask.dims(), [rows / width, width], "the shape of the mask");
    assert!(keep.as_ref().is_none_or(|keep| keep.len() == rows * dim), "a factor for each number");
    assert!(factors.by_lag.is_none_or(|by_lag| by_lag.dims()[1] == windows.length), "a factor for each lag");
    let is_interval = |gaps: &Arc<[u32]>| gaps.len() == rows * windows.targets;
    assert!(
        factors.by_gap.is_none_or(|(_, gaps)| is_interval(gaps)),
        "an interval for each event and target"
    );
    assert!(factors.by_event.is_none_or(|by_event| by_event.dims()[0] == rows), "a factor for each event");
    #[cfg(feature = "flex")]
    return crate::flex::pool_by(vectors, mask, keep, factors, heads, windows, least);
    #[cfg(not(feature = "flex"))]
    None
}
