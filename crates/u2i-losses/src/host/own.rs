use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use u2i_linalg::dot;

use super::{PARTS, Solved, softmax};

/// What the loss is of where each row has negatives of its own.
#[derive(Clone, Copy)]
pub(crate) struct OwnRows<'a> {
    /// Length of the vectors.
    pub dim: usize,
    /// `[batch, dim]`.
    pub users: &'a [f32],
    /// `[batch, dim]`.
    pub positives: &'a [f32],
    /// `[batch, negatives, dim]`.
    pub negatives: &'a [f32],
    /// `[batch, negatives]`.
    pub hits: &'a [bool],
    /// `[batch, negatives]`, subtracted from the negatives' scores.
    pub negative_offset: Option<&'a [f32]>,
    /// One by the temperature.
    pub inverse: f32,
}

impl OwnRows<'_> {
    /// As [`Rows::solve`]; the gradient of the negatives is `[batch, negatives, dim]`.
    pub(crate) fn solve(&self, gradients: bool) -> Solved {
        let (batch, n) = (self.users.len() / self.dim, self.negatives.len() / self.users.len().max(1));
        let per_part = batch.div_ceil(PARTS).max(1);
        let mut solved = Solved::default();
        if gradients {
            solved.users = vec![0.0; self.users.len()];
            solved.positives = vec![0.0; self.users.len()];
            solved.negatives = vec![0.0; self.negatives.len()];
        }
        let width = if gradients { per_part * self.dim } else { 1 };
        let mut of_users = solved.users.chunks_mut(width);
        let mut of_positives = solved.positives.chunks_mut(width);
        let mut of_negatives = solved.negatives.chunks_mut(width * n);
        let parts: Vec<OwnPart<'_>> = (0..batch)
            .step_by(per_part)
            .map(|first| OwnPart {
                of: self,
                batch,
                rows: first..batch.min(first + per_part),
                users: of_users.next().unwrap_or_default(),
                positives: of_positives.next().unwrap_or_default(),
                negatives: of_negatives.next().unwrap_or_default(),
            })
            .collect();
        let solve = |part| Arch::new().dispatch::<OwnPart<'_>>(part);
        let losses: Vec<f64> = match rayon::current_num_threads() {
            1 => parts.into_iter().map(solve).collect(),
            _ => parts.into_par_iter().map(solve).collect(),
        };
        solved.loss = (losses.iter().sum::<f64>() / batch as f64) as f32;
        solved
    }
}

/// Rows that one thread takes, and where their gradients go, if they are wanted.
struct OwnPart<'a> {
    of: &'a OwnRows<'a>,
    batch: usize,
    rows: Range<usize>,
    users: &'a mut [f32],
    positives: &'a mut [f32],
    negatives: &'a mut [f32],
}

impl WithSimd for OwnPart<'_> {
    /// Sum of the losses.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let OwnRows { dim, users, positives, negatives, hits, negative_offset, inverse } = *self.of;
        let n = negatives.len() / users.len();
        let (mut scaled, mut weights) = (vec![0.0; dim], vec![0.0; n]);
        let mut loss = 0.0;
        for (row, at) in self.rows.enumerate() {
            let user = &users[at * dim..][..dim];
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * inverse);
            let own = &positives[at * dim..][..dim];
            let others = &negatives[at * n * dim..][..n * dim];
            for (score, other) in weights.iter_mut().zip(others.chunks_exact(dim)) {
                *score = dot(simd, &scaled, other);
            }
            let offset = negative_offset.map(|offset| &offset[at * n..][..n]);
            let positive = dot(simd, &scaled, own);
            let sums = softmax(simd, positive, &mut weights, offset, &hits[at * n..][..n]);
            loss += f64::from(sums.loss);
            if self.users.is_empty() {
                continue;
            }
            let by = 1.0 / ((sums.own + sums.others) * self.batch as f32);
            let push = -sums.others * by;
            let of_user = &mut self.users[row * dim..][..dim];
            of_user.iter_mut().zip(own).for_each(|(sum, own)| *sum = push * own);
            let of_positive = &mut self.positives[row * dim..][..dim];
            of_positive.iter_mut().zip(&scaled).for_each(|(to, scaled)| *to = push * scaled);
            let of_others = self.negatives[row * n * dim..][..n * dim].chunks_exact_mut(dim);
            for ((to, other), weight) in of_others.zip(others.chunks_exact(dim)).zip(&weights) {
                let weight = weight * by;
                to.iter_mut().zip(&scaled).for_each(|(to, scaled)| *to = weight * scaled);
                of_user.iter_mut().zip(other).for_each(|(sum, other)| *sum += weight * other);
            }
        }
        loss
    }
}
