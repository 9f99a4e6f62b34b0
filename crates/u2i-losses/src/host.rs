//! Softmaxes in the memory of a CPU: score, loss and gradients of some rows at a time, so that no scores of
//! `batch × negatives` are written to memory and read again.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use u2i_linalg::{Matrix, add_product, dot, exp, product};

mod picked;

pub(crate) use picked::PickedRows;

/// Parts that a softmax in the memory of a CPU divides a batch into, each with a gradient of its own of the negatives. They are
/// added in their order, so that sums do not depend on the number of threads.
pub(crate) const GRADIENT_PARTS: usize = 8;

/// Scores that are in the cache at once, 256 KiB; more where 16 rows have more, above 4,096 negatives.
const SCORES: usize = 1 << 16;

/// What the loss is of.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Length of the vectors.
    pub dim: usize,
    /// `[batch, dim]`.
    pub users: &'a [f32],
    /// `[batch, dim]`.
    pub positives: &'a [f32],
    /// `[negatives, dim]`.
    pub negatives: &'a [f32],
    /// `[batch, negatives]`.
    pub hits: &'a [bool],
    /// `[batch]`, subtracted from the positives' scores.
    pub positive_offset: Option<&'a [f32]>,
    /// `[negatives]`, subtracted from the negatives' scores.
    pub negative_offset: Option<&'a [f32]>,
    /// One by the temperature.
    pub inverse: f32,
}

/// Its value and gradients.
#[derive(Debug, Default)]
pub(crate) struct Solved {
    /// Mean over the rows.
    pub loss: f32,
    /// `[batch, dim]`, by the scores' users: not yet times `inverse`.
    pub users: Vec<f32>,
    /// `[batch, dim]`.
    pub positives: Vec<f32>,
    /// `[negatives, dim]`.
    pub negatives: Vec<f32>,
}

impl Solved {
    /// Has `solve` find, for each part of the rows, the sum of their losses and what they add to the gradient of `negatives`
    /// numbers, and puts these together. `users` numbers are vectors of `dim` each.
    fn of(
        users: usize,
        dim: usize,
        negatives: usize,
        gradients: bool,
        solve: impl Fn(Part<'_>) -> (f64, Vec<f32>) + Send + Sync,
    ) -> Self {
        let batch = users / dim;
        let per_part = batch.div_ceil(GRADIENT_PARTS).max(1);
        let mut solved = Solved::default();
        if gradients {
            solved.users = vec![0.0; users];
            solved.positives = vec![0.0; users];
            solved.negatives = vec![0.0; negatives];
        }
        let mut of_users = solved.users.chunks_mut(per_part * dim);
        let mut of_positives = solved.positives.chunks_mut(per_part * dim);
        let parts: Vec<Part<'_>> = (0..batch)
            .step_by(per_part)
            .map(|first| Part {
                first,
                rows: per_part.min(batch - first),
                users: of_users.next().unwrap_or_default(),
                positives: of_positives.next().unwrap_or_default(),
            })
            .collect();
        // A pool of one thread would be handed the work and waited for.
        let parts: Vec<(f64, Vec<f32>)> = match rayon::current_num_threads() {
            1 => parts.into_iter().map(solve).collect(),
            _ => parts.into_par_iter().map(solve).collect(),
        };
        let mut loss = 0.0;
        for (of_part, negatives) in parts {
            loss += of_part;
            solved.negatives.iter_mut().zip(negatives).for_each(|(sum, value)| *sum += value);
        }
        solved.loss = (loss / batch as f64) as f32;
        solved
    }
}

impl Rows<'_> {
    fn batch(&self) -> usize {
        self.users.len() / self.dim
    }

    /// The loss, and its gradients where they are wanted.
    pub(crate) fn solve(&self, gradients: bool) -> Solved {
        Solved::of(self.users.len(), self.dim, self.negatives.len(), gradients, |part| {
            self.part(part, gradients)
        })
    }

