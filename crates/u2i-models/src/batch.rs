use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor};
use u2i_host::{floats, ints};
use u2i_schema::{ColumnRows, ItemRows, PADDING, Slot, UserRows};

use crate::{Noise, TableRows};

/// Table rows on a device, with a mask where some are padding.
#[derive(Debug, Clone)]
pub struct Ids {
    /// `[n]` table rows.
    pub rows: TableRows,
    /// `[n, 1]`, 0 at padding, else 1; `None` where nothing is padding.
    pub mask: Option<Tensor<2>>,
}

impl Ids {
    fn new(slot: Slot, rows: &[u32], device: &Device) -> Self {
        let mask = rows.contains(&PADDING).then(|| floats(mask(rows), device).reshape([rows.len(), 1]));
        Ids { rows: TableRows::new(slot, rows, device), mask }
    }

    /// Zeroes the vectors of padding. `vectors` is `[n, dim]`.
    pub fn masked(&self, vectors: Tensor<2>) -> Tensor<2> {
        match &self.mask {
            Some(mask) => vectors * mask.clone(),
            None => vectors,
        }
    }
}

/// A column of a batch on a device.
#[derive(Debug, Clone)]
pub enum ColumnBatch {
    /// One row each: `[n]`.
    Rows(Ids),
    /// `width` rows each: `[n * width]`.
    Bags {
        /// Rows per entry.
        width: usize,
        /// `[n * width]`.
        ids: Ids,
    },
    /// One number each: `[n, 1]`.
    Values(Tensor<2>),
}

impl ColumnBatch {
    fn new(slot: Slot, column: &ColumnRows, device: &Device) -> Self {
        match column {
            ColumnRows::Rows(rows) => ColumnBatch::Rows(Ids::new(slot, rows, device)),
            ColumnRows::Bags { width, rows } => {
                ColumnBatch::Bags { width: *width, ids: Ids::new(slot, rows, device) }
            }
            ColumnRows::Values(values) => {
                ColumnBatch::Values(floats(values.clone(), device).reshape([values.len(), 1]))
            }
        }
    }

    fn all(columns: &[ColumnRows], slot: impl Fn(usize) -> Slot, device: &Device) -> Vec<Self> {
        columns.iter().enumerate().map(|(i, column)| ColumnBatch::new(slot(i), column, device)).collect()
    }

    /// The table rows; `None` for a column of numbers.
    pub fn rows(&self) -> Option<&TableRows> {
        match self {
            ColumnBatch::Rows(ids) | ColumnBatch::Bags { ids, .. } => Some(&ids.rows),
            ColumnBatch::Values(_) => None,
        }
    }
}

/// The user side of a batch on a device: `batch` targets in `chunks` chunks.
#[derive(Debug, Clone)]
pub struct UserBatch {
    /// Number of chunks.
    pub chunks: usize,
    /// Places for targets per chunk.
    pub targets: usize,
    /// Number of targets.
    pub batch: usize,
    /// How many events before a target are its history.
    pub history_len: usize,
    /// `[chunks * (history_len + targets - 1)]` rows of the id table, oldest first; `None` without history.
    pub history: Option<TableRows>,
    /// `[chunks, history_len + targets - 1]`, 0 at padding, else 1; `None` without history.
    pub history_mask: Option<Tensor<2>>,
    /// `[chunks * targets * (history_len + targets - 1)]` intervals of the time from each event to each target, in the
    /// host's memory; `None` where the batch does not tell them.
    pub gaps: Option<Arc<[u32]>>,
    /// User columns, `[chunks]` entries each.
    pub user: Vec<ColumnBatch>,
    /// Request columns, `[batch]` entries each.
    pub request: Vec<ColumnBatch>,
    /// `[batch]`: `chunk * targets + i` of each target; `None` if all are taken.
    pub places: Option<Tensor<1, Int>>,
    /// `[batch]`: the chunk of each target; `None` if each has one.
    pub chunk_of: Option<Tensor<1, Int>>,
    /// `[batch, 1]`: `ln(1 + n) / 5` for `n` events before the target.
    pub log_n_earlier: Tensor<2>,
    /// `[batch, 1]`: days from the target to the newest training event; 0 when serving.
    pub example_age_days: Tensor<2>,
    /// Dropout of a training batch.
    pub noise: Option<Noise>,
    parallel_gradients: bool,
}

