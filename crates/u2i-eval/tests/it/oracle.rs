//! L4: both entries against a brute-force f64 oracle that looks up every place of the list, on 100,000 cases each.

use std::cmp::Ordering;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use u2i_eval::{Accumulator, EvalError, Metric, Rank};

/// The last is longer than any list.
const CUTOFFS: [usize; 4] = [1, 3, 7, 45];

/// Fills lists up; never relevant.
const PADDING: u8 = u8::MAX;

/// Sums over places 1 to `k` of a list without duplicates, by definition.
fn by_definition(metric: Metric, list: &[u8], truth: &HashSet<u8>) -> f64 {
    let relevant = |place: usize| list.get(place - 1).is_some_and(|id| truth.contains(id));
    let count = |k: usize| (1..=k).filter(|&place| relevant(place)).count() as f64;
    let dcg = |k: usize, at: &dyn Fn(usize) -> bool| {
        (1..=k).map(|place| if at(place) { 2f64.ln() / (place as f64 + 1.0).ln() } else { 0.0 }).sum::<f64>()
    };
    match metric {
        Metric::HitRate(k) => count(k).min(1.0),
        Metric::Ndcg(k) => dcg(k, &relevant) / dcg(k, &|place| place <= truth.len()),
        Metric::Precision(k) => count(k) / k as f64,
        Metric::Recall(k) => count(k) / truth.len() as f64,
        Metric::Map(k) => {
            let precision = |place: usize| count(place) / place as f64;
            let hits = (1..=k).filter(|&place| relevant(place));
            hits.map(precision).sum::<f64>() / k.min(truth.len()) as f64
        }
        Metric::Mrr => {
            (1..=list.len()).find(|&place| relevant(place)).map_or(0.0, |place| 1.0 / place as f64)
        }
    }
}

/// The mean of the places that the target has in all orders of the list that the scores allow: those above it come
/// before it, and of two that are equal each is first in half of the orders.
fn mean_place(scores: &[u8], target: usize) -> f64 {
    let before = |other: usize| match scores[other].cmp(&scores[target]) {
        _ if other == target => 0.0,
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.5,
        Ordering::Less => 0.0,
    };
    1.0 + (0..scores.len()).map(before).sum::<f64>()
}

/// By the table in the documentation of the crate, for one relevant item.
fn by_mean_place(metric: Metric, scores: &[u8], target: usize) -> f64 {
    if target >= scores.len() {
        return 0.0;
    }
    let place = mean_place(scores, target);
    let up_to = |k: usize, value: f64| if place > k as f64 { 0.0 } else { value };
    match metric {
        Metric::HitRate(k) | Metric::Recall(k) => up_to(k, 1.0),
        Metric::Ndcg(k) => up_to(k, 2f64.ln() / (place + 1.0).ln()),
        Metric::Precision(k) => up_to(k, 1.0 / k as f64),
        Metric::Map(k) => up_to(k, 1.0 / place),
        Metric::Mrr => 1.0 / place,
    }
}

fn first_of_each(list: &[u8]) -> Vec<u8> {
    (0..list.len()).filter(|&i| !list[..i].contains(&list[i])).map(|i| list[i]).collect()
}

/// Mean and standard error of values, in two passes.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

