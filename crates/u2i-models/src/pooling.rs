use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use u2i_ops::{Divisor, LEAST_LOG_WEIGHT, Windows};

use crate::dropout::{dropout, dropout_mask};
use crate::mlp::check_rate;
use crate::{HistoryInput, Init, ModelError, Table, UserBatch};

mod factors;
mod tensors;

pub use tensors::{HistoryTensors, Pass};

use factors::{by_gap, weigh};

/// What a model looks back on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledHistoryConfig {
    /// How their vectors become one, or one per head.
    pub pooling: PoolingConfig,
    /// Share of the numbers in history vectors dropped while training, one mask per chunk.
    pub dropout: f64,
}

/// How the vectors of a history become one vector per head. Padding is masked by all of them, and an empty
/// history gives zeros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PoolingConfig {
    /// Sum divided by the number of events.
    Mean {},
    /// Sum.
    Sum {},
    /// Largest value of each number.
    Max {},
    /// Sum divided by the square root of the number of events.
    SqrtN {},
    /// One weighted mean per head. Head `k` has a learned log-weight for each lag (0 is the newest event), which
    /// starts at `-slopes[k] * lag`; weights are softmaxed over the events that are there.
    Recency {
        /// Initial decay per event, one per head.
        slopes: Vec<f64>,
    },
    /// As [`Recency`](Self::Recency), and each head has a learned query `q` besides: an event of vector `x` weighs
    /// `exp(b(⟨q, x⟩))` times as much, with `b(z) = 5 tanh(z / 5)` (Lin et al., "A Structured Self-Attentive Sentence
    /// Embedding", ICLR 2017, with one layer, bounded). Queries are drawn as the weights of dense layers are.
    ///
    /// The item that is scored is no part of it: a user tower does not know it.
    Attention {
        /// Initial decay per event, one per head.
        slopes: Vec<f64>,
    },
}

impl PoolingConfig {
    fn slopes(&self) -> Option<&[f64]> {
        match self {
            PoolingConfig::Recency { slopes } | PoolingConfig::Attention { slopes } => Some(slopes),
            _ => None,
        }
    }
}

impl PooledHistoryConfig {
    /// Number of heads.
    pub fn heads(&self) -> usize {
        self.pooling.slopes().map_or(1, <[f64]>::len)
    }

    /// Whether events have learned weights.
    pub fn has_weights(&self) -> bool {
        self.pooling.slopes().is_some()
    }

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

/// Pools sequences of which each target has its own, right-aligned: the newest event is in the last column.
#[derive(Module, Debug)]
pub(crate) struct SequencePooling {
    /// `[heads, length]`, of weights that depend on the lag.
    log_weights: Option<Param<Tensor<2>>>,
    /// `[dim, heads]`, of [`PoolingConfig::Attention`].
    queries: Option<Param<Tensor<2>>>,
    #[module(skip)]
    config: PoolingConfig,
}

impl SequencePooling {
    /// For at most `length` events whose vectors have `dim` numbers.
    pub fn new(
        config: &PoolingConfig,
        length: usize,
        dim: usize,
        init: &mut Init,
    ) -> Result<Self, ModelError> {
        if matches!(config, PoolingConfig::Max {}) {
            let reason = "the largest value is not there for sequences of other events";
            return Err(ModelError::Unsupported { key: "user.sequences", reason });
        }
        let log_weights = config
            .slopes()
            .map(|slopes| log_weights("user.sequences.*.slopes", slopes, length, init))
            .transpose()?;
        let queries = match config {
            PoolingConfig::Attention { slopes } => Some(init.linear(dim, slopes.len()).weight),
            _ => None,
        };
        Ok(SequencePooling { log_weights, queries, config: config.clone() })
    }

    pub fn heads(&self) -> usize {
        self.config.slopes().map_or(1, <[f64]>::len)
    }

