//! What counting reaches: the rows of every table that a model has to beat.
//!
//! All baselines are made from training events alone. They rank the whole catalog; an item without a
//! training event has score and popularity 0, so it comes last.
//!
//! Ours cost what they touch: a user takes time for the history and, of the [`MarkovWindow`], for what followed its newest
//! items, never for all items. A [`Baseline`] of one's own has to give scores, and all items are looked at then.
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

mod asked;
mod baseline;
mod dense;
mod markov_window;
mod occurrences;
mod popularity;
mod random;
mod ranking;
mod scratch;
mod standing;
mod transitions;

#[cfg(test)]
mod tests;

use serde::Serialize;
use u2i_eval::Metrics;

pub use asked::{Asked, TargetRank, UserRanks};
pub use baseline::Baseline;
pub use markov_window::MarkovWindow;
pub use popularity::Popularity;
pub use random::Random;
pub use ranking::{RankedTargets, rank_sets, rank_targets};
pub use scratch::Scratch;
pub use transitions::PrunedPairs;

pub(crate) use ranking::rank_sets_with_progress;

/// What counting reaches on the same targets.
#[derive(Debug, Clone, Serialize)]
pub struct Baselines {
    /// A random order.
    pub random: Metrics,
    /// The most popular items.
    pub popularity: Metrics,
    /// Items that followed the newest ones of the history.
    pub markov_window: Metrics,
    /// Which pairs of items the Markov window was made of, where there were more than it keeps; of all targets only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markov_window_pruned: Option<PrunedPairs>,
}

impl Baselines {
    /// What is to be known about them beside their figures, in a sentence.
    pub fn note(&self) -> Option<String> {
        let PrunedPairs { pairs, kept, successors_per_item } = self.markov_window_pruned?;
        Some(format!(
            "The Markov window is made of the {successors_per_item} heaviest successors of each item: {kept} of {pairs} pairs."
        ))
    }
}
