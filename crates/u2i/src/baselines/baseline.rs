use super::asked::{Asked, UserRanks};
use super::dense::rank_by_scores;
use super::scratch::Scratch;

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

    /// Ranks relevant items of one user among all items by [`score`](Self::score) and then by popularity, and lists
    /// the best.
    ///
    /// As it stands, every item is looked at. Our own baselines answer with as much, and look at fewer items. `scratch`
    /// may come from any other call.
    ///
    /// # Panics
    ///
    /// If the history has an item above the baseline's items.
    ///
    /// # Examples
    ///
    /// Item 1 is the most popular one and seen; 2 and 3 tie behind it.
    ///
    /// ```
    /// use u2i::baselines::{Asked, Baseline as _, Popularity, Scratch};
    /// use u2i_schema::{EventStore, TrainEvents};
    /// let events = EventStore::new(vec![0, 4], vec![1, 1, 2, 3], vec![0; 4], vec![])?;
    /// let train = TrainEvents::prefixes(&events, &[4]);
    /// let asked = Asked { user: 0, history: &[1], relevant: &[3], k: 2 };
    /// let found = Popularity::new(&train, 3).rank_user(&asked, &mut Scratch::default());
    /// assert_eq!(found.ranks[0].excluded.get(), Some(1.5));
    /// assert_eq!(found.ranks[0].kept.get(), Some(2.5));
    /// assert_eq!(found.top, [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn rank_user(&self, asked: &Asked<'_>, scratch: &mut Scratch) -> UserRanks {
        let popularity = self.popularity();
        let Scratch { seen, scores, .. } = scratch;
        seen.take(asked.history, popularity.len());
        scores.resize(popularity.len(), 0.0);
        self.score(asked.user, asked.history, scores);
        let ranks = rank_by_scores(asked, scores, popularity, seen.marked());
        scores.fill(0.0);
        ranks
    }
}
