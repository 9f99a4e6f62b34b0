use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use u2i_schema::{Column, Slot};

use crate::columns::sequence_numbers;
use crate::init::check_sd;
use crate::user_tower::HISTORY_SITE;
use crate::{
    ColumnBatch, HistoryUse, Init, Inputs, ItemBatch, ModelError, ModelTensors, PooledHistoryConfig, Pooling,
    ReferenceScores, Table, TwoTower, TwoTowerConfig, UserBatch,
};

mod plain;

pub use plain::PlainFm;

/// The factorization machine as two towers: Rendle, "Factorization Machines", ICDM 2010, and chapter 2.2.2.1 of
/// the fun-rec book.
///
/// ```text
/// user = [1 ; Σ_u v_u x_u]
/// item = [Σ_t w_t x_t + ½ Σ_f ((Σ_t v_t x_t)² - Σ_t v_t² x_t²) ; Σ_t v_t x_t]
/// ```
///
/// Their inner product is the FM's score less the terms of the user's features alone, which
/// [`user_bias`](TwoTower::user_bias) holds. Each pooled head of the history is one user feature, with its own
/// table and no linear weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FmConfig {
    /// Length of the vectors `v`; the towers' outputs have one number more.
    pub dim: usize,
    /// Standard deviation of initial vectors.
    pub init_sd: f64,
    /// Standard deviation of initial linear weights.
    pub linear_sd: f64,
    /// What the model looks back on; leave the section out for an FM on attributes alone.
    pub history: Option<PooledHistoryConfig>,
}

/// See [`FmConfig`].
#[derive(Module, Debug)]
pub struct Fm {
    /// `[1]`, `w_0`.
    bias: Param<Tensor<1>>,
    user: Factors,
    request: Factors,
    /// One table per head.
    history: Vec<Table>,
    pooling: Option<Pooling>,
    ids: Table,
    id_weights: Table,
    item: Factors,
}

/// A vector and a linear weight for each feature of some columns.
#[derive(Module, Debug)]
struct Factors {
    columns: Vec<Factor>,
}

/// A column's tables; a real number has one row each, after padding.
#[derive(Module, Debug)]
struct Factor {
    vectors: Table,
    weights: Table,
}

/// The features of one column: vectors `[n, width, dim]`, already multiplied by their `x`, and `Σ w x` as
/// `[n, 1]`.
struct Features {
    vectors: Tensor<3>,
    linear: Tensor<2>,
}

impl TwoTowerConfig for FmConfig {
    type Model = Fm;

    fn name(&self) -> &str {
        "fm"
    }

    fn description(&self) -> String {
        "factorization machine".to_owned()
    }

    /// # Errors
    ///
    /// If the user side has no feature or a value is out of range.
    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Fm, ModelError> {
        check_sd(self.init_sd)?;
        check_sd(self.linear_sd)?;
        if self.dim == 0 {
            return Err(ModelError::Range { key: "dim", found: "0".into(), expected: "at least 1" });
        }
        if inputs.user.is_empty() && inputs.request.is_empty() && self.history.is_none() {
            return Err(ModelError::NoInput("user"));
        }
        if let Some(PooledHistoryConfig { pooling: crate::PoolingConfig::Max {}, .. }) = self.history {
            let reason = "a largest value is no feature of a factorization machine";
            return Err(ModelError::Unsupported { key: "history.pooling", reason });
        }
        let rows = inputs.n_ids + 1;
        let pooling = self
            .history
            .as_ref()
            .map(|history| history.init(inputs.history.as_ref(), self.dim, init))
            .transpose()?;
        if self.history.is_some() && inputs.history.as_ref().is_some_and(|history| history.shares_item_id) {
            let reason = "each pooled head of an fm has a table of its own";
            return Err(ModelError::Unsupported { key: "features.history.shares", reason });
        }
        let heads = pooling.as_ref().map_or(0, Pooling::heads);
        let history =
            (0..heads).map(|_| Table::new(rows, self.dim, self.init_sd, [Slot::History], init)).collect();
        Ok(Fm {
            bias: init.constant(vec![0.0], [1]),
            ids: Table::new(rows, self.dim, self.init_sd, [Slot::ItemId], init),
            id_weights: Table::new(rows, 1, self.linear_sd, [Slot::ItemId], init),
            user: self.factors(&inputs.user, Slot::User, init),
            request: self.factors(&inputs.request, Slot::Request, init),
            item: self.factors(&inputs.item, Slot::Item, init),
            history,
            pooling,
        })
    }

