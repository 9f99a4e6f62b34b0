//! Draws without replacement, draws of single rows and mixtures of draws and batches.

use u2i_losses::samplers::{Sampler, Uniform, Unigram, mixed_log_expected, popularity_log_q};

use crate::samplers::{Events, counts, negatives, samplers};

fn score(item: u32) -> f64 {
    f64::from(item * 37 % 59) / 15.0 - 2.0
}

fn q(sampler: &dyn Sampler, item: u32) -> f64 {
    f64::from(sampler.log_q(item)).exp()
}

/// `Σ exp(score)` over what can be drawn.
fn exact(sampler: &dyn Sampler) -> f64 {
    (1..60).filter(|&item| q(sampler, item) > 0.0).map(|item| score(item).exp()).sum()
}

fn estimate(items: &[u32], log_expected: &[f32]) -> f64 {
    items.iter().zip(log_expected).map(|(&item, &log)| (score(item) - f64::from(log)).exp()).sum()
}

/// Fails where the mean of what `round` gives is three standard errors or more from `exact`.
#[track_caller]
fn check_mean(what: &str, exact: f64, rounds: u64, round: impl Fn(u64) -> f64) {
    let found: Vec<f64> = (0..rounds).map(round).collect();
    let mean = found.iter().sum::<f64>() / rounds as f64;
    let variance = found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (rounds - 1) as f64;
    let sigma = (variance / rounds as f64).sqrt().max(1e-6 * exact);
    assert!((mean - exact).abs() < 3.0 * sigma, "{what}: {mean}, {exact} ± {sigma}");
}

/// Some items, one of which comes up in all but one of a million draws.
fn skewed() -> Unigram {
    let counts: Vec<u32> = (0..30).map(|item| if item == 7 { 4_000_000_000 } else { item * 200 }).collect();
    Unigram::new(&counts, 1.0).unwrap()
}

#[test]
fn the_partition_sum_of_different_items_is_unbiased() {
    for (name, sampler) in samplers() {
        for n in [1, 5, 16, 40, 58] {
            let what = format!("{name}, {n}");
            check_mean(&what, exact(&*sampler), 4_000, |round| {
                let drawn = sampler.draw_distinct(n, &mut negatives(round));
                assert_eq!(drawn.items.len(), n.min(drawable(&*sampler)), "{what}");
                assert!(drawn.items.is_sorted_by(|a, b| a < b) && drawn.items[0] > 0, "{what}");
                estimate(&drawn.items, &drawn.log_expected)
            });
        }
    }
}

fn drawable(sampler: &dyn Sampler) -> usize {
    (1..=sampler.last_item()).filter(|&item| q(sampler, item) > 0.0).count()
}

/// Draws that repeat each other nearly always are not gone on with, and the sum stays unbiased.
#[test]
fn where_one_item_is_nearly_all_there_is_different_items_still_come() {
    let sampler = skewed();
    check_mean("skewed", exact(&sampler), 4_000, |round| {
        let drawn = sampler.draw_distinct(10, &mut negatives(round));
        assert_eq!(drawn.items.len(), 10);
        assert!(drawn.items.contains(&7));
        estimate(&drawn.items, &drawn.log_expected)
    });
}

/// The first of several different items is drawn as any draw is.
#[test]
fn one_different_item_comes_up_as_often_as_log_q_says() {
    for (name, sampler) in samplers() {
        let n = 50_000;
        let mut found = [0.0; 60];
        for round in 0..n {
            found[sampler.draw_distinct(1, &mut negatives(round)).items[0] as usize] += 1.0;
        }
        let mut chi2 = 0.0;
        for (item, found) in (0u32..).zip(found) {
            let expected = n as f64 * q(&*sampler, item);
            assert!(expected > 0.0 || found == 0.0, "{name} drew {item}, which has no probability");
            chi2 += if expected > 0.0 { (found - expected).powi(2) / expected } else { 0.0 };
        }
        assert!(chi2 < 98.3, "{name}: {chi2}"); // 99.9 % of χ² with 58 degrees of freedom
    }
}

#[test]
fn all_items_are_expected_once_where_all_are_drawn() {
    for (name, sampler) in samplers() {
        let all: Vec<u32> = (1..60).filter(|&item| q(&*sampler, item) > 0.0).collect();
        for n in [all.len(), 1_000] {
            let drawn = sampler.draw_distinct(n, &mut negatives(0));
            assert_eq!((&drawn.items, drawn.log_expected), (&all, vec![0.0; all.len()]), "{name}");
        }
        assert!(sampler.draw_distinct(0, &mut negatives(0)).items.is_empty());
    }
}

/// Of equal items each is among `n` with the same probability, whichever way the draw went.
#[test]
fn different_items_of_a_uniform_draw_stand_for_as_many_each() {
    let drawn = Uniform::new(50).unwrap().draw_distinct(20, &mut negatives(3));
    assert!(drawn.log_expected.iter().all(|&log| log == 0.4f64.ln() as f32));
}

#[test]
fn the_partition_sum_of_each_row_is_unbiased() {
    for (name, sampler) in samplers() {
        for n in [1, 8, 40] {
            for distinct in [false, true] {
                let what = format!("{name}, {n}, distinct {distinct}");
                check_mean(&what, exact(&*sampler), 1_000, |round| {
                    let stream = &mut negatives(round);
                    let drawn = match distinct {
                        true => sampler.draw_distinct_for_rows(4, n, stream),
                        false => sampler.draw_for_rows(4, n, stream),
                    };
                    assert_eq!((drawn.n, drawn.items.len()), (n, 4 * n), "{what}");
                    if distinct {
                        assert!(drawn.items.chunks(n).all(|row| row.is_sorted_by(|a, b| a < b)), "{what}");
                    }
                    // Rows are draws of their own.
                    assert!(n == 1 || drawn.items[..n] != drawn.items[n..2 * n], "{what}");
                    estimate(&drawn.items, &drawn.log_expected) / 4.0
                });
            }
        }
    }
}

/// Batches of training events and draws beside them, against the sum over all that either can bring.
#[test]
fn the_partition_sum_of_a_mixture_is_unbiased() {
    let counts = counts();
    let (batch, log_p) = (Events::new(&counts), popularity_log_q(&counts));
    for (name, sampler) in samplers() {
        for (rows, n) in [(1, 1), (8, 8), (32, 4), (4, 100)] {
            let either = (1..60).filter(|&item| q(&*sampler, item) > 0.0 || q(&batch, item) > 0.0);
            let exact = either.map(|item| score(item).exp()).sum();
            check_mean(&format!("{name}, {rows} and {n}"), exact, 4_000, |round| {
                let mut stream = negatives(round);
                let items = batch.draw_rows(rows, &mut stream);
                let drawn = sampler.draw(n, &mut stream);
                let (of_items, of_drawn) = mixed_log_expected(&items, &log_p, &*sampler, &drawn, n);
                estimate(&items, &of_items) + estimate(&drawn.items, &of_drawn)
            });
        }
    }
}