impl UserBatch {
    /// Moves a host batch to `device`.
    ///
    /// # Panics
    ///
    /// If a place lies behind the last chunk, or a column of numbers is not as long as the batch.
    pub fn new(rows: &UserRows, noise: Option<Noise>, device: &Device) -> Self {
        let batch = rows.batch();
        let n_places = rows.chunks * rows.targets;
        if let Some(place) = rows.places.iter().find(|&&place| place as usize >= n_places) {
            panic!("place {place} is not in {} chunks of {} targets", rows.chunks, rows.targets);
        }
        let targets = rows.targets as u32;
        // Every place of every chunk is taken, so the places are 0, 1, 2, …
        let is_full = batch == rows.chunks * rows.targets;
        let chunk_of: Vec<u32> = rows.places.iter().map(|place| place / targets).collect();
        let has_history = rows.history_len > 0;
        let width = rows.history.len().checked_div(rows.chunks).unwrap_or(0);
        let logs: Vec<f32> = rows.n_earlier.iter().map(|&n| (f64::from(n).ln_1p() / 5.0) as f32).collect();
        UserBatch {
            chunks: rows.chunks,
            targets: rows.targets,
            batch,
            history_len: rows.history_len,
            history: has_history.then(|| TableRows::new(Slot::History, &rows.history, device)),
            history_mask: has_history
                .then(|| floats(mask(&rows.history), device).reshape([rows.chunks, width])),
            gaps: (!rows.gaps.is_empty()).then(|| rows.gaps.as_slice().into()),
            user: ColumnBatch::all(&rows.user, Slot::User, device),
            request: ColumnBatch::all(&rows.request, Slot::Request, device),
            places: (!is_full).then(|| ints(&rows.places, device)),
            chunk_of: (!(is_full && rows.targets == 1)).then(|| ints(&chunk_of, device)),
            log_n_earlier: floats(logs, device).reshape([batch, 1]),
            example_age_days: floats(rows.example_age_days.clone(), device).reshape([batch, 1]),
            noise,
            parallel_gradients: false,
        }
    }

    /// Has gradients of what is repeated or picked computed by products and sums of all numbers, as GPUs like it. A CPU
    /// is faster when it adds them one after another, which is what a new batch has it do. The values are the same.
    pub fn with_parallel_gradients(self) -> Self {
        UserBatch { parallel_gradients: true, ..self }
    }

    pub(crate) fn has_parallel_gradients(&self) -> bool {
        self.parallel_gradients
    }

    /// The table rows of a slot of the user side; `None` for a slot of the item side, or where the batch has none.
    pub fn rows(&self, slot: Slot) -> Option<&TableRows> {
        match slot {
            Slot::History => self.history.as_ref(),
            Slot::User(column) => self.user.get(column)?.rows(),
            Slot::Request(column) => self.request.get(column)?.rows(),
            Slot::ItemId | Slot::Item(_) => None,
        }
    }

    /// Repeats `[chunks, dim]` for the targets of each chunk: `[batch, dim]`.
    pub fn per_target(&self, per_chunk: Tensor<2>) -> Tensor<2> {
        match &self.chunk_of {
            Some(_) if self.parallel_gradients => {
                let [chunks, dim] = per_chunk.dims();
                let all = per_chunk.reshape([chunks, 1, dim]).expand([chunks, self.targets, dim]);
                self.at_places(all.reshape([chunks * self.targets, dim]))
            }
            Some(chunk_of) => per_chunk.select(0, chunk_of.clone()),
            None => per_chunk,
        }
    }

    /// Picks the targets out of `[chunks * targets, dim]`: `[batch, dim]`.
    pub fn at_places(&self, all: Tensor<2>) -> Tensor<2> {
        match &self.places {
            // The gradient of `select` is added up place by place, that of `gather_nd` at once: no place is there twice.
            Some(places) if self.parallel_gradients => all.gather_nd(places.clone().reshape([self.batch, 1])),
            Some(places) => all.select(0, places.clone()),
            None => all,
        }
    }
}

/// The item side of a batch on a device.
#[derive(Debug, Clone)]
pub struct ItemBatch {
    /// Number of items.
    pub items: usize,
    /// `[items]` rows of the id table; padding for an item that has no id vector.
    pub ids: Ids,
    /// Item columns, `[items]` entries each.
    pub columns: Vec<ColumnBatch>,
    /// Dropout of a training batch.
    pub noise: Option<Noise>,
}

impl ItemBatch {
    /// Moves a host batch to `device`.
    pub fn new(rows: &ItemRows, noise: Option<Noise>, device: &Device) -> Self {
        ItemBatch {
            items: rows.ids.len(),
            ids: Ids::new(Slot::ItemId, &rows.ids, device),
            columns: ColumnBatch::all(&rows.columns, Slot::Item, device),
            noise,
        }
    }

    /// The table rows of a slot of the item side; `None` for a slot of the user side, or where the batch has none.
    pub fn rows(&self, slot: Slot) -> Option<&TableRows> {
        match slot {
            Slot::ItemId => Some(&self.ids.rows),
            Slot::Item(column) => self.columns.get(column)?.rows(),
            Slot::History | Slot::User(_) | Slot::Request(_) => None,
        }
    }
}

fn mask(rows: &[u32]) -> Vec<f32> {
    rows.iter().map(|&row| if row == PADDING { 0.0 } else { 1.0 }).collect()
}