fn check(accumulator: &Accumulator, oracle: impl Fn(Metric) -> Vec<f64>) {
    for (metric, estimate) in accumulator.finish().unwrap().iter() {
        let values = oracle(metric);
        let (mean, error) = mean_and_error(&values);
        assert!((estimate.mean - mean).abs() <= 1e-12, "{metric}: {}, oracle {mean}", estimate.mean);
        if let Some(found) = estimate.standard_error {
            // The square of the error is what is exact to 1e-12; its root near 0 is not.
            assert!((found.powi(2) - error.powi(2)).abs() <= 1e-12, "{metric}: ± {found}, oracle ± {error}");
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 100_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lists_equal_the_oracle(
        users in prop::collection::vec(
            (prop::collection::vec(0u8..30, 0..40), prop::collection::hash_set(0u8..30, 0..12)), 1..12,
        ),
    ) {
        let mut accumulator = Accumulator::new(&CUTOFFS).unwrap();
        users.iter().for_each(|(list, truth)| accumulator.add_list(list, truth));
        let known: Vec<_> = users.iter().filter(|(_, truth)| !truth.is_empty()).collect();
        if known.is_empty() {
            prop_assert_eq!(accumulator.finish(), Err(EvalError::NoUsers { n_without_truth: users.len() }));
            return Ok(());
        }
        check(&accumulator, |metric| {
            known.iter().map(|(list, truth)| by_definition(metric, &first_of_each(list), truth)).collect()
        });
        prop_assert_eq!(accumulator.finish().unwrap().n_without_truth(), users.len() - known.len());
    }

    /// Padding behind a list changes nothing, whatever the cutoff.
    #[test]
    fn padded_lists_equal_those_without(
        users in prop::collection::vec(
            (prop::collection::vec(0u8..30, 0..40), prop::collection::hash_set(0u8..30, 1..12), 1usize..20), 1..3,
        ),
    ) {
        let [mut cut, mut padded] = [(); 2].map(|()| Accumulator::new(&CUTOFFS).unwrap());
        for (list, truth, n) in &users {
            cut.add_list(list, truth);
            padded.add_list(&[list.as_slice(), &vec![PADDING; *n]].concat(), truth);
        }
        prop_assert_eq!(cut.finish(), padded.finish());
    }

    /// A target among scores of which many are equal, or outside of them.
    #[test]
    fn tied_scores_equal_the_oracle(
        users in prop::collection::vec((prop::collection::vec(0u8..6, 1..40), 0usize..44), 1..12),
    ) {
        let mut accumulator = Accumulator::new(&CUTOFFS).unwrap();
        for (scores, target) in &users {
            let count = |order| scores.iter().filter(|score| score.cmp(&&scores[*target]) == order).count();
            let is_ranked = *target < scores.len();
            let rank = || Rank::new(count(Ordering::Greater), count(Ordering::Equal) - 1);
            accumulator.add_rank(if is_ranked { rank() } else { Rank::MISS });
        }
        check(&accumulator, |metric| {
            users.iter().map(|(scores, target)| by_mean_place(metric, scores, *target)).collect()
        });
    }

    /// Ranks counted from scores without ties are those of the sorted list.
    #[test]
    fn ranks_equal_the_lists_they_stand_for(
        users in prop::collection::vec((Just((0u8..30).collect::<Vec<_>>()).prop_shuffle(), 0u8..33), 1..12),
    ) {
        let mut accumulator = Accumulator::new(&CUTOFFS).unwrap();
        for (list, target) in &users {
            // Targets 30 to 32 are not in the list.
            let above = list.iter().position(|id| id == target);
            accumulator.add_rank(above.map_or(Rank::MISS, |above| Rank::new(above, 0)));
        }
        check(&accumulator, |metric| {
            let truth = |target: &u8| HashSet::from([*target]);
            users.iter().map(|(list, target)| by_definition(metric, list, &truth(target))).collect()
        });
    }

    /// Sets of up to twelve items, of which some are not in the list, in any order.
    #[test]
    fn sets_of_ranks_equal_the_oracle(
        users in prop::collection::vec(
            (Just((0u8..30).collect::<Vec<_>>()).prop_shuffle(), prop::collection::hash_set(0u8..33, 0..12)), 1..12,
        ),
    ) {
        let mut accumulator = Accumulator::of_sets(&CUTOFFS).unwrap();
        for (list, truth) in &users {
            let rank = |id| list.iter().position(|other| other == id).map_or(Rank::MISS, |above| Rank::new(above, 0));
            accumulator.add_set(&truth.iter().map(rank).collect::<Vec<_>>());
        }
        let known: Vec<_> = users.iter().filter(|(_, truth)| !truth.is_empty()).collect();
        if known.is_empty() {
            prop_assert_eq!(accumulator.finish(), Err(EvalError::NoUsers { n_without_truth: users.len() }));
            return Ok(());
        }
        check(&accumulator, |metric| {
            known.iter().map(|(list, truth)| by_definition(metric, list, truth)).collect()
        });
        // Ranks and the list that they stand for are one thing.
        let mut lists = Accumulator::of_sets(&CUTOFFS).unwrap();
        users.iter().for_each(|(list, truth)| lists.add_list(list, truth));
        prop_assert_eq!(accumulator.finish(), lists.finish());
    }

    /// A set of one item has the very bits of a single target, ties included, and every metric of any set lies between 0
    /// and 1.
    #[test]
    fn sets_of_one_equal_single_targets(
        users in prop::collection::vec((0usize..40, 0usize..40, any::<bool>()), 1..12),
        sets in prop::collection::vec(prop::collection::vec(0u8..6, 1..40), 1..4),
    ) {
        let [mut ranks, mut of_one] = [(); 2].map(|()| Accumulator::of_sets(&CUTOFFS).unwrap());
        for &(above, ties, is_ranked) in &users {
            let rank = if is_ranked { Rank::new(above, ties) } else { Rank::MISS };
            ranks.add_rank(rank);
            of_one.add_set(&[rank]);
        }
        prop_assert_eq!(ranks.finish(), of_one.finish());
        for scores in &sets {
            // Every third item is relevant, the first among them.
            let count = |target: usize, order| scores.iter().filter(|score| score.cmp(&&scores[target]) == order).count();
            let rank = |target| Rank::new(count(target, Ordering::Greater), count(target, Ordering::Equal) - 1);
            let mut accumulator = Accumulator::of_sets(&CUTOFFS).unwrap();
            accumulator.add_set(&(0..scores.len()).step_by(3).map(rank).collect::<Vec<_>>());
            for (metric, estimate) in accumulator.finish().unwrap().iter() {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&estimate.mean), "{metric}: {}", estimate.mean);
            }
        }
    }

    /// The mean rank over every order of the tied items, counted one by one.
    #[test]
    fn a_tied_rank_is_the_mean_of_all_orders(scores in prop::collection::vec(0u8..4, 1..12)) {
        let others = |keep: &dyn Fn(u8) -> bool| scores[1..].iter().filter(|&&score| keep(score)).count();
        let (above, ties) = (others(&|score| score > scores[0]), others(&|score| score == scores[0]));
        let orders = (0..=ties).map(|before| (above + before + 1) as f64);
        let mean = orders.sum::<f64>() / (ties + 1) as f64;
        prop_assert!((Rank::new(above, ties).get().unwrap() - mean).abs() < 1e-12);
    }
}
