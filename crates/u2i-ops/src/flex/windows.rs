//! Weighted sums over windows of a chunk's events, and their gradients, with as many numbers at once as the processor has
//! room for.
//!
//! Vectors are cut into blocks of two registers of numbers, so that two of four heads, or of four events, are added up in
//! registers, and a block of all events stays in the cache for all targets. Padding and what is beyond the last number of a
//! vector are zeros.

use pulp::{Simd, WithSimd};
use u2i_linalg::dot;

use crate::{Divisor, Windows};

/// Registers of a block.
const WIDE: usize = 2;

/// Heads whose sums are added up together.
const HEADS: usize = 4;

/// Events whose gradients are.
const EVENTS: usize = 4;

/// Sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub windows: Windows,
    pub dim: usize,
    pub heads: usize,
    pub divisor: Divisor,
}

impl Window {
    fn block<S: Simd>(&self) -> usize {
        WIDE * S::F32_LANES
    }

    /// `[blocks, width + 1, block]` out of a chunk's `[width, dim]`; a row of zeros at the end.
    fn pack<S: Simd>(&self, part: Part<'_>, chunk: usize, to: &mut [f32]) {
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

    fn packed<S: Simd>(&self) -> Vec<f32> {
        let block = self.block::<S>();
        vec![0.0; self.dim.div_ceil(block) * (self.windows.width() + 1) * block]
    }
}

/// The events of some chunks.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub vectors: &'a [f32],
    pub mask: &'a [f32],
    pub keep: Option<&'a [f32]>,
}

/// The sums of some chunks.
pub(crate) struct Forward<'a> {
    pub window: Window,
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
        let Window { windows, dim, heads, divisor } = self.window;
        let Windows { length, targets } = windows;
        let (width, block) = (windows.width(), self.window.block::<S>());
        // [length, heads]
        let by_event: Vec<f32> =
            (0..length * heads).map(|i| self.weights[i % heads * length + i / heads]).collect();
        let mut packed = self.window.packed::<S>();
        let mut sums = vec![0.0; heads * block];
        let chunks = self.values.chunks_exact_mut(targets * heads * dim);
        for (chunk, (values, divisors)) in
            chunks.zip(self.divisors.chunks_exact_mut(targets * heads)).enumerate()
        {
            let mask = &self.part.mask[chunk * width..][..width];
            for (target, divisors) in divisors.chunks_exact_mut(heads).enumerate() {
                let mask = &mask[target..target + length];
                for (to, weights) in divisors.iter_mut().zip(self.weights.chunks_exact(length)) {
                    *to = match divisor {
                        Divisor::One => 1.0,
                        Divisor::Count => mask.iter().sum::<f32>().max(1.0),
                        Divisor::SqrtCount => mask.iter().sum::<f32>().max(1.0).sqrt(),
                        Divisor::Weights { least } => dot(simd, weights, mask).max(least),
                    };
                }
            }
            self.window.pack::<S>(self.part, chunk, &mut packed);
            for (b, packed) in packed.chunks_exact((width + 1) * block).enumerate() {
                let columns = b * block..dim.min((b + 1) * block);
                for target in 0..targets {
                    let events = &packed[target * block..][..length * block];
                    for first in (0..heads).step_by(HEADS) {
                        let sums = &mut sums[first * block..];
                        match heads - first {
                            1 => weigh::<S, 1>(simd, events, &by_event, heads, first, sums),
                            2 => weigh::<S, 2>(simd, events, &by_event, heads, first, sums),
                            3 => weigh::<S, 3>(simd, events, &by_event, heads, first, sums),
                            _ => weigh::<S, HEADS>(simd, events, &by_event, heads, first, sums),
                        }
                    }
                    for (head, sums) in sums.chunks_exact(block).enumerate() {
                        let to = &mut values[(target * heads + head) * dim..][columns.clone()];
                        let divisor = divisors[target * heads + head];
                        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum / divisor);
                    }
                }
            }
        }
    }
}

