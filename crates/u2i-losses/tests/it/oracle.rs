//! The losses once more, in f64, element by element as their formulas are written.

use u2i_random::{Purpose, Stream};

/// Row-major `[rows, columns]`.
#[derive(Debug, Clone)]
pub struct Matrix {
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    /// Uniform in ±`bound`.
    pub fn random(rows: usize, columns: usize, bound: f64, stream: &mut Stream) -> Self {
        let values = (0..rows * columns).map(|_| stream.uniform(-bound, bound) as f32).collect();
        Matrix { columns, values }
    }
}

pub fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::SYNTHETIC, 0, 0)
}

/// Bound of elements whose inner product over `dim`, divided by `temperature`, stays within ±30.
pub fn bound(dim: usize, temperature: f32) -> f64 {
    (30.0 * f64::from(temperature) / dim as f64).sqrt()
}

/// Inner product of row `i` of the f64 input `a` and row `j` of `b`.
pub fn dot(a: &[f64], i: usize, b: &[f64], j: usize, dim: usize) -> f64 {
    (0..dim).map(|d| a[i * dim + d] * b[j * dim + d]).sum()
}

pub fn log_sum_exp(scores: &[f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // The highest term is left out and added as 1, so that a sum near 1 keeps its digits.
    let at = scores.iter().position(|&s| s == highest).unwrap();
    let rest: f64 =
        scores.iter().enumerate().filter(|&(i, _)| i != at).map(|(_, s)| (s - highest).exp()).sum();
    highest + rest.ln_1p()
}

/// `log(exp(positive) + sum exp(negatives)) - positive`, keeping the digits of small values.
pub fn softmax_row(positive: f64, negatives: &[f64]) -> f64 {
    let shifted: Vec<f64> = std::iter::once(0.0).chain(negatives.iter().map(|s| s - positive)).collect();
    log_sum_exp(&shifted)
}

/// `log(1 + exp(x))`
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Central differences of `f`, with respect to each element of input `which`.
pub fn gradient(f: &dyn Fn(&[Vec<f64>]) -> f64, inputs: &[Vec<f64>], which: usize) -> Vec<f64> {
    let step = 1e-5;
    let mut inputs = inputs.to_vec();
    (0..inputs[which].len())
        .map(|i| {
            let at = inputs[which][i];
            inputs[which][i] = at + step;
            let above = f(&inputs);
            inputs[which][i] = at - step;
            let below = f(&inputs);
            inputs[which][i] = at;
            (above - below) / (2.0 * step)
        })
        .collect()
}
