//! Hyper-parameters from the size of the data, and from nothing else.
//!
//! The rules are drawn through the recipes of `configs/`, which were tuned on data of 50,000, 100,000 and a million
//! events, and were tried on others; `docs/data.md` says with what result.

use crate::model_choice::ModelChoice;

/// How large some data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Size {
    pub n_events: usize,
    pub n_users: usize,
    pub n_items: usize,
    /// `[users]`: how many events each has, ascending.
    pub events_per_user: Vec<u32>,
    /// Events whose user had met the item before.
    pub n_repeated: usize,
}

impl Size {
    /// Counts events, given as the users and items of each.
    pub(crate) fn new(user: &[u32], item: &[u32], n_users: usize, n_items: usize) -> Self {
        let mut events_per_user = vec![0u32; n_users];
        user.iter().for_each(|&user| events_per_user[user as usize] += 1);
        // The items of each user stand together, and are few.
        let mut next: Vec<usize> = Vec::with_capacity(n_users);
        let mut n_events = 0;
        for &n in &events_per_user {
            next.push(n_events);
            n_events += n as usize;
        }
        let mut items = vec![0; n_events];
        for (&user, &item) in user.iter().zip(item) {
            let place = &mut next[user as usize];
            items[*place] = item;
            *place += 1;
        }
        let (mut begin, mut n_repeated) = (0, 0);
        for end in next {
            let own = &mut items[begin..end];
            own.sort_unstable();
            n_repeated += own.windows(2).filter(|pair| pair[0] == pair[1]).count();
            begin = end;
        }
        events_per_user.sort_unstable();
        Size { n_events, n_users, n_items, events_per_user, n_repeated }
    }

    pub(crate) fn median_events(&self) -> usize {
        self.events_per_user.get(self.n_users / 2).map_or(0, |&n| n as usize)
    }

    /// Training targets: all events of a user but the first, which has no history, and the last two, which are held
    /// out of users with at least three.
    fn targets(&self) -> impl Iterator<Item = usize> {
        self.events_per_user.iter().map(|&n| match n {
            0 => 0,
            1..3 => n as usize - 1,
            n => n as usize - 3,
        })
    }

    pub(crate) fn n_targets(&self) -> usize {
        self.targets().sum()
    }

    pub(crate) fn share_repeated(&self) -> f64 {
        self.n_repeated as f64 / self.n_events.max(1) as f64
    }
}

/// The values that follow from the size of the data, each with its reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipe {
    pub history_length: Chosen<usize>,
    pub dim: Chosen<usize>,
    pub dropout: Chosen<f64>,
    pub negatives: Chosen<usize>,
    pub epochs: Chosen<usize>,
    pub chunk_targets: Chosen<usize>,
    pub chunks_per_step: Chosen<usize>,
    pub warm_up_steps: Chosen<usize>,
}

/// A value and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen<T> {
    pub value: T,
    pub reason: String,
}

fn chosen<T>(value: T, reason: String) -> Chosen<T> {
    Chosen { value, reason }
}

/// Targets that a run shows the model, over all epochs, before more of them stop to help.
const ENOUGH_TARGETS: usize = 3_000_000;

/// The recipe for data of this size.
pub(crate) fn recipe(size: &Size, model: ModelChoice) -> Recipe {
    let (n_targets, median, n_items) = (size.n_targets(), size.median_events(), size.n_items);

    // As far back as twice what most users have; a longer window would mostly hold padding.
    let history = (2 * median).next_multiple_of(10).clamp(10, 50);
    let dim = match (n_targets, model) {
        (0..50_000, _) => 32,
        (300_000.., ModelChoice::Fm) if n_items <= 50_000 => 128,
        _ => 64,
    };
    let negatives = power_of_two_below(n_items / 4).clamp(1, 512);
    let epochs = (ENOUGH_TARGETS / n_targets.max(1)).clamp(2, 6);
    let dropout = if model == ModelChoice::YoutubeDnn && epochs <= 3 { 0.0 } else { 0.2 };
    let chunk_targets = median.saturating_sub(3).next_power_of_two().clamp(8, 64);
    let n_chunks: usize = size.targets().map(|n| n.div_ceil(chunk_targets)).sum();
    // Large enough for a quiet gradient, small enough for a few hundred steps in each epoch.
    let per_step = (1.6 * (n_targets as f64).sqrt()).clamp(64.0, 2_048.0);
    let per_chunk = n_targets as f64 / n_chunks.max(1) as f64;
    let chunks_per_step = ((per_step / per_chunk.max(1.0)).round() as usize).clamp(1, n_chunks.max(1));
    let n_steps = epochs * n_chunks.div_ceil(chunks_per_step);
    let warm_up = (n_steps / 10).min(200);

    Recipe {
        history_length: chosen(
            history,
            format!("The median user has {}: twice that, from 10 to 50.", counted(median, "event")),
        ),
        dim: chosen(dim, format!("For {}.", counted(n_targets, "training target"))),
        dropout: chosen(
            dropout,
            match dropout {
                0.0 => format!("None: in {} nothing is learned by heart.", counted(epochs, "epoch")),
                _ => format!("Against learning by heart in {}.", counted(epochs, "epoch")),
            },
        ),
        negatives: chosen(
            negatives,
            format!("The power of two below a quarter of {}, at most 512.", counted(n_items, "item")),
        ),
        epochs: chosen(
            epochs,
            format!(
                "So that about {} targets are learned from, in 2 to 6 epochs; the best one by validation is kept.",
                grouped(ENOUGH_TARGETS)
            ),
        ),
        chunk_targets: chosen(
            chunk_targets,
            "Consecutive targets of one user that share a window: what the median user has, from 8 to 64."
                .to_owned(),
        ),
        chunks_per_step: chosen(
            chunks_per_step,
            format!(
                "A chunk has {per_chunk:.1} targets on average, so a step has about {:.0}, which grows with the root of \
                 their number.",
                per_chunk * chunks_per_step as f64
            ),
        ),
        warm_up_steps: chosen(warm_up, format!("A tenth of {}, at most 200.", counted(n_steps, "step"))),
    }
}

