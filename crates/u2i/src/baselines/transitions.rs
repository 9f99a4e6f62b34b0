use std::iter::successors;
use std::ops::Range;

use rayon::prelude::*;
use serde::Serialize;
use u2i_schema::EventStore;

use super::occurrences::{MAX_GAP, Occurrences};
use super::scratch::Pool;
use crate::Error;
use crate::progress::Progress;

/// Weight of each further position.
const GAP_DECAY: f64 = 0.8;
/// How strongly popular successors are held back.
const POPULARITY_POWER: f64 = 0.25;

/// Pairs of items that were left out of the Markov window, because there were too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PrunedPairs {
    /// Pairs of items that followed each other.
    pub pairs: u64,
    /// Those that are left.
    pub kept: u64,
    /// Each item has so many successors at most, the heaviest ones.
    pub successors_per_item: usize,
}

/// How much is held at once while pairs are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Pairs that are kept at most, beyond one for each item.
    pub pairs: usize,
    /// Occurrences of items whose places are listed at once, but for an item that has more.
    pub occurrences: usize,
    /// Occurrences whose successors are added up between two looks at the progress, but for an item that has more.
    pub batch: usize,
}

impl Limits {
    pub fn of_pairs(pairs: usize) -> Self {
        Limits { pairs, occurrences: 1 << 23, batch: 1 << 17 }
    }
}

/// Who follows whom: `M[a,b] / (n_a · n_b^.25)` row by row, without zeros.
#[derive(Debug, Clone)]
pub(super) struct Transitions {
    /// In the order of their items.
    segments: Vec<Segment>,
    /// Pairs that were met.
    met: u64,
    /// Successors of an item at most, if any were left out.
    limit: Option<usize>,
}

/// Rows of consecutive items. Many small ones, so that growing and pruning never copy them all at once.
#[derive(Debug, Clone)]
struct Segment {
    /// The first of its items.
    first: usize,
    /// Row `i` is `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f64>,
}

/// Sums of one item's successors.
#[derive(Debug, Default)]
struct Sums {
    /// `[items + 1]`; 0 between items.
    row: Vec<f64>,
    touched: Vec<u32>,
}

/// One item's successors with their weights, ascending.
type Row = Vec<(u32, f64)>;

struct Weights {
    /// Of each further position.
    decay: Vec<f64>,
    /// `n_b^.25`.
    divisors: Vec<f64>,
}

impl Weights {
    fn new(counts: &[u32]) -> Self {
        Weights {
            // Not `powi`, whose last bit is another where the compiler knows the exponent.
            decay: successors(Some(1.0), |weight| Some(weight * GAP_DECAY)).take(MAX_GAP).collect(),
            divisors: counts.iter().map(|&n| f64::from(n.max(1)).powf(POPULARITY_POWER)).collect(),
        }
    }
}

impl Transitions {
    /// Adds up the successors of each item that `counts` has training events of. The result does not depend on the
    /// number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if somebody asks to stop.
    pub fn count(
        events: &EventStore,
        counts: &[u32],
        limits: Limits,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        progress.begin_in("counting: what follows what", events.n_events() as u64, "events");
        let counted = Transitions::count_parts(events, counts, limits, progress);
        progress.end();
        counted
    }

    fn count_parts(
        events: &EventStore,
        counts: &[u32],
        limits: Limits,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let weights = Weights::new(counts);
        let pool = Pool::<Sums>::default();
        let mut transitions = Transitions { segments: Vec::new(), met: 0, limit: None };
        // About sixteen passes over the events: a part ends before the item that would be too much for it.
        let per_part = limits.occurrences.max(events.n_events().div_ceil(16));
        let mut done = 0;
        for part in parts(counts, 0..counts.len(), per_part) {
            let occurrences = Occurrences::of(events, counts, part.clone());
            for batch in parts(counts, part, limits.batch) {
                if progress.stop_requested() {
                    return Err(Error::Stopped);
                }
                let limit = transitions.limit;
                let row = |sums: &mut Sums, item| {
                    let mut row = sums.of(occurrences.followers(item), counts[item], &weights);
                    let met = row.len() as u64;
                    keep_heaviest(&mut row, limit);
                    (met, row)
                };
                let rows: Vec<(u64, Row)> = batch
                    .clone()
                    .into_par_iter()
                    .map_init(|| pool.lend(), |sums, item| row(sums, item))
                    .collect();
                transitions.met += rows.iter().map(|(met, _)| met).sum::<u64>();
                transitions.segments.push(Segment::new(batch.start, rows.iter().map(|(_, row)| row)));
                transitions.prune(limits.pairs);
                done += events_of(counts, batch);
                progress.advance(done as u64, "");
            }
        }
        Ok(transitions)
    }

