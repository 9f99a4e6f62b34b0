//! Cases computed by hand: ties, duplicates, misses, no truth, short lists; and the shape of the result.

use std::collections::HashSet;

use u2i_eval::{Accumulator, EvalError, Metric, Metrics, ParseMetricError, Rank, Spread, distinct_items};

/// `1 / log2(3)`, the gain of the second place.
const SECOND: f64 = 0.630_929_753_571_457_4;

fn metrics(cutoffs: &[usize], add: impl Fn(&mut Accumulator)) -> Metrics {
    let mut accumulator = Accumulator::new(cutoffs).unwrap();
    add(&mut accumulator);
    accumulator.finish().unwrap()
}

/// Hit rate, NDCG, precision, recall at `k`, and MRR; as exact as f64 is.
fn check(metrics: &Metrics, k: usize, wanted: [f64; 5]) {
    let kinds = [Metric::HitRate(k), Metric::Ndcg(k), Metric::Precision(k), Metric::Recall(k), Metric::Mrr];
    for (metric, wanted) in kinds.into_iter().zip(wanted) {
        let found = metrics.mean(metric).unwrap();
        assert!((found - wanted).abs() < 1e-15, "{metric}: {found}, wanted {wanted}");
    }
}

fn check_rank(rank: Rank, k: usize, wanted: [f64; 5]) {
    check(&metrics(&[k], |a| a.add_rank(rank)), k, wanted);
}

fn check_list(ranked: &[&str], relevant: &[&str], k: usize, wanted: [f64; 5]) {
    let relevant: HashSet<&str> = relevant.iter().copied().collect();
    check(&metrics(&[k], |a| a.add_list(ranked, &relevant)), k, wanted);
}

#[test]
fn one_target_is_scored_by_its_rank() {
    check_rank(Rank::new(0, 0), 2, [1.0, 1.0, 0.5, 1.0, 1.0]);
    check_rank(Rank::new(1, 0), 2, [1.0, SECOND, 0.5, 1.0, 0.5]);
    check_rank(Rank::new(2, 0), 2, [0.0, 0.0, 0.0, 0.0, 1.0 / 3.0]);
    check_rank(Rank::MISS, 2, [0.0; 5]);
}

#[test]
fn ties_take_the_mean_rank() {
    // Rank 1.5: a hit at 2 and not at 1, gain 1 / log2(2.5).
    check_rank(Rank::new(0, 1), 2, [1.0, 1.0 / 2.5f64.log2(), 0.5, 1.0, 1.0 / 1.5]);
    check_rank(Rank::new(0, 1), 1, [0.0, 0.0, 0.0, 0.0, 1.0 / 1.5]);
    // Everything scores alike: the middle of 101 items, rank 51.
    check_rank(Rank::new(0, 100), 50, [0.0, 0.0, 0.0, 0.0, 1.0 / 51.0]);
}

#[test]
fn lists_are_scored_by_their_hits() {
    check_list(&["a", "b", "c"], &["a"], 2, [1.0, 1.0, 0.5, 1.0, 1.0]);
    check_list(&["x", "a", "b"], &["a", "b"], 2, [1.0, SECOND / (1.0 + SECOND), 0.5, 0.5, 0.5]);
    check_list(&["x", "y", "a"], &["a"], 2, [0.0, 0.0, 0.0, 0.0, 1.0 / 3.0]);
    check_list(&["a", "b"], &["b", "a"], 2, [1.0; 5]);
}

/// Hit rate, NDCG, precision, recall and MAP at `k`, and MRR.
fn check_set(ranks: &[Rank], k: usize, wanted: [f64; 6]) {
    let mut accumulator = Accumulator::of_sets(&[k]).unwrap();
    accumulator.add_set(ranks);
    let metrics = accumulator.finish().unwrap();
    let found: Vec<f64> = metrics.iter().map(|(_, estimate)| estimate.mean).collect();
    let names: Vec<String> = metrics.iter().map(|(metric, _)| metric.to_string()).collect();
    let kinds = ["hit_rate", "ndcg", "precision", "recall", "map"];
    assert!(names.iter().eq(kinds.map(|kind| format!("{kind}@{k}")).iter().chain([&"mrr".to_owned()])));
    for ((name, found), wanted) in names.iter().zip(found).zip(wanted) {
        assert!((found - wanted).abs() < 1e-15, "{name} of {ranks:?} at {k}: {found}, wanted {wanted}");
    }
}

