use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use u2i_schema::Slot;

use crate::columns::ColumnTables;
use crate::init::check_sd;
use crate::user_tower::ITEM_SITE;
use crate::{
    ColumnMismatch, DeclaredColumn, HistoryUse, Init, Inputs, ItemBatch, Mlp, MlpConfig, ModelError,
    ModelTensors, Normalization, PooledHistoryConfig, Table, TwoTower, TwoTowerConfig, UserBatch, UserTower,
    UserTowerConfig,
};

/// Two dense towers: Huang, He, Gao, Deng, Acero and Heck, "Learning Deep Structured Semantic Models for Web
/// Search using Clickthrough Data", CIKM 2013, with ids and attributes in place of words.
///
/// Departures: the user tower may look at the history; item ids are an input, so that items with the same
/// attributes differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DssmConfig {
    /// Length of the vectors of item ids, on the item side and in the history.
    pub embedding_dim: usize,
    /// Standard deviation of initial embeddings.
    pub init_sd: f64,
    /// Applied to both towers' outputs.
    pub normalization: Normalization,
    /// The user tower.
    pub user: UserTowerConfig,
    /// The item tower; its output is as long as the user tower's.
    pub item: ItemTowerConfig,
}

/// The item side of [`Dssm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemTowerConfig {
    /// Length of the vectors of item columns.
    pub column_dim: usize,
    /// Whether the vector of the item's id is added to the output.
    pub residual: bool,
    /// The dense layers.
    pub mlp: MlpConfig,
}

/// See [`DssmConfig`].
#[derive(Module, Debug)]
pub struct Dssm {
    user: UserTower,
    history: Option<Table>,
    ids: Table,
    columns: ColumnTables,
    mlp: Mlp,
    #[module(skip)]
    residual: bool,
    #[module(skip)]
    normalization: Normalization,
}

impl TwoTowerConfig for DssmConfig {
    type Model = Dssm;

    fn name(&self) -> &str {
        "dssm"
    }

    fn description(&self) -> String {
        "two towers of dense layers".to_owned()
    }

    /// # Errors
    ///
    /// If the towers' outputs differ in length or a value is out of range.
    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Dssm, ModelError> {
        let (user_dim, item_dim) = (self.user.mlp.output_dim()?, self.item.mlp.output_dim()?);
        if user_dim != item_dim {
            return Err(ModelError::UnequalDims { user: user_dim, item: item_dim });
        }
        if self.item.residual && self.embedding_dim != item_dim {
            let embedding = self.embedding_dim;
            return Err(ModelError::SkipDims { key: "residual", embedding, output: item_dim });
        }
        check_sd(self.init_sd)?;
        let (dim, sd) = (self.embedding_dim, self.init_sd);
        let (ids, history) = inputs.item_tables(dim, sd, self.user.history.is_some(), init);
        let user = self.user.init(inputs, dim, sd, init)?;
        let columns = ColumnTables::new(&inputs.item, Slot::Item, self.item.column_dim, sd, init);
        let mlp = self.item.mlp.init(dim + columns.width(), ITEM_SITE, init)?;
        let (residual, normalization) = (self.item.residual, self.normalization);
        Ok(Dssm { user, history, ids, columns, mlp, residual, normalization })
    }

    fn history(&self) -> Option<HistoryUse> {
        self.user.history.as_ref().map(PooledHistoryConfig::in_use)
    }

    fn check(&self, at: &str, columns: &[DeclaredColumn<'_>]) -> Result<(), ColumnMismatch> {
        self.user.check(&format!("{at}.user"), columns)
    }

    fn tensors(&self, inputs: &Inputs, rows_per_item: u64) -> Option<ModelTensors> {
        let (embedding, column) = (self.embedding_dim as u64, self.item.column_dim as u64);
        let width = embedding + inputs.item.len() as u64 * column;
        let dim = self.item.mlp.layers.last().copied().unwrap_or(0) as u64;
        Some(ModelTensors {
            history: self.user.history.as_ref().map(|history| history.tensors(self.embedding_dim, 1, inputs)),
            per_target: self.user.numbers_per_target(inputs, self.embedding_dim),
            per_item: 2 * embedding
                + 2 * rows_per_item * column
                + 2 * width
                + self.item.mlp.numbers_per_row()
                + 4 * dim,
            dim,
            has_user_bias: false,
        })
    }
}

impl TwoTower for Dssm {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        self.normalization.apply(self.user.forward(self.history.as_ref().unwrap_or(&self.ids), users))
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        let id = items.ids.masked(self.ids.lookup(items.ids.rows.clone()));
        let mut parts = vec![id.clone()];
        parts.extend(self.columns.embed(&items.columns));
        let mut output = self.mlp.forward(Tensor::cat(parts, 1), items.noise);
        if self.residual {
            output = output + id;
        }
        self.normalization.apply(output)
    }

    fn history_len(&self) -> usize {
        self.user.history_len()
    }

    fn ranks_cold_items(&self) -> bool {
        !self.columns.tables.is_empty()
    }

    fn tables(&self) -> Vec<&Table> {
        let own = std::iter::once(&self.ids).chain(&self.history).chain(self.user.tables());
        own.chain(self.columns.tables.iter().flatten()).collect()
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        let own = std::iter::once(&mut self.ids).chain(&mut self.history).chain(self.user.tables_mut());
        own.chain(self.columns.tables.iter_mut().flatten()).collect()
    }
}