    /// Sum of the losses of a part's rows, and what they add to the gradient of the negatives.
    fn part(&self, part: Part<'_>, gradients: bool) -> (f64, Vec<f32>) {
        let (dim, n) = (self.dim, self.negatives.len() / self.dim);
        let block = (SCORES / n.max(1)).clamp(16, 128);
        let mut scores = vec![0.0f32; block.min(part.rows) * n];
        let mut scaled = vec![0.0f32; block.min(part.rows) * dim];
        let mut negatives = vec![0.0f32; if gradients { self.negatives.len() } else { 0 }];
        let mut loss = 0.0f64;
        for begin in (0..part.rows).step_by(block) {
            let rows = block.min(part.rows - begin);
            let first = part.first + begin;
            let (scores, scaled) = (&mut scores[..rows * n], &mut scaled[..rows * dim]);
            let users = &self.users[first * dim..(first + rows) * dim];
            scaled.iter_mut().zip(users).for_each(|(scaled, user)| *scaled = user * self.inverse);
            // [rows, n] = [rows, dim] · [n, dim]ᵀ
            let negatives_of = Matrix::new(self.negatives, dim);
            product(Matrix::new(scaled, dim), negatives_of.transposed(), 1.0, scores);
            let mut push = [0.0f32; 128];
            let push = &mut push[..rows];
            loss += Arch::new().dispatch(Weigh { of: self, first, scaled, scores, push, gradients });
            if !gradients || n == 0 {
                continue;
            }
            let of_users = &mut part.users[begin * dim..(begin + rows) * dim];
            let weights = Matrix::new(scores, n);
            product(weights, negatives_of, 1.0, of_users);
            add_product(weights.transposed(), Matrix::new(scaled, dim), 1.0, &mut negatives);
            for (row, push) in push.iter().enumerate() {
                let span = row * dim..(row + 1) * dim;
                let own = &self.positives[(first + row) * dim..][..dim];
                of_users[span.clone()].iter_mut().zip(own).for_each(|(sum, own)| *sum += push * own);
                let of_positives = &mut part.positives[(begin + row) * dim..][..dim];
                of_positives.iter_mut().zip(&scaled[span]).for_each(|(to, scaled)| *to = push * scaled);
            }
        }
        (loss, negatives)
    }
}

/// Rows that one thread takes, and where their gradients go.
struct Part<'a> {
    first: usize,
    rows: usize,
    users: &'a mut [f32],
    positives: &'a mut [f32],
}

/// From the scores of some rows to their losses, and to what the vectors of each are pulled by.
struct Weigh<'a> {
    of: &'a Rows<'a>,
    /// The first of the rows.
    first: usize,
    /// `[rows, dim]`, of the users by the temperature.
    scaled: &'a [f32],
    /// `[rows, negatives]`: scores, which become the gradients by them.
    scores: &'a mut [f32],
    /// `[rows]`: becomes the gradients by the positives' scores.
    push: &'a mut [f32],
    gradients: bool,
}

impl WithSimd for Weigh<'_> {
    /// Sum of the losses.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Rows { dim, positives, hits, positive_offset, negative_offset, .. } = *self.of;
        let n = self.scores.len() / self.push.len();
        let mut loss = 0.0;
        for (row, push) in self.push.iter_mut().enumerate() {
            let at = self.first + row;
            let offset = positive_offset.map_or(0.0, |offset| offset[at]);
            let positive =
                dot(simd, &self.scaled[row * dim..][..dim], &positives[at * dim..][..dim]) - offset;
            let weights = &mut self.scores[row * n..][..n];
            let Sums { loss: of_row, own, others } =
                softmax(simd, positive, weights, negative_offset, &hits[at * n..][..n]);
            loss += f64::from(of_row);
            if self.gradients {
                let total = (own + others) * self.of.batch() as f32;
                *push = -others / total;
                weights.iter_mut().for_each(|weight| *weight /= total);
            }
        }
        loss
    }
}

/// Of one row, shifted by its highest score.
struct Sums {
    /// `log( exp(s+) + sum_j exp(s_j) ) - s+`, in nats.
    loss: f32,
    /// `exp(s+ - highest)`.
    own: f32,
    /// Sum of `exp(s_j - highest)`.
    others: f32,
}

