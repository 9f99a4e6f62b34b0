use crate::Rank;

/// The places at which the relevant items of one user stand among all candidates, and how many are relevant.
///
/// No two items share a place. Where `t` relevant items tie, among themselves or with others, they have one mean rank
/// `r`, and stand at `r - (t - 1) / 2`, …, `r + (t - 1) / 2`: their mean stays `r`, and items that tie with relevant ones
/// alone have just the places that they share. A single one stands at its mean rank.
///
/// ```
/// # use u2i_eval::{Rank, RelevantPlaces};
/// // Two relevant items that score alike, and nothing else does, behind one other item: mean rank 2.5.
/// let tied = Rank::new(1, 1);
/// let places = RelevantPlaces::of_ranks(&[Rank::MISS, tied, tied]).unwrap();
/// assert_eq!((places.places(), places.n_relevant()), (&[2.0, 3.0][..], 3));
/// assert!(RelevantPlaces::of_ranks(&[]).is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RelevantPlaces {
    /// Ascending.
    places: Vec<f64>,
    n_relevant: usize,
}

impl RelevantPlaces {
    /// From the rank of each relevant item; `None` where nothing is relevant.
    pub fn of_ranks(ranks: &[Rank]) -> Option<Self> {
        let mut places: Vec<f64> = ranks.iter().filter_map(|rank| rank.get()).collect();
        places.sort_unstable_by(f64::total_cmp);
        for tied in places.chunk_by_mut(|a, b| a == b) {
            let half = (tied.len() - 1) as f64 / 2.0;
            tied.iter_mut().zip(0u32..).for_each(|(place, i)| *place += f64::from(i) - half);
        }
        (!ranks.is_empty()).then_some(RelevantPlaces { places, n_relevant: ranks.len() })
    }

    /// Places of the items that were ranked, ascending, the best possible being 1.
    pub fn places(&self) -> &[f64] {
        &self.places
    }

    /// Relevant items, those that were not ranked among them; at least 1.
    pub fn n_relevant(&self) -> usize {
        self.n_relevant
    }

    /// The places that are among the first `k`.
    pub(crate) fn within(&self, k: usize) -> &[f64] {
        &self.places[..self.places.partition_point(|&place| place <= k as f64)]
    }
}
