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
