//! Weighted sums over windows of a chunk's events, and their gradients, with as many numbers at once as the processor has
//! room for.
//!
//! Vectors are cut into blocks of two registers of numbers, so that two of four sums, or of four events, are added up in
//! registers, and a block of all events stays in the cache for all targets. Padding and what is beyond the last number of a
//! vector are zeros.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use u2i_linalg::dot;

use crate::{Divisor, Windows};

/// Registers of a block.
const WIDE: usize = 2;

/// Sums that are added up together, of heads and of targets.
const ROWS: usize = 4;

/// Heads whose weights' gradients are added up together.
const HEADS: usize = 4;

/// Events whose gradients are.
pub(crate) const EVENTS: usize = 4;

/// Sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub windows: Windows,
    pub dim: usize,
    pub heads: usize,
}

impl Window {
    /// Numbers of a block.
    pub fn block<S: Simd>(&self) -> usize {
        WIDE * S::F32_LANES
    }

    /// Weights of a window, with as many zeros before and after as events are added up together.
    pub fn padded(&self) -> usize {
        self.windows.length + 2 * EVENTS
    }

    /// `[heads, padded]` out of `[heads, length]`.
    fn padded_weights(&self, weights: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.heads * self.padded()];
        let heads = padded.chunks_exact_mut(self.padded());
        for (to, weights) in heads.zip(weights.chunks_exact(self.windows.length)) {
            to[EVENTS..][..self.windows.length].copy_from_slice(weights);
        }
        padded
    }

    /// `[blocks, width + 1, block]` out of a chunk's `[width, dim]`; a row of zeros at the end.
    pub fn pack<S: Simd>(&self, part: Part<'_>, chunk: usize, to: &mut [f32]) {
        let (width, dim, block) = (self.windows.width(), self.dim, self.block::<S>());
        let mask = &part.mask[chunk * width..][..width];
        for (b, to) in to.chunks_exact_mut((width + 1) * block).enumerate() {
            let columns = b * block..dim.min((b + 1) * block);
            for (event, to) in to.chunks_exact_mut(block).take(width).enumerate() {
                let to = &mut to[..columns.len()];
                if mask[event] == 0.0 {
                    to.fill(0.0);
                    continue;
                }
                let row = (chunk * width + event) * dim;
                let span = row + columns.start..row + columns.end;
                to.copy_from_slice(&part.vectors[span.clone()]);
                if let Some(keep) = part.keep {
                    to.iter_mut().zip(&keep[span]).for_each(|(number, keep)| *number *= keep);
                }
            }
        }
    }

    /// Room for that.
    pub fn packed<S: Simd>(&self) -> Vec<f32> {
        let block = self.block::<S>();
        vec![0.0; self.dim.div_ceil(block) * (self.windows.width() + 1) * block]
    }
}

/// What a chunk's events weigh.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// `[heads, padded]`, of each target or of all.
    pub rows: &'a [f32],
    /// How many numbers after those of one target the next one's begin; 0 where they are of all.
    pub per_target: usize,
}

/// The events of some chunks.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub vectors: &'a [f32],
    pub mask: &'a [f32],
    pub keep: Option<&'a [f32]>,
}

impl<'a> Part<'a> {
    /// Some chunks of all.
    pub fn new(
        window: &Window,
        vectors: &'a [f32],
        mask: &'a [f32],
        keep: Option<&'a [f32]>,
        chunks: &Range<usize>,
    ) -> Self {
        let events = chunks.start * window.windows.width()..chunks.end * window.windows.width();
        let numbers = events.start * window.dim..events.end * window.dim;
        Part {
            vectors: &vectors[numbers.clone()],
            mask: &mask[events],
            keep: keep.map(|keep| &keep[numbers]),
        }
    }

    /// `[width, dim]`: what of a chunk's vectors was not dropped, in `room` if any was.
    #[inline(always)]
    pub fn kept<'b>(&self, window: &Window, chunk: usize, room: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        let n = window.windows.width() * window.dim;
        let vectors = &self.vectors[chunk * n..][..n];
        let Some(keep) = self.keep else { return vectors };
        room.clear();
        room.extend(vectors.iter().zip(&keep[chunk * n..]).map(|(number, keep)| number * keep));
        room
    }

    /// From gradients by what was kept of a chunk's vectors, `[width, dim]`, to those by all of them.
    #[inline(always)]
    pub fn mask_and_keep(&self, window: &Window, chunk: usize, of_vectors: &mut [f32]) {
        let (width, dim) = (window.windows.width(), window.dim);
        let mask = &self.mask[chunk * width..][..width];
        let keep = self.keep.map(|keep| &keep[chunk * width * dim..][..width * dim]);
        for (event, to) in of_vectors.chunks_exact_mut(dim).enumerate() {
            if mask[event] == 0.0 {
                to.fill(0.0);
            } else if let Some(keep) = keep {
                to.iter_mut().zip(&keep[event * dim..]).for_each(|(to, keep)| *to *= keep);
            }
        }
    }
}

