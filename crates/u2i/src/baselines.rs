//! What counting reaches: the rows of every table that a model has to beat.
//!
//! All baselines are made from training events alone. They rank the whole catalog; an item without a
//! training event has score and popularity 0, so it comes last.
//!
//! ```
//! use u2i::baselines::{MarkovWindow, rank_targets};
//! use u2i_schema::{EventStore, Sample, TrainEvents};
//! // One user saw 1, 2, 3; a second one saw 1, 2 and is asked for the next item, which was 3.
//! let events = EventStore::new(vec![0, 3, 6], vec![1, 2, 3, 1, 2, 3], vec![0; 6], vec![])?;
//! let train = TrainEvents::prefixes(&events, &[3, 2]);
//! let markov = MarkovWindow::new(&train, 4);
//! let targets = [Sample { user: 1, position: 2 }];
//! let ranked = rank_targets(&markov, &events, &targets, 10.try_into()?);
//! assert_eq!(ranked.ranks[0].excluded.get(), Some(1.0));
//! assert_eq!(ranked.top[0], [3, 4]); // 1 and 2 are seen, 4 was never trained on
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cmp::Ordering;
use std::num::NonZeroUsize;

use rayon::prelude::*;
use serde::Serialize;
use u2i_eval::{Metrics, Rank};
use u2i_features::TargetSets;
use u2i_index::Seen;
use u2i_random::{Purpose, Stream};
use u2i_schema::{EventStore, PADDING, Sample, TrainEvents};

/// What counting reaches on the same targets.
#[derive(Debug, Clone, Serialize)]
pub struct Baselines {
    /// A random order.
    pub random: Metrics,
    /// The most popular items.
    pub popularity: Metrics,
    /// Items that followed the newest ones of the history.
    pub markov_window: Metrics,
}

/// Something that scores all items for a history, without a model.
pub trait Baseline: Sync {
    /// Number of training events of each item, `[items + 1]`; entry 0 is padding. Ties in score go to the
    /// more popular item.
    fn popularity(&self) -> &[u32];

    /// Writes the score of every item, higher is better, into `scores`, `[items + 1]`; entry 0 means nothing.
    ///
    /// `history` is what `user` did before the target, oldest first.
    ///
    /// # Panics
    ///
    /// If `scores` is not `[items + 1]` or the history has an item above that.
    fn score(&self, user: u32, history: &[u32], scores: &mut [f64]);
}

/// Scores drawn anew for every user.
#[derive(Debug, Clone)]
pub struct Random {
    popularity: Vec<u32>,
    seed: u64,
}

impl Random {
    /// A baseline over `n_items` items, those with training events in random order.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize, seed: u64) -> Self {
        Random { popularity: train.counts(n_items), seed }
    }
}

impl Baseline for Random {
    fn popularity(&self) -> &[u32] {
        &self.popularity
    }

    fn score(&self, user: u32, _: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity.len(), "one score per item, and one for padding");
        let mut stream = Stream::new(self.seed, Purpose::BASELINE, 0, u64::from(user));
        for (score, &count) in scores.iter_mut().zip(&self.popularity) {
            let drawn = 1.0 - stream.unit();
            *score = if count > 0 { drawn } else { 0.0 };
        }
    }
}

/// Scores every item by its number of training events, the same for all users.
#[derive(Debug, Clone)]
pub struct Popularity {
    popularity: Vec<u32>,
}

impl Popularity {
    /// Counts the training events of `n_items` items.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize) -> Self {
        Popularity { popularity: train.counts(n_items) }
    }
}

impl Baseline for Popularity {
    fn popularity(&self) -> &[u32] {
        &self.popularity
    }

    fn score(&self, _: u32, _: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity.len(), "one score per item, and one for padding");
        for (score, &count) in scores.iter_mut().zip(&self.popularity) {
            *score = f64::from(count);
        }
    }
}

/// Scores items by how often they followed the newest items of the history.
///
/// With `n_a` the number of training events of item `a` and `h_0` the newest item of the history:
///
/// ```text
/// M[a,b] = sum_{gap = 1..10} .8^(gap - 1) · #(b comes gap positions after a, same user)
/// S(u,b) = sum_{j = 0..9} .7^j · M[h_j,b] / (n_{h_j} · n_b^.25)
/// ```
#[derive(Debug, Clone)]
pub struct MarkovWindow {
    popularity: Vec<u32>,
    /// `M[a,b] / (n_a · n_b^.25)` row by row: row `a` is `offsets[a]..offsets[a + 1]`.
    offsets: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f64>,
}

