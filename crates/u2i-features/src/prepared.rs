use u2i_schema::{
    BatchMaker, Catalog, Column, EventStore, Sample, SampleTable, Side, SideEvents, Slot, TrainEvents, Users,
};

use crate::raw::Times;
use crate::target_sets::TargetSets;

/// Data that is ready to train and to evaluate on.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Fitted columns: user, then item, then request side, each in the order of the config.
    pub columns: Vec<Column>,
    /// Events of other kinds, of each sequence column in the order of the request columns; for who asks later.
    pub sequences: Vec<SideEvents>,
    /// All users that have an event, with encoded columns.
    pub users: Users,
    /// All items that have an event, with encoded columns.
    pub catalog: Catalog,
    /// All events, by user in their total order. For histories at evaluation time only.
    pub events: EventStore,
    /// Training events: the only thing that vocabularies, counts, samples and baselines are made from.
    pub train: TrainEvents,
    /// Training targets.
    pub samples: SampleTable,
    /// Columns, or item ids, and the share of each that a training step takes for unknown.
    pub id_dropout: Vec<(Slot, f64)>,
    /// Edges of the intervals that batches tell the time since an event by.
    pub gap_edges_s: Vec<i64>,
    /// Validation targets, at most one per user.
    pub validation: Vec<Sample>,
    /// Test targets, at most one per user.
    pub test: Vec<Sample>,
    /// Validation users that there are. `validation` may be a sample of them.
    pub n_validation_users: usize,
    /// Test users that there are. `test` may be a sample of them.
    pub n_test_users: usize,
    /// How many events from each of `validation` on are relevant; empty where it is that one.
    pub validation_lengths: Vec<u32>,
    /// How many events from each of `test` on are relevant; empty where it is that one.
    pub test_lengths: Vec<u32>,
    /// Events of an earlier file of the split at or after their user's first one of a later file.
    pub n_later_training: usize,
    /// Users whose test target has no event before it: they are not in `test` and reported apart.
    pub n_test_without_history: usize,
    /// Whether events say when they happened; if not, all times of `events` are 0.
    pub times: Times,
    /// Pairs of neighbouring events of a user that happened at the same time, to the nanosecond: their order is not theirs.
    pub n_ties: usize,
    /// BLAKE3 of the input files.
    pub data_hash: String,
    /// BLAKE3 of events, training prefixes, samples and targets.
    pub split_hash: String,
}

impl Prepared {
    /// The fitted columns of one side, in the order in which batches hold them.
    pub fn columns(&self, side: Side) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| column.side == side)
    }

    /// What is relevant of each of `validation`.
    pub fn validation_sets(&self) -> TargetSets {
        self.sets(&self.validation, &self.validation_lengths)
    }

    /// What is relevant of each of `test`.
    pub fn test_sets(&self) -> TargetSets {
        self.sets(&self.test, &self.test_lengths)
    }

    fn sets(&self, targets: &[Sample], lengths: &[u32]) -> TargetSets {
        match lengths {
            [] => TargetSets::of_one(&self.events, targets),
            lengths => TargetSets::of_many(&self.events, targets, lengths),
        }
    }

    /// Slices training batches: histories and targets come from training events.
    pub fn train_batches(&self, history_len: usize) -> BatchMaker<'_> {
        BatchMaker::new(self.train.events(), &self.users, &self.catalog, history_len)
            .with_newest_s(self.train.newest_s())
            .with_gap_edges_s(&self.gap_edges_s)
    }

    /// Slices batches as a server would: histories are all events before a target, ages are zero.
    pub fn eval_batches(&self, history_len: usize) -> BatchMaker<'_> {
        BatchMaker::new(&self.events, &self.users, &self.catalog, history_len)
            .with_gap_edges_s(&self.gap_edges_s)
    }
}
