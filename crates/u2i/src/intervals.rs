//! Confidence intervals of metrics, as reports have them.

use serde_json::{Map, Value, json};
use u2i_eval::{Metric, Metrics};

/// Half the width of 95 % confidence intervals over users, by metric.
pub fn half_widths(metrics: &Metrics) -> Map<String, Value> {
    let half = |(metric, estimate): (Metric, u2i_eval::Estimate)| {
        estimate.interval_95().map(|[low, high]| (metric.to_string(), json!((high - low) / 2.0)))
    };
    metrics.iter().filter_map(half).collect()
}

/// Half the width of 95 % intervals of what the metrics of all `n_users` would be, of which those that were measured are a
/// sample without replacement, by metric.
///
/// With `n` measured users that is `1.96 · sd / √n · √(1 - n / n_users)`: Cochran, "Sampling Techniques", 1977, section 2.6.
/// It is 0 where all are measured, while [`half_widths`] speaks of users that are not there.
///
/// # Examples
///
/// Of two users one is hit: the deviation is `√½`, so the interval of four such users is `1.96 · ½ · √½` to either side.
///
/// ```
/// # use u2i::eval::{Accumulator, Rank};
/// # use u2i::intervals::{half_widths, half_widths_of_sample};
/// let mut metrics = Accumulator::new(&[1])?;
/// metrics.add_rank(Rank::new(0, 0));
/// metrics.add_rank(Rank::MISS);
/// let metrics = metrics.finish()?;
/// let half = half_widths_of_sample(&metrics, 4)["hit_rate@1"].as_f64().unwrap();
/// assert!((half - 0.98 * 0.5f64.sqrt()).abs() < 1e-12);
/// assert_eq!(half_widths_of_sample(&metrics, 2)["hit_rate@1"], 0.0);
/// # Ok::<(), u2i::eval::EvalError>(())
/// ```
pub fn half_widths_of_sample(metrics: &Metrics, n_users: usize) -> Map<String, Value> {
    let left = (1.0 - metrics.n_users() as f64 / n_users.max(1) as f64).max(0.0).sqrt();
    let half = |(metric, half): (String, Value)| (metric, json!(half.as_f64().unwrap_or(0.0) * left));
    half_widths(metrics).into_iter().map(half).collect()
}
