use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use u2i_schema::{Side, Slot};

use crate::columns::ColumnTables;
use crate::init::check_sd;
use crate::{
    ColumnMismatch, DeclaredColumn, HistoryUse, Init, Inputs, ItemBatch, ModelError, ModelTensors,
    Normalization, PooledHistoryConfig, Table, TwoTower, TwoTowerConfig, UserBatch, UserTower,
    UserTowerConfig,
};

/// YouTubeDNN's candidate generation: Covington, Adams and Sargin, "Deep Neural Networks for YouTube
/// Recommendations", RecSys 2016.
///
/// The user tower pools the history and adds demographics; the item side is a table, the weights of the softmax.
/// Departures: there is no search history in MovieLens; pooling may be recency-aware; with
/// [`Normalization::L2`] the score is a cosine; item attributes may be part of the softmax weights, as metadata is of
/// an item's vector in Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YoutubeDnnConfig {
    /// Length of item vectors, those of the history and those that are recommended.
    pub dim: usize,
    /// Standard deviation of initial embeddings.
    pub init_sd: f64,
    /// Applied to both towers' outputs.
    pub normalization: Normalization,
    /// Whether the vectors of an item's columns, as long as that of its id, are added to it; not if left out. An item
    /// without training events is then ranked by its columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub item_attributes: bool,
    /// The user tower; its output has `dim` numbers.
    pub user: UserTowerConfig,
}

/// See [`YoutubeDnnConfig`].
#[derive(Module, Debug)]
pub struct YoutubeDnn {
    user: UserTower,
    items: Table,
    history: Option<Table>,
    attributes: ColumnTables,
    /// `[columns of numbers, dim]`.
    numbers: Option<Param<Tensor<2>>>,
    #[module(skip)]
    normalization: Normalization,
}

impl TwoTowerConfig for YoutubeDnnConfig {
    type Model = YoutubeDnn;

    fn name(&self) -> &str {
        "youtube_dnn"
    }

    fn description(&self) -> String {
        "tower of dense layers against a table of items".to_owned()
    }

    /// # Errors
    ///
    /// If the user tower's output is not `dim` long or a value is out of range.
    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<YoutubeDnn, ModelError> {
        let user_dim = self.user.mlp.output_dim()?;
        if user_dim != self.dim {
            return Err(ModelError::UnequalDims { user: user_dim, item: self.dim });
        }
        check_sd(self.init_sd)?;
        let (items, history) = inputs.item_tables(self.dim, self.init_sd, self.user.history.is_some(), init);
        let user = self.user.init(inputs, self.dim, self.init_sd, init)?;
        let columns = if self.item_attributes { &inputs.item[..] } else { &[] };
        if self.item_attributes && columns.is_empty() {
            return Err(ModelError::NoInput("item"));
        }
        let attributes = ColumnTables::new(columns, Slot::Item, self.dim, self.init_sd, init);
        let n_numbers = attributes.tables.iter().filter(|table| table.is_none()).count();
        let numbers =
            (n_numbers > 0).then(|| init.constant(vec![0.0; n_numbers * self.dim], [n_numbers, self.dim]));
        Ok(YoutubeDnn { user, items, history, attributes, numbers, normalization: self.normalization })
    }

    fn history(&self) -> Option<HistoryUse> {
        self.user.history.as_ref().map(PooledHistoryConfig::in_use)
    }

    /// Columns of items need [`item_attributes`](Self::item_attributes), or they would reach no vector.
    fn check(&self, at: &str, columns: &[DeclaredColumn<'_>]) -> Result<(), ColumnMismatch> {
        let of_items = columns.iter().position(|column| column.side == Side::Item);
        if let (Some(i), false) = (of_items, self.item_attributes) {
            let message = format!(
                "`{}` is of items, whose vectors `{at}` makes from ids alone unless `item_attributes` is true",
                columns[i].name
            );
            return Err(ColumnMismatch { key: format!("features.column.{i}"), message });
        }
        self.user.check(&format!("{at}.user"), columns)
    }

    fn tensors(&self, inputs: &Inputs, rows_per_item: u64) -> Option<ModelTensors> {
        let dim = self.dim as u64;
        Some(ModelTensors {
            history: self.user.history.as_ref().map(|history| history.tensors(self.dim, 1, inputs)),
            per_target: self.user.numbers_per_target(inputs, self.dim),
            // The vector of the id, and those of columns as looked up and added.
            per_item: (5 + if self.item_attributes { 3 * rows_per_item } else { 0 }) * dim,
            dim,
            has_user_bias: false,
        })
    }
}

impl TwoTower for YoutubeDnn {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        self.normalization.apply(self.user.forward(self.history.as_ref().unwrap_or(&self.items), users))
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        let mut vectors = items.ids.masked(self.items.lookup(items.ids.rows.clone()));
        if !self.attributes.tables.is_empty() {
            let mut numbers = Vec::new();
            for (table, own) in self.attributes.tables.iter().zip(self.attributes.embed(&items.columns)) {
                match table {
                    Some(_) => vectors = vectors + own,
                    None => numbers.push(own),
                }
            }
            if let Some(weights) = &self.numbers {
                vectors = vectors + Tensor::cat(numbers, 1).matmul(weights.val());
            }
        }
        self.normalization.apply(vectors)
    }

    fn ranks_cold_items(&self) -> bool {
        !self.attributes.tables.is_empty()
    }

    fn history_len(&self) -> usize {
        self.user.history_len()
    }

    fn tables(&self) -> Vec<&Table> {
        let own = std::iter::once(&self.items).chain(&self.history).chain(self.user.tables());
        own.chain(self.attributes.tables.iter().flatten()).collect()
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        let own = std::iter::once(&mut self.items).chain(&mut self.history).chain(self.user.tables_mut());
        own.chain(self.attributes.tables.iter_mut().flatten()).collect()
    }
}
