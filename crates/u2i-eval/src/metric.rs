use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::Rank;

/// A ranking metric, and at how many items it looks. Written `hit_rate@10`, `mrr`.
///
/// ```
/// # use u2i_eval::Metric;
/// assert_eq!(Metric::Ndcg(10).to_string(), "ndcg@10");
/// assert_eq!("ndcg@10".parse(), Ok(Metric::Ndcg(10)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Share of users with a relevant item among the first `k`.
    HitRate(usize),
    /// Normalised discounted cumulative gain of the first `k`.
    Ndcg(usize),
    /// Share of the first `k` that is relevant.
    Precision(usize),
    /// Share of the relevant items that is among the first `k`.
    Recall(usize),
    /// Mean reciprocal rank of the first relevant item, over the full list.
    Mrr,
}

impl Metric {
    /// The metric of a user with one target, from the target's rank: what [`Accumulator`](crate::Accumulator) takes the
    /// mean of.
    ///
    /// ```
    /// # use u2i_eval::{Metric, Rank};
    /// let third = Rank::new(2, 0);
    /// assert_eq!(Metric::Ndcg(10).of(third), 0.5); // 1 / log2(3 + 1)
    /// assert_eq!(Metric::HitRate(2).of(third), 0.0);
    /// assert_eq!(Metric::Mrr.of(Rank::MISS), 0.0);
    /// ```
    pub fn of(self, rank: Rank) -> f64 {
        let Some(rank) = rank.get() else { return 0.0 };
        let within = |k: usize, value: f64| if rank <= k as f64 { value } else { 0.0 };
        match self {
            Metric::HitRate(k) | Metric::Recall(k) => within(k, 1.0),
            Metric::Ndcg(k) => within(k, 1.0 / (rank + 1.0).log2()),
            Metric::Precision(k) => within(k, 1.0 / k as f64),
            Metric::Mrr => rank.recip(),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Metric::HitRate(k) => write!(f, "hit_rate@{k}"),
            Metric::Ndcg(k) => write!(f, "ndcg@{k}"),
            Metric::Precision(k) => write!(f, "precision@{k}"),
            Metric::Recall(k) => write!(f, "recall@{k}"),
            Metric::Mrr => f.write_str("mrr"),
        }
    }
}

impl FromStr for Metric {
    type Err = ParseMetricError;

    fn from_str(text: &str) -> Result<Self, ParseMetricError> {
        if text == "mrr" {
            return Ok(Metric::Mrr);
        }
        let (name, k) = text.split_once('@').ok_or_else(|| ParseMetricError::Unknown(text.to_owned()))?;
        let metric = match name {
            "hit_rate" => Metric::HitRate,
            "ndcg" => Metric::Ndcg,
            "precision" => Metric::Precision,
            "recall" => Metric::Recall,
            _ => return Err(ParseMetricError::Unknown(text.to_owned())),
        };
        match k.parse() {
            // One spelling per metric: no sign, no leading zero.
            Ok(cutoff) if cutoff > 0 && metric(cutoff).to_string() == text => Ok(metric(cutoff)),
            _ => Err(ParseMetricError::Cutoff(text.to_owned())),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text does not name a [`Metric`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseMetricError {
    /// No metric has this name.
    #[error("unknown metric `{0}`, wanted hit_rate@k, ndcg@k, precision@k, recall@k or mrr")]
    Unknown(String),
    /// The number after the `@` is not a count.
    #[error("metric `{0}` has no cutoff, wanted a whole number above 0 after the @")]
    Cutoff(String),
}
