use std::cmp::Reverse;

use u2i_schema::TrainEvents;

use super::asked::{Asked, UserRanks};
use super::baseline::Baseline;
use super::popularity::{PopularityOrder, first_unseen};
use super::scratch::Scratch;
use super::standing::{Standing, standings_among, target_ranks};
use super::transitions::{Limits, PrunedPairs, Transitions};
use crate::Error;
use crate::progress::Progress;

/// Scores items by how often they followed the newest items of the history.
///
/// With `n_a` the number of training events of item `a` and `h_0` the newest item of the history:
///
/// ```text
/// M[a,b] = sum_{gap = 1..10} .8^(gap - 1) · #(b comes gap positions after a, same user)
/// S(u,b) = sum_{j = 0..9} .7^j · M[h_j,b] / (n_{h_j} · n_b^.25)
/// ```
///
/// Of more than [`MAX_PAIRS`](Self::MAX_PAIRS) pairs of items, [`pruned`](Self::pruned) says which are left.
#[derive(Debug, Clone)]
pub struct MarkovWindow {
    order: PopularityOrder,
    transitions: Transitions,
}

impl MarkovWindow {
    /// Pairs of items that are kept at most: 768 MiB.
    ///
    /// Beyond them each item keeps its `m` heaviest successors, by `M[a,b] / n_b^.25` and then by the lower index, where
    /// `m` is the largest power of two with which all fit, and at least 1.
    pub const MAX_PAIRS: usize = 1 << 26;
    /// Items of the history that count.
    const HISTORY: usize = 10;
    /// Weight of each older item.
    const AGE_DECAY: f64 = 0.7;

    /// Counts who follows whom among `n_items` items. Takes memory for each distinct pair that is kept, but never for
    /// each pair of events.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize) -> Self {
        MarkovWindow::with_progress(train, n_items, &mut ()).expect("nobody asks to stop")
    }

    /// Counts as [`new`](Self::new) does, with a bar of training events.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if somebody asks to stop.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn with_progress(
        train: &TrainEvents,
        n_items: usize,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        MarkovWindow::within(train, n_items, Limits::of_pairs(Self::MAX_PAIRS), progress)
    }

    pub(super) fn within(
        train: &TrainEvents,
        n_items: usize,
        limits: Limits,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let order = PopularityOrder::new(train, n_items);
        let transitions = Transitions::count(train.events(), order.counts(), limits, progress)?;
        Ok(MarkovWindow { order, transitions })
    }

    /// Which pairs are left, where there were more than [`MAX_PAIRS`](Self::MAX_PAIRS).
    pub fn pruned(&self) -> Option<PrunedPairs> {
        self.transitions.pruned()
    }

    /// Calls `add` with each item that followed one of the newest of the history, and a part of its score.
    fn for_successors(&self, history: &[u32], mut add: impl FnMut(u32, f64)) {
        let mut decay = 1.0;
        for &item in history.iter().rev().take(Self::HISTORY) {
            let (successors, weights) = self.transitions.of(item);
            for (&successor, &weight) in successors.iter().zip(weights) {
                add(successor, decay * weight);
            }
            decay *= Self::AGE_DECAY;
        }
    }
}

impl Baseline for MarkovWindow {
    fn popularity(&self) -> &[u32] {
        self.order.counts()
    }

    fn score(&self, _: u32, history: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity().len(), "one score per item, and one for padding");
        scores.fill(0.0);
        self.for_successors(history, |successor, part| scores[successor as usize] += part);
    }

    /// Only items that followed the history have a score. The others stand behind them by popularity: in the order that
    /// serves all users, without those that have a score.
    fn rank_user(&self, asked: &Asked<'_>, scratch: &mut Scratch) -> UserRanks {
        let counts = self.order.counts();
        let Scratch { seen, scores, scored } = scratch;
        seen.take(asked.history, counts.len());
        scores.resize(counts.len(), 0.0);
        scored.resize(counts.len(), 0);
        // A part of a score is at least .8⁹ · .7⁹ / (2³² · 2⁸), far from where numbers round to 0: a score of 0 is that of
        // an item that is not listed yet. There are fewer items than room, so one may stand there that does not count.
        let mut n_scored = 0;
        self.for_successors(asked.history, |successor, part| {
            let score = &mut scores[successor as usize];
            scored[n_scored] = successor;
            n_scored += usize::from(*score == 0.0);
            *score += part;
        });
        let scored = &scored[..n_scored];
        // No score is negative, so their bits are in their order.
        let key = |item: u32| (scores[item as usize].to_bits(), counts[item as usize]);
        let standings = |keys: &[(u64, u32)]| self.standings(keys, scores, scored);
        let ranks = target_ranks(asked, seen, counts.len(), key, standings);

        let mut top: Vec<u32> = Vec::new();
        if asked.k > 0 {
            let with_index = |item: u32| (key(item), Reverse(item));
            for &item in scored.iter().filter(|&&item| !seen.contains(item)) {
                if top.len() < asked.k || with_index(item) > with_index(top[asked.k - 1]) {
                    top.insert(top.partition_point(|&other| with_index(other) > with_index(item)), item);
                    top.truncate(asked.k);
                }
            }
            let others = self.order.items().iter().copied().filter(|&item| scores[item as usize] == 0.0);
            top.extend(first_unseen(others, seen, asked.k - top.len()));
        }
        for &item in scored {
            scores[item as usize] = 0.0;
        }
        UserRanks { ranks, top }
    }
}

impl MarkovWindow {
    /// Where keys of score and popularity, the best first, stand among all items, of which `scored` have a score.
    fn standings(&self, keys: &[(u64, u32)], scores: &[f64], scored: &[u32]) -> Vec<Standing> {
        let counts = self.order.counts();
        let n_with_score = keys.partition_point(|&(bits, _)| bits > 0);
        let (with_score, others) = keys.split_at(n_with_score);
        let mut standings = standings_among(with_score, scored.iter(), |&&item, &(bits, count)| {
            scores[item as usize].to_bits().cmp(&bits).then_with(|| counts[item as usize].cmp(&count))
        });
        // Keys without a score stand behind all items that have one, and by popularity among those that have none.
        let others: Vec<u32> = others.iter().map(|&(_, count)| count).collect();
        let of_scored = standings_among(&others, scored.iter().map(|&item| counts[item as usize]), u32::cmp);
        standings.extend(others.iter().zip(of_scored).map(|(&count, of_scored)| {
            let all = self.order.standing(count);
            Standing { above: scored.len() + all.above - of_scored.above, tied: all.tied - of_scored.tied }
        }));
        standings
    }
}