impl MarkovWindow {
    /// Positions over which one item is said to follow another.
    const MAX_GAP: usize = 10;
    /// Weight of each further position.
    const GAP_DECAY: f64 = 0.8;
    /// Items of the history that count.
    const HISTORY: usize = 10;
    /// Weight of each older item.
    const AGE_DECAY: f64 = 0.7;
    /// How strongly popular successors are held back.
    const POPULARITY_POWER: f64 = 0.25;

    /// Counts who follows whom among `n_items` items. Takes memory for each distinct pair, but never for each
    /// pair of events.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn new(train: &TrainEvents, n_items: usize) -> Self {
        let popularity = train.counts(n_items);
        let events = train.events();
        let decay: Vec<f64> = (0..Self::MAX_GAP).map(|gap| Self::GAP_DECAY.powi(gap as i32)).collect();
        let divisors: Vec<f64> =
            popularity.iter().map(|&n| f64::from(n.max(1)).powf(Self::POPULARITY_POWER)).collect();
        let successors = Successors::new(events, &popularity);
        let mut row = vec![0.0; n_items + 1];
        let mut touched = Vec::new();
        let (mut offsets, mut items, mut weights) = (vec![0], Vec::new(), Vec::new());
        for (item, &n) in popularity.iter().enumerate() {
            for followers in successors.of(item) {
                for (&follower, &weight) in followers.iter().take(Self::MAX_GAP).zip(&decay) {
                    // Weights are positive, so a zero is an item not met before.
                    if row[follower as usize] == 0.0 {
                        touched.push(follower);
                    }
                    row[follower as usize] += weight;
                }
            }
            touched.sort_unstable();
            for follower in touched.drain(..) {
                let count = std::mem::take(&mut row[follower as usize]);
                items.push(follower);
                weights.push(count / (f64::from(n) * divisors[follower as usize]));
            }
            offsets.push(items.len());
        }
        MarkovWindow { popularity, offsets, items, weights }
    }
}

impl Baseline for MarkovWindow {
    fn popularity(&self) -> &[u32] {
        &self.popularity
    }

    fn score(&self, _: u32, history: &[u32], scores: &mut [f64]) {
        assert_eq!(scores.len(), self.popularity.len(), "one score per item, and one for padding");
        scores.fill(0.0);
        let mut decay = 1.0;
        for &item in history.iter().rev().take(Self::HISTORY) {
            let row = self.offsets[item as usize]..self.offsets[item as usize + 1];
            for (&follower, &weight) in self.items[row.clone()].iter().zip(&self.weights[row]) {
                scores[follower as usize] += decay * weight;
            }
            decay *= Self::AGE_DECAY;
        }
    }
}

/// Where each item occurs in a store: the events after each occurrence are a slice of the user's.
struct Successors<'a> {
    events: &'a EventStore,
    /// Occurrences of item `a` are `places[offsets[a]..offsets[a + 1]]`.
    offsets: Vec<usize>,
    /// `(place in the whole store, end of the user's events)`.
    places: Vec<(usize, usize)>,
}

impl<'a> Successors<'a> {
    fn new(events: &'a EventStore, counts: &[u32]) -> Self {
        let offsets: Vec<usize> = std::iter::once(0)
            .chain(counts.iter().scan(0, |sum, &count| {
                *sum += count as usize;
                Some(*sum)
            }))
            .collect();
        let mut next = offsets.clone();
        let mut places = vec![(0, 0); events.n_events()];
        for user in 0..events.n_users() {
            let (start, own) = (events.start(user), events.items(user));
            for (i, &item) in own.iter().enumerate() {
                places[next[item as usize]] = (start + i, start + own.len());
                next[item as usize] += 1;
            }
        }
        Successors { events, offsets, places }
    }

    /// What came after each occurrence of `item`, up to the end of that user's events.
    fn of(&self, item: usize) -> impl Iterator<Item = &'a [u32]> {
        let all = self.events.all_items();
        self.places[self.offsets[item]..self.offsets[item + 1]].iter().map(|&(at, end)| &all[at + 1..end])
    }
}

