use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use u2i_host::ints;
use u2i_schema::Slot;

use crate::Init;

/// An embedding table and the batch columns that are looked up in it.
///
/// Row 0 is padding: it starts at zero, and what is looked up there is masked, so it gets no gradient.
#[derive(Module, Debug)]
pub struct Table {
    /// `[rows, dim]`. Half precision is welcome; [`lookup`](Self::lookup) hands out `f32` anyway.
    pub weight: Param<Tensor<2>>,
    /// The slots of a batch whose rows are rows of this table. Row-sparse training touches just those rows.
    #[module(skip)]
    pub slots: Vec<Slot>,
    /// The vectors that the next batch looks up, by slot; empty where it reads the weights.
    #[module(skip)]
    prefetched: Vec<(Slot, Tensor<2>)>,
}

impl Table {
    /// A table of `[rows, dim]` normal draws for the rows of `slots`.
    pub fn new(rows: usize, dim: usize, sd: f64, slots: impl Into<Vec<Slot>>, init: &mut Init) -> Self {
        Table { weight: init.table(rows, dim, sd), slots: slots.into(), prefetched: Vec::new() }
    }

    /// The vectors of some rows.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n]`
    /// - returns: `[n, dim]`
    ///
    /// # Panics
    ///
    /// If the table has no such row. Devices do not agree on what they read there, and some do not check.
    pub fn lookup(&self, rows: TableRows) -> Tensor<2> {
        if !self.prefetched.is_empty() {
            return self.prefetched_for(rows.slot, rows.n);
        }
        let weight = self.weight.val();
        let n_rows = weight.dims()[0];
        assert!(
            rows.end <= n_rows as u64,
            "row {} is not in a table of {n_rows} rows, of {:?}",
            rows.end - 1,
            self.slots
        );
        // Which holds numbers of half precision exactly.
        weight.select(0, rows.rows).cast(FloatDType::F32)
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.weight.lazy_shape()[1]
    }

    /// Sets the vectors that the next batch will look up: [`lookup`](Self::lookup) returns them instead of reading the
    /// weights. The gradient is then one of these vectors alone, however many rows the table has. After an empty list
    /// lookups read the weights again.
    ///
    /// # Shapes
    ///
    /// - `vectors`: one `[n, dim]` for each slot that the batch has, for its `n` rows
    ///
    /// # Panics
    ///
    /// If the vectors have another length.
    pub fn set_prefetched(&mut self, vectors: Vec<(Slot, Tensor<2>)>) {
        let dim = self.dim();
        assert!(
            vectors.iter().all(|(_, vectors)| vectors.dims()[1] == dim),
            "vectors as long as the table's"
        );
        self.prefetched = vectors;
    }

    /// The vectors that [`set_prefetched`](Self::set_prefetched) got, by slot.
    pub fn prefetched(&self) -> &[(Slot, Tensor<2>)] {
        &self.prefetched
    }

    fn prefetched_for(&self, slot: Slot, n: usize) -> Tensor<2> {
        let vectors = self.prefetched.iter().find_map(|(own, vectors)| (*own == slot).then_some(vectors));
        let vectors = vectors.unwrap_or_else(|| panic!("{slot:?} is not among the slots {:?}", self.slots));
        assert_eq!(vectors.dims()[0], n, "rows of {slot:?} in the batch that was prefetched for");
        vectors.clone()
    }
}

/// Rows to look up in a [`Table`], on a device, with what [`Table::lookup`] checks of them.
///
/// The rows are known here, on the host; on a device they could not be checked without waiting for it.
#[derive(Debug, Clone)]
pub struct TableRows {
    slot: Slot,
    /// `[n]`.
    rows: Tensor<1, Int>,
    n: usize,
    /// One above the highest row; 0 if there is none.
    end: u64,
}

impl TableRows {
    /// Moves the `[n]` rows of a slot to `device`.
    pub fn new(slot: Slot, rows: &[u32], device: &Device) -> Self {
        let end = rows.iter().max().map_or(0, |&row| u64::from(row) + 1);
        TableRows { slot, rows: ints(rows, device), n: rows.len(), end }
    }

    /// `[n]`, on the device.
    pub fn tensor(&self) -> &Tensor<1, Int> {
        &self.rows
    }
}
