use std::collections::HashSet;
use std::hash::Hash;

use serde::{Serialize, Serializer};

use crate::{Metric, Rank};

/// Adds up metrics, one user at a time, in the order they are given.
#[derive(Debug, Clone)]
pub struct Accumulator {
    cutoffs: Vec<usize>,
    sums: Vec<Sum>,
    n_users: usize,
    n_without_truth: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    values: f64,
    squares: f64,
}

impl Accumulator {
    /// Metrics at each of `cutoffs`, in ascending order and each once, and MRR.
    ///
    /// # Errors
    ///
    /// If a cutoff is 0.
    pub fn new(cutoffs: &[usize]) -> Result<Self, EvalError> {
        let mut cutoffs = cutoffs.to_vec();
        cutoffs.sort_unstable();
        cutoffs.dedup();
        if cutoffs.first() == Some(&0) {
            return Err(EvalError::ZeroCutoff);
        }
        let sums = vec![Sum::default(); 4 * cutoffs.len() + 1];
        Ok(Accumulator { cutoffs, sums, n_users: 0, n_without_truth: 0 })
    }

    /// Adds a user with one target, from the target's rank among all candidates.
    ///
    /// A tied rank may end in ½. It hits at `k` if it is at most `k`, and its gain is `1 / log2(rank + 1)`
    /// all the same; with ties, that is the gain of the mean rank and not the mean of the gains.
    pub fn add_rank(&mut self, rank: Rank) {
        let user = |k: usize| {
            [Metric::HitRate, Metric::Ndcg, Metric::Precision, Metric::Recall]
                .map(|metric| metric(k).of(rank))
        };
        self.add(user, Metric::Mrr.of(rank));
    }

    /// Adds a user with any number of relevant ids, from a list of ids, best first.
    ///
    /// An id that comes again is skipped and those below it move up. A list shorter than `k` counts as if
    /// irrelevant ids followed. Padding, if a list has any, is the caller's to cut off. A user without
    /// relevant ids has nothing to be found: it is counted in [`Metrics::n_without_truth`] and in no mean.
    pub fn add_list<I: Eq + Hash>(&mut self, ranked: &[I], relevant: &HashSet<I>) {
        if relevant.is_empty() {
            self.n_without_truth += 1;
            return;
        }
        let mut seen = HashSet::with_capacity(ranked.len());
        let distinct = ranked.iter().filter(|&id| seen.insert(id));
        let hit_ranks: Vec<usize> =
            (1..).zip(distinct).filter(|(_, id)| relevant.contains(id)).map(|(rank, _)| rank).collect();
        let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
        let user = |k: usize| {
            let hits = &hit_ranks[..hit_ranks.partition_point(|&rank| rank <= k)];
            let best: f64 = (1..=k.min(relevant.len())).map(gain).sum();
            let ndcg = hits.iter().copied().map(gain).sum::<f64>() / best;
            let hit = if hits.is_empty() { 0.0 } else { 1.0 };
            [hit, ndcg, hits.len() as f64 / k as f64, hits.len() as f64 / relevant.len() as f64]
        };
        self.add(user, hit_ranks.first().map_or(0.0, |&rank| 1.0 / rank as f64));
    }

    fn add(&mut self, at: impl Fn(usize) -> [f64; 4], reciprocal_rank: f64) {
        let n = self.cutoffs.len();
        for (i, &k) in self.cutoffs.iter().enumerate() {
            for (metric, value) in at(k).into_iter().enumerate() {
                self.sums[metric * n + i].add(value);
            }
        }
        self.sums[4 * n].add(reciprocal_rank);
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
        let kinds = [Metric::HitRate, Metric::Ndcg, Metric::Precision, Metric::Recall];
        let at_cutoffs = kinds.iter().flat_map(|kind| self.cutoffs.iter().map(|&k| kind(k)));
        let estimates = self.sums.iter().map(|sum| sum.estimate(self.n_users as f64));
        Ok(Metrics {
            entries: at_cutoffs.chain([Metric::Mrr]).zip(estimates).collect(),
            n_users: self.n_users,
            n_without_truth: self.n_without_truth,
        })
    }
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

/// Means over users, in a fixed order: hit rate, NDCG, precision and recall at ascending `k`, then MRR.
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
