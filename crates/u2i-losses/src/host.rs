//! The softmax of [`Candidates`](crate::cross_entropy::Candidates) in the memory of a CPU: score, loss and gradients of some
//! rows at a time, so that no scores of `batch × negatives` are written to memory and read again.

use burn::tensor::{DType, Tensor};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use crate::cross_entropy::{is_shifted, keeps_small_losses};

/// Parts that a batch is divided into. Their gradients are added in their order, so that sums do not depend on the number of
/// threads.
const PARTS: usize = 8;

/// Scores that are in the cache at once, 256 KiB; more where 16 rows have more, above 4,096 negatives.
const SCORES: usize = 1 << 16;

/// Whether burn keeps a tensor as 32-bit numbers in the host's memory. Which devices do burn says nowhere but in the names of
/// its backends; by another name a loss takes the way over tensors, to the same value.
pub(crate) fn is_here(tensor: &Tensor<2>) -> bool {
    let name = format!("{:?}", tensor.device());
    tensor.dtype() == DType::F32 && ["Flex(", "NdArray("].iter().any(|backend| name.contains(backend))
}

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

impl Rows<'_> {
    fn batch(&self) -> usize {
        self.users.len() / self.dim
    }

    /// The loss, and its gradients where they are wanted.
    pub(crate) fn solve(&self, gradients: bool) -> Solved {
        let batch = self.batch();
        let per_part = batch.div_ceil(PARTS).max(1);
        let mut solved = Solved::default();
        if gradients {
            solved.users = vec![0.0; self.users.len()];
            solved.positives = vec![0.0; self.users.len()];
            solved.negatives = vec![0.0; self.negatives.len()];
        }
        let width = if gradients { per_part * self.dim } else { 0 };
        let mut of_users = solved.users.chunks_mut(width.max(1));
        let mut of_positives = solved.positives.chunks_mut(width.max(1));
        let parts: Vec<Part<'_>> = (0..batch)
            .step_by(per_part)
            .map(|first| Part {
                first,
                rows: per_part.min(batch - first),
                users: of_users.next().unwrap_or_default(),
                positives: of_positives.next().unwrap_or_default(),
            })
            .collect();
        let solve = |part| self.part(part, gradients);
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
            product(1.0, view(scaled, dim), view(self.negatives, dim).reversed_axes(), 0.0, scores, n);
            let mut push = [0.0f32; 128];
            for row in 0..rows {
                let at = first + row;
                let own = &self.positives[at * dim..][..dim];
                let offset = self.positive_offset.map_or(0.0, |offset| offset[at]);
                let positive = dot(&scaled[row * dim..][..dim], own) - offset;
                let weights = &mut scores[row * n..][..n];
                let hits = &self.hits[at * n..][..n];
                let Sums { loss: of_row, own, others } =
                    softmax(positive, weights, self.negative_offset, hits);
                loss += f64::from(of_row);
                if gradients {
                    let total = (own + others) * self.batch() as f32;
                    push[row] = -others / total;
                    weights.iter_mut().for_each(|weight| *weight /= total);
                }
            }
            if !gradients {
                continue;
            }
            let of_users = &mut part.users[begin * dim..(begin + rows) * dim];
            product(1.0, view(scores, n), view(self.negatives, dim), 0.0, of_users, dim);
            product(1.0, view(scores, n).reversed_axes(), view(scaled, dim), 1.0, &mut negatives, dim);
            for (row, push) in push[..rows].iter().enumerate() {
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

/// `[rows, width]`.
fn view(data: &[f32], width: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((data.len() / width, width), data).expect("shapes follow from lengths")
}

/// `to = a b + keep to`.
fn product(by: f32, a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, keep: f32, to: &mut [f32], width: usize) {
    let mut to =
        ArrayViewMut2::from_shape((to.len() / width, width), to).expect("shapes follow from lengths");
    general_mat_mul(by, &a, &b, keep, &mut to);
}

/// Numbers that are added side by side, as vector units do.
const LANES: usize = 8;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
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
fn softmax(positive: f32, scores: &mut [f32], offset: Option<&[f32]>, hits: &[bool]) -> Sums {
    if let Some(offset) = offset {
        scores.iter_mut().zip(offset).for_each(|(score, offset)| *score -= offset);
    }
    for (score, hit) in scores.iter_mut().zip(hits) {
        *score = if *hit { f32::NEG_INFINITY } else { *score };
    }
    let highest = if is_shifted() { largest(scores).max(positive) } else { 0.0 };
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = scores.as_chunks_mut::<LANES>();
    for scores in lanes {
        for lane in 0..LANES {
            scores[lane] = exp(scores[lane] - highest);
            sums[lane] += scores[lane];
        }
    }
    let mut others = sums.iter().sum::<f32>();
    for score in rest {
        *score = exp(*score - highest);
        others += *score;
    }
    let own = (positive - highest).exp();
    // Where the positive is highest, `own` is 1 and small losses keep their digits.
    let total = if keeps_small_losses() { (own - 1.0 + others).ln_1p() } else { (own + others).ln() };
    Sums { loss: total + (highest - positive), own, others }
}

/// NaN is passed over here, and is found in the sum.
fn largest(values: &[f32]) -> f32 {
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let (lanes, rest) = values.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for values in lanes {
        for lane in 0..LANES {
            most[lane] = higher(most[lane], values[lane]);
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, higher)
}

/// `e^x` without a branch, so that several are computed at once: 2 to the nearest whole power, and the rest, at most
/// ln 2 / 2 either way, by its series. The error is below 1e-7 of the value from -87 to 0; below that it is 0, where
/// the value is at most 1.7e-38, and NaN stays NaN.
fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 · 2²³ leaves a whole number, which also stands in the last bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let power = x * std::f32::consts::LOG2_E + ROUND;
    let whole = power - ROUND;
    let r = (x - whole * LN_2.0) - whole * LN_2.1;
    let series = 1.0 / 5_040.0;
    let series = series * r + 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r * r + r + 1.0;
    let two = f32::from_bits((power.to_bits() << 23).wrapping_add(127 << 23));
    // All bits, or none of a number that is too small: a choice between two would be a branch.
    let keep = if x < -87.0 { 0 } else { u32::MAX };
    f32::from_bits((series * two).to_bits() & keep)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn burns_cpu_backend_is_found_by_its_name_and_only_its_32_bit_numbers_are_read() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            assert!(is_here(&Tensor::zeros([1, 1], &device)), "{device:?}");
            assert!(!is_here(&Tensor::zeros([1, 1], (&device, DType::F64))), "{device:?}");
        }
    }

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        let mut worst = 0.0f64;
        for i in 0..2_000_000 {
            let x = -87.0 + i as f32 * 87.5e-6;
            let wanted = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - wanted).abs() / wanted);
        }
        assert!(worst < 1e-7, "{worst}");
        assert_eq!((exp(0.0), exp(-1e4), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(largest(&[f32::NEG_INFINITY; 3]), f32::NEG_INFINITY);
    }
}
