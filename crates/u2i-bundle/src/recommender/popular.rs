//! What somebody gets of whom nothing is known.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use u2i_index::ItemSet;

use super::Recommender;
use crate::{Now, PopularNow};

/// What is popular now, best first.
pub(super) struct Popular<'a>(Cow<'a, [(u32, f32)]>);

impl<'a> Popular<'a> {
    /// In the order of scores, ties to the lower `item_idx`.
    pub(super) fn new(now: &Now<'a>) -> Self {
        let best_first = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let mut popular = Cow::Borrowed(now.popular.map(PopularNow::items).unwrap_or_default());
        if !popular.is_sorted_by(|a, b| best_first(a, b).is_le()) {
            popular.to_mut().sort_by(best_first);
        }
        Popular(popular)
    }
}

impl Recommender {
    /// The most popular items: those of now, then by their number of training events, ties to the lower `item_idx`.
    pub(super) fn most_popular(
        &self,
        popular: &Popular<'_>,
        left_out: &[u32],
        k: usize,
        among: Option<&ItemSet>,
    ) -> Vec<(u32, f32)> {
        let is_eligible = |item: u32| {
            left_out.binary_search(&item).is_err() && among.is_none_or(|among| among.contains(item))
        };
        let has_vector = |item: u32| self.exact.vectors().row(item).is_some();
        let mut taken = HashSet::new();
        let of_now = popular.0.iter().copied().filter(|&(item, _)| has_vector(item) && is_eligible(item));
        let mut found: Vec<(u32, f32)> = of_now.filter(|&(item, _)| taken.insert(item)).take(k).collect();
        let others = self.by_count.iter().copied().filter(|item| !taken.contains(item) && is_eligible(*item));
        found.extend(others.take(k - found.len()).map(|item| (item, self.count(item))));
        found
    }

    /// The most popular of some items, each of which is there once.
    pub(super) fn most_popular_of(
        &self,
        popular: &Popular<'_>,
        mut items: Vec<u32>,
        k: usize,
    ) -> Vec<(u32, f32)> {
        items.sort_unstable();
        let mut of_now: HashMap<u32, (usize, f32)> = HashMap::new();
        for (place, &(item, score)) in popular.0.iter().enumerate() {
            if items.binary_search(&item).is_ok() {
                of_now.entry(item).or_insert((place, score));
            }
        }
        let place = |item: &u32| of_now.get(item).map_or(usize::MAX, |&(place, _)| place);
        items.sort_by_cached_key(|item| (place(item), Reverse(self.catalog.counts()[*item as usize]), *item));
        let score = |item: u32| of_now.get(&item).map_or_else(|| self.count(item), |&(_, score)| score);
        items.into_iter().take(k).map(|item| (item, score(item))).collect()
    }

    fn count(&self, item: u32) -> f32 {
        self.catalog.counts()[item as usize] as f32
    }
}
