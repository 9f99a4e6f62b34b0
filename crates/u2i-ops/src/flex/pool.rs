use std::ops::Range;

use burn::tensor::{Tensor, TensorData};

use super::function::{Function, GradientRequest, apply};
use super::parts::{each, runs};
use super::windows::{Backward, Forward, Part, Window};
use crate::{Divisor, LEAST_LOG_WEIGHT, Windows, operate_on};

/// As [`crate::pool`].
pub(crate) fn pool(
    vectors: &Tensor<2>,
    mask: &Tensor<2>,
    keep: Option<Vec<f32>>,
    log_weights: Option<&Tensor<2>>,
    windows: Windows,
    divisor: Divisor,
) -> Option<Tensor<2>> {
    if !(operate_on(vectors) && operate_on(mask) && log_weights.is_none_or(operate_on)) {
        return None;
    }
    let log_weights = match log_weights {
        Some(weights) => weights.clone(),
        None => {
            let zeros = TensorData::new(vec![0.0f32; windows.length], [1, windows.length]);
            Tensor::from_data(zeros, &vectors.device())
        }
    };
    let ([rows, dim], [heads, _]) = (vectors.dims(), log_weights.dims());
    let shape = [rows / windows.width() * windows.targets, heads * dim];
    let tensors =
        [vectors.clone().into_dispatch(), log_weights.into_dispatch(), mask.clone().detach().into_dispatch()];
    Some(apply(Pool { window: Window { windows, dim, heads }, divisor, keep }, tensors, shape))
}

#[derive(Debug)]
struct Pool {
    window: Window,
    divisor: Divisor,
    keep: Option<Vec<f32>>,
}

/// What is kept of the value's computation.
#[derive(Debug, Clone)]
struct Kept {
    /// `[heads, length]`: weights from the oldest event to the newest.
    weights: Vec<f32>,
    /// `[chunks * targets, heads]`: what the sums were divided by.
    divisors: Vec<f32>,
}

impl Pool {
    /// Whether weights are scaled by the largest, and the logarithm of the least.
    fn least(&self) -> (bool, f32) {
        match self.divisor {
            Divisor::Weights { .. } => (true, LEAST_LOG_WEIGHT),
            _ => (false, f32::NEG_INFINITY),
        }
    }

    /// `[heads, length]`, the oldest event first.
    fn weights(&self, log_weights: &[f32]) -> Vec<f32> {
        let by_head = log_weights.chunks_exact(self.window.windows.length).flat_map(|head| {
            let (is_scaled, least) = self.least();
            let largest =
                if is_scaled { head.iter().copied().fold(f32::NEG_INFINITY, f32::max) } else { 0.0 };
            head.iter().rev().map(move |log_weight| {
                let log_weight = log_weight - largest;
                // NaN stays.
                if log_weight < least { least.exp() } else { log_weight.exp() }
            })
        });
        by_head.collect()
    }

    fn part<'a>(&'a self, [vectors, _, mask]: [&'a [f32]; 3], chunks: &Range<usize>) -> Part<'a> {
        Part::new(&self.window, vectors, mask, self.keep.as_deref(), chunks)
    }
}

impl Function<3> for Pool {
    type Kept = Kept;

    fn value(&self, inputs: [&[f32]; 3], _: bool) -> (Vec<f32>, Kept) {
        let Window { windows: Windows { targets, .. }, dim, heads } = self.window;
        let weights = self.weights(inputs[1]);
        let chunks = inputs[2].len() / self.window.windows.width();
        let mut values = vec![0.0; chunks * targets * heads * dim];
        let mut divisors = vec![0.0; chunks * targets * heads];
        let parts = runs(chunks);
        let n = parts.first().map_or(1, Range::len) * targets * heads;
        let outputs = values.chunks_mut(n * dim).zip(divisors.chunks_mut(n));
        each(parts.into_iter().zip(outputs).collect(), |(chunks, (values, divisors))| {
            let part = self.part(inputs, &chunks);
            pulp::Arch::new().dispatch(Forward {
                window: self.window,
                divisor: self.divisor,
                part,
                weights: &weights,
                values,
                divisors,
            });
        });
        (values, Kept { weights, divisors })
    }

    fn gradients(&self, request: GradientRequest<'_, Kept, 3>) -> [Option<Vec<f32>>; 3] {
        let Window { windows, dim, heads } = self.window;
        let Windows { targets, length } = windows;
        let Kept { weights, divisors } = request.kept;
        let inputs = request.inputs;
        let chunks = inputs[2].len() / windows.width();
        let [by_vectors, by_weights, _] = request.wanted;
        let mut of_vectors = vec![0.0; if by_vectors { inputs[0].len() } else { 0 }];
        let mut of_weights = vec![0.0; if by_weights { chunks * weights.len() } else { 0 }];
        let parts = runs(chunks);
        let n = parts.first().map_or(1, Range::len);
        let mut to_vectors = of_vectors.chunks_mut((n * windows.width() * dim).max(1));
        let mut to_weights = of_weights.chunks_mut((n * weights.len()).max(1));
        let outputs = parts.into_iter().map(|chunks| {
            (chunks, to_vectors.next().unwrap_or_default(), to_weights.next().unwrap_or_default())
        });
        each(
            outputs.collect(),
            |(chunks, of_vectors, of_weights): (Range<usize>, &mut [f32], &mut [f32])| {
                let rows = chunks.start * targets * heads..chunks.end * targets * heads;
                let numbers = rows.start * dim..rows.end * dim;
                pulp::Arch::new().dispatch(Backward {
                    window: self.window,
                    divisor: self.divisor,
                    part: self.part(inputs, &chunks),
                    weights: &weights,
                    values: &request.value[numbers.clone()],
                    of_values: &request.of_value[numbers],
                    divisors: &divisors[rows],
                    of_vectors,
                    of_weights,
                });
            },
        );
        let of_log_weights = by_weights.then(|| {
            let mut sums = vec![0.0f32; weights.len()];
            for own in of_weights.chunks_exact(weights.len()) {
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
            // From the oldest event first to lags, and from a weight to its logarithm.
            let least = self.least().1.exp();
            sums.iter_mut()
                .zip(&weights)
                .for_each(|(sum, &weight)| *sum = if weight <= least { 0.0 } else { *sum * weight });
            sums.chunks_exact_mut(length).for_each(<[f32]>::reverse);
            sums
        });
        [by_vectors.then_some(of_vectors), of_log_weights, None]
    }
}
