use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;
use pulp::Arch;

use super::factors::{Backward, Forward, Inputs};
use super::function::{Function, GradientRequest, apply};
use super::parts::{each, runs};
use super::windows::{Part, Window};
use crate::{Factors, Windows, operate_on};

/// As [`crate::pool_by`].
pub(crate) fn pool_by(
    vectors: &Tensor<2>,
    mask: &Tensor<2>,
    keep: Option<Vec<f32>>,
    factors: Factors<'_>,
    heads: usize,
    windows: Windows,
    least: f32,
) -> Option<Tensor<2>> {
    let Factors { by_lag, by_gap, by_event } = factors;
    let all = [Some(vectors), Some(mask), by_lag, by_gap.map(|(weights, _)| weights), by_event];
    if !all.into_iter().flatten().all(operate_on) {
        return None;
    }
    let ([rows, dim], device) = (vectors.dims(), vectors.device());
    let or_ones = |factor: Option<&Tensor<2>>, shape: [usize; 2]| {
        factor.cloned().unwrap_or_else(|| Tensor::ones(shape, &device)).into_dispatch()
    };
    let tensors = [
        vectors.clone().into_dispatch(),
        mask.clone().detach().into_dispatch(),
        or_ones(by_lag, [heads, windows.length]),
        or_ones(by_gap.map(|(weights, _)| weights), [heads, 1]),
        or_ones(by_event, [rows, heads]),
    ];
    let gaps = by_gap.map(|(_, gaps)| gaps.clone());
    let window = Window { windows, dim, heads };
    let shape = [rows / windows.width() * windows.targets, heads * dim];
    Some(apply(PoolBy { window, least, gaps, keep }, tensors, shape))
}

#[derive(Debug)]
struct PoolBy {
    window: Window,
    least: f32,
    gaps: Option<Arc<[u32]>>,
    keep: Option<Vec<f32>>,
}

impl PoolBy {
    fn inputs<'a>(&'a self, inputs: [&'a [f32]; 5], chunks: &Range<usize>) -> Inputs<'a> {
        let Window { windows, heads, .. } = self.window;
        let [vectors, mask, by_lag, by_gap, by_event] = inputs;
        let events = chunks.start * windows.width()..chunks.end * windows.width();
        let gaps = events.start * windows.targets..events.end * windows.targets;
        let own = events.start * heads..events.end * heads;
        Inputs {
            window: self.window,
            part: Part::new(&self.window, vectors, mask, self.keep.as_deref(), chunks),
            by_lag,
            by_gap,
            gaps: self.gaps.as_ref().map(|all| &all[gaps]),
            by_event: &by_event[own],
        }
    }
}

impl Function<5> for PoolBy {
    /// `[chunks * targets, heads]`: what the sums were divided by.
    type Kept = Vec<f32>;

    fn value(&self, inputs: [&[f32]; 5], _: bool) -> (Vec<f32>, Vec<f32>) {
        let Window { windows, dim, heads, .. } = self.window;
        let chunks = inputs[1].len() / windows.width();
        let per_chunk = windows.targets * heads;
        let mut values = vec![0.0; chunks * per_chunk * dim];
        let mut divisors = vec![0.0; chunks * per_chunk];
        let runs = runs(chunks);
        let n = runs.first().map_or(1, Range::len) * per_chunk;
        let outputs = values.chunks_mut(n * dim).zip(divisors.chunks_mut(n));
        each(runs.into_iter().zip(outputs).collect(), |(chunks, (values, divisors))| {
            let inputs = self.inputs(inputs, &chunks);
            Arch::new().dispatch(Forward { inputs, least: self.least, values, divisors });
        });
        (values, divisors)
    }

    fn gradients(&self, request: GradientRequest<'_, Vec<f32>, 5>) -> [Option<Vec<f32>>; 5] {
        let Window { windows, dim, heads, .. } = self.window;
        let (inputs, divisors) = (request.inputs, request.kept);
        let chunks = inputs[1].len() / windows.width();
        let per_chunk = windows.targets * heads;
        let [by_vectors, _, by_lag, by_gap, by_event] = request.wanted;
        let runs = runs(chunks);
        let n = runs.first().map_or(1, Range::len);
        // Numbers that a chunk has of each gradient; those of factors of all chunks are added up afterwards.
        let sizes = [windows.width() * dim, inputs[2].len(), inputs[3].len(), windows.width() * heads];
        let wanted = [by_vectors, by_lag, by_gap, by_event];
        let mut gradients: [Vec<f32>; 4] =
            std::array::from_fn(|i| vec![0.0; if wanted[i] { chunks * sizes[i] } else { 0 }]);
        let mut sizes_of = sizes.iter();
        let mut outputs = gradients.each_mut().map(|of| {
            let size = sizes_of.next().expect("as many as there are gradients");
            of.chunks_mut((n * size).max(1))
        });
        let parts = runs
            .into_iter()
            .map(|chunks| (chunks, outputs.each_mut().map(|output| output.next().unwrap_or_default())));
        each(parts.collect(), |(chunks, outputs): (Range<usize>, [&mut [f32]; 4])| {
            let rows = chunks.start * per_chunk..chunks.end * per_chunk;
            let numbers = rows.start * dim..rows.end * dim;
            let [of_vectors, of_lags, of_gaps, of_events] = outputs;
            Arch::new().dispatch(Backward {
                inputs: self.inputs(inputs, &chunks),
                least: self.least,
                values: &request.value[numbers.clone()],
                of_values: &request.of_value[numbers],
                divisors: &divisors[rows],
                of_vectors,
                of_lags,
                of_gaps,
                of_events,
            });
        });
        let [of_vectors, of_lags, of_gaps, of_events] = gradients;
        let total = |of_chunks: Vec<f32>, size: usize| {
            let mut sums = vec![0.0f32; size];
            for own in of_chunks.chunks_exact(size) {
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
            sums
        };
        [
            by_vectors.then_some(of_vectors),
            None,
            by_lag.then(|| total(of_lags, inputs[2].len())),
            by_gap.then(|| total(of_gaps, inputs[3].len())),
            by_event.then_some(of_events),
        ]
    }
}
