use std::collections::HashSet;
use std::hash::Hash;

use serde::{Serialize, Serializer};

use crate::{Metric, Rank, RelevantPlaces};

/// Adds up metrics, one user at a time, in the order they are given.
#[derive(Debug, Clone)]
pub struct Accumulator {
    cutoffs: Vec<usize>,
    /// What is measured at each cutoff.
    kinds: &'static [fn(usize) -> Metric],
    /// At ascending cutoffs, kind by kind, then MRR.
    sums: Vec<Sum>,
    n_users: usize,
    n_without_truth: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    values: f64,
    squares: f64,
}

/// What is measured of one relevant item.
const KINDS: [fn(usize) -> Metric; 4] = [Metric::HitRate, Metric::Ndcg, Metric::Precision, Metric::Recall];
/// What is measured of several. Of one item MAP tells little that NDCG does not.
const KINDS_OF_SETS: [fn(usize) -> Metric; 5] =
    [Metric::HitRate, Metric::Ndcg, Metric::Precision, Metric::Recall, Metric::Map];

impl Accumulator {
    /// Metrics at each of `cutoffs`, in ascending order and each once, and MRR.
    ///
    /// # Errors
    ///
    /// If a cutoff is 0.
    pub fn new(cutoffs: &[usize]) -> Result<Self, EvalError> {
        Accumulator::with_kinds(cutoffs, &KINDS)
    }

    /// As [`new`](Self::new), and MAP at each cutoff: for users who may have several relevant items.
    ///
    /// # Errors
    ///
    /// If a cutoff is 0.
    ///
    /// # Examples
    ///
    /// Two relevant items, on places 1 and 3:
    ///
    /// ```
    /// # use u2i_eval::{Accumulator, Metric, Rank};
    /// let mut accumulator = Accumulator::of_sets(&[3])?;
    /// accumulator.add_set(&[Rank::new(2, 0), Rank::new(0, 0)]);
    /// let metrics = accumulator.finish()?;
    /// assert_eq!(metrics.mean(Metric::Recall(3)), Some(1.0));
    /// assert_eq!(metrics.mean(Metric::Precision(3)), Some(2.0 / 3.0));
    /// assert_eq!(metrics.mean(Metric::Map(3)), Some((1.0 + 2.0 / 3.0) / 2.0));
    /// assert_eq!(metrics.mean(Metric::Mrr), Some(1.0));
    /// # Ok::<(), u2i_eval::EvalError>(())
    /// ```
    pub fn of_sets(cutoffs: &[usize]) -> Result<Self, EvalError> {
        Accumulator::with_kinds(cutoffs, &KINDS_OF_SETS)
    }

    fn with_kinds(cutoffs: &[usize], kinds: &'static [fn(usize) -> Metric]) -> Result<Self, EvalError> {
        let mut cutoffs = cutoffs.to_vec();
        cutoffs.sort_unstable();
        cutoffs.dedup();
        if cutoffs.first() == Some(&0) {
            return Err(EvalError::ZeroCutoff);
        }
        let sums = vec![Sum::default(); kinds.len() * cutoffs.len() + 1];
        Ok(Accumulator { cutoffs, kinds, sums, n_users: 0, n_without_truth: 0 })
    }

    /// Adds a user with one target, from the target's rank among all candidates.
    ///
    /// A tied rank may end in ½. It hits at `k` if it is at most `k`, and its gain is `1 / log2(rank + 1)`
    /// all the same; with ties, that is the gain of the mean rank and not the mean of the gains.
    pub fn add_rank(&mut self, rank: Rank) {
        self.add(|metric| metric.of(rank));
    }

    /// Adds a user with any number of relevant items, from the rank of each among all candidates, in any order.
    ///
    /// An item that was not ranked is relevant all the same. With one item this is [`add_rank`](Self::add_rank); relevant
    /// items that tie with each other stand as [`RelevantPlaces`] says. A user without relevant items is counted in
    /// [`Metrics::n_without_truth`] and in no mean.
    pub fn add_set(&mut self, ranks: &[Rank]) {
        match RelevantPlaces::of_ranks(ranks) {
            Some(places) => self.add(|metric| metric.of_set(&places)),
            None => self.n_without_truth += 1,
        }
    }

