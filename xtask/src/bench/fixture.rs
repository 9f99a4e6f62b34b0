//! What tests of the table and of the page begin with.

use serde_json::{Value, json};

use super::contest::Contest;
use super::contests::contests;

/// A round as a contender tells it.
pub(super) fn round(wall_s: f64) -> Value {
    json!({ "wall_s": wall_s, "cpu_s": 2.0 * wall_s, "work": 10, "steps": 5, "p50_s": 0.1, "peak_rss_mib": 7.5 })
}

/// The first contest of an id.
pub(super) fn contest(id: &str) -> &'static Contest {
    contests().find(|contest| contest.id == id).unwrap()
}