/// Makes `exp(s_j - highest)` of scores, 0 where they are masked.
#[inline(always)]
fn softmax<S: Simd>(
    simd: S,
    positive: f32,
    scores: &mut [f32],
    offset: Option<&[f32]>,
    hits: &[bool],
) -> Sums {
    if let Some(offset) = offset {
        scores.iter_mut().zip(offset).for_each(|(score, offset)| *score -= offset);
    }
    for (score, hit) in scores.iter_mut().zip(hits) {
        *score = if *hit { f32::NEG_INFINITY } else { *score };
    }
    let highest = largest(simd, scores).max(positive);
    let (lanes, rest) = S::as_mut_simd_f32s(scores);
    let mut sums = simd.splat_f32s(0.0);
    for scores in lanes {
        *scores = shifted_exp(simd, *scores, highest);
        sums = simd.add_f32s(sums, *scores);
    }
    let mut others = simd.reduce_sum_f32s(sums);
    let last = shifted_exp(simd, simd.partial_load_f32s(rest), highest);
    simd.partial_store_f32s(rest, last);
    others += rest.iter().sum::<f32>();
    let own = (positive - highest).exp();
    // Where the positive is highest, `own` is 1 and small losses keep their digits.
    let total = (own - 1.0 + others).ln_1p();
    Sums { loss: total + (highest - positive), own, others }
}

/// `exp(score - highest)`, 0 where that is below 1.7e-38; of NaN it is NaN.
#[inline(always)]
fn shifted_exp<S: Simd>(simd: S, score: S::f32s, highest: f32) -> S::f32s {
    let x = simd.sub_f32s(score, simd.splat_f32s(highest));
    let kept =
        simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(-87.0)), simd.splat_f32s(0.0), exp(simd, x));
    simd.select_f32s(simd.equal_f32s(x, x), kept, x)
}

/// NaN is passed over here, and is found in the sum.
#[inline(always)]
fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (lanes, rest) = S::as_simd_f32s(values);
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for &values in lanes {
        most = simd.select_f32s(simd.greater_than_f32s(values, most), values, most);
    }
    let most = simd.reduce_max_f32s(most);
    rest.iter().copied().fold(most, |a, b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is masked or far below the highest counts for nothing, and a NaN among the scores is one in the sum, wherever in
    /// a register it lies.
    #[test]
    fn weights_are_exponentials_and_nan_is_kept() {
        struct Softmax(Vec<f32>, Vec<bool>);
        impl WithSimd for Softmax {
            type Output = (Vec<f32>, f32, f32);

            #[inline(always)]
            fn with_simd<S: Simd>(mut self, simd: S) -> Self::Output {
                let sums = softmax(simd, 1.0, &mut self.0, None, &self.1);
                (self.0, sums.others, sums.own)
            }
        }
        let scores: Vec<f32> = (0..37).map(|i| if i == 5 { -1e4 } else { i as f32 / 10.0 }).collect();
        let hits: Vec<bool> = (0..37).map(|i| i % 7 == 3).collect();
        let (weights, others, own) = Arch::new().dispatch(Softmax(scores.clone(), hits.clone()));
        let wanted = |i: usize| if hits[i] { 0.0 } else { (f64::from(scores[i]) - 3.6).exp() };
        for (i, weight) in weights.iter().enumerate() {
            assert!((f64::from(*weight) - wanted(i)).abs() < 3e-7, "{i}: {weight} and {}", wanted(i));
        }
        assert_eq!((weights[5], weights[3]), (0.0, 0.0));
        assert!((f64::from(others) - (0..37).map(wanted).sum::<f64>()).abs() < 1e-5);
        assert!((f64::from(own) - (1.0f64 - 3.6).exp()).abs() < 1e-7);
        for place in [0, 4, 30, 36] {
            let mut broken = scores.clone();
            broken[place] = f32::NAN;
            let (_, others, _) = Arch::new().dispatch(Softmax(broken, vec![false; 37]));
            assert!(others.is_nan(), "{place}");
        }
    }
}
