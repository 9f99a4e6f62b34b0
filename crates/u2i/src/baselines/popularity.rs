use std::cmp::Reverse;

use u2i_schema::TrainEvents;

use super::asked::{Asked, UserRanks};
use super::baseline::Baseline;
use super::scratch::{Scratch, SeenItems};
use super::standing::{Standing, target_ranks};

/// All items by their number of training events, most first, equal ones by their index.
#[derive(Debug, Clone)]
pub(super) struct PopularityOrder {
    /// `[items + 1]`; entry 0 is padding.
    counts: Vec<u32>,
    items: Vec<u32>,
    n_trained: usize,
}

impl PopularityOrder {
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize) -> Self {
        let counts = train.counts(n_items);
        let mut items: Vec<u32> = (1..counts.len() as u32).collect();
        items.sort_by_key(|&item| Reverse(counts[item as usize]));
        let n_trained = items.partition_point(|&item| counts[item as usize] > 0);
        PopularityOrder { counts, items, n_trained }
    }

    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Items with training events, then the others.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// Number of items with training events.
    pub fn n_trained(&self) -> usize {
        self.n_trained
    }

    /// Where so many training events stand among those of all items.
    pub fn standing(&self, count: u32) -> Standing {
        let above = self.items.partition_point(|&item| self.counts[item as usize] > count);
        let tied = self.items[above..].partition_point(|&item| self.counts[item as usize] == count);
        Standing { above, tied }
    }
}

/// The first `k` of `items` that are not seen.
pub(super) fn first_unseen(items: impl Iterator<Item = u32>, seen: &SeenItems, k: usize) -> Vec<u32> {
    items.filter(|&item| !seen.contains(item)).take(k).collect()
}

/// Scores every item by its number of training events, the same for all users.
#[derive(Debug, Clone)]
pub struct Popularity {
    order: PopularityOrder,
}

impl Popularity {
    /// Counts the training events of `n_items` items.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize) -> Self {
        Popularity { order: PopularityOrder::new(train, n_items) }
    }
}

impl Baseline for Popularity {
    fn popularity(&self) -> &[u32] {
        self.order.counts()
    }

    fn score(&self, _: u32, _: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity().len(), "one score per item, and one for padding");
        for (score, &count) in scores.iter_mut().zip(self.popularity()) {
            *score = f64::from(count);
        }
    }

    /// One order serves all users: a rank is found by bisection, and what the user has seen is taken off.
    fn rank_user(&self, asked: &Asked<'_>, scratch: &mut Scratch) -> UserRanks {
        let Popularity { order } = self;
        let (counts, seen) = (order.counts(), &mut scratch.seen);
        seen.take(asked.history, counts.len());
        let standings = |keys: &[u32]| keys.iter().map(|&count| order.standing(count)).collect();
        let ranks = target_ranks(asked, seen, counts.len(), |item| counts[item as usize], standings);
        UserRanks { ranks, top: first_unseen(order.items().iter().copied(), seen, asked.k) }
    }
}