    /// Adds a user with any number of relevant ids, from a list of ids, best first.
    ///
    /// An id that comes again is skipped and those below it move up. A list shorter than `k` counts as if
    /// irrelevant ids followed. Padding, if a list has any, is the caller's to cut off. A user without
    /// relevant ids has nothing to be found: it is counted in [`Metrics::n_without_truth`] and in no mean.
    pub fn add_list<I: Eq + Hash>(&mut self, ranked: &[I], relevant: &HashSet<I>) {
        let mut seen = HashSet::with_capacity(ranked.len());
        let distinct = ranked.iter().filter(|&id| seen.insert(id));
        let hits = (1..).zip(distinct).filter(|(_, id)| relevant.contains(id));
        let mut ranks: Vec<Rank> = hits.map(|(place, _)| Rank::new(place - 1, 0)).collect();
        ranks.resize(relevant.len(), Rank::MISS);
        self.add_set(&ranks);
    }

    fn add(&mut self, of: impl Fn(Metric) -> f64) {
        let metrics = at_cutoffs(self.kinds, &self.cutoffs);
        metrics.zip(&mut self.sums).for_each(|(metric, sum)| sum.add(of(metric)));
        self.n_users += 1;
    }

    /// The means over the users so far.
    ///
    /// # Errors
    ///
    /// If no user had anything to be found.
    pub fn finish(&self) -> Result<Metrics, EvalError> {
        if self.n_users == 0 {
            return Err(EvalError::NoUsers { n_without_truth: self.n_without_truth });
        }
        let estimates = self.sums.iter().map(|sum| sum.estimate(self.n_users as f64));
        Ok(Metrics {
            entries: at_cutoffs(self.kinds, &self.cutoffs).zip(estimates).collect(),
            n_users: self.n_users,
            n_without_truth: self.n_without_truth,
        })
    }
}

/// The metrics, in order.
fn at_cutoffs<'a>(
    kinds: &'a [fn(usize) -> Metric],
    cutoffs: &'a [usize],
) -> impl Iterator<Item = Metric> + 'a {
    let at_cutoffs = kinds.iter().flat_map(move |kind| cutoffs.iter().map(move |&k| kind(k)));
    at_cutoffs.chain([Metric::Mrr])
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.values += value;
        self.squares += value * value;
    }

    fn estimate(self, n: f64) -> Estimate {
        let mean = self.values / n;
        let variance = (self.squares - self.values * mean).max(0.0) / (n - 1.0);
        Estimate { mean, standard_error: (n > 1.0).then(|| (variance / n).sqrt()) }
    }
}

/// Means over users, in a fixed order: hit rate, NDCG, precision and recall at ascending `k`, of sets MAP as well, then
/// MRR.
///
/// Serialises as the flat map of its means: `{"hit_rate@10": 0.285, …, "mrr": 0.12}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    entries: Vec<(Metric, Estimate)>,
    n_users: usize,
    n_without_truth: usize,
}

impl Metrics {
    /// The mean of a metric over users; `None` for a cutoff that was not asked for.
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.estimate(metric).map(|estimate| estimate.mean)
    }

    /// The mean of a metric and how sure it is; `None` for a cutoff that was not asked for.
    pub fn estimate(&self, metric: Metric) -> Option<Estimate> {
        self.iter().find(|&(other, _)| other == metric).map(|(_, estimate)| estimate)
    }

    /// All metrics, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Metric, Estimate)> {
        self.entries.iter().copied()
    }

    /// Number of users that the means are over; misses are among them.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// Number of users without relevant ids, which are in no mean.
    pub fn n_without_truth(&self) -> usize {
        self.n_without_truth
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(metric, estimate)| (metric, estimate.mean)))
    }
}

/// A mean over users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Standard deviation over users (`n - 1`) / √n. One user has none.
    pub standard_error: Option<f64>,
}

impl Estimate {
    /// `mean ± 1.96` standard errors, the normal 95 % interval; it may reach beyond 0 and 1.
    pub fn interval_95(self) -> Option<[f64; 2]> {
        self.standard_error.map(|error| [self.mean - 1.96 * error, self.mean + 1.96 * error])
    }
}

/// Why there are no metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The first 0 items never hold anything.
    #[error("a cutoff is 0, wanted at least 1")]
    ZeroCutoff,
    /// A mean over nobody.
    #[error("no users to average over, {n_without_truth} had nothing to be found")]
    NoUsers {
        /// Users without relevant ids.
        n_without_truth: usize,
    },
}
