//! Weighted means over windows of a chunk's events, where weights are products of factors, and their gradients.
//!
//! The weights of a chunk are written out, those of one target's window in one head after another, which takes little beside
//! what they are multiplied with. Vectors are cut into blocks as in [`windows`](super::windows).

use pulp::{Simd, WithSimd};
use u2i_linalg::{Matrix, dot, product};

use super::windows::{EVENTS, Part, Weights, Window, fill_of_sums, means, of_vectors};
use crate::Windows;

/// Targets whose gradients are multiplied at once with all events that one of them sees.
const TARGETS: usize = 32;

/// Some chunks.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub window: Window,
    pub part: Part<'a>,
    /// `[heads, length]`, the newest event first.
    pub by_lag: &'a [f32],
    /// `[heads, intervals]`.
    pub by_gap: &'a [f32],
    /// `[chunks * targets, width]` intervals; none where the only one is of all events.
    pub gaps: Option<&'a [u32]>,
    /// `[chunks * width, heads]`.
    pub by_event: &'a [f32],
}

impl<'a> Inputs<'a> {
    fn mask(&self, chunk: usize) -> &'a [f32] {
        let width = self.window.windows.width();
        &self.part.mask[chunk * width..][..width]
    }

    /// Intervals of the events that a target sees.
    fn gaps(&self, chunk: usize, target: usize) -> Option<&'a [u32]> {
        let Windows { length, targets } = self.window.windows;
        let row = chunk * targets + target;
        self.gaps.map(|all| &all[row * self.window.windows.width() + target..][..length])
    }
}

/// The factors of a chunk's weights, from the oldest event to the newest, and the weights.
struct Lines {
    /// `[heads, length]`.
    by_lag: Vec<f32>,
    /// `[targets * heads, length]`.
    by_gap: Vec<f32>,
    /// `[heads, width]`, 0 where there is no event.
    by_event: Vec<f32>,
    /// `[targets * heads, padded]`.
    weights: Vec<f32>,
    per_target: usize,
}

impl Lines {
    fn new(inputs: &Inputs<'_>) -> Self {
        let Window { windows: Windows { length, targets }, heads, .. } = inputs.window;
        let rows = targets * heads;
        let by_lag = inputs.by_lag.chunks_exact(length).flat_map(|head| head.iter().rev().copied());
        Lines {
            by_lag: by_lag.collect(),
            by_gap: (0..rows * length).map(|i| inputs.by_gap[i / length % heads]).collect(),
            by_event: vec![0.0; heads * inputs.window.windows.width()],
            weights: vec![0.0; rows * inputs.window.padded()],
            per_target: heads * inputs.window.padded(),
        }
    }

    fn weights(&self) -> Weights<'_> {
        Weights { rows: &self.weights, per_target: self.per_target }
    }

    #[inline(always)]
    fn fill(&mut self, inputs: &Inputs<'_>, chunk: usize) {
        let Window { windows, heads, .. } = inputs.window;
        let Windows { length, targets } = windows;
        let (width, intervals) = (windows.width(), inputs.by_gap.len() / heads);
        let mask = inputs.mask(chunk);
        let own = &inputs.by_event[chunk * width * heads..][..width * heads];
        for (head, line) in self.by_event.chunks_exact_mut(width).enumerate() {
            for ((to, own), mask) in line.iter_mut().zip(own[head..].iter().step_by(heads)).zip(mask) {
                // Whatever a factor of padding is.
                *to = if *mask == 0.0 { 0.0 } else { *own };
            }
        }
        for target in 0..targets {
            for head in 0..heads {
                let row = target * heads + head;
                let by_gap = &mut self.by_gap[row * length..][..length];
                if let Some(gaps) = inputs.gaps(chunk, target) {
                    let own = &inputs.by_gap[head * intervals..][..intervals];
                    by_gap.iter_mut().zip(gaps).for_each(|(to, &interval)| *to = own[interval as usize]);
                }
                let by_lag = &self.by_lag[head * length..][..length];
                let by_event = &self.by_event[head * width + target..][..length];
                let to = &mut self.weights[row * inputs.window.padded() + EVENTS..][..length];
                for (((to, lag), gap), event) in to.iter_mut().zip(by_lag).zip(by_gap).zip(by_event) {
                    *to = lag * *gap * event;
                }
            }
        }
    }
}

