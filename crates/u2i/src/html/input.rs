//! What a page is made from.

/// The files of a run's folder.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// `config.toml`.
    pub config: String,
    /// `report.json`, a [`Report`](crate::report::Report).
    pub report: serde_json::Value,
    /// Loss and learning rate of steps.
    pub steps: Vec<StepLine>,
    /// Epochs in order.
    pub epochs: Vec<EpochLine>,
    /// One row per test target.
    pub ranks: Vec<TargetRow>,
    /// One row per item of the catalogue.
    pub recommended: Vec<ItemRow>,
    /// Indexes against exact search.
    pub index: Vec<IndexLine>,
}

/// A training step.
#[derive(Debug, Clone)]
pub struct StepLine {
    /// Step over all epochs.
    pub step: usize,
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss of the step's targets.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// An epoch.
#[derive(Debug, Clone)]
pub struct EpochLine {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss of the epoch's targets.
    pub loss: f64,
    /// Validation metric after the epoch.
    pub validation: Option<f64>,
    /// Which metric that is.
    pub metric: String,
    /// Last step of the epoch.
    pub step: usize,
}

/// Where a test target was ranked.
#[derive(Debug, Clone)]
pub struct TargetRow {
    /// The user.
    pub user_id: String,
    /// The target.
    pub item_id: String,
    /// Events of the user before the target.
    pub n_earlier: u32,
    /// Training events of the target; 0 if it is cold.
    pub n_train: u32,
    /// Mean rank among ties, seen items excluded; `None` for a miss.
    pub rank: Option<f64>,
    /// The same with seen items ranked like any other.
    pub rank_kept: Option<f64>,
}

/// How often an item is recommended.
#[derive(Debug, Clone)]
pub struct ItemRow {
    /// The item.
    pub item_id: String,
    /// Its title, where the data has one.
    pub title: Option<String>,
    /// Its training events.
    pub n_train: u32,
    /// Test users whose top 10 holds it, seen items excluded.
    pub n_lists: u32,
}

/// An index against exact search.
#[derive(Debug, Clone)]
pub struct IndexLine {
    /// Its name with all settings.
    pub kind: String,
    /// Length of the lists.
    pub k: usize,
    /// Number of queries.
    pub n_queries: usize,
    /// Mean share of the exact list that is found.
    pub recall: f64,
    /// Median time of one query, in microseconds.
    pub p50_us: f64,
    /// Time that 99 % of the queries stay below, in microseconds.
    pub p99_us: f64,
}
