use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::{Rank, RelevantPlaces};

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
    /// Mean average precision: the precision at the place of each relevant item among the first `k`, summed and divided by
    /// the most such items that there could be, the smaller of `k` and the number of relevant items.
    Map(usize),
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
            Metric::Map(k) => within(k, rank.recip()),
            Metric::Mrr => rank.recip(),
        }
    }

    /// The metric of a user with any number of relevant items, from their places; with one item it is [`of`](Self::of).
    ///
    /// ```
    /// # use u2i_eval::{Metric, Rank, RelevantPlaces};
    /// let second_and_third = RelevantPlaces::of_ranks(&[Rank::new(1, 0), Rank::new(2, 0)]).unwrap();
    /// assert_eq!(Metric::Recall(2).of_set(&second_and_third), 0.5);
    /// assert_eq!(Metric::Map(10).of_set(&second_and_third), (1.0 / 2.0 + 2.0 / 3.0) / 2.0);
    /// assert_eq!(Metric::Mrr.of_set(&second_and_third), 0.5);
    /// ```
    pub fn of_set(self, relevant: &RelevantPlaces) -> f64 {
        let most = |k: usize| k.min(relevant.n_relevant());
        match self {
            Metric::HitRate(k) => f64::from(u8::from(!relevant.within(k).is_empty())),
            Metric::Ndcg(k) => {
                let gain = |place: f64| 1.0 / (place + 1.0).log2();
                let best: f64 = (1..=most(k)).map(|place| gain(place as f64)).sum();
                relevant.within(k).iter().copied().map(gain).sum::<f64>() / best
            }
            Metric::Precision(k) => relevant.within(k).len() as f64 / k as f64,
            Metric::Recall(k) => relevant.within(k).len() as f64 / relevant.n_relevant() as f64,
            Metric::Map(k) => {
                let precisions =
                    (1u32..).zip(relevant.within(k)).map(|(hits, place)| f64::from(hits) / place);
                precisions.sum::<f64>() / most(k) as f64
            }
            Metric::Mrr => relevant.places().first().map_or(0.0, |place| place.recip()),
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
            Metric::Map(k) => write!(f, "map@{k}"),
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
            "map" => Metric::Map,
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
    #[error("unknown metric `{0}`, wanted hit_rate@k, ndcg@k, precision@k, recall@k, map@k or mrr")]
    Unknown(String),
    /// The number after the `@` is not a count.
    #[error("metric `{0}` has no cutoff, wanted a whole number above 0 after the @")]
    Cutoff(String),
}
