use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use u2i_ops::{Activation, Divisor, Factors, Windows};

use crate::dropout::{dropout, dropout_mask};
use crate::mlp::check_rate;
use crate::{HistoryInput, Init, ModelError, Table, UserBatch};

mod config;
mod factors;
mod lags;
mod sequences;
mod tensors;

pub use config::{PooledHistoryConfig, PoolingConfig};
pub(crate) use sequences::SequencePooling;
pub use tensors::{HistoryTensors, Pass};

use factors::{LEAST_OF_PRODUCTS, bounded_exp, by_gap, gaps, weigh};
use lags::{broadcast_matmul, by_lag, log_weights, narrowed, one_hot};

impl PooledHistoryConfig {
    /// Checks the values and makes the weights, for history vectors of `dim` numbers.
    ///
    /// # Errors
    ///
    /// If the batches hold no history, there is no head, a slope is not finite, or the dropout rate is not in
    /// `[0, 1)`.
    pub fn init(
        &self,
        input: Option<&HistoryInput>,
        dim: usize,
        init: &mut Init,
    ) -> Result<Pooling, ModelError> {
        check_rate("history.dropout", self.dropout)?;
        let Some(&HistoryInput { length: length @ 1.., ref gap_edges_s, .. }) = input else {
            let reason = "the model looks at a history that the features do not have";
            return Err(ModelError::Unsupported { key: "history", reason });
        };
        let log_weights = self
            .pooling
            .slopes()
            .map(|slopes| log_weights("history.pooling.*.slopes", slopes, length, init))
            .transpose()?;
        let queries = match &self.pooling {
            PoolingConfig::Attention { slopes } => Some(init.linear(dim, slopes.len()).weight),
            _ => None,
        };
        let gap_weights = match (self.pooling.slopes(), gap_edges_s.len()) {
            (_, 0) => None,
            (Some(slopes), n) => {
                // Intervals, and times that are not known.
                let shape = [slopes.len(), n + 2];
                Some(init.constant(vec![0.0; shape[0] * shape[1]], shape))
            }
            (None, _) => {
                let reason = "only recency and attention weigh events by the time since them";
                return Err(ModelError::Unsupported { key: "history.pooling", reason });
            }
        };
        Ok(Pooling { log_weights, queries, gap_weights, length, config: self.clone() })
    }
}

/// Pools the histories of chunks of targets.
///
/// The targets of a chunk look at overlapping windows of one row of events, so their pooled vectors are the
/// product of a banded matrix, the same for every chunk, with the vectors of that row: each event is looked up
/// once per chunk instead of once per target. In the memory of a CPU `u2i_ops` has operators that do the same without the
/// band.
#[derive(Module, Debug)]
pub struct Pooling {
    /// `[heads, history]`; only of [`PoolingConfig::Recency`] and [`PoolingConfig::Attention`].
    log_weights: Option<Param<Tensor<2>>>,
    /// `[dim, heads]`; only of [`PoolingConfig::Attention`].
    queries: Option<Param<Tensor<2>>>,
    /// `[heads, intervals + 1]`: log-weights by the time from an event to the target, where batches tell it.
    gap_weights: Option<Param<Tensor<2>>>,
    #[module(skip)]
    length: usize,
    #[module(skip)]
    config: PooledHistoryConfig,
}

impl Pooling {
    /// Events that are seen before each target.
    pub fn history_len(&self) -> usize {
        self.length
    }

    /// Number of pooled vectors per target.
    pub fn heads(&self) -> usize {
        self.config.heads()
    }

