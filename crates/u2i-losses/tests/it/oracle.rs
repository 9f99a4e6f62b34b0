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

/// A softmax loss of rows with a positive each and shared negatives, in f64.
pub struct Softmax<'a> {
    pub dim: usize,
    pub temperature: f64,
    /// `[batch, dim]`
    pub users: &'a [f64],
    /// `[batch, dim]`
    pub positives: &'a [f64],
    /// `[negatives, dim]`
    pub negatives: &'a [f64],
    /// Whether negative `j` is none of row `i`.
    pub is_hit: &'a dyn Fn(usize, usize) -> bool,
    /// Subtracted from the score of positive `i`.
    pub positive_offset: &'a dyn Fn(usize) -> f64,
    /// Subtracted from the scores of negative `j`.
    pub negative_offset: &'a dyn Fn(usize) -> f64,
}

/// The loss, and its gradients by users, positives and negatives.
pub struct Solution {
    pub loss: f64,
    pub gradients: [Vec<f64>; 3],
    /// Of each gradient the largest sum of what is added up in an element, signs aside.
    pub sizes: [f64; 3],
}

impl Softmax<'_> {
    /// `log(exp(s+) + sum_j exp(s_j)) - s+`, a row at a time. By a negative's score it falls as its probability, by
    /// the positive's as minus their sum.
    pub fn solve(&self) -> Solution {
        let (dim, batch, n) = (self.dim, self.users.len() / self.dim, self.negatives.len() / self.dim);
        let mut gradients = [self.users, self.positives, self.negatives].map(|x| vec![0.0; x.len()]);
        let mut sizes = gradients.clone();
        let mut loss = 0.0;
        for i in 0..batch {
            let score = |items, j| dot(self.users, i, items, j, dim) / self.temperature;
            let positive = score(self.positives, i) - (self.positive_offset)(i);
            let others: Vec<usize> = (0..n).filter(|&j| !(self.is_hit)(i, j)).collect();
            let scores: Vec<f64> =
                others.iter().map(|&j| score(self.negatives, j) - (self.negative_offset)(j)).collect();
            let row = softmax_row(positive, &scores);
            loss += row;
            let scale = 1.0 / (self.temperature * batch as f64);
            let mut flow = |items: &[f64], which: usize, j: usize, slope: f64| {
                for d in 0..dim {
                    let (by_user, by_item) = (slope * items[j * dim + d], slope * self.users[i * dim + d]);
                    gradients[0][i * dim + d] += by_user;
                    gradients[which][j * dim + d] += by_item;
                    sizes[0][i * dim + d] += by_user.abs();
                    sizes[which][j * dim + d] += by_item.abs();
                }
            };
            let mut sum = 0.0;
            for (&j, score) in others.iter().zip(scores) {
                let probability = (score - positive - row).exp();
                flow(self.negatives, 2, j, probability * scale);
                sum += probability;
            }
            flow(self.positives, 1, i, -sum * scale);
        }
        let sizes = sizes.map(|sizes| sizes.into_iter().fold(0.0, f64::max));
        Solution { loss: loss / batch as f64, gradients, sizes }
    }
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
