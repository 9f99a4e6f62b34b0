/// Natural log of each item's share of all training events: what an in-batch softmax corrects by, for a row
/// of a batch is a training event drawn at random.
///
/// `counts` is `[items + 1]`, entry 0 padding. An item without events is never in a batch: its entry, and
/// padding's, is −∞.
///
/// ```
/// # use u2i_losses::samplers::popularity_log_q;
/// let log_q = popularity_log_q(&[0, 1, 3, 0]);
/// assert_eq!(log_q[..3], [f32::NEG_INFINITY, 0.25f32.ln(), 0.75f32.ln()]);
/// ```
pub fn popularity_log_q(counts: &[u32]) -> Vec<f32> {
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let log_share = |count| if count == 0 { f64::NEG_INFINITY } else { (f64::from(count) / total).ln() };
    counts.iter().map(|&count| log_share(count) as f32).collect()
}