    fn history(&self) -> Option<HistoryUse> {
        self.history.as_ref().map(PooledHistoryConfig::in_use)
    }

    fn tensors(&self, inputs: &Inputs, rows_per_item: u64) -> Option<ModelTensors> {
        let dim = self.dim as u64 + 1;
        let n_user = (inputs.user.len() + inputs.request.len()) as u64;
        Some(ModelTensors {
            // Each head has a table of its own.
            history: self.history.as_ref().map(|history| history.tensors(self.dim, history.heads(), inputs)),
            // Vector and weight of each feature as looked up and masked, and the sums over them.
            per_target: (3 * n_user + 2 + sequence_numbers(&inputs.request)) * dim,
            // The same, and squares.
            per_item: (4 * (rows_per_item + 1) + 4) * dim,
            dim,
            has_user_bias: true,
        })
    }
}

impl FmConfig {
    fn factors(&self, columns: &[Column], slot: impl Fn(usize) -> Slot, init: &mut Init) -> Factors {
        let factor = |(i, column): (usize, &Column)| {
            let (rows, slots) = match column.transform.n_rows() {
                Some(rows) => (rows, vec![slot(i)]),
                None => (2, vec![]),
            };
            Factor {
                vectors: Table::new(rows, self.dim, self.init_sd, slots.clone(), init),
                weights: Table::new(rows, 1, self.linear_sd, slots, init),
            }
        };
        Factors { columns: columns.iter().enumerate().map(factor).collect() }
    }
}

impl Factors {
    fn features(&self, columns: &[ColumnBatch]) -> Vec<Features> {
        assert_eq!(columns.len(), self.columns.len(), "one batch column per column of the model");
        self.columns.iter().zip(columns).map(|(factor, column)| factor.features(column)).collect()
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.columns
            .iter()
            .flat_map(|factor| [&factor.vectors, &factor.weights])
            .filter(|t| !t.slots.is_empty())
    }

    fn tables_mut(&mut self) -> impl Iterator<Item = &mut Table> {
        let tables = self.columns.iter_mut().flat_map(|factor| [&mut factor.vectors, &mut factor.weights]);
        tables.filter(|t| !t.slots.is_empty())
    }
}

impl Factor {
    fn features(&self, column: &ColumnBatch) -> Features {
        let dim = self.vectors.dim();
        match column {
            ColumnBatch::Rows(ids) => {
                let linear = ids.masked(self.weights.lookup(ids.rows.clone()));
                let n = linear.dims()[0];
                Features {
                    vectors: ids.masked(self.vectors.lookup(ids.rows.clone())).reshape([n, 1, dim]),
                    linear,
                }
            }
            ColumnBatch::Bags { width, ids } => {
                let linear = ids.masked(self.weights.lookup(ids.rows.clone()));
                let n = linear.dims()[0] / width;
                Features {
                    vectors: ids.masked(self.vectors.lookup(ids.rows.clone())).reshape([n, *width, dim]),
                    linear: linear.reshape([n, *width]).sum_dim(1),
                }
            }
            ColumnBatch::Values(x) => {
                let n = x.dims()[0];
                Features {
                    vectors: x.clone().matmul(self.vectors.weight.val().narrow(0, 1, 1)).reshape([n, 1, dim]),
                    linear: x.clone().matmul(self.weights.weight.val().narrow(0, 1, 1)),
                }
            }
        }
    }
}

impl Features {
    /// `Σ v x`, `[n, dim]`.
    fn sum(&self) -> Tensor<2> {
        let [n, width, dim] = self.vectors.dims();
        if width == 1 {
            return self.vectors.clone().reshape([n, dim]);
        }
        self.vectors.clone().sum_dim(1).reshape([n, dim])
    }

