//! Metrics as reports have them: with their intervals, and those of counting.

use serde::Serialize;
use serde_json::{Map, Value, json};
use u2i_eval::{Metric, Metrics};

/// What counting reaches on the same targets.
#[derive(Debug, Clone, Serialize)]
pub struct Baselines {
    /// A random order.
    pub random: Metrics,
    /// The most popular items.
    pub popularity: Metrics,
    /// Items that followed the newest ones of the history.
    pub markov_window: Metrics,
}

/// Half the width of 95 % confidence intervals over users, by metric.
pub fn half_widths(metrics: &Metrics) -> Map<String, Value> {
    let half = |(metric, estimate): (Metric, u2i_eval::Estimate)| {
        estimate.interval_95().map(|[low, high]| (metric.to_string(), json!((high - low) / 2.0)))
    };
    metrics.iter().filter_map(half).collect()
}
