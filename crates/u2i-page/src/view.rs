//! `report.json` as a page needs it.

use std::collections::BTreeMap;

use serde::Deserialize;
use u2i::config::Seen;
use u2i_index::SearchQuality;

/// The parts of a [`Report`](u2i::report::Report) that are shown. What an older or newer version may lack is optional.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct View {
    pub model: String,
    pub description: Option<String>,
    pub recipe: Option<String>,
    pub dataset: String,
    pub protocol: Option<String>,
    pub data_hash: Option<String>,
    pub split_hash: Option<String>,
    pub config_hash: Option<String>,
    pub weights_hash: Option<String>,
    /// Test users.
    pub n_users: usize,
    /// Those that were ranked for, where the report says so.
    pub n_users_evaluated: Option<usize>,
    #[serde(default)]
    pub n_users_without_history: usize,
    pub n_items: usize,
    pub n_items_ranked: Option<usize>,
    pub candidates: Option<String>,
    pub seen: Seen,
    pub ties: Option<String>,
    pub targets_seen_share: Option<f64>,
    /// Relevant items of all users, where each has a set of them.
    pub n_relevant: Option<usize>,
    pub metrics: Means,
    #[serde(default)]
    pub metrics_ci95: Means,
    #[serde(default)]
    pub metrics_sample_ci95: Means,
    #[serde(default)]
    pub metrics_seen_kept: Means,
    pub baselines: BaselineMeans,
    pub cold: Option<ColdView>,
    pub below_markov_window: bool,
    #[serde(default)]
    pub no_better_than_popularity: bool,
    pub train: TrainView,
    pub prepare: Option<CostView>,
    pub evaluate: Option<CostView>,
    #[serde(default)]
    pub search: Vec<SearchQuality>,
    pub seed: Option<u64>,
    pub device: Option<String>,
    pub adapter: Option<String>,
    pub threads: Option<usize>,
    pub cpu: Option<String>,
    pub build: Option<String>,
    pub platform: Option<String>,
    pub version: Option<String>,
}

impl View {
    /// Test users that the figures are of.
    pub fn n_evaluated(&self) -> usize {
        self.n_users_evaluated.unwrap_or(self.n_users)
    }
}

/// Metrics by name, `hit_rate@10`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Means(BTreeMap<String, f64>);

impl Means {
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.0.get(metric).copied()
    }

    /// The list lengths that there are metrics for, ascending.
    pub fn cutoffs(&self) -> Vec<usize> {
        let cutoff = |metric: &String| metric.strip_prefix("hit_rate@")?.parse().ok();
        let mut cutoffs: Vec<usize> = self.0.keys().filter_map(cutoff).collect();
        cutoffs.sort_unstable();
        cutoffs
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BaselineMeans {
    pub random: Means,
    pub popularity: Means,
    pub markov_window: Means,
    pub markov_window_pruned: Option<PrunedView>,
}

/// The pairs that the Markov window is made of, where there were too many for it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PrunedView {
    pub pairs: u64,
    pub kept: u64,
    pub successors_per_item: u64,
}

/// Cold and warm targets apart.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ColdView {
    pub cold_items: GroupView,
    pub warm_items: GroupView,
    pub cold_users: GroupView,
    pub warm_users: GroupView,
    pub among_cold_items: AmongView,
}

/// A group of test targets; without targets it has no metrics.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GroupView {
    pub n_targets: usize,
    pub n_not_ranked: usize,
    pub metrics: Option<Means>,
    #[serde(default)]
    pub metrics_ci95: Means,
    pub baselines: Option<BaselineMeans>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AmongView {
    pub n_items: usize,
    pub n_candidates: usize,
    pub metrics: Option<Means>,
    pub chance: Option<Means>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TrainView {
    pub best_epoch: usize,
    pub samples: Option<usize>,
    pub samples_per_s: Option<f64>,
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_rss_mib: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct CostView {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_rss_mib: Option<f64>,
}
