//! The arithmetic of YouTubeDNN's user tower in plain loops over 32-bit floats: what serving a user would take if it were
//! written by hand.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use u2i_bench_training::Shape;
use u2i_models::{AnyModel, HostTensor, weights};
use u2i_schema::UserRows;

/// The weights, as they are.
pub struct PlainTower {
    history: HostTensor,
    columns: Vec<HostTensor>,
    log_weights: HostTensor,
    skip: HostTensor,
    layers: [(HostTensor, HostTensor); 2],
}

impl PlainTower {
    /// Takes them out of a model of the recipe.
    pub fn new(model: &AnyModel) -> Result<Self> {
        let mut all = weights(model);
        let columns =
            (0..Shape::USER_COLUMNS.len()).map(|i| take(&mut all, &format!("user.user.tables.{i}.weight")));
        Ok(PlainTower {
            columns: columns.collect::<Result<_>>()?,
            history: take(&mut all, "history.weight")?,
            log_weights: take(&mut all, "log_weights")?,
            skip: take(&mut all, "user.skip")?,
            layers: [layer(&mut all, 0)?, layer(&mut all, 1)?],
        })
    }

    /// The vector of the one user in `rows`.
    pub fn encode(&self, rows: &UserRows) -> Vec<f32> {
        let dim = self.history.shape[1];
        let (heads, lags) = (self.log_weights.shape[0], self.log_weights.shape[1]);
        let mut x = Vec::with_capacity(self.layers[0].0.shape[0]);
        for head in self.log_weights.data.chunks_exact(lags) {
            let largest = head.iter().copied().fold(f32::MIN, f32::max);
            let (mut pooled, mut total) = (vec![0.0; dim], 0.0);
            for (log_weight, &row) in head.iter().zip(rows.history.iter().rev()).filter(|(_, row)| **row != 0)
            {
                let weight = (log_weight - largest).exp();
                total += weight;
                let vector = &self.history.data[row as usize * dim..][..dim];
                pooled.iter_mut().zip(vector).for_each(|(sum, value)| *sum += weight * value);
            }
            x.extend(pooled.iter().map(|sum| sum / total.max(f32::MIN_POSITIVE)));
        }
        let pooled = heads * dim;
        for (table, column) in self.columns.iter().zip(&rows.user) {
            let width = table.shape[1];
            x.extend_from_slice(&table.data[column.rows()[0] as usize * width..][..width]);
        }
        x.push((f64::from(rows.n_earlier[0]).ln_1p() / 5.0) as f32);

        let mut hidden = dense(&self.layers[0], &x);
        hidden.iter_mut().for_each(|value| *value = gelu(*value));
        let mut output = dense(&self.layers[1], &hidden);
        for (head, scale) in x[..pooled].chunks_exact(dim).zip(&self.skip.data) {
            output.iter_mut().zip(head).for_each(|(sum, value)| *sum += scale * value);
        }
        let length = output.iter().map(|value| value * value).sum::<f32>().max(1e-12).sqrt();
        output.iter_mut().for_each(|value| *value /= length);
        output
    }
}

fn take(all: &mut BTreeMap<String, HostTensor>, end: &str) -> Result<HostTensor> {
    let path = all.keys().find(|path| path.ends_with(end)).cloned();
    path.and_then(|path| all.remove(&path)).with_context(|| format!("no weight ends with {end}"))
}

fn layer(all: &mut BTreeMap<String, HostTensor>, i: usize) -> Result<(HostTensor, HostTensor)> {
    Ok((take(all, &format!("mlp.layers.{i}.weight"))?, take(all, &format!("mlp.layers.{i}.bias"))?))
}

/// `x W + b`, with `W` `[inputs, outputs]`.
fn dense((weight, bias): &(HostTensor, HostTensor), x: &[f32]) -> Vec<f32> {
    let mut outputs = bias.data.clone();
    for (value, row) in x.iter().zip(weight.data.chunks_exact(outputs.len())) {
        outputs.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
    }
    outputs
}

/// `x Φ(x)`, by the approximation of the error function of Abramowitz and Stegun, 7.1.26, whose error is below 1.5e-7.
fn gelu(x: f32) -> f32 {
    let z = x.abs() / std::f32::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let sum = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    let erf = (1.0 - sum * (-z * z).exp()).copysign(x);
    0.5 * x * (1.0 + erf)
}