/// Rank of a target: 1 + items above it + ties / 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetRank {
    /// Among the items that are not in the history; a miss if the target is in it.
    pub excluded: Rank,
    /// Among all items; a miss if the target is not in the catalog.
    pub kept: Rank,
}

impl TargetRank {
    /// The rank under a rule for seen items.
    pub fn under(&self, seen: Seen) -> Rank {
        match seen {
            Seen::Excluded => self.excluded,
            Seen::Kept => self.kept,
        }
    }
}

/// Where the targets of all users came, and what was recommended instead.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedTargets {
    /// Of each relevant item, set after set; of single targets `[targets]`, in their order.
    pub ranks: Vec<TargetRank>,
    /// `[targets]` lists of at most `k` items, best first, seen items excluded. Ties go to the lower index.
    pub top: Vec<Vec<u32>>,
}

/// Ranks each target among all items, given everything its user did before it.
///
/// Items are compared by score, then by popularity; only what is equal in both is a tie. The result does not
/// depend on the number of threads.
///
/// # Panics
///
/// If a target lies beyond its user's events, or an item of a history is above the baseline's items.
pub fn rank_targets(
    baseline: &dyn Baseline,
    events: &EventStore,
    targets: &[Sample],
    k: NonZeroUsize,
) -> RankedTargets {
    rank_sets(baseline, events, targets, &TargetSets::of_one(events, targets), k)
}

/// As [`rank_targets`], where several items may be relevant of each target: each is ranked among all items, given everything
/// its user did before the first.
///
/// # Panics
///
/// As [`rank_targets`], and if there is not a set for each target.
pub fn rank_sets(
    baseline: &dyn Baseline,
    events: &EventStore,
    targets: &[Sample],
    sets: &TargetSets,
    k: NonZeroUsize,
) -> RankedTargets {
    assert_eq!(targets.len(), sets.len(), "one set per target");
    let n = baseline.popularity().len();
    let (ranks, top): (Vec<Vec<TargetRank>>, _) = targets
        .par_iter()
        .enumerate()
        .map_init(
            || (vec![0.0; n], vec![false; n]),
            |(scores, seen), (set, target)| {
                let history = &events.items(target.user as usize)[..target.position as usize];
                baseline.score(target.user, history, scores);
                mark(seen, history, true);
                let order = ByScore { scores, popularity: baseline.popularity() };
                let ranks = sets.of(set).iter().map(|&item| order.rank(seen, item)).collect();
                let top = order.top(seen, k.get());
                mark(seen, history, false);
                (ranks, top)
            },
        )
        .unzip();
    RankedTargets { ranks: ranks.concat(), top }
}

fn mark(seen: &mut [bool], history: &[u32], value: bool) {
    for &item in history {
        seen[item as usize] = value;
    }
}

/// All items, by score and then by popularity.
struct ByScore<'a> {
    scores: &'a [f64],
    popularity: &'a [u32],
}