/// The means of some chunks.
pub(crate) struct Forward<'a> {
    pub inputs: Inputs<'a>,
    pub least: f32,
    /// `[chunks * targets, heads * dim]`.
    pub values: &'a mut [f32],
    /// `[chunks * targets, heads]`.
    pub divisors: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { inputs, least, values, divisors } = self;
        let Window { windows, dim, heads, .. } = inputs.window;
        let (rows, padded) = (windows.targets * heads, inputs.window.padded());
        let mut lines = Lines::new(&inputs);
        let mut packed = inputs.window.packed::<S>();
        let mut own = vec![0.0; rows * inputs.window.block::<S>()];
        let chunks = values.chunks_exact_mut(rows * dim).zip(divisors.chunks_exact_mut(rows));
        for (chunk, (values, divisors)) in chunks.enumerate() {
            lines.fill(&inputs, chunk);
            let mask = inputs.mask(chunk);
            for (row, (to, weights)) in
                divisors.iter_mut().zip(lines.weights.chunks_exact(padded)).enumerate()
            {
                let (weights, mask) = (&weights[EVENTS..], &mask[row / heads..]);
                *to = dot(simd, &weights[..windows.length], &mask[..windows.length]).max(least);
            }
            inputs.window.pack::<S>(inputs.part, chunk, &mut packed);
            means(simd, &inputs.window, &packed, lines.weights(), divisors, &mut own, values);
        }
    }
}

/// The gradients of some chunks; each is empty where it is not wanted.
pub(crate) struct Backward<'a> {
    pub inputs: Inputs<'a>,
    pub least: f32,
    /// `[chunks * targets, heads * dim]`.
    pub values: &'a [f32],
    pub of_values: &'a [f32],
    /// `[chunks * targets, heads]`.
    pub divisors: &'a [f32],
    /// `[chunks * width, dim]`.
    pub of_vectors: &'a mut [f32],
    /// `[chunks, heads, length]`, the newest event first.
    pub of_lags: &'a mut [f32],
    /// `[chunks, heads, intervals]`.
    pub of_gaps: &'a mut [f32],
    /// `[chunks * width, heads]`.
    pub of_events: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (inputs, window) = (self.inputs, self.inputs.window);
        let Window { windows, dim, heads, .. } = window;
        let (width, rows, block) = (windows.width(), windows.targets * heads, window.block::<S>());
        let mut lines = Lines::new(&inputs);
        let mut own = OfFactors::new(&self);
        let mut room = Room::default();
        // [blocks, targets * heads, block]: gradients by the sums.
        let mut of_sums = vec![0.0; dim.div_ceil(block) * rows * block];
        for chunk in 0..self.divisors.len() / rows {
            lines.fill(&inputs, chunk);
            if !self.of_vectors.is_empty() {
                let own = chunk * rows..(chunk + 1) * rows;
                let of_values = &self.of_values[own.start * dim..own.end * dim];
                fill_of_sums::<S>(&window, of_values, &self.divisors[own], &mut of_sums);
                let to = &mut self.of_vectors[chunk * width * dim..][..width * dim];
                of_vectors(simd, &window, &of_sums, lines.weights(), to);
                inputs.part.mask_and_keep(&window, chunk, to);
            }
            if own.is_wanted() {
                own.fill(simd, &self, &lines, chunk, &mut room);
                own.take(&mut self, chunk);
            }
        }
    }
}

/// Gradients of a chunk's factors, from the oldest event to the newest; each is empty where it is not wanted.
struct OfFactors {
    /// `[heads, length]`.
    of_lags: Vec<f32>,
    /// `[heads, EVENTS, intervals]`: that of every fourth event apart, so that no sum waits for the one before it.
    of_gaps: Vec<f32>,
    /// `[heads, width]`.
    of_events: Vec<f32>,
    /// `[length]`: gradients by the weights of a target's events.
    of_weights: Vec<f32>,
    /// `[length]`: gradients by their factors of time.
    of_times: Vec<f32>,
}

/// Room for what gradients of factors are computed from.
#[derive(Default)]
struct Room {
    /// `[width, dim]`: what of the vectors was not dropped.
    kept: Vec<f32>,
    /// `[TARGETS * heads, length + TARGETS - 1]`: inner products of gradients by means and of events.
    products: Vec<f32>,
}

impl OfFactors {
    fn new(all: &Backward<'_>) -> Self {
        let Window { windows: Windows { length, .. }, heads, .. } = all.inputs.window;
        let zeros = |of: &[f32], n: usize| vec![0.0; if of.is_empty() { 0 } else { n }];
        OfFactors {
            of_lags: zeros(all.of_lags, heads * length),
            of_gaps: zeros(all.of_gaps, EVENTS * all.inputs.by_gap.len()),
            of_events: zeros(all.of_events, heads * all.inputs.window.windows.width()),
            of_weights: vec![0.0; length],
            of_times: vec![0.0; length],
        }
    }

    fn is_wanted(&self) -> bool {
        ![&self.of_lags, &self.of_gaps, &self.of_events].iter().all(|of| of.is_empty())
    }

