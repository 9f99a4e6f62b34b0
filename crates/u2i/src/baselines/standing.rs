use std::cmp::Ordering;

use u2i_eval::Rank;
use u2i_schema::PADDING;

use super::asked::{Asked, TargetRank};
use super::scratch::SeenItems;

/// How many items stand above a key, and how many have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub above: usize,
    pub tied: usize,
}

/// Where each of `keys`, different ones with the best first, stands among `items`. `compare` says how an item compares with
/// a key.
pub(super) fn standings_among<K, T>(
    keys: &[K],
    items: impl Iterator<Item = T>,
    compare: impl Fn(&T, &K) -> Ordering,
) -> Vec<Standing> {
    let mut standings = vec![Standing::default(); keys.len() + 1];
    match keys {
        [] => {}
        // Most users have one target.
        [key] => {
            let Standing { above, tied } = &mut standings[0];
            items.for_each(|item| match compare(&item, key) {
                Ordering::Greater => *above += 1,
                Ordering::Equal => *tied += 1,
                Ordering::Less => {}
            });
        }
        _ => {
            for item in items {
                let at = keys.partition_point(|key| compare(&item, key).is_lt());
                // An item is above all keys that are worse than its own.
                if keys.get(at).is_some_and(|key| compare(&item, key).is_eq()) {
                    standings[at].tied += 1;
                    standings[at + 1].above += 1;
                } else {
                    standings[at].above += 1;
                }
            }
            let mut above = 0;
            for standing in &mut standings {
                above += standing.above;
                standing.above = above;
            }
        }
    }
    standings.pop();
    standings
}

/// The ranks of what is relevant, where a higher `key` is better and equal ones tie. `standings` says where each of
/// different keys, the best first, stands among all items; `len` is items + 1.
pub(super) fn target_ranks<K: Ord + Copy>(
    asked: &Asked<'_>,
    seen: &SeenItems,
    len: usize,
    key: impl Fn(u32) -> K,
    standings: impl FnOnce(&[K]) -> Vec<Standing>,
) -> Vec<TargetRank> {
    let is_ranked = |&item: &u32| item != PADDING && (item as usize) < len;
    let mut keys: Vec<K> = asked.relevant.iter().copied().filter(is_ranked).map(&key).collect();
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys.dedup();
    let among_all = standings(&keys);
    let among_seen = standings_among(&keys, seen.items().iter().map(|&item| key(item)), K::cmp);
    let rank = |&item: &u32| {
        if !is_ranked(&item) {
            return TargetRank { excluded: Rank::MISS, kept: Rank::MISS };
        }
        let own = key(item);
        let place = keys.partition_point(|&other| other > own);
        let (all, of_seen) = (among_all[place], among_seen[place]);
        // A target is no tie of its own.
        let excluded = match seen.contains(item) {
            true => Rank::MISS,
            false => Rank::new(all.above - of_seen.above, all.tied - of_seen.tied - 1),
        };
        TargetRank { excluded, kept: Rank::new(all.above, all.tied - 1) }
    };
    asked.relevant.iter().map(rank).collect()
}