    /// Halves the successors that an item may have until all fit.
    fn prune(&mut self, max_pairs: usize) {
        if self.kept() <= max_pairs {
            return;
        }
        let lengths = || self.segments.iter().flat_map(Segment::lengths);
        let longest = lengths().max().unwrap_or_default();
        let mut limit = self.limit.unwrap_or(longest.next_power_of_two());
        while limit > 1 && lengths().map(|length| length.min(limit)).sum::<usize>() > max_pairs {
            limit /= 2;
        }
        self.limit = Some(limit);
        self.segments.par_iter_mut().for_each(|segment| segment.prune(limit));
    }

    /// The items that followed `item`, ascending, and their weights.
    pub fn of(&self, item: u32) -> (&[u32], &[f64]) {
        let item = item as usize;
        let segment = self.segments.partition_point(|segment| segment.first <= item);
        self.segments[segment - 1].row(item)
    }

    /// Which pairs are left, if any were left out.
    pub fn pruned(&self) -> Option<PrunedPairs> {
        let (pairs, kept) = (self.met, self.kept() as u64);
        let limit = self.limit.filter(|_| kept < pairs);
        limit.map(|successors_per_item| PrunedPairs { pairs, kept, successors_per_item })
    }

    fn kept(&self) -> usize {
        self.segments.iter().map(|segment| segment.items.len()).sum()
    }
}

impl Segment {
    fn new<'a>(first: usize, rows: impl Iterator<Item = &'a Row> + Clone) -> Self {
        let n = rows.clone().map(Vec::len).sum();
        let (mut offsets, mut items, mut weights) = (vec![0], Vec::with_capacity(n), Vec::with_capacity(n));
        for row in rows {
            items.extend(row.iter().map(|&(item, _)| item));
            weights.extend(row.iter().map(|&(_, weight)| weight));
            offsets.push(items.len());
        }
        Segment { first, offsets, items, weights }
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.offsets.windows(2).map(|pair| pair[1] - pair[0])
    }

    fn row(&self, item: usize) -> (&[u32], &[f64]) {
        let row = self.offsets[item - self.first]..self.offsets[item - self.first + 1];
        (&self.items[row.clone()], &self.weights[row])
    }

    fn prune(&mut self, limit: usize) {
        if self.lengths().all(|length| length <= limit) {
            return;
        }
        let rows: Vec<Row> = (self.first..self.first + self.offsets.len() - 1)
            .map(|item| {
                let (items, weights) = self.row(item);
                let mut row: Row = items.iter().copied().zip(weights.iter().copied()).collect();
                keep_heaviest(&mut row, Some(limit));
                row
            })
            .collect();
        *self = Segment::new(self.first, rows.iter());
    }
}

impl Sums {
    /// The row of an item with `n` training events, from what came after each.
    fn of<'a>(&mut self, followers: impl Iterator<Item = &'a [u32]>, n: u32, weights: &Weights) -> Row {
        let Sums { row, touched } = self;
        row.resize(weights.divisors.len(), 0.0);
        for followers in followers {
            for (&follower, &weight) in followers.iter().zip(&weights.decay) {
                // Weights are positive, so a zero is an item not met before.
                if row[follower as usize] == 0.0 {
                    touched.push(follower);
                }
                row[follower as usize] += weight;
            }
        }
        touched.sort_unstable();
        let of_follower = |follower: u32| {
            let sum = std::mem::take(&mut row[follower as usize]);
            (follower, sum / (f64::from(n) * weights.divisors[follower as usize]))
        };
        touched.drain(..).map(of_follower).collect()
    }
}

/// Leaves the heaviest, and of equal ones those with the lower index.
fn keep_heaviest(row: &mut Row, limit: Option<usize>) {
    if let Some(limit) = limit.filter(|&limit| limit < row.len()) {
        row.select_nth_unstable_by(limit, |(a, of_a), (b, of_b)| of_b.total_cmp(of_a).then(a.cmp(b)));
        row.truncate(limit);
        row.sort_unstable_by_key(|&(item, _)| item);
    }
}

fn events_of(counts: &[u32], items: Range<usize>) -> usize {
    counts[items].iter().map(|&count| count as usize).sum()
}

/// Consecutive ranges of items with so many events at most, but for an item that has more.
fn parts(counts: &[u32], items: Range<usize>, max_events: usize) -> Vec<Range<usize>> {
    let (mut parts, mut begin, mut events) = (Vec::new(), items.start, 0);
    for item in items.clone() {
        let own = counts[item] as usize;
        if events + own > max_events && item > begin {
            parts.push(begin..item);
            (begin, events) = (item, 0);
        }
        events += own;
    }
    if begin < items.end {
        parts.push(begin..items.end);
    }
    parts
}
