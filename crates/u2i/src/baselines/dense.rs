use std::cmp::Ordering;

use u2i_eval::Rank;
use u2i_schema::PADDING;

use super::asked::{Asked, TargetRank, UserRanks};

/// Ranks by the scores of all items: looks at every item for every relevant one.
pub(super) fn rank_by_scores(
    asked: &Asked<'_>,
    scores: &[f64],
    popularity: &[u32],
    seen: &[bool],
) -> UserRanks {
    let order = ByScore { scores, popularity };
    let ranks = asked.relevant.iter().map(|&item| order.rank(seen, item)).collect();
    UserRanks { ranks, top: order.top(seen, asked.k) }
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
        if k == 0 {
            return Vec::new();
        }
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
    use u2i_random::{Purpose, Stream};

    use super::*;

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
}