    /// Pools what one table, or one table per head, holds for the histories.
    ///
    /// # Shapes
    ///
    /// - `tables`: one, or [`heads`](Self::heads)
    /// - returns: `[batch, heads * dim]`, the vectors of the heads side by side
    ///
    /// # Panics
    ///
    /// If the batch has another history length or the number of tables is neither.
    pub fn forward(&self, tables: &[Table], users: &UserBatch, site: u64) -> Tensor<2> {
        let (ids, mask) = match (&users.history, &users.history_mask) {
            (Some(ids), Some(mask)) if users.history_len == self.length => (ids, mask),
            _ => panic!(
                "the batch has {} events of history, the model sees {}",
                users.history_len, self.length
            ),
        };
        let [chunks, width] = mask.dims();
        let (heads, targets) = (self.heads(), users.targets);
        assert!([1, heads].contains(&tables.len()), "one table, or one per head");
        let looked_up = |table: &Table| table.lookup(ids.clone());
        if let Some(pooled) = self.pool_fused(tables, looked_up, mask, users, site) {
            return users.at_places(pooled);
        }
        let vectors = |table: &Table, site| {
            let vectors = looked_up(table).reshape([chunks, width, table.dim()]);
            let vectors = dropout(vectors, self.config.dropout, users.noise, site);
            vectors * mask.clone().reshape([chunks, width, 1])
        };
        if matches!(self.config.pooling, PoolingConfig::Max {}) {
            return users.at_places(self.max(vectors(&tables[0], site), mask, targets));
        }
        let band = self.band(targets, width, mask, users.has_parallel_gradients());
        if self.queries.is_some() || self.gap_weights.is_some() {
            let vectors: Vec<Tensor<3>> =
                tables.iter().zip(site..).map(|(table, site)| vectors(table, site)).collect();
            let bands = match &self.gap_weights {
                None => band.unsqueeze_dim(0),
                Some(weights) => by_gap(band, weights.val(), users, heads),
            };
            let queries = self.queries.as_ref().map(|queries| queries.val());
            return users.at_places(weigh(bands, &vectors, queries, mask, heads));
        }
        // [chunks, targets, heads]: what each weighted sum is divided by.
        let total = self.divide_by(band.clone().matmul(mask.clone().transpose()), targets, chunks);
        let pooled = if tables.len() == 1 {
            let dim = tables[0].dim();
            let sums = broadcast_matmul(band, vectors(&tables[0], site));
            let sums = sums.reshape([chunks, targets, heads, dim]);
            (sums / total.reshape([chunks, targets, heads, 1])).reshape([chunks * targets, heads * dim])
        } else {
            let band = band.reshape([targets, heads, width]);
            let pooled = tables.iter().enumerate().map(|(head, table)| {
                let band = band.clone().narrow(1, head, 1).reshape([targets, width]);
                let sums = broadcast_matmul(band, vectors(table, site + head as u64));
                let pooled = sums / total.clone().narrow(2, head, 1);
                pooled.reshape([chunks * targets, table.dim()])
            });
            Tensor::cat(pooled.collect(), 1)
        };
        users.at_places(pooled)
    }

    /// `[chunks * targets, heads * dim]`, by one operator where the device has it.
    fn pool_fused(
        &self,
        tables: &[Table],
        looked_up: impl Fn(&Table) -> Tensor<2>,
        seen: &Tensor<2>,
        users: &UserBatch,
        site: u64,
    ) -> Option<Tensor<2>> {
        // Asked first: what is looked up for nothing would take its time.
        if !u2i_ops::operate_on(seen) {
            return None;
        }
        let windows = Windows { length: self.length, targets: users.targets };
        if self.queries.is_some() || self.gap_weights.is_some() {
            return self.pool_by(tables, looked_up, seen, users, windows, site);
        }
        let divisor = match self.config.pooling {
            PoolingConfig::Sum {} => Divisor::One,
            PoolingConfig::Mean {} => Divisor::Count,
            PoolingConfig::SqrtN {} => Divisor::SqrtCount,
            PoolingConfig::Recency { .. } => Divisor::Weights { least: LEAST as f32 },
            PoolingConfig::Max {} | PoolingConfig::Attention { .. } => return None,
        };
        let log_weights = self.log_weights.as_ref().map(|log_weights| log_weights.val());
        self.side_by_side(tables, |table, heads| {
            let vectors = looked_up(table);
            let n = vectors.dims().iter().product();
            let keep = dropout_mask(n, self.config.dropout, users.noise, site + heads.start as u64);
            let own = log_weights.as_ref().map(|weights| narrowed(weights, 0, heads));
            u2i_ops::pool(&vectors, seen, keep, own.as_ref(), windows, divisor)
        })
    }

    /// `[chunks * targets, heads * dim]`, by one operator where the device has it.
    fn pool_by(
        &self,
        tables: &[Table],
        looked_up: impl Fn(&Table) -> Tensor<2>,
        seen: &Tensor<2>,
        users: &UserBatch,
        windows: Windows,
        site: u64,
    ) -> Option<Tensor<2>> {
        let by_lag = self.log_weights.as_ref().map(|log_weights| by_lag(log_weights.val()));
        let by_gap =
            self.gap_weights.as_ref().map(|log_weights| (bounded_exp(log_weights.val()), gaps(users)));
        let queries = self.queries.as_ref().map(|queries| queries.val());
        self.side_by_side(tables, |table, heads| {
            let (site, rate) = (site + heads.start as u64, self.config.dropout);
            let mut vectors = looked_up(table);
            let n = vectors.dims().iter().product();
            let mut keep = None;
            let by_event = match &queries {
                None => {
                    keep = dropout_mask(n, rate, users.noise, site);
                    None
                }
                Some(queries) => {
                    // A query sees what is pooled.
                    vectors = dropout(vectors, rate, users.noise, site);
                    let none = Tensor::zeros([heads.len()], &vectors.device());
                    let queries = narrowed(queries, 1, heads.clone());
                    Some(bounded_exp(u2i_ops::dense(&vectors, &queries, &none, Activation::None)?))
                }
            };
            let by_lag = by_lag.as_ref().map(|weights| narrowed(weights, 0, heads.clone()));
            let by_gap = by_gap.as_ref().map(|(weights, gaps)| (narrowed(weights, 0, heads), *gaps));
            let factors = Factors {
                by_lag: by_lag.as_ref(),
                by_gap: by_gap.as_ref().map(|(weights, gaps)| (weights, *gaps)),
                by_event: by_event.as_ref(),
            };
            u2i_ops::pool_by(&vectors, seen, keep, factors, windows, LEAST_OF_PRODUCTS as f32)
        })
    }