/// Sums of `[events, block]` with weights `[events, heads]` of `N` heads: `[N, block]`.
#[inline(always)]
fn weigh<S: Simd, const N: usize>(
    simd: S,
    events: &[f32],
    weights: &[f32],
    heads: usize,
    first: usize,
    sums: &mut [f32],
) {
    let block = WIDE * S::F32_LANES;
    let mut own = [[simd.splat_f32s(0.0); WIDE]; N];
    for (event, weights) in events.chunks_exact(block).zip(weights.chunks_exact(heads)) {
        let weights = &weights[first..first + N];
        let event = S::as_simd_f32s(event).0;
        for (own, &weight) in own.iter_mut().zip(weights) {
            let weight = simd.splat_f32s(weight);
            for (own, &number) in own.iter_mut().zip(event) {
                *own = simd.mul_add_e_f32s(weight, number, *own);
            }
        }
    }
    for (sums, own) in sums.chunks_exact_mut(block).zip(own) {
        S::as_mut_simd_f32s(sums).0.copy_from_slice(&own);
    }
}

/// The gradients of some chunks.
pub(crate) struct Backward<'a> {
    pub window: Window,
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
        let Window { windows, dim, heads, divisor } = self.window;
        let Windows { length, targets } = windows;
        let (width, block) = (windows.width(), self.window.block::<S>());
        let blocks = dim.div_ceil(block);
        let per_chunk = targets * heads;
        // [heads, length], with as many zeros before and after as events are added up together.
        let padded = length + 2 * EVENTS;
        let mut weights = vec![0.0; heads * padded];
        for (to, weights) in weights.chunks_exact_mut(padded).zip(self.weights.chunks_exact(length)) {
            to[EVENTS..][..length].copy_from_slice(weights);
        }
        let mut packed = self.window.packed::<S>();
        // [blocks, targets, heads, block]: gradients by the sums.
        let mut of_sums = vec![0.0; blocks * per_chunk * block];
        // [heads, targets]: gradients by the sums of the weights.
        let mut of_totals = vec![0.0; per_chunk];
        for chunk in 0..self.divisors.len() / per_chunk {
            let rows = chunk * per_chunk..(chunk + 1) * per_chunk;
            for (at, row) in rows.enumerate() {
                let (values, of_values) =
                    (&self.values[row * dim..][..dim], &self.of_values[row * dim..][..dim]);
                let by = 1.0 / self.divisors[row];
                for (b, of_values) in of_values.chunks(block).enumerate() {
                    let to = &mut of_sums[(b * per_chunk + at) * block..][..of_values.len()];
                    to.iter_mut().zip(of_values).for_each(|(to, of)| *to = of * by);
                }
                of_totals[at % heads * targets + at / heads] = match divisor {
                    // Where the least is divided by, the weights change it no more.
                    Divisor::Weights { least } if self.divisors[row] > least => {
                        -dot(simd, values, of_values) * by
                    }
                    _ => 0.0,
                };
            }
            if !self.of_vectors.is_empty() {
                let to = &mut self.of_vectors[chunk * width * dim..][..width * dim];
                of_vectors(simd, &self.window, &of_sums, &weights, to);
                let mask = &self.part.mask[chunk * width..][..width];
                let keep = self.part.keep.map(|keep| &keep[chunk * width * dim..][..width * dim]);
                for (event, to) in to.chunks_exact_mut(dim).enumerate() {
                    if mask[event] == 0.0 {
                        to.fill(0.0);
                    } else if let Some(keep) = keep {
                        to.iter_mut().zip(&keep[event * dim..]).for_each(|(to, keep)| *to *= keep);
                    }
                }
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
fn of_vectors<S: Simd>(simd: S, window: &Window, of_sums: &[f32], weights: &[f32], to: &mut [f32]) {
    let Window { windows: Windows { length, targets }, dim, heads, .. } = *window;
    let (width, block) = (window.windows.width(), window.block::<S>());
    let padded = length + 2 * EVENTS;
    for (b, of_sums) in of_sums.chunks_exact(targets * heads * block).enumerate() {
        let columns = b * block..dim.min((b + 1) * block);
        for first in (0..width).step_by(EVENTS) {
            let seen_by = (first + 1).saturating_sub(length)..targets.min(first + EVENTS);
            let mut own = [[simd.splat_f32s(0.0); WIDE]; EVENTS];
            for target in seen_by {
                let rows = &of_sums[target * heads * block..][..heads * block];
                for (row, weights) in rows.chunks_exact(block).zip(weights.chunks_exact(padded)) {
                    let weights = &weights[EVENTS + first - target..][..EVENTS];
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
                to.iter_mut().zip(pulp::bytemuck::cast_slice(&own)).for_each(|(to, own)| *to = *own);
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
        *sums = own.map(|own| simd.reduce_sum_f32s(own));
    }
    sums
}
