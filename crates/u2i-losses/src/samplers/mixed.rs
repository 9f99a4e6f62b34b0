use super::{Negatives, Sampler};

/// Corrections of the negatives of a batch that are partly its own items, partly drawn for it:
/// [`mixed_softmax`](crate::mixed_softmax).
///
/// An item is expected `batch · p_j + n · q_j` times among them, with `p_j` its share of training events and `q_j` the
/// sampler's probability, whichever side it came from.
///
/// - `items`: items of the batch, `[batch]`
/// - `log_p`: natural log of each item's share, `[items + 1]`: [`popularity_log_q`](super::popularity_log_q)
/// - `n`: how many draws `drawn` is of
/// - returns: corrections of `items`, and of the items of `drawn`, `[batch]` and `[negatives]`. In the second an item
///   weighs as much as all its appearances would, as in [`Negatives::log_expected`].
///
/// # Panics
///
/// If an item is beyond `log_p`.
pub fn mixed_log_expected<S: Sampler + ?Sized>(
    items: &[u32],
    log_p: &[f32],
    sampler: &S,
    drawn: &Negatives,
    n: usize,
) -> (Vec<f32>, Vec<f32>) {
    let batch = items.len() as f64;
    let log_expected = |item: u32| {
        let from_batch = batch * f64::from(log_p[item as usize]).exp();
        (from_batch + n as f64 * f64::from(sampler.log_q(item)).exp()).ln()
    };
    // `log_expected` of a draw is ln(n · q) - ln(count).
    let log_n = (n as f64).ln();
    let log_count = |(&item, &log): (&u32, &f32)| log_n + f64::from(sampler.log_q(item)) - f64::from(log);
    let of_drawn = drawn.items.iter().zip(&drawn.log_expected);
    (
        items.iter().map(|&item| log_expected(item) as f32).collect(),
        of_drawn.map(|pair| (log_expected(*pair.0) - log_count(pair)) as f32).collect(),
    )
}
