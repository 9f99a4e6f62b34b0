//! Ranking metrics: from where a target was ranked, or from ranked ids and the ids that are relevant.
//!
//! No tensors, no frames; generic over the id type. Users are added one at a time to an [`Accumulator`], so
//! memory does not grow with them, and everything is f64.
//!
//! ```toml
//! u2i-eval = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! With `r` the rank of a user's one target, or `hits` the relevant items among the first `k` and `R` the number of
//! relevant ones:
//!
//! | metric | from a rank | from ranks of a set, or a list |
//! |---|---|---|
//! | `hit_rate@k` | 1 if `r <= k` | 1 if `hits > 0` |
//! | `ndcg@k` | `1 / log2(r + 1)` if `r <= k` | sum of `1 / log2(rank + 1)` over hits, by that of ranks 1 to `min(k, R)` |
//! | `precision@k` | `1 / k` if `r <= k` | `hits / k` |
//! | `recall@k` | 1 if `r <= k` | `hits / R` |
//! | `map@k` | | sum of `i / rank` over hits, `i` counting them from the best, by `min(k, R)` |
//! | `mrr` | `1 / r`, whatever `k` | `1 /` rank of the first relevant item, over the whole list |
//!
//! All are 0 where there is no hit. NDCG: Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of IR
//! Techniques", TOIS 2002, with gains of 0 and 1. Average precision: Manning, Raghavan and Schütze, "Introduction to
//! Information Retrieval", 2008, §8.4, cut off at `k`; trec_eval's `map_cut` divides by `R` instead, which is lower where
//! there are more relevant items than places.
//!
//! Beside them: [`distinct_items`], [`lorenz`] and [`gini`] for how recommendations spread over a catalog, [`wilson_95`]
//! for the hit rate of a group of users, [`quantile_groups`] to make such groups, and [`Spread`] over seeds.
//!
//! # Examples
//!
//! Two users: a target ranked first, and one with two items above and one as good, which is rank 3.5.
//!
//! ```
#![doc = include_str!("../examples/eval_alone.rs")]
//! ```

mod accumulator;
mod concentration;
mod coverage;
mod metric;
mod proportion;
mod quantile_groups;
mod rank;
mod relevant_places;
mod spread;

pub use accumulator::{Accumulator, Estimate, EvalError, Metrics};
pub use concentration::{gini, lorenz};
pub use coverage::distinct_items;
pub use metric::{Metric, ParseMetricError};
pub use proportion::wilson_95;
pub use quantile_groups::quantile_groups;
pub use rank::Rank;
pub use relevant_places::RelevantPlaces;
pub use spread::Spread;
