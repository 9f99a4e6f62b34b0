use burn::module::{Module, Param};
use burn::tensor::Tensor;
use u2i_ops::{Activation, Factors, Windows};

use super::PoolingConfig;
use super::factors::{LEAST_OF_PRODUCTS, bounded_exp, weigh};
use super::lags::{by_lag, log_weights};
use crate::{Init, ModelError};

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
        if let Some(pooled) = self.pool_apart(&vectors, &mask, &by_lag) {
            return pooled;
        }
        let heads = by_lag.dims()[0];
        // Column j is of the lag width - 1 - j.
        let by_column = by_lag.narrow(1, 0, width).flip([1]);
        let queries = self.queries.as_ref().map(|queries| queries.val());
        weigh(by_column.unsqueeze_dim(0), &[vectors], queries, &mask, heads)
    }

    /// As products of matrices do, by one operator where the device has it. They round by the sizes of a batch: its `n`, and
    /// its `width`, which is that of the longest sequence. What is served and evaluated must not; a gradient may.
    fn pool_apart(&self, vectors: &Tensor<3>, mask: &Tensor<2>, by_lag: &Tensor<2>) -> Option<Tensor<2>> {
        let ([n, width, dim], [heads, length]) = (vectors.dims(), by_lag.dims());
        let device = vectors.device();
        if device.is_autodiff() || !u2i_ops::operate_on(vectors) {
            return None;
        }
        // All as long as the longest may be.
        let (mut vectors, mut mask) = (vectors.clone(), mask.clone());
        if width < length {
            vectors = Tensor::cat(vec![Tensor::zeros([n, length - width, dim], &device), vectors], 1);
            mask = Tensor::cat(vec![Tensor::zeros([n, length - width], &device), mask], 1);
        }
        let vectors = vectors.reshape([n * length, dim]);
        let by_event = match &self.queries {
            None => None,
            Some(queries) => {
                let none = Tensor::zeros([heads], &device);
                Some(bounded_exp(u2i_ops::dense(&vectors, &queries.val(), &none, Activation::None)?))
            }
        };
        let factors = Factors { by_lag: Some(by_lag), by_event: by_event.as_ref(), ..Factors::default() };
        let windows = Windows { length, targets: 1 };
        u2i_ops::pool_by(&vectors, &mask, None, factors, windows, LEAST_OF_PRODUCTS as f32)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

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
