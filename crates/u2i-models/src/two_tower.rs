use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use u2i_schema::{Column, Slot};

use crate::{Init, ItemBatch, ReferenceScores, Table, UserBatch};

/// A model whose score of a user and an item is the inner product of two vectors.
///
/// Implement it to train a model of your own with `u2i-train`: the two towers are all that is needed. With a config that
/// implements [`TwoTowerConfig`](crate::TwoTowerConfig) it is also reported, exported and served as ours are.
pub trait TwoTower: Module {
    /// User vectors.
    ///
    /// # Shapes
    ///
    /// - returns: `[batch, dim]`, one row per target of the batch
    fn encode_users(&self, users: &UserBatch) -> Tensor<2>;

    /// Item vectors. The same function serves training and export.
    ///
    /// # Shapes
    ///
    /// - returns: `[items, dim]`
    fn encode_items(&self, items: &ItemBatch) -> Tensor<2>;

    /// The part of a user's score that no item changes: it cancels in rankings and in every softmax, and is
    /// added to the inner product by pointwise losses only. `[batch]`; most models have none.
    fn user_bias(&self, _users: &UserBatch) -> Option<Tensor<1>> {
        None
    }

    /// How many events before a target [`encode_users`](Self::encode_users) looks at.
    fn history_len(&self) -> usize {
        0
    }

    /// Whether an item without a training event, which has no id vector, gets a vector from its attributes.
    fn ranks_cold_items(&self) -> bool {
        false
    }

    /// Embedding tables to be trained row by row. Parameters that are not listed get dense updates.
    fn tables(&self) -> Vec<&Table> {
        Vec::new()
    }

    /// What [`tables`](Self::tables) lists, in that order, to be exchanged.
    fn tables_mut(&mut self) -> Vec<&mut Table> {
        Vec::new()
    }

    /// The scores of some users and items in the form of the model's paper, where that is not an inner product of two
    /// vectors; a check of parity compares both. `None` for a model that is made of two towers.
    fn reference(&self, _users: &UserBatch, _items: &ItemBatch) -> Option<Box<dyn ReferenceScores>> {
        None
    }
}

/// What a tower does to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// Nothing: the score is an inner product.
    None,
    /// Unit length: the score is a cosine.
    L2,
}

impl Normalization {
    /// Applies it to `[n, dim]`. A vector shorter than 1e-6 is divided by 1e-6 instead of its length, so the
    /// zero vector stays zero and its gradient finite.
    pub fn apply(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Normalization::None => x,
            Normalization::L2 => {
                let squares = (x.clone() * x.clone()).sum_dim(1);
                x / squares.clamp_min(1e-12).sqrt()
            }
        }
    }
}

/// The sizes that a model is built for.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Rows of the id table besides padding: one for each item with a training event, and one for all other items where
    /// their ids have a row in common.
    pub n_ids: usize,
    /// User columns in the order of the batch.
    pub user: Vec<Column>,
    /// Request columns in the order of the batch.
    pub request: Vec<Column>,
    /// Item columns in the order of the batch.
    pub item: Vec<Column>,
    /// The sequence of a user's earlier items, where the batches hold one.
    pub history: Option<HistoryInput>,
}

/// The sequence of a user's earlier items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryInput {
    /// How many events before a target the batches hold.
    pub length: usize,
    /// Whether the sequence is looked up in the table of the recommended items instead of one of its own.
    pub shares_item_id: bool,
    /// Edges in seconds of the intervals that batches tell the time since an event by; none where they do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap_edges_s: Vec<i64>,
}

/// How a model uses the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryUse {
    /// How events become vectors, for reports: `the mean`, `4 pooled heads`.
    pub pooling: String,
    /// Whether events have learned weights, which may depend on the time since them.
    pub has_weights: bool,
}

impl Inputs {
    /// The table of item ids and, for a model with a history that does not share it, one for the history.
    pub(crate) fn item_tables(
        &self,
        dim: usize,
        sd: f64,
        has_history: bool,
        init: &mut Init,
    ) -> (Table, Option<Table>) {
        let shared = has_history && self.history.as_ref().is_some_and(|history| history.shares_item_id);
        let slots = if shared { vec![Slot::ItemId, Slot::History] } else { vec![Slot::ItemId] };
        let mut table = |slots: Vec<Slot>| Table::new(self.n_ids + 1, dim, sd, slots, init);
        let ids = table(slots);
        (ids, (has_history && !shared).then(|| table(vec![Slot::History])))
    }
}