impl ByScore<'_> {
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (a as usize, b as usize);
        self.scores[a].total_cmp(&self.scores[b]).then(self.popularity[a].cmp(&self.popularity[b]))
    }

    fn rank(&self, seen: &[bool], target: u32) -> TargetRank {
        let ranked = target != PADDING && (target as usize) < self.scores.len();
        // Above and tied, among unseen items and among seen ones.
        let mut counts = [[0usize; 2]; 2];
        if ranked {
            for item in (1..self.scores.len() as u32).filter(|&item| item != target) {
                let of_kind = &mut counts[usize::from(seen[item as usize])];
                match self.compare(item, target) {
                    Ordering::Greater => of_kind[0] += 1,
                    Ordering::Equal => of_kind[1] += 1,
                    Ordering::Less => {}
                }
            }
        }
        let [[above, ties], [seen_above, seen_ties]] = counts;
        let found = |is_ranked, above, ties| if is_ranked { Rank::new(above, ties) } else { Rank::MISS };
        TargetRank {
            excluded: found(ranked && !seen[target as usize], above, ties),
            kept: found(ranked, above + seen_above, ties + seen_ties),
        }
    }

    /// The best `k` items that are not seen, best first.
    fn top(&self, seen: &[bool], k: usize) -> Vec<u32> {
        let mut top: Vec<u32> = Vec::with_capacity(k.min(self.scores.len()) + 1);
        for item in (1..self.scores.len() as u32).filter(|&item| !seen[item as usize]) {
            // Later items are put behind equal ones, so ties stay with the lower index.
            if top.len() < k || self.compare(item, top[k - 1]).is_gt() {
                top.insert(top.partition_point(|&other| self.compare(other, item).is_ge()), item);
                top.truncate(k);
            }
        }
        top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn k(k: usize) -> NonZeroUsize {
        k.try_into().unwrap()
    }

    /// Users' items in order; the last `held_out` of each are not trained on.
    fn store(users: &[&[u32]], held_out: usize) -> (EventStore, TrainEvents) {
        let mut offsets = vec![0];
        offsets.extend(users.iter().scan(0, |sum, own| {
            *sum += own.len() as u64;
            Some(*sum)
        }));
        let items = users.concat();
        let times_s = vec![0; items.len()];
        let events = EventStore::new(offsets, items, times_s, vec![]).unwrap();
        let lengths: Vec<u32> = users.iter().map(|own| (own.len() - held_out) as u32).collect();
        let train = TrainEvents::prefixes(&events, &lengths);
        (events, train)
    }

    fn scores(baseline: &dyn Baseline, history: &[u32]) -> Vec<f64> {
        let mut scores = vec![f64::NAN; baseline.popularity().len()];
        baseline.score(0, history, &mut scores);
        scores
    }

    /// By hand: M[1,2] = M[2,1] = 1, M[1,3] = M[2,3] = 1 + .8, all others 0; every item occurs twice.
    #[test]
    fn markov_scores_are_those_of_the_formula() {
        let (_, train) = store(&[&[1, 2, 3], &[2, 1, 3]], 0);
        let markov = MarkovWindow::new(&train, 4);
        // Each row of M over n_a = 2 and n_b^.25 = 2^.25.
        let norm = 2.0 * 2f64.powf(0.25);
        let newest_two = scores(&markov, &[2, 1]);
        let expected = [0.0, 0.7 * 1.0, 1.0, 1.8 + 0.7 * (1.0 + 0.8), 0.0].map(|sum| sum / norm);
        for (found, wanted) in newest_two.iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-15, "{newest_two:?} is not {expected:?}");
        }
    }

    #[test]
    fn markov_looks_ten_positions_ahead_and_ten_items_back() {
        let items: Vec<u32> = (1..=12).collect();
        let (_, train) = store(&[&items], 0);
        let markov = MarkovWindow::new(&train, 12);
        let after_first = scores(&markov, &[1]);
        assert!((after_first[11] - 0.8f64.powi(9)).abs() < 1e-15);
        assert_eq!(after_first[12], 0.0);
        // Item 11 is followed by 12 alone; ten newer items without followers push it out of the history.
        let mut history = vec![11];
        history.extend([12; 9]);
        assert!((scores(&markov, &history)[12] - 0.7f64.powi(9)).abs() < 1e-15);
        history.push(12);
        assert_eq!(scores(&markov, &history)[12], 0.0);
    }

    #[test]
    fn held_out_events_do_not_reach_a_baseline() {
        let users: [&[u32]; 2] = [&[1, 2, 3, 4], &[2, 3, 1, 4]];
        let others: [&[u32]; 2] = [&[1, 2, 4, 3], &[2, 3, 4, 1]];
        let (a, b) = (store(&users, 2).1, store(&others, 2).1);
        assert_eq!(scores(&MarkovWindow::new(&a, 4), &[1]), scores(&MarkovWindow::new(&b, 4), &[1]));
        assert_eq!(Popularity::new(&a, 4).popularity(), Popularity::new(&b, 4).popularity());
    }

    #[test]
    fn seen_items_are_left_out_and_ties_share_their_ranks() {
        let (events, train) = store(&[&[1, 2, 3, 2], &[1, 2, 4, 3], &[1, 3, 3], &[1, 4, 5], &[1, 1]], 1);
        let popularity = Popularity::new(&train, 5);
        assert_eq!(popularity.popularity(), [0, 5, 2, 2, 2, 0]);
        let last: Vec<Sample> =
            [3, 3, 2, 2, 1].into_iter().zip(0..).map(|(position, user)| Sample { user, position }).collect();
        let ranked = rank_targets(&popularity, &events, &last, k(2));
        // Items 2, 3 and 4 tie behind 1. Of 3's ties, user 1 has seen both.
        let wanted = [
            TargetRank { excluded: Rank::MISS, kept: Rank::new(2, 0) },
            TargetRank { excluded: Rank::new(0, 0), kept: Rank::new(2, 0) },
            TargetRank { excluded: Rank::MISS, kept: Rank::new(2, 0) },
            TargetRank { excluded: Rank::new(2, 0), kept: Rank::new(4, 0) },
            TargetRank { excluded: Rank::MISS, kept: Rank::new(0, 0) },
        ];
        assert_eq!(ranked.ranks, wanted);
        assert_eq!(ranked.top, [vec![4, 5], vec![3, 5], vec![2, 4], vec![2, 3], vec![2, 3]]);
    }

    #[test]
    fn ties_in_score_go_to_the_more_popular_item() {
        // Nothing follows 4, so every score is 0 and popularity ranks: 1, then 2 and 3, then 5; 4 is seen.
        let (events, train) = store(&[&[1, 2, 1, 3, 4, 5], &[4, 3]], 1);
        let markov = MarkovWindow::new(&train, 5);
        assert_eq!(scores(&markov, &[4]), [0.0; 6]);
        let ranked = rank_targets(&markov, &events, &[Sample { user: 1, position: 1 }], k(10));
        assert_eq!(ranked.ranks[0].excluded.get(), Some(2.5));
        assert_eq!(ranked.top[0], [1, 2, 3, 5]);
    }

    /// Counts, against full sorting, on scores with many ties.
    #[test]
    fn ranks_and_lists_equal_those_of_a_full_sort() {
        let mut stream = Stream::new(3, Purpose::BASELINE, 1, 0);
        let n_items = 30;
        for _ in 0..200 {
            let popularity: Vec<u32> = (0..=n_items).map(|_| stream.below(3) as u32).collect();
            let scores: Vec<f64> = (0..=n_items).map(|_| stream.below(4) as f64).collect();
            let seen: Vec<bool> = (0..=n_items).map(|_| stream.below(4) == 0).collect();
            let target = 1 + stream.below(n_items) as u32;
            let by_score = ByScore { scores: &scores, popularity: &popularity };
            let (found, top) = (by_score.rank(&seen, target), by_score.top(&seen, 5));
            let key = |item: u32| (scores[item as usize] as u32, popularity[item as usize]);
            let mut order: Vec<u32> = (1..=n_items as u32).collect();
            order.sort_by_key(|&item| (std::cmp::Reverse(key(item)), item));
            let mean_place = |order: &[u32]| {
                let first = order.iter().position(|&item| key(item) == key(target)).unwrap();
                let ties = order.iter().filter(|&&item| key(item) == key(target)).count();
                first as f64 + 1.0 + (ties as f64 - 1.0) / 2.0
            };
            assert_eq!(found.kept.get(), Some(mean_place(&order)));
            order.retain(|&item| !seen[item as usize]);
            assert_eq!(found.excluded.get(), (!seen[target as usize]).then(|| mean_place(&order)));
            assert_eq!(top, order[..order.len().min(5)]);
        }
    }

    #[test]
    fn random_ranks_are_uniform_and_follow_the_seed() {
        let users: Vec<Vec<u32>> = (0..2_000).map(|user| vec![1 + user % 10, 1 + (user + 1) % 10]).collect();
        let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
        let (events, train) = store(&users, 0);
        let targets: Vec<Sample> = (0..2_000).map(|user| Sample { user, position: 0 }).collect();
        let ranks = |seed| rank_targets(&Random::new(&train, 10, seed), &events, &targets, k(1)).ranks;
        let mut counts = [0.0; 10];
        for rank in ranks(1) {
            counts[rank.kept.get().unwrap() as usize - 1] += 1.0;
        }
        let chi2: f64 = counts.iter().map(|count: &f64| (count - 200.0).powi(2) / 200.0).sum();
        assert!(chi2 < 27.9, "{chi2}"); // 99.9 % of χ² with 9 degrees of freedom
        assert_eq!(ranks(1), ranks(1));
        assert_ne!(ranks(1), ranks(2));
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let users: Vec<Vec<u32>> =
            (0..200).map(|user| (0..8).map(|i| 1 + (user * 7 + i * i) % 40).collect()).collect();
        let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
        let (events, train) = store(&users, 1);
        let markov = MarkovWindow::new(&train, 40);
        let targets: Vec<Sample> = (0..200).map(|user| Sample { user, position: 7 }).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| rank_targets(&markov, &events, &targets, k(10)))
        };
        assert_eq!(run(1), run(3));
    }
}