/// Ranks without ties, by the number of items above.
fn ranks(above: &[usize]) -> Vec<Rank> {
    above.iter().map(|&above| Rank::new(above, 0)).collect()
}

#[test]
fn sets_are_scored_by_the_places_of_all_their_items() {
    // Places 1, 3 and 6 of three relevant items; the third place has the gain 1 / log2(4).
    let all = [1.0, 1.5 / (1.5 + SECOND), 2.0 / 3.0, 2.0 / 3.0, (1.0 + 2.0 / 3.0) / 3.0, 1.0];
    check_set(&ranks(&[5, 0, 2]), 3, all);
    // At 2 the best list has two hits, not three.
    check_set(&ranks(&[5, 0, 2]), 2, [1.0, 1.0 / (1.0 + SECOND), 0.5, 1.0 / 3.0, 0.5, 1.0]);
    // One that was not ranked is relevant all the same.
    let missed = [&ranks(&[1])[..], &[Rank::MISS]].concat();
    check_set(&missed, 2, [1.0, SECOND / (1.0 + SECOND), 0.5, 0.5, 0.25, 0.5]);
    check_set(&[Rank::MISS, Rank::MISS], 5, [0.0; 6]);
    check_set(&ranks(&[0, 1]), 2, [1.0; 6]);
    check_set(&ranks(&[7]), 5, [0.0, 0.0, 0.0, 0.0, 0.0, 0.125]);
}

#[test]
fn relevant_items_that_tie_share_no_place() {
    // Two relevant ones alike and nothing else: places 1 and 2, in whatever order.
    check_set(&[Rank::new(0, 1), Rank::new(0, 1)], 1, [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]);
    check_set(&[Rank::new(0, 1), Rank::new(0, 1)], 2, [1.0; 6]);
    // Two of four that are alike have the mean rank 2.5, so places 2 and 3.
    let [second, third] = [SECOND, 0.5];
    let two_of_four = [1.0, (second + third) / (1.0 + SECOND), 2.0 / 3.0, 1.0, (0.5 + 2.0 / 3.0) / 2.0, 0.5];
    check_set(&[Rank::new(0, 3), Rank::new(0, 3)], 3, two_of_four);
}

#[test]
fn a_user_without_relevant_items_is_in_no_mean_of_sets() {
    let mut accumulator = Accumulator::of_sets(&[1]).unwrap();
    accumulator.add_set(&[]);
    accumulator.add_set(&ranks(&[0]));
    let metrics = accumulator.finish().unwrap();
    assert_eq!((metrics.n_users(), metrics.n_without_truth()), (1, 1));
    assert_eq!(metrics.mean(Metric::Map(1)), Some(1.0));
}

#[test]
fn duplicates_count_once_and_those_below_move_up() {
    check_list(&["a", "a", "a"], &["a", "b"], 3, [1.0, 1.0 / (1.0 + SECOND), 1.0 / 3.0, 0.5, 1.0]);
    check_list(&["x", "x", "a"], &["a"], 2, [1.0, SECOND, 0.5, 1.0, 0.5]);
}

#[test]
fn a_list_shorter_than_k_counts_as_filled_with_misses() {
    check_list(&["a"], &["a"], 10, [1.0, 1.0, 0.1, 1.0, 1.0]);
    check_list(&["a"], &["a", "b"], 10, [1.0, 1.0 / (1.0 + SECOND), 0.1, 0.5, 1.0]);
    check_list(&[], &["a"], 10, [0.0; 5]);
}

