use burn::module::Module;
use burn::tensor::Tensor;
use u2i_schema::{Column, Slot};

use crate::{ColumnBatch, Init, Table};

/// Embeds the columns of one side: each becomes `dim` numbers, real-valued columns one.
#[derive(Module, Debug)]
pub(crate) struct ColumnTables {
    /// One per column; `None` for real numbers.
    pub tables: Vec<Option<Table>>,
    #[module(skip)]
    width: usize,
}

impl ColumnTables {
    /// Tables of `columns`, whose places in a batch are those of `slot`.
    pub fn new(
        columns: &[Column],
        slot: impl Fn(usize) -> Slot,
        dim: usize,
        sd: f64,
        init: &mut Init,
    ) -> Self {
        let tables: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                column.transform.n_rows().map(|rows| Table::new(rows, dim, sd, [slot(i)], init))
            })
            .collect();
        let width = tables.iter().map(|table| if table.is_some() { dim } else { 1 }).sum();
        ColumnTables { tables, width }
    }

    /// Numbers per entry.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One `[n, dim]` tensor per column, `[n, 1]` for real numbers. The rows of a bag are summed.
    pub fn embed(&self, columns: &[ColumnBatch]) -> Vec<Tensor<2>> {
        assert_eq!(columns.len(), self.tables.len(), "one batch column per column of the model");
        self.tables.iter().zip(columns).map(|(table, column)| embed(table.as_ref(), column)).collect()
    }
}

fn embed(table: Option<&Table>, column: &ColumnBatch) -> Tensor<2> {
    let table = || table.expect("a column of rows has a table");
    match column {
        ColumnBatch::Rows(ids) => ids.masked(table().lookup(ids.rows.clone())),
        ColumnBatch::Bags { width, ids } => {
            let vectors = ids.masked(table().lookup(ids.rows.clone()));
            let [rows, dim] = vectors.dims();
            vectors.reshape([rows / width, *width, dim]).sum_dim(1).reshape([rows / width, dim])
        }
        ColumnBatch::Values(values) => values.clone(),
    }
}