    /// `Σ v² x²`, `[n, dim]`.
    fn squares(&self) -> Tensor<2> {
        let [n, width, dim] = self.vectors.dims();
        let squares = self.vectors.clone() * self.vectors.clone();
        if width == 1 { squares.reshape([n, dim]) } else { squares.sum_dim(1).reshape([n, dim]) }
    }
}

/// `½ Σ_f ((Σ v)² - Σ v²)` for `sum` and `squares` of `[n, dim]`: `[n, 1]`.
fn interactions(sum: Tensor<2>, squares: Tensor<2>) -> Tensor<2> {
    (sum.clone() * sum - squares).sum_dim(1) * 0.5
}

impl Fm {
    /// The user's features: pooled heads, request and user columns, in the form `(vectors, linear)`.
    fn user_features(&self, users: &UserBatch) -> Vec<Features> {
        let mut features = Vec::new();
        if let Some(pooling) = &self.pooling {
            let pooled = pooling.forward(&self.history, users, HISTORY_SITE);
            let dim = self.ids.dim();
            let [batch, width] = pooled.dims();
            features.push(Features {
                linear: Tensor::zeros([batch, 1], &pooled.device()),
                vectors: pooled.reshape([batch, width / dim, dim]),
            });
        }
        features.extend(self.request.features(&users.request));
        for own in self.user.features(&users.user) {
            let [chunks, width, dim] = own.vectors.dims();
            let vectors = users.per_target(own.vectors.reshape([chunks, width * dim]));
            let batch = vectors.dims()[0];
            features.push(Features {
                vectors: vectors.reshape([batch, width, dim]),
                linear: users.per_target(own.linear),
            });
        }
        features
    }

    fn item_features(&self, items: &ItemBatch) -> Vec<Features> {
        let dim = self.ids.dim();
        let ids = items.ids.masked(self.ids.lookup(items.ids.rows.clone())).reshape([items.items, 1, dim]);
        let linear = items.ids.masked(self.id_weights.lookup(items.ids.rows.clone()));
        let mut features = vec![Features { vectors: ids, linear }];
        features.extend(self.item.features(&items.columns));
        features
    }
}

fn total(features: &[Features], part: impl Fn(&Features) -> Tensor<2>) -> Tensor<2> {
    features.iter().map(part).reduce(|a, b| a + b).expect("at least one feature")
}

impl TwoTower for Fm {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let sum = total(&self.user_features(users), Features::sum);
        let ones = Tensor::ones([sum.dims()[0], 1], &sum.device());
        Tensor::cat(vec![ones, sum], 1)
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        let features = self.item_features(items);
        let sum = total(&features, Features::sum);
        let own = total(&features, |f| f.linear.clone())
            + interactions(sum.clone(), total(&features, Features::squares));
        Tensor::cat(vec![own, sum], 1)
    }

    fn user_bias(&self, users: &UserBatch) -> Option<Tensor<1>> {
        let features = self.user_features(users);
        let sum = total(&features, Features::sum);
        let pairs = interactions(sum, total(&features, Features::squares));
        let own = total(&features, |f| f.linear.clone()) + pairs;
        let batch = own.dims()[0];
        Some(own.reshape([batch]) + self.bias.val())
    }

    fn history_len(&self) -> usize {
        self.pooling.as_ref().map_or(0, Pooling::history_len)
    }

    fn ranks_cold_items(&self) -> bool {
        !self.item.columns.is_empty()
    }

    /// The plain form, in Rendle's O(kn).
    fn reference(&self, users: &UserBatch, items: &ItemBatch) -> Option<Box<dyn ReferenceScores>> {
        Some(Box::new(self.plain(users, items)))
    }

    fn tables(&self) -> Vec<&Table> {
        let own = [&self.ids, &self.id_weights].into_iter().chain(&self.history);
        own.chain(self.user.tables()).chain(self.request.tables()).chain(self.item.tables()).collect()
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        let own = [&mut self.ids, &mut self.id_weights].into_iter().chain(&mut self.history);
        own.chain(self.user.tables_mut())
            .chain(self.request.tables_mut())
            .chain(self.item.tables_mut())
            .collect()
    }
}
