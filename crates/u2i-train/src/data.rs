use u2i_schema::{BatchMaker, SampleTable, Slot};

/// What is learned from.
#[derive(Debug, Clone, Copy)]
pub struct TrainData<'a> {
    /// Slices batches of training events.
    pub batches: BatchMaker<'a>,
    /// The targets.
    pub samples: &'a SampleTable,
    /// Columns, and item ids, of which a step takes a share for unknown: [`UserRows::forget`], [`ItemRows::forget`].
    ///
    /// [`UserRows::forget`]: u2i_schema::UserRows::forget
    /// [`ItemRows::forget`]: u2i_schema::ItemRows::forget
    pub id_dropout: &'a [(Slot, f64)],
}
