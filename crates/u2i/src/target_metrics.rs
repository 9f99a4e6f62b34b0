//! Metrics of targets: of one each, or of sets.

use u2i_eval::{Accumulator, Metrics, Rank};
use u2i_features::TargetSets;

/// What adds up metrics of these targets.
///
/// # Panics
///
/// If a cutoff is 0.
pub(crate) fn accumulator(sets: &TargetSets, cutoffs: &[usize]) -> Accumulator {
    let accumulator = if sets.are_sets() { Accumulator::of_sets(cutoffs) } else { Accumulator::new(cutoffs) };
    accumulator.expect("list lengths are at least 1")
}

/// Adds a user, from the ranks of what is relevant.
pub(crate) fn add(accumulator: &mut Accumulator, sets: &TargetSets, ranks: impl Iterator<Item = Rank>) {
    match sets.are_sets() {
        true => accumulator.add_set(&ranks.collect::<Vec<_>>()),
        false => ranks.for_each(|rank| accumulator.add_rank(rank)),
    }
}

/// Metrics of the relevant items at ascending `places`; `None` where there are none. What is not ranked is a miss and
/// counts. Of a set those at `places` are what is relevant.
///
/// # Panics
///
/// If a place is beyond `ranks`, or a cutoff is 0.
pub(crate) fn group_metrics(
    ranks: &[Rank],
    places: &[usize],
    sets: &TargetSets,
    cutoffs: &[usize],
) -> Option<Metrics> {
    let mut metrics = accumulator(sets, cutoffs);
    for own in places.chunk_by(|&a, &b| sets.set_of(a) == sets.set_of(b)) {
        add(&mut metrics, sets, own.iter().map(|&place| ranks[place]));
    }
    metrics.finish().ok()
}

#[cfg(test)]
mod tests {
    use u2i_eval::Metric;
    use u2i_schema::{EventStore, Sample};

    use super::*;

    fn events() -> EventStore {
        EventStore::new(vec![0, 3, 5], vec![1, 2, 3, 3, 1], vec![0; 5], vec![]).unwrap()
    }

    const TARGETS: [Sample; 2] = [Sample { user: 0, position: 1 }, Sample { user: 1, position: 1 }];

    #[test]
    fn a_group_without_targets_has_no_metrics_and_a_miss_counts() {
        let sets = TargetSets::of_one(&events(), &TARGETS);
        let ranks = [Rank::new(0, 0), Rank::MISS];
        assert_eq!(group_metrics(&ranks, &[], &sets, &[10]), None);
        let both = group_metrics(&ranks, &[0, 1], &sets, &[10]).unwrap();
        assert_eq!((both.n_users(), both.mean(Metric::HitRate(10))), (2, Some(0.5)));
        assert_eq!(both.mean(Metric::Map(10)), None, "that is of sets");
    }

    /// Two relevant items of the first user, on places 1 and 4, and one of the second, on place 3.
    #[test]
    fn a_group_of_sets_is_a_mean_over_users_of_what_is_relevant_in_the_group() {
        let sets = TargetSets::of_many(&events(), &TARGETS, &[2, 1]);
        let ranks = [Rank::new(0, 0), Rank::new(3, 0), Rank::new(2, 0)];
        let recall = |places: &[usize]| {
            let metrics = group_metrics(&ranks, places, &sets, &[3]).unwrap();
            (metrics.n_users(), metrics.mean(Metric::Recall(3)).unwrap())
        };
        assert_eq!(recall(&[0, 1, 2]), (2, 0.75));
        assert_eq!(recall(&[1, 2]), (2, 0.5));
        assert_eq!(recall(&[0]), (1, 1.0));
    }
}