/// The sums of some chunks.
pub(crate) struct Forward<'a> {
    pub window: Window,
    pub divisor: Divisor,
    pub part: Part<'a>,
    /// `[heads, length]`, the oldest event first.
    pub weights: &'a [f32],
    /// `[chunks * targets, heads * dim]`.
    pub values: &'a mut [f32],
    /// `[chunks * targets, heads]`.
    pub divisors: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Window { windows, dim, heads } = self.window;
        let Windows { length, targets } = windows;
        let width = windows.width();
        let weights = self.window.padded_weights(self.weights);
        let weights = Weights { rows: &weights, per_target: 0 };
        let mut packed = self.window.packed::<S>();
        let mut own = vec![0.0; targets * heads * self.window.block::<S>()];
        let chunks = self.values.chunks_exact_mut(targets * heads * dim);
        for (chunk, (values, divisors)) in
            chunks.zip(self.divisors.chunks_exact_mut(targets * heads)).enumerate()
        {
            let mask = &self.part.mask[chunk * width..][..width];
            for (target, divisors) in divisors.chunks_exact_mut(heads).enumerate() {
                let mask = &mask[target..target + length];
                for (to, weights) in divisors.iter_mut().zip(self.weights.chunks_exact(length)) {
                    *to = match self.divisor {
                        Divisor::One => 1.0,
                        Divisor::Count => mask.iter().sum::<f32>().max(1.0),
                        Divisor::SqrtCount => mask.iter().sum::<f32>().max(1.0).sqrt(),
                        Divisor::Weights { least } => dot(simd, weights, mask).max(least),
                    };
                }
            }
            self.window.pack::<S>(self.part, chunk, &mut packed);
            means(simd, &self.window, &packed, weights, divisors, &mut own, values);
        }
    }
}

/// `[targets * heads, dim]`: sums of a chunk's events through their divisors. `own` has room for a block of them.
#[inline(always)]
pub(crate) fn means<S: Simd>(
    simd: S,
    window: &Window,
    packed: &[f32],
    weights: Weights<'_>,
    divisors: &[f32],
    own: &mut [f32],
    to: &mut [f32],
) {
    let (dim, block) = (window.dim, window.block::<S>());
    for (b, packed) in packed.chunks_exact((window.windows.width() + 1) * block).enumerate() {
        let columns = b * block..dim.min((b + 1) * block);
        sums(simd, window, packed, weights, own);
        for (row, (sums, divisor)) in own.chunks_exact(block).zip(divisors).enumerate() {
            let to = &mut to[row * dim..][columns.clone()];
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum / divisor);
        }
    }
}

/// `[blocks, targets * heads, block]`: gradients by the sums of a chunk, out of those by its means, `[targets * heads, dim]`.
#[inline(always)]
pub(crate) fn fill_of_sums<S: Simd>(window: &Window, of_means: &[f32], divisors: &[f32], to: &mut [f32]) {
    let (rows, block) = (divisors.len(), window.block::<S>());
    for (row, (of_means, divisor)) in of_means.chunks_exact(window.dim).zip(divisors).enumerate() {
        let by = 1.0 / divisor;
        for (b, of_means) in of_means.chunks(block).enumerate() {
            let to = &mut to[(b * rows + row) * block..][..of_means.len()];
            to.iter_mut().zip(of_means).for_each(|(to, of)| *to = of * by);
        }
    }
}

/// `[targets * heads, block]`: sums of a block of a chunk's events, `[width, block]`.
#[inline(always)]
fn sums<S: Simd>(simd: S, window: &Window, events: &[f32], weights: Weights<'_>, to: &mut [f32]) {
    let rows = window.windows.targets * window.heads;
    for (first, to) in (0..rows).step_by(ROWS).zip(to.chunks_mut(ROWS * window.block::<S>())) {
        match rows - first {
            1 => sums_of::<S, 1>(simd, window, events, weights, first, to),
            2 => sums_of::<S, 2>(simd, window, events, weights, first, to),
            3 => sums_of::<S, 3>(simd, window, events, weights, first, to),
            _ => sums_of::<S, ROWS>(simd, window, events, weights, first, to),
        }
    }
}

