use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
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

    /// The vectors of `ids`.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[n]`, each below the number of rows
    /// - returns: `[n, dim]`
    pub fn lookup(&self, ids: Tensor<1, Int>) -> Tensor<2> {
        self.weight.val().select(0, ids)
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.weight.lazy_shape()[1]
    }
}