    /// # Shapes
    ///
    /// - `vectors`: `[n, width, dim]`, zero at padding
    /// - `mask`: `[n * width, 1]`, 0 at padding, else 1; `None` where nothing is
    /// - returns: `[n, heads * dim]`
    pub fn forward(&self, vectors: Tensor<3>, mask: Option<Tensor<2>>) -> Tensor<2> {
        let [n, width, dim] = vectors.dims();
        let device = vectors.device();
        let mask = mask.unwrap_or_else(|| Tensor::ones([n * width, 1], &device)).reshape([n, width]);
        let Some(log_weights) = &self.log_weights else {
            let sums = vectors.sum_dim(1).reshape([n, dim]);
            let count = mask.sum_dim(1).clamp_min(1.0);
            return match self.config {
                PoolingConfig::Sum {} => sums,
                PoolingConfig::SqrtN {} => sums / count.sqrt(),
                _ => sums / count,
            };
        };
        let by_lag = by_lag(log_weights.val());
        let heads = by_lag.dims()[0];
        // Column j is of the lag width - 1 - j.
        let by_column = by_lag.narrow(1, 0, width).flip([1]);
        let queries = self.queries.as_ref().map(|queries| queries.val());
        weigh(by_column.unsqueeze_dim(0), &[vectors], queries, &mask, heads)
    }
}

/// `[heads, length]` log-weights that fall by a head's slope from lag to lag.
fn log_weights(
    key: &'static str,
    slopes: &[f64],
    length: usize,
    init: &mut Init,
) -> Result<Param<Tensor<2>>, ModelError> {
    if slopes.is_empty() || slopes.iter().any(|slope| !slope.is_finite()) {
        return Err(ModelError::Range {
            key,
            found: format!("{slopes:?}"),
            expected: "at least one finite slope",
        });
    }
    let weights = slopes.iter().flat_map(|&slope| (0..length).map(move |lag| (-slope * lag as f64) as f32));
    let weights = weights.collect();
    Ok(init.constant(weights, [slopes.len(), length]))
}

/// Weights of `[heads, length]` log-weights, the largest of each head 1, and none less than that of [`LEAST_LOG_WEIGHT`]:
/// shifting a head's log-weights changes nothing after the division.
fn by_lag(log_weights: Tensor<2>) -> Tensor<2> {
    let largest = log_weights.clone().detach().max_dim(1);
    let shifted = log_weights - largest;
    // NaN stays.
    let is_less = shifted.clone().detach().lower_elem(LEAST_LOG_WEIGHT);
    shifted.mask_fill(is_less, LEAST_LOG_WEIGHT).exp()
}

/// Some rows or columns; all, as they are.
fn narrowed(weights: &Tensor<2>, dim: usize, range: Range<usize>) -> Tensor<2> {
    match weights.dims()[dim] == range.len() {
        true => weights.clone(),
        false => weights.clone().narrow(dim, range.start, range.len()),
    }
}

/// Least sum of recency weights that is divided by: of a history without events it is zero.
const LEAST: f64 = 1e-8;

/// `[length, n]`: 1 in row `lags_j` of column `j`, else 0.
fn one_hot(length: usize, lags: Tensor<1, Int>) -> Tensor<2> {
    let rows = Tensor::<1, Int>::arange(0..length as i64, (&lags.device(), lags.dtype()));
    rows.unsqueeze_dim::<2>(1).equal(lags.unsqueeze_dim(0)).float()
}

/// `[n, width]` times each `[width, dim]` of `[chunks, width, dim]`: `[chunks, n, dim]`.
fn broadcast_matmul(band: Tensor<2>, vectors: Tensor<3>) -> Tensor<3> {
    let [chunks, width, dim] = vectors.dims();
    let n = band.dims()[0];
    let columns = vectors.swap_dims(0, 1).reshape([width, chunks * dim]);
    band.matmul(columns).reshape([n, chunks, dim]).swap_dims(0, 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// As in the operators: none is subnormal, and NaN is no small number.
    #[test]
    fn weights_by_lag_are_held_to_the_least() {
        let device = Device::flex().autodiff();
        let log_weights = Tensor::<2>::from_data([[40.0, 39.0, -60.0], [0.0, f32::NAN, -100.0]], &device);
        let log_weights = log_weights.require_grad();
        let weights = by_lag(log_weights.clone());
        let found: Vec<f32> = weights.clone().into_data().try_into_vec().unwrap();
        assert_eq!(found[..3], [1.0, (-1f32).exp(), LEAST_LOG_WEIGHT.exp()]);
        assert!(found[4].is_nan());
        let gradients = weights.narrow(0, 0, 1).sum().backward();
        let of: Vec<f32> = log_weights.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
        assert_eq!(of[..3], [1.0, (-1f32).exp(), 0.0]);
    }

    /// By hand: the events 1, 2, 4 and nothing, as vectors of one number, the newest last.
    #[test]
    fn sequences_are_pooled_by_their_lag() {
        let device = Device::flex();
        let tensor = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [8]), &device);
        let vectors = tensor(vec![0.0, 1.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0]).reshape([2, 4, 1]);
        let mask = tensor(vec![0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]).reshape([8, 1]);
        let slopes = vec![std::f64::consts::LN_2, 0.0];
        // Weights 1, 1/2, 1/4 for the lags 0, 1, 2; then the same for all.
        let recency = [(4.0 + 2.0 * 0.5 + 0.25) / 1.75, 7.0 / 3.0];
        let cases = [
            (PoolingConfig::Mean {}, vec![7.0 / 3.0]),
            (PoolingConfig::Sum {}, vec![7.0]),
            (PoolingConfig::SqrtN {}, vec![7.0 / 3f32.sqrt()]),
            (PoolingConfig::Recency { slopes: slopes.clone() }, recency.to_vec()),
        ];
        for (config, wanted) in cases {
            let pooling = SequencePooling::new(&config, 6, 1, &mut Init::new(1, &device)).unwrap();
            assert_eq!(pooling.heads(), wanted.len());
            let found: Vec<f32> =
                pooling.forward(vectors.clone(), Some(mask.clone())).into_data().try_into_vec().unwrap();
            let wanted = [wanted.clone(), vec![0.0; wanted.len()]].concat();
            let close = found.iter().zip(&wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6);
            assert!(close && found.len() == wanted.len(), "{config:?}: {found:?}, wanted {wanted:?}");
        }
        let attention = PoolingConfig::Attention { slopes };
        let pooling = SequencePooling::new(&attention, 6, 1, &mut Init::new(1, &device)).unwrap();
        let queries: Vec<f32> = pooling.queries.as_ref().unwrap().val().into_data().try_into_vec().unwrap();
        let found: Vec<f32> = pooling.forward(vectors, Some(mask)).into_data().try_into_vec().unwrap();
        for (head, by_lag) in [[1.0, 0.5, 0.25], [1.0; 3]].into_iter().enumerate() {
            let weight = |x: f32| (5.0 * (queries[head] * x / 5.0).tanh()).exp();
            let weights: Vec<f32> = by_lag.iter().zip([4.0, 2.0, 1.0]).map(|(w, x)| w * weight(x)).collect();
            let sum: f32 = weights.iter().zip([4.0, 2.0, 1.0]).map(|(w, x)| w * x).sum();
            assert!((found[head] - sum / weights.iter().sum::<f32>()).abs() < 1e-5, "head {head}: {found:?}");
        }
        assert_eq!(found[2..], [0.0; 2]);
        let max = SequencePooling::new(&PoolingConfig::Max {}, 6, 1, &mut Init::new(1, &device));
        assert!(matches!(max, Err(ModelError::Unsupported { key: "user.sequences", .. })));
    }
}