/// Those sums for `N` targets and heads beside each other.
///
/// Where they are of several targets, each of them meets up to three events more than it sees, with a weight of 0, which
/// changes no bit of its sum.
#[inline(always)]
fn sums_of<S: Simd, const N: usize>(
    simd: S,
    window: &Window,
    events: &[f32],
    weights: Weights<'_>,
    first: usize,
    to: &mut [f32],
) {
    let (heads, block) = (window.heads, window.block::<S>());
    let oldest = first / heads;
    let n = (first + N - 1) / heads - oldest + window.windows.length;
    let weights: [&[f32]; N] = std::array::from_fn(|i| {
        let (target, head) = ((first + i) / heads, (first + i) % heads);
        &weights.rows[target * weights.per_target + head * window.padded() + EVENTS + oldest - target..][..n]
    });
    let mut own = [[simd.splat_f32s(0.0); WIDE]; N];
    for (at, event) in (0..n).zip(events[oldest * block..].chunks_exact(block)) {
        let event = S::as_simd_f32s(event).0;
        for (own, weights) in own.iter_mut().zip(weights) {
            let weight = simd.splat_f32s(weights[at]);
            for (own, &number) in own.iter_mut().zip(event) {
                *own = simd.mul_add_e_f32s(weight, number, *own);
            }
        }
    }
    for (to, own) in to.chunks_exact_mut(block).zip(own) {
        S::as_mut_simd_f32s(to).0.copy_from_slice(&own);
    }
}

/// The gradients of some chunks.
pub(crate) struct Backward<'a> {
    pub window: Window,
    pub divisor: Divisor,
    pub part: Part<'a>,
    /// `[heads, length]`, the oldest event first.
    pub weights: &'a [f32],
    /// `[chunks * targets, heads * dim]`.
    pub values: &'a [f32],
    pub of_values: &'a [f32],
    /// `[chunks * targets, heads]`.
    pub divisors: &'a [f32],
    /// `[chunks * width, dim]`; empty where it is not wanted.
    pub of_vectors: &'a mut [f32],
    /// `[chunks, heads, length]`; empty where it is not wanted.
    pub of_weights: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Window { windows, dim, heads } = self.window;
        let Windows { length, targets } = windows;
        let (width, block) = (windows.width(), self.window.block::<S>());
        let blocks = dim.div_ceil(block);
        let per_chunk = targets * heads;
        let weights = self.window.padded_weights(self.weights);
        let weights = Weights { rows: &weights, per_target: 0 };
        let mut packed = self.window.packed::<S>();
        // [blocks, targets, heads, block]: gradients by the sums.
        let mut of_sums = vec![0.0; blocks * per_chunk * block];
        // [heads, targets]: gradients by the sums of the weights.
        let mut of_totals = vec![0.0; per_chunk];
        for chunk in 0..self.divisors.len() / per_chunk {
            let rows = chunk * per_chunk..(chunk + 1) * per_chunk;
            let of_values = &self.of_values[rows.start * dim..rows.end * dim];
            fill_of_sums::<S>(&self.window, of_values, &self.divisors[rows.clone()], &mut of_sums);
            for (at, (row, of_values)) in rows.zip(of_values.chunks_exact(dim)).enumerate() {
                of_totals[at % heads * targets + at / heads] = match self.divisor {
                    // Where the least is divided by, the weights change it no more.
                    Divisor::Weights { least } if self.divisors[row] > least => {
                        -dot(simd, &self.values[row * dim..][..dim], of_values) * (1.0 / self.divisors[row])
                    }
                    _ => 0.0,
                };
            }
            if !self.of_vectors.is_empty() {
                let to = &mut self.of_vectors[chunk * width * dim..][..width * dim];
                of_vectors(simd, &self.window, &of_sums, weights, to);
                self.part.mask_and_keep(&self.window, chunk, to);
            }
            if !self.of_weights.is_empty() {
                self.window.pack::<S>(self.part, chunk, &mut packed);
                let mask = &self.part.mask[chunk * width..][..width];
                let to = &mut self.of_weights[chunk * heads * length..][..heads * length];
                of_weights(simd, &self.window, &of_sums, &packed, to);
                for (to, of_totals) in to.chunks_exact_mut(length).zip(of_totals.chunks_exact(targets)) {
                    for (event, to) in to.iter_mut().enumerate() {
                        *to += dot(simd, of_totals, &mask[event..event + targets]);
                    }
                }
            }
        }
    }
}

