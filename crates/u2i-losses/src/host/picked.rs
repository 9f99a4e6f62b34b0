use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use u2i_linalg::dot;

use super::{PARTS, Solved, softmax};

/// What the loss is of where the negatives of each row are some of the items.
#[derive(Clone, Copy)]
pub(crate) struct PickedRows<'a> {
    /// Length of the vectors.
    pub dim: usize,
    /// `[batch, dim]`.
    pub users: &'a [f32],
    /// `[batch, dim]`.
    pub positives: &'a [f32],
    /// `[items, dim]`.
    pub items: &'a [f32],
    /// `[batch, negatives]`: their places among the items.
    pub negatives: &'a [usize],
    /// `[batch, negatives]`.
    pub hits: &'a [bool],
    /// `[batch, negatives]`, subtracted from the negatives' scores.
    pub negative_offset: Option<&'a [f32]>,
    /// One by the temperature.
    pub inverse: f32,
}

impl PickedRows<'_> {
    /// As [`Rows::solve`](super::Rows::solve); the gradient of the negatives is that of the items, `[items, dim]`.
    pub(crate) fn solve(&self, gradients: bool) -> Solved {
        let batch = self.users.len() / self.dim;
        let per_part = batch.div_ceil(PARTS).max(1);
        let mut solved = Solved::default();
        if gradients {
            solved.users = vec![0.0; self.users.len()];
            solved.positives = vec![0.0; self.users.len()];
            solved.negatives = vec![0.0; self.items.len()];
        }
        let width = if gradients { per_part * self.dim } else { 1 };
        let mut of_users = solved.users.chunks_mut(width);
        let mut of_positives = solved.positives.chunks_mut(width);
        let parts: Vec<Part<'_>> = (0..batch)
            .step_by(per_part)
            .map(|first| Part {
                of: self,
                batch,
                rows: first..batch.min(first + per_part),
                users: of_users.next().unwrap_or_default(),
                positives: of_positives.next().unwrap_or_default(),
            })
            .collect();
        let solve = |part| Arch::new().dispatch::<Part<'_>>(part);
        let parts: Vec<(f64, Vec<f32>)> = match rayon::current_num_threads() {
            1 => parts.into_iter().map(solve).collect(),
            _ => parts.into_par_iter().map(solve).collect(),
        };
        let mut loss = 0.0;
        for (of_part, items) in parts {
            loss += of_part;
            solved.negatives.iter_mut().zip(items).for_each(|(sum, value)| *sum += value);
        }
        solved.loss = (loss / batch as f64) as f32;
        solved
    }
}

/// Rows that one thread takes, and where their gradients go, if they are wanted.
struct Part<'a> {
    of: &'a PickedRows<'a>,
    batch: usize,
    rows: Range<usize>,
    users: &'a mut [f32],
    positives: &'a mut [f32],
}

impl WithSimd for Part<'_> {
    /// Sum of the losses, and what the rows add to the gradient of the items.
    type Output = (f64, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let PickedRows { dim, users, positives, items, negatives, hits, negative_offset, inverse } = *self.of;
        let n = negatives.len() / self.batch;
        let gradients = !self.users.is_empty();
        let mut of_items = vec![0.0; if gradients { items.len() } else { 0 }];
        let (mut scaled, mut weights) = (vec![0.0; dim], vec![0.0; n]);
        let mut loss = 0.0;
        for (row, at) in self.rows.enumerate() {
            let user = &users[at * dim..][..dim];
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * inverse);
            let own = &positives[at * dim..][..dim];
            let others = &negatives[at * n..][..n];
            for (score, &other) in weights.iter_mut().zip(others) {
                *score = dot(simd, &scaled, &items[other * dim..][..dim]);
            }
            let offset = negative_offset.map(|offset| &offset[at * n..][..n]);
            let positive = dot(simd, &scaled, own);
            let sums = softmax(simd, positive, &mut weights, offset, &hits[at * n..][..n]);
            loss += f64::from(sums.loss);
            if !gradients {
                continue;
            }
            let by = 1.0 / ((sums.own + sums.others) * self.batch as f32);
            let push = -sums.others * by;
            let of_user = &mut self.users[row * dim..][..dim];
            of_user.iter_mut().zip(own).for_each(|(sum, own)| *sum = push * own);
            let of_positive = &mut self.positives[row * dim..][..dim];
            of_positive.iter_mut().zip(&scaled).for_each(|(to, scaled)| *to = push * scaled);
            for (&other, weight) in others.iter().zip(&weights) {
                let weight = weight * by;
                let (item, of_item) = (&items[other * dim..][..dim], &mut of_items[other * dim..][..dim]);
                of_item.iter_mut().zip(&scaled).for_each(|(sum, scaled)| *sum += weight * scaled);
                of_user.iter_mut().zip(item).for_each(|(sum, item)| *sum += weight * item);
            }
        }
        (loss, of_items)
    }
}
