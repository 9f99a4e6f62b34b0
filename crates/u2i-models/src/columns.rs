use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use u2i_schema::{Column, Slot, Transform};

use crate::pooling::SequencePooling;
use crate::{ColumnBatch, Init, ModelError, PoolingConfig, Table};

/// Embeds the columns of one side: each becomes `dim` numbers, real-valued columns one, sequences `dim` per head.
#[derive(Module, Debug)]
pub(crate) struct ColumnTables {
    /// One per column; `None` for real numbers.
    pub tables: Vec<Option<Table>>,
    /// One per column; of sequences alone.
    pools: Vec<Option<SequencePooling>>,
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
        Self::with_sequences(columns, slot, dim, sd, &BTreeMap::new(), init)
            .expect("a mean is always possible")
    }

    /// Tables as [`new`](Self::new) makes them, with ways to pool sequences by the names of columns; a mean for those that
    /// are not named.
    pub fn with_sequences(
        columns: &[Column],
        slot: impl Fn(usize) -> Slot,
        dim: usize,
        sd: f64,
        pooling: &BTreeMap<String, PoolingConfig>,
        init: &mut Init,
    ) -> Result<Self, ModelError> {
        let tables: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                column.transform.n_rows().map(|rows| Table::new(rows, dim, sd, [slot(i)], init))
            })
            .collect();
        let pool = |column: &Column| match column.transform {
            Transform::Sequence { length, .. } => {
                let config = pooling.get(&column.name).unwrap_or(&PoolingConfig::Mean {});
                SequencePooling::new(config, length as usize, dim, init).map(Some)
            }
            _ => Ok(None),
        };
        let pools = columns.iter().map(pool).collect::<Result<Vec<_>, _>>()?;
        let width_of = |(table, pool): (&Option<Table>, &Option<SequencePooling>)| match (table, pool) {
            (_, Some(pool)) => dim * pool.heads(),
            (Some(_), None) => dim,
            (None, None) => 1,
        };
        let width = tables.iter().zip(&pools).map(width_of).sum();
        Ok(ColumnTables { tables, pools, width })
    }

    /// Numbers per entry.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One `[n, dim]` tensor per column, `[n, heads * dim]` for sequences, `[n, 1]` for real numbers. The rows of a bag
    /// are summed.
    pub fn embed(&self, columns: &[ColumnBatch]) -> Vec<Tensor<2>> {
        assert_eq!(columns.len(), self.tables.len(), "one batch column per column of the model");
        let tables = self.tables.iter().zip(&self.pools);
        let embed = |((table, pool), column): ((&Option<Table>, &Option<SequencePooling>), _)| {
            embed(table.as_ref(), pool.as_ref(), column)
        };
        tables.zip(columns).map(embed).collect()
    }
}

/// Numbers of sequences as looked up, masked, weighed and in the order of the product, of each target and number of a
/// vector.
pub(crate) fn sequence_numbers(columns: &[Column]) -> u64 {
    let of = |column: &Column| match column.transform {
        Transform::Sequence { length, .. } => 4 * u64::from(length),
        _ => 0,
    };
    columns.iter().map(of).sum()
}

fn embed(table: Option<&Table>, pool: Option<&SequencePooling>, column: &ColumnBatch) -> Tensor<2> {
    let table = || table.expect("a column of rows has a table");
    match column {
        ColumnBatch::Rows(ids) => ids.masked(table().lookup(ids.rows.clone())),
        ColumnBatch::Bags { width, ids } => {
            let vectors = ids.masked(table().lookup(ids.rows.clone()));
            let [rows, dim] = vectors.dims();
            let vectors = vectors.reshape([rows / width, *width, dim]);
            match pool {
                Some(pool) => pool.forward(vectors, ids.mask.clone()),
                None => vectors.sum_dim(1).reshape([rows / width, dim]),
            }
        }
        ColumnBatch::Values(values) => values.clone(),
    }
}
