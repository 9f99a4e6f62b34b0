use pulp::{Arch, Simd, WithSimd};
use u2i_linalg::dot;

use super::{Part, Solved, softmax};

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
    pub negative_offset: &'a [f32],
    /// One by the temperature.
    pub inverse: f32,
}

impl PickedRows<'_> {
    /// As [`Rows::solve`](super::Rows::solve); the gradient of the negatives is that of the items, `[items, dim]`.
    pub(crate) fn solve(&self, gradients: bool) -> Solved {
        Solved::of(self.users.len(), self.dim, self.items.len(), gradients, |part| {
            Arch::new().dispatch(Pull { of: self, part, gradients })
        })
    }
}

/// From the vectors of some rows to their losses and gradients.
struct Pull<'a> {
    of: &'a PickedRows<'a>,
    part: Part<'a>,
    gradients: bool,
}

impl WithSimd for Pull<'_> {
    /// Sum of the losses, and what the rows add to the gradient of the items.
    type Output = (f64, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let PickedRows { dim, users, positives, items, negatives, hits, negative_offset, inverse } = *self.of;
        let Pull { part, gradients, .. } = self;
        let batch = users.len() / dim;
        let n = negatives.len() / batch;
        let mut of_items = vec![0.0; if gradients { items.len() } else { 0 }];
        let (mut scaled, mut weights) = (vec![0.0; dim], vec![0.0; n]);
        let mut loss = 0.0;
        for (row, at) in (part.first..part.first + part.rows).enumerate() {
            let user = &users[at * dim..][..dim];
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * inverse);
            let own = &positives[at * dim..][..dim];
            let others = &negatives[at * n..][..n];
            for (score, &other) in weights.iter_mut().zip(others) {
                *score = dot(simd, &scaled, &items[other * dim..][..dim]);
            }
            let offset = Some(&negative_offset[at * n..][..n]);
            let positive = dot(simd, &scaled, own);
            let sums = softmax(simd, positive, &mut weights, offset, &hits[at * n..][..n]);
            loss += f64::from(sums.loss);
            if !gradients {
                continue;
            }
            let by = 1.0 / ((sums.own + sums.others) * batch as f32);
            let push = -sums.others * by;
            let of_user = &mut part.users[row * dim..][..dim];
            of_user.iter_mut().zip(own).for_each(|(sum, own)| *sum = push * own);
            let of_positive = &mut part.positives[row * dim..][..dim];
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