/// The largest power of two that is not above `n`; 1 for 0.
fn power_of_two_below(n: usize) -> usize {
    1 << n.max(1).ilog2()
}

/// `1 item`, `12,345 items`.
pub(crate) fn counted(n: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A number with a comma between thousands.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(users: &[(usize, u32)], n_items: usize) -> Size {
        let mut events_per_user: Vec<u32> = users.iter().flat_map(|&(n, events)| vec![events; n]).collect();
        events_per_user.sort_unstable();
        let n_events = events_per_user.iter().map(|&n| n as usize).sum();
        Size { n_events, n_users: events_per_user.len(), n_items, events_per_user, n_repeated: 0 }
    }

    /// The values of `configs/`, which were tuned, within what makes no difference.
    #[test]
    fn recipes_are_near_those_that_were_tuned() {
        // Sizes of ML-1M and ML-100K: users at their quartiles.
        let ml_1m = size(&[(1_510, 35), (1_510, 75), (1_510, 150), (1_510, 400)], 3_706);
        let ml_100k = size(&[(236, 25), (236, 50), (236, 110), (235, 240)], 1_682);
        let large = recipe(&ml_1m, ModelChoice::YoutubeDnn);
        assert_eq!((large.history_length.value, large.dim.value, large.negatives.value), (50, 64, 512));
        assert_eq!((large.epochs.value, large.dropout.value, large.chunk_targets.value), (3, 0.0, 64));
        assert!((24..=48).contains(&large.chunks_per_step.value), "{:?}", large.chunks_per_step);
        assert_eq!(recipe(&ml_1m, ModelChoice::Fm).dim.value, 128);
        let small = recipe(&ml_100k, ModelChoice::Dssm);
        assert_eq!((small.history_length.value, small.negatives.value), (50, 256));
        // configs/ml-100k has 32; 64 was measured to be better.
        assert_eq!(
            (small.dim.value, recipe(&size(&[(2_000, 25)], 600), ModelChoice::Fm).dim.value),
            (64, 32)
        );
        assert_eq!((small.epochs.value, small.dropout.value), (6, 0.2));
        assert!((8..=24).contains(&small.chunks_per_step.value), "{:?}", small.chunks_per_step);
    }

    #[test]
    fn every_value_is_in_range_however_small_or_large_the_data() {
        let cases = [
            size(&[(1, 3)], 1),
            size(&[(3, 1)], 3),
            size(&[(10, 4)], 2),
            size(&[(1_000_000, 3)], 10_000_000),
            size(&[(10, 100_000)], 500),
        ];
        for size in cases {
            for model in ModelChoice::ALL {
                let found = recipe(&size, model);
                assert!(
                    found.negatives.value >= 1 && found.negatives.value <= size.n_items.max(1),
                    "{found:?}"
                );
                assert!((10..=50).contains(&found.history_length.value), "{found:?}");
                assert!(found.chunks_per_step.value >= 1 && found.epochs.value >= 2, "{found:?}");
            }
        }
    }

    #[test]
    fn repeated_events_are_counted() {
        let size = Size::new(&[0, 0, 1, 0], &[5, 5, 5, 1], 3, 6);
        assert_eq!((size.n_repeated, size.median_events(), size.n_targets()), (1, 1, 0));
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (n, wanted) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(n), wanted);
        }
        assert_eq!((counted(1, "item"), counted(2, "item")), ("1 item".into(), "2 items".into()));
    }
}
