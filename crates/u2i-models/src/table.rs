use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use u2i_schema::Slot;

use crate::Init;

/// An embedding table and the batch columns that are looked up in it.
///
/// Row 0 is padding: it starts at zero, and what is looked up there is masked, so it gets no gradient.
#[derive(Module, Debug)]
pub struct Table {
    /// `[rows, dim]`.
    pub weight: Param<Tensor<2>>,
    /// The slots of a batch whose rows are rows of this table. Row-sparse training gathers just those rows.
    #[module(skip)]
    pub slots: Vec<Slot>,
}

impl Table {
    /// A table of `[rows, dim]` normal draws for the rows of `slots`.
    pub fn new(rows: usize, dim: usize, sd: f64, slots: impl Into<Vec<Slot>>, init: &mut Init) -> Self {
        Table { weight: init.table(rows, dim, sd), slots: slots.into() }
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
        let weight = self.weight.val();
        let n_rows = weight.dims()[0];
        let is_there = rows.end <= n_rows as u64 || u2i_bug::planted("any_row_is_looked_up");
        assert!(is_there, "row {} is not in a table of {n_rows} rows, of {:?}", rows.end - 1, self.slots);
        weight.select(0, rows.rows)
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.weight.lazy_shape()[1]
    }
}

/// Rows to look up in a [`Table`], on a device, with the one fact about them that [`Table::lookup`] checks.
///
/// The rows are known here, on the host; on a device they could not be checked without waiting for it.
#[derive(Debug, Clone)]
pub struct TableRows {
    /// `[n]`.
    rows: Tensor<1, Int>,
    /// One above the highest row; 0 if there is none.
    end: u64,
}

impl TableRows {
    /// Moves `[n]` rows to `device`.
    pub fn new(rows: &[u32], device: &Device) -> Self {
        let end = rows.iter().max().map_or(0, |&row| u64::from(row) + 1);
        TableRows { rows: ints(rows, device), end }
    }
}

/// `[n]` numbers below 2³¹ on a device.
pub(crate) fn ints(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}