    #[inline(always)]
    fn fill<S: Simd>(&mut self, simd: S, all: &Backward<'_>, lines: &Lines, chunk: usize, room: &mut Room) {
        let Window { windows: Windows { length, targets }, dim, heads, .. } = all.inputs.window;
        for of in [&mut self.of_lags, &mut self.of_gaps, &mut self.of_events] {
            of.fill(0.0);
        }
        let vectors = all.inputs.part.kept(&all.inputs.window, chunk, &mut room.kept);
        let numbers = chunk * targets * heads * dim..(chunk + 1) * targets * heads * dim;
        let of_values = Matrix::new(&all.of_values[numbers], dim);
        for first in (0..targets).step_by(TARGETS) {
            let last = targets.min(first + TARGETS);
            let events = last - first + length - 1;
            room.products.resize((last - first) * heads * events, 0.0);
            let of_values = of_values.row_range(first * heads..last * heads);
            let vectors = Matrix::new(&vectors[first * dim..][..events * dim], dim);
            product(of_values, vectors.transposed(), 1.0, &mut room.products);
            for (row, products) in (first * heads..).zip(room.products.chunks_exact(events)) {
                let products = &products[row / heads - first..][..length];
                self.add(simd, all, lines, chunk, row, products);
            }
        }
    }

    /// Adds what a target and head has to do with it.
    #[inline(always)]
    fn add<S: Simd>(
        &mut self,
        simd: S,
        all: &Backward<'_>,
        lines: &Lines,
        chunk: usize,
        row: usize,
        products: &[f32],
    ) {
        let Window { windows, dim, heads, .. } = all.inputs.window;
        let Windows { length, targets } = windows;
        let (target, head) = (row / heads, row % heads);
        let at = chunk * targets * heads + row;
        let divisor = all.divisors[at];
        let mean = match divisor > all.least {
            true => dot(simd, &all.values[at * dim..][..dim], &all.of_values[at * dim..][..dim]),
            // Where the least is divided by, the weights change it no more.
            false => 0.0,
        };
        let (by, mask) = (1.0 / divisor, &all.inputs.mask(chunk)[target..]);
        for ((to, product), mask) in self.of_weights.iter_mut().zip(products).zip(mask) {
            *to = if *mask == 0.0 { 0.0 } else { (product - mean) * by };
        }
        let of_weights = &self.of_weights[..];
        let lags = &lines.by_lag[head * length..][..length];
        let times = &lines.by_gap[row * length..][..length];
        let seen = head * windows.width() + target..head * windows.width() + target + length;
        let events = &lines.by_event[seen.clone()];
        if let Some(to) = self.of_lags.get_mut(head * length..(head + 1) * length) {
            for (((to, of), time), event) in to.iter_mut().zip(of_weights).zip(times).zip(events) {
                *to += of * time * event;
            }
        }
        if let Some(to) = self.of_events.get_mut(seen) {
            for (((to, of), lag), time) in to.iter_mut().zip(of_weights).zip(lags).zip(times) {
                *to += of * lag * time;
            }
        }
        if let (Some(gaps), false) = (all.inputs.gaps(chunk, target), self.of_gaps.is_empty()) {
            for (((to, of), lag), event) in self.of_times.iter_mut().zip(of_weights).zip(lags).zip(events) {
                *to = of * lag * event;
            }
            let intervals = all.inputs.by_gap.len() / heads;
            let sums = &mut self.of_gaps[head * EVENTS * intervals..][..EVENTS * intervals];
            for (event, (of, &interval)) in self.of_times.iter().zip(gaps).enumerate() {
                sums[event % EVENTS * intervals + interval as usize] += of;
            }
        }
    }

    /// Writes it where it belongs.
    fn take(&self, all: &mut Backward<'_>, chunk: usize) {
        let Window { windows, heads, .. } = all.inputs.window;
        let to = &mut all.of_lags[chunk * self.of_lags.len()..][..self.of_lags.len()];
        let (to, from) = (to.chunks_exact_mut(windows.length), self.of_lags.chunks_exact(windows.length));
        for (to, from) in to.zip(from) {
            to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
        }
        let intervals = all.inputs.by_gap.len() / heads;
        let to = &mut all.of_gaps[chunk * self.of_gaps.len() / EVENTS..][..self.of_gaps.len() / EVENTS];
        let (to, from) = (to.chunks_exact_mut(intervals), self.of_gaps.chunks_exact(EVENTS * intervals));
        for (to, from) in to.zip(from) {
            for (interval, to) in to.iter_mut().enumerate() {
                *to = from[interval..].iter().step_by(intervals).sum();
            }
        }
        let to = &mut all.of_events[chunk * self.of_events.len()..][..self.of_events.len()];
        for (head, from) in self.of_events.chunks_exact(windows.width()).enumerate() {
            to[head..].iter_mut().step_by(heads).zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}
