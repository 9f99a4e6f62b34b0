//! Head, torso and tail of a catalog.

use crate::format::{compact, compact_range, count, range};

/// How popular an item is in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Popularity {
    /// The most popular items, which make up the first half of all training events.
    Head,
    /// The next ones, up to nine tenths.
    Torso,
    /// The others that have training events.
    Tail,
    /// No training event.
    Cold,
}

impl Popularity {
    pub const ALL: [Popularity; 4] =
        [Popularity::Head, Popularity::Torso, Popularity::Tail, Popularity::Cold];

    pub fn name(self) -> &'static str {
        match self {
            Popularity::Head => "head",
            Popularity::Torso => "torso",
            Popularity::Tail => "tail",
            Popularity::Cold => "cold",
        }
    }
}

/// Where head, torso and tail begin, as training counts: a group depends on an item's count alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PopularityBounds {
    /// The lowest count in the head.
    pub head: u32,
    /// The lowest count in the torso.
    pub torso: u32,
}

impl PopularityBounds {
    /// From the training counts of the catalog. The head ends with the item at which half of the events is reached, the
    /// torso at nine tenths; items as popular as the last one belong to it.
    pub fn new(counts: impl IntoIterator<Item = u32>) -> Self {
        let mut counts: Vec<u32> = counts.into_iter().filter(|&count| count > 0).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let reached_at = |tenths: u64| {
            let mut sum = 0;
            let reaches = |&&count: &&u32| {
                sum += u64::from(count);
                10 * sum >= tenths * total
            };
            counts.iter().find(reaches).copied().unwrap_or(1)
        };
        PopularityBounds { head: reached_at(5), torso: reached_at(9) }
    }

    /// The group of an item with so many training events.
    pub fn group(self, n_train: u32) -> Popularity {
        match n_train {
            0 => Popularity::Cold,
            n if n >= self.head => Popularity::Head,
            n if n >= self.torso => Popularity::Torso,
            _ => Popularity::Tail,
        }
    }

    /// The counts of a group, in words.
    pub fn range(self, group: Popularity) -> String {
        self.written(group, count, range)
    }

    /// The counts of a group in few characters.
    pub fn short_range(self, group: Popularity) -> String {
        self.written(group, compact, compact_range)
    }

    fn written(self, group: Popularity, one: fn(u64) -> String, two: fn(u64, u64) -> String) -> String {
        let between = |low: u32, high: u32| match low > high {
            true => "none".to_owned(),
            false => two(low.into(), high.into()),
        };
        match group {
            Popularity::Head => format!("≥ {}", one(self.head.into())),
            Popularity::Torso => between(self.torso, self.head - 1),
            Popularity::Tail => between(1, self.torso - 1),
            Popularity::Cold => "0".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 20 events; 6 + 4 reach 10, half of them; 6 + 4 + 4 + 2 + 2 reach 18, nine tenths.
    #[test]
    fn popularity_groups_follow_the_share_of_events() {
        let counts = [1, 2, 4, 0, 6, 4, 1, 2];
        let bounds = PopularityBounds::new(counts);
        assert_eq!(bounds, PopularityBounds { head: 4, torso: 2 });
        let groups = counts.map(|count| bounds.group(count));
        use Popularity::{Cold, Head, Tail, Torso};
        assert_eq!(groups, [Tail, Torso, Head, Cold, Head, Head, Tail, Torso]);
        assert_eq!(Popularity::ALL.map(|group| bounds.range(group)), ["≥ 4", "2–3", "1", "0"]);
    }

    #[test]
    fn without_training_events_everything_is_cold() {
        assert_eq!(PopularityBounds::new([0, 0]).group(0), Popularity::Cold);
        assert_eq!(PopularityBounds::new([]).group(1), Popularity::Head);
    }

    #[test]
    fn a_group_without_items_says_so() {
        let bounds = PopularityBounds::new([3, 3]);
        assert_eq!(Popularity::ALL.map(|group| bounds.range(group)), ["≥ 3", "none", "1–2", "0"]);
    }
}