#[test]
fn users_without_truth_are_counted_apart() {
    let metrics = metrics(&[1], |a| {
        a.add_list(&[1], &HashSet::new());
        a.add_list(&[1], &HashSet::from([1]));
    });
    check(&metrics, 1, [1.0; 5]);
    assert_eq!((metrics.n_users(), metrics.n_without_truth()), (1, 1));

    let mut nobody = Accumulator::new(&[1]).unwrap();
    nobody.add_list(&[1], &HashSet::new());
    assert_eq!(nobody.finish(), Err(EvalError::NoUsers { n_without_truth: 1 }));
}

#[test]
fn a_cutoff_of_zero_is_refused() {
    assert_eq!(Accumulator::new(&[5, 0]).unwrap_err(), EvalError::ZeroCutoff);
}

#[test]
fn keys_are_flat_and_their_order_is_fixed() {
    let metrics = metrics(&[10, 5, 10], |a| a.add_rank(Rank::new(7, 0)));
    let gain = 1.0 / 9f64.log2();
    let wanted = [
        r#"{"hit_rate@5":0.0,"hit_rate@10":1.0,"ndcg@5":0.0,"#,
        &format!(r#""ndcg@10":{gain},"#),
        r#""precision@5":0.0,"precision@10":0.1,"recall@5":0.0,"recall@10":1.0,"mrr":0.125}"#,
    ];
    assert_eq!(serde_json::to_string(&metrics).unwrap(), wanted.concat());
    for (metric, _) in metrics.iter() {
        assert_eq!(metric.to_string().parse(), Ok(metric));
    }
    assert_eq!(metrics.mean(Metric::HitRate(50)), None);
}

#[test]
fn texts_that_name_no_metric_are_refused() {
    for text in ["", "mrr@10", "auc@10", "ndcg", "map"] {
        assert_eq!(text.parse::<Metric>(), Err(ParseMetricError::Unknown(text.to_owned())));
    }
    for text in ["ndcg@", "ndcg@0", "ndcg@+5", "ndcg@05", "ndcg@-1", "ndcg@1.5", "map@0"] {
        assert_eq!(text.parse::<Metric>(), Err(ParseMetricError::Cutoff(text.to_owned())));
    }
}

#[test]
fn the_error_is_that_of_a_share() {
    // 3 of 12 users hit: sd² = 12 · ¼ · ¾ / 11, standard error √(sd² / 12).
    let metrics =
        metrics(&[1], |a| (0..12).for_each(|user| a.add_rank(Rank::new(usize::from(user >= 3), 0))));
    let estimate = metrics.estimate(Metric::HitRate(1)).unwrap();
    let error = (0.25 * 0.75 / 11f64).sqrt();
    assert!((estimate.standard_error.unwrap() - error).abs() < 1e-15);
    let [low, high] = estimate.interval_95().unwrap();
    assert!((low - (0.25 - 1.96 * error)).abs() < 1e-15 && (high - (0.25 + 1.96 * error)).abs() < 1e-15);
}

#[test]
fn one_user_has_a_mean_and_no_error() {
    let estimate = metrics(&[1], |a| a.add_rank(Rank::new(0, 0))).estimate(Metric::Mrr).unwrap();
    assert_eq!((estimate.mean, estimate.standard_error, estimate.interval_95()), (1.0, None, None));
}

#[test]
fn a_spread_is_over_runs() {
    assert_eq!(Spread::over(&[]), None);
    assert_eq!(Spread::over(&[0.5]), Some(Spread { mean: 0.5, sd: None, n: 1 }));
    // Deviations ±1 around 2: sd² = 2 / (2 - 1).
    assert_eq!(Spread::over(&[1.0, 3.0]), Some(Spread { mean: 2.0, sd: Some(2f64.sqrt()), n: 2 }));
    assert_eq!(format!("{:.2}", Spread::over(&[0.5]).unwrap()), "0.50");
}

#[test]
fn coverage_counts_each_item_of_the_first_k_once() {
    let lists: [&[u32]; 3] = [&[1, 2, 9], &[2, 1, 8], &[3]];
    assert_eq!([0, 1, 2, 5].map(|k| distinct_items(lists, k)), [0, 3, 3, 5]);
}
