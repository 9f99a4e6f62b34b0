use std::iter::Sum;
use std::ops::{Add, Mul, Sub};

use burn::tensor::{Tensor, TensorData};

use super::{Features, Fm};
use crate::{ItemBatch, ReferenceScores, UserBatch};

/// The features of an FM on the host, and its score in Rendle's O(kn) form (ICDM 2010, lemma 3.1):
///
/// ```text
/// w_0 + Σ_i w_i x_i + ½ Σ_f ((Σ_i v_if x_i)² - Σ_i v_if² x_i²)
/// ```
///
/// Evaluated in `f64` from the trained `f32` weights it is the oracle of the two-tower form.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainFm {
    bias: f32,
    dim: usize,
    users: Side,
    items: Side,
}

/// `[n, features, dim]` vectors times their `x`, and `[n]` linear terms.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    features: usize,
    vectors: Vec<f32>,
    linear: Vec<f32>,
    /// `[n, dim]`: `Σ v x` over the features.
    sums: Vec<f64>,
    /// `[n]`: `Σ v² x²` over features and `dim`.
    squares: Vec<f64>,
}

/// The sums of one row.
struct Sums<'a> {
    sums: &'a [f64],
    squares: f64,
}

/// `f32` or `f64`.
pub trait Real:
    Copy + From<f32> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Sum
{
    /// One half.
    const HALF: Self;
}

impl Real for f32 {
    const HALF: f32 = 0.5;
}

impl Real for f64 {
    const HALF: f64 = 0.5;
}

impl Fm {
    /// The features of some users and items on the host.
    pub fn plain(&self, users: &UserBatch, items: &ItemBatch) -> PlainFm {
        PlainFm {
            bias: self.bias.val().into_scalar(),
            dim: self.ids.dim(),
            users: Side::new(self.user_features(users)),
            items: Side::new(self.item_features(items)),
        }
    }
}

impl Side {
    fn new(features: Vec<Features>) -> Self {
        let linear = host(super::total(&features, |f| f.linear.clone()).into_data());
        let vectors = Tensor::cat(features.into_iter().map(|f| f.vectors).collect(), 1);
        let [n, features, dim] = vectors.dims();
        let vectors = host(vectors.into_data());
        let mut sums = vec![0.0; n * dim];
        let mut squares = vec![0.0; n];
        for (row, own) in vectors.chunks_exact(features * dim).enumerate() {
            for vector in own.chunks_exact(dim) {
                for (sum, v) in sums[row * dim..].iter_mut().zip(vector) {
                    *sum += f64::from(*v);
                    squares[row] += f64::from(*v) * f64::from(*v);
                }
            }
        }
        Side { features, vectors, linear, sums, squares }
    }

    fn sums(&self, row: usize, dim: usize) -> Sums<'_> {
        Sums { sums: &self.sums[row * dim..][..dim], squares: self.squares[row] }
    }

    fn vectors(&self, row: usize, dim: usize) -> &[f32] {
        &self.vectors[row * self.features * dim..][..self.features * dim]
    }
}

impl ReferenceScores for PlainFm {
    fn scores(&self, user: usize) -> Vec<f64> {
        self.scores(user)
    }

    fn two_tower_scores(&self, user: usize) -> Vec<f64> {
        self.two_tower_scores(user)
    }

    fn user_constant(&self, user: usize) -> f64 {
        self.user_constant(user)
    }
}

fn host(data: TensorData) -> Vec<f32> {
    data.try_into_vec().expect("weights are f32")
}

impl PlainFm {
    /// Number of users and items.
    pub fn sizes(&self) -> (usize, usize) {
        (self.users.linear.len(), self.items.linear.len())
    }

    /// The score of a user and an item, by their places in the batches.
    pub fn score<F: Real>(&self, user: usize, item: usize) -> F {
        let sides = [(&self.users, user), (&self.items, item)];
        let linear: F = sides.iter().map(|(side, row)| F::from(side.linear[*row])).sum();
        F::from(self.bias) + linear + F::HALF * self.twice_interactions(&sides)
    }

    /// The part of the score that the item does not change.
    pub fn user_constant<F: Real>(&self, user: usize) -> F {
        let linear = F::from(self.users.linear[user]);
        F::from(self.bias) + linear + F::HALF * self.twice_interactions(&[(&self.users, user)])
    }

    /// The inner product of the vectors that the towers emit, in the arithmetic of `F`.
    pub fn two_tower_score<F: Real>(&self, user: usize, item: usize) -> F {
        let own =
            F::from(self.items.linear[item]) + F::HALF * self.twice_interactions(&[(&self.items, item)]);
        let product =
            (0..self.dim).map(|f| self.sum::<F>(&self.users, user, f) * self.sum(&self.items, item, f));
        own + product.sum()
    }

    /// [`score`](Self::score) of a user and all items, in f64, with the sums of each side made once.
    pub fn scores(&self, user: usize) -> Vec<f64> {
        let own = self.users.sums(user, self.dim);
        let fixed = f64::from(self.bias) + f64::from(self.users.linear[user]) - 0.5 * own.squares;
        let score = |item: usize| {
            let other = self.items.sums(item, self.dim);
            let squared: f64 = own.sums.iter().zip(other.sums).map(|(a, b)| (a + b) * (a + b)).sum();
            fixed + f64::from(self.items.linear[item]) + 0.5 * (squared - other.squares)
        };
        (0..self.items.linear.len()).map(score).collect()
    }

    /// [`two_tower_score`](Self::two_tower_score) of a user and all items, in f64, with each vector made once.
    pub fn two_tower_scores(&self, user: usize) -> Vec<f64> {
        let own = self.users.sums(user, self.dim);
        let score = |item: usize| {
            let other = self.items.sums(item, self.dim);
            let squared: f64 = other.sums.iter().map(|b| b * b).sum();
            let product: f64 = own.sums.iter().zip(other.sums).map(|(a, b)| a * b).sum();
            f64::from(self.items.linear[item]) + 0.5 * (squared - other.squares) + product
        };
        (0..self.items.linear.len()).map(score).collect()
    }

    fn sum<F: Real>(&self, side: &Side, row: usize, f: usize) -> F {
        side.vectors(row, self.dim).chunks_exact(self.dim).map(|v| F::from(v[f])).sum()
    }

    fn twice_interactions<F: Real>(&self, sides: &[(&Side, usize)]) -> F {
        let factor = |f: usize| {
            let values = || {
                let vectors =
                    sides.iter().flat_map(|(side, row)| side.vectors(*row, self.dim).chunks_exact(self.dim));
                vectors.map(move |v| F::from(v[f]))
            };
            let sum: F = values().sum();
            sum * sum - values().map(|v| v * v).sum::<F>()
        };
        (0..self.dim).map(factor).sum()
    }
}
