use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use u2i_schema::Slot;

use crate::columns::{ColumnTables, sequence_numbers};
use crate::{
    ColumnMismatch, DeclaredColumn, Init, Inputs, Mlp, MlpConfig, ModelError, PooledHistoryConfig, Pooling,
    PoolingConfig, Table, UserBatch,
};

/// The user side of DSSM and YouTubeDNN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTowerConfig {
    /// Length of the vectors of user and request columns.
    pub column_dim: usize,
    /// What the tower looks back on; leave the section out for a tower without history.
    pub history: Option<PooledHistoryConfig>,
    /// How sequences of other events than those that are recommended are pooled, by the names of their columns; those that
    /// are not named become their mean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequences: BTreeMap<String, PoolingConfig>,
    /// Whether `ln(1 + number of earlier events) / 5` is an input.
    pub history_size: bool,
    /// Whether the age of the example and its square root are inputs, in 1,000 days; zero when serving
    /// (Covington et al. 2016, §3.3).
    pub example_age: bool,
    /// Whether a learned sum of the pooled histories is added to the output.
    pub skip: bool,
    /// The dense layers.
    pub mlp: MlpConfig,
}

/// Pooled history, user and request columns, through dense layers.
#[derive(Module, Debug)]
pub struct UserTower {
    user: ColumnTables,
    request: ColumnTables,
    pooling: Option<Pooling>,
    /// `[1, heads, 1]`: how much of each head is added to the output.
    skip: Option<Param<Tensor<3>>>,
    mlp: Mlp,
    #[module(skip)]
    history_size: bool,
    #[module(skip)]
    example_age: bool,
}

impl UserTowerConfig {
    /// A tower whose history vectors have `history_dim` numbers.
    ///
    /// # Errors
    ///
    /// If the tower has no input, or a value is out of range, or `skip` adds vectors of unequal length.
    pub fn init(
        &self,
        inputs: &Inputs,
        history_dim: usize,
        sd: f64,
        init: &mut Init,
    ) -> Result<UserTower, ModelError> {
        let user = ColumnTables::new(&inputs.user, Slot::User, self.column_dim, sd, init);
        let (dim, pooling) = (self.column_dim, &self.sequences);
        let request = ColumnTables::with_sequences(&inputs.request, Slot::Request, dim, sd, pooling, init)?;
        let pooling = self
            .history
            .as_ref()
            .map(|history| history.init(inputs.history.as_ref(), history_dim, init))
            .transpose()?;
        let heads = pooling.as_ref().map_or(0, Pooling::heads);
        let output = self.mlp.output_dim()?;
        if self.skip && heads == 0 {
            return Err(ModelError::Unsupported { key: "skip", reason: "there is no history to add" });
        }
        if self.skip && history_dim != output {
            return Err(ModelError::SkipDims { key: "skip", embedding: history_dim, output });
        }
        let width = user.width()
            + request.width()
            + heads * history_dim
            + usize::from(self.history_size)
            + 2 * usize::from(self.example_age);
        if width == 0 {
            return Err(ModelError::NoInput("user"));
        }
        let skip = self.skip.then(|| init.constant(vec![1.0 / heads as f32; heads], [1, heads, 1]));
        Ok(UserTower {
            mlp: self.mlp.init(width, USER_SITE, init)?,
            user,
            request,
            pooling,
            skip,
            history_size: self.history_size,
            example_age: self.example_age,
        })
    }
}

impl UserTowerConfig {
    /// Checks that the ways to pool sequences are of sequences that there are; `at` is the tower's key.
    ///
    /// # Errors
    ///
    /// The key of one that is of none.
    pub fn check(&self, at: &str, columns: &[DeclaredColumn<'_>]) -> Result<(), ColumnMismatch> {
        let is_sequence = |name: &str| {
            let named = columns.iter().find(|column| column.name == name);
            named.is_some_and(|column| column.is_sequence)
        };
        match self.sequences.keys().find(|name| !is_sequence(name)) {
            Some(name) => {
                let key = format!("{at}.sequences.{name}");
                let message = format!("`{key}` is of no column of kind `sequence`");
                Err(ColumnMismatch { key, message })
            }
            None => Ok(()),
        }
    }

    /// Numbers that the tower makes for each target, for an estimate of memory; pooled histories, of vectors of
    /// `history_dim` numbers, apart.
    pub fn numbers_per_target(&self, inputs: &Inputs, history_dim: usize) -> u64 {
        let heads = self.history.as_ref().map_or(0, PooledHistoryConfig::heads);
        let columns = (inputs.user.len() + inputs.request.len()) * self.column_dim;
        let width = columns
            + heads * history_dim
            + usize::from(self.history_size)
            + 2 * usize::from(self.example_age);
        let skip = if self.skip { heads * history_dim } else { 0 };
        let sequences = sequence_numbers(&inputs.request) * self.column_dim as u64;
        let dim = self.mlp.layers.last().copied().unwrap_or(0);
        (columns + width + skip + 4 * dim) as u64 + sequences + self.mlp.numbers_per_row()
    }
}

/// Dropout sites: the user tower's layers, the item tower's, then the histories.
const USER_SITE: u64 = 0;
pub(crate) const ITEM_SITE: u64 = 100;
pub(crate) const HISTORY_SITE: u64 = 200;

impl UserTower {
    /// Events that are seen before each target.
    pub fn history_len(&self) -> usize {
        self.pooling.as_ref().map_or(0, Pooling::history_len)
    }

    /// Encodes users; the vectors of their histories come from `history`.
    ///
    /// # Shapes
    ///
    /// - returns: `[batch, dim]`
    pub fn forward(&self, history: &Table, users: &UserBatch) -> Tensor<2> {
        let pooled = self
            .pooling
            .as_ref()
            .map(|pooling| pooling.forward(std::slice::from_ref(history), users, HISTORY_SITE));
        let mut parts: Vec<Tensor<2>> = pooled.iter().cloned().collect();
        parts.extend(self.user.embed(&users.user).into_iter().map(|column| users.per_target(column)));
        parts.extend(self.request.embed(&users.request));
        if self.history_size {
            parts.push(users.log_n_earlier.clone());
        }
        if self.example_age {
            let age = users.example_age_days.clone() / 1000.0;
            parts.extend([age.clone(), age.sqrt()]);
        }
        let output = self.mlp.forward(Tensor::cat(parts, 1), users.noise);
        match (&self.skip, pooled) {
            (Some(skip), Some(pooled)) => {
                let [batch, dim] = output.dims();
                let heads = skip.val().dims()[1];
                output + (pooled.reshape([batch, heads, dim]) * skip.val()).sum_dim(1).reshape([batch, dim])
            }
            _ => output,
        }
    }

    /// Tables of the tower's own columns.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.user.tables.iter().chain(&self.request.tables).flatten()
    }

    /// These tables, to be exchanged.
    pub(crate) fn tables_mut(&mut self) -> impl Iterator<Item = &mut Table> {
        self.user.tables.iter_mut().chain(&mut self.request.tables).flatten()
    }
}