/// `[width, dim]`: what each event's vector adds to the sums of the targets that see it.
#[inline(always)]
pub(crate) fn of_vectors<S: Simd>(
    simd: S,
    window: &Window,
    of_sums: &[f32],
    weights: Weights<'_>,
    to: &mut [f32],
) {
    let Window { windows: Windows { length, targets }, dim, heads, .. } = *window;
    let (width, block) = (window.windows.width(), window.block::<S>());
    let padded = window.padded();
    for (b, of_sums) in of_sums.chunks_exact(targets * heads * block).enumerate() {
        let columns = b * block..dim.min((b + 1) * block);
        for first in (0..width).step_by(EVENTS) {
            let seen_by = (first + 1).saturating_sub(length)..targets.min(first + EVENTS);
            let mut own = [[simd.splat_f32s(0.0); WIDE]; EVENTS];
            let mut rows = of_sums[seen_by.start * heads * block..].chunks_exact(block);
            for target in seen_by {
                let start = target * weights.per_target + EVENTS + first - target;
                for (head, row) in rows.by_ref().take(heads).enumerate() {
                    let weights = &weights.rows[start + head * padded..][..EVENTS];
                    let row = S::as_simd_f32s(row).0;
                    for (own, &weight) in own.iter_mut().zip(weights) {
                        let weight = simd.splat_f32s(weight);
                        for (own, &number) in own.iter_mut().zip(row) {
                            *own = simd.mul_add_e_f32s(weight, number, *own);
                        }
                    }
                }
            }
            for (event, own) in (first..width).zip(own) {
                let to = &mut to[event * dim..][columns.clone()];
                for (to, own) in to.chunks_mut(S::F32_LANES).zip(own) {
                    simd.partial_store_f32s(to, own);
                }
            }
        }
    }
}

/// `[heads, length]`: what each weight adds to the sums of all targets.
#[inline(always)]
fn of_weights<S: Simd>(simd: S, window: &Window, of_sums: &[f32], packed: &[f32], to: &mut [f32]) {
    let Window { windows: Windows { length, targets }, heads, .. } = *window;
    let (width, block) = (window.windows.width(), window.block::<S>());
    to.fill(0.0);
    let blocks = of_sums.chunks_exact(targets * heads * block).zip(packed.chunks_exact((width + 1) * block));
    for (of_sums, packed) in blocks {
        for event in (0..length).step_by(2) {
            let events = &packed[event * block..][..(targets + 1) * block];
            for first in (0..heads).step_by(HEADS) {
                let sums = match heads - first {
                    1 => pairs::<S, 1>(simd, of_sums, events, heads, first),
                    2 => pairs::<S, 2>(simd, of_sums, events, heads, first),
                    3 => pairs::<S, 3>(simd, of_sums, events, heads, first),
                    _ => pairs::<S, HEADS>(simd, of_sums, events, heads, first),
                };
                for (head, pair) in (first..heads).zip(sums) {
                    let to = &mut to[head * length..][..length][event..];
                    to.iter_mut().zip(pair).for_each(|(to, sum)| *to += sum);
                }
            }
        }
    }
}

/// Inner products of the gradients of `N` heads, `[targets, heads, block]`, with the events that the targets see at two lags
/// beside each other, `[targets + 1, block]`, added up over the targets.
#[inline(always)]
fn pairs<S: Simd, const N: usize>(
    simd: S,
    of_sums: &[f32],
    events: &[f32],
    heads: usize,
    first: usize,
) -> [[f32; 2]; HEADS] {
    let block = WIDE * S::F32_LANES;
    let mut own = [[simd.splat_f32s(0.0); 2]; N];
    let later = &events[block..];
    for ((rows, event), later) in
        of_sums.chunks_exact(heads * block).zip(events.chunks_exact(block)).zip(later.chunks_exact(block))
    {
        let rows = &rows[first * block..][..N * block];
        let (event, later) = (S::as_simd_f32s(event).0, S::as_simd_f32s(later).0);
        for (own, row) in own.iter_mut().zip(rows.chunks_exact(block)) {
            for ((&number, &event), &later) in S::as_simd_f32s(row).0.iter().zip(event).zip(later) {
                own[0] = simd.mul_add_e_f32s(number, event, own[0]);
                own[1] = simd.mul_add_e_f32s(number, later, own[1]);
            }
        }
    }
    let mut sums = [[0.0; 2]; HEADS];
    for (sums, own) in sums.iter_mut().zip(own) {
        // Not by `map`, which the compiler does not put into the code for vector instructions.
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum = simd.reduce_sum_f32s(own);
        }
    }
    sums
}