    /// What is pooled of each table for its heads, `[n, heads * dim]`.
    fn side_by_side(
        &self,
        tables: &[Table],
        pool: impl Fn(&Table, Range<usize>) -> Option<Tensor<2>>,
    ) -> Option<Tensor<2>> {
        if let [table] = tables {
            return pool(table, 0..self.heads());
        }
        let pooled = tables.iter().enumerate().map(|(head, table)| pool(table, head..head + 1));
        Some(Tensor::cat(pooled.collect::<Option<_>>()?, 1))
    }

    /// `[targets * heads, width]`: the weight of each event of a chunk for each target and head.
    fn band(&self, targets: usize, width: usize, mask: &Tensor<2>, parallel_gradients: bool) -> Tensor<2> {
        let (length, device) = (self.length, mask.device());
        let mut lags = Vec::with_capacity(targets * width);
        let mut inside = Vec::with_capacity(targets * width);
        for i in 0..targets {
            for j in 0..width {
                // Target i sees columns i..i + length, the newest last.
                let lag = (length + i).checked_sub(j + 1).filter(|&lag| lag < length);
                lags.push(lag.unwrap_or(0) as i32);
                inside.push(if lag.is_some() { 1.0f32 } else { 0.0 });
            }
        }
        let inside = Tensor::<1>::from_data(TensorData::new(inside, [targets * width]), &device);
        match &self.log_weights {
            None => inside.reshape([targets, width]),
            Some(log_weights) => {
                let by_lag = by_lag(log_weights.val());
                let heads = by_lag.dims()[0];
                let lags = Tensor::<1, Int>::from_data(TensorData::new(lags, [targets * width]), &device);
                let weights = match parallel_gradients {
                    // The gradient of `select` is added up lag by lag; that of a product is a product.
                    true => by_lag.matmul(one_hot(length, lags) * inside.unsqueeze_dim(0)),
                    false => by_lag.select(1, lags) * inside.unsqueeze_dim(0),
                };
                weights.reshape([heads, targets, width]).swap_dims(0, 1).reshape([targets * heads, width])
            }
        }
    }

    /// From the sums of weights `[targets * heads, chunks]` to the divisors `[chunks, targets, heads]`.
    fn divide_by(&self, weights: Tensor<2>, targets: usize, chunks: usize) -> Tensor<3> {
        let divisor = match self.config.pooling {
            PoolingConfig::Sum {} => weights.ones_like(),
            PoolingConfig::SqrtN {} => weights.clamp_min(1.0).sqrt(),
            PoolingConfig::Mean {} | PoolingConfig::Max {} => weights.clamp_min(1.0),
            PoolingConfig::Recency { .. } | PoolingConfig::Attention { .. } => weights.clamp_min(LEAST),
        };
        divisor.transpose().reshape([chunks, targets, self.heads()])
    }

    /// `[chunks * targets, dim]`: the largest values in the window of each target.
    fn max(&self, vectors: Tensor<3>, mask: &Tensor<2>, targets: usize) -> Tensor<2> {
        let [chunks, width, dim] = vectors.dims();
        let mask = mask.clone().reshape([chunks, width, 1]);
        // Far below any value, so padding never wins against an event.
        let shifted = vectors + (mask.clone() - 1.0) * 1e30;
        let windows = (0..targets).map(|i| {
            let seen = mask.clone().narrow(1, i, self.length).max_dim(1);
            shifted.clone().narrow(1, i, self.length).max_dim(1).clamp_min(-1e20) * seen
        });
        Tensor::cat(windows.collect(), 1).reshape([chunks * targets, dim])
    }
}

/// Least sum of recency weights that is divided by: of a history without events it is zero.
const LEAST: f64 = 1e-8;
