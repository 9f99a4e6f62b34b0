//! What samplers draw, how often, and that their correction makes partition sums unbiased.

use u2i_losses::samplers::{LogUniform, Sampler, SamplerError, Uniform, popularity_log_q};
use u2i_random::{Purpose, Stream};

fn negatives(step: u64) -> Stream {
    Stream::new(3, Purpose::NEGATIVES, 0, step)
}

/// Counts with ties and with items that were never seen; entry 0 is padding.
fn counts() -> Vec<u32> {
    (0u32..60).map(|item| if item == 0 || item % 10 == 7 { 0 } else { item * 7 % 23 + 1 }).collect()
}

fn samplers() -> [(&'static str, Box<dyn Sampler>); 2] {
    let log_uniform = LogUniform::new(&counts()).unwrap();
    [("uniform", Box::new(Uniform::new(59).unwrap())), ("log-uniform", Box::new(log_uniform))]
}

#[test]
fn probabilities_sum_to_one_and_padding_has_none() {
    for (name, sampler) in samplers() {
        let sum: f64 = (0..100).map(|item| f64::from(sampler.log_q(item)).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{name}: {sum}");
        assert_eq!(sampler.log_q(0), f32::NEG_INFINITY, "{name}");
    }
}

#[test]
fn items_come_up_as_often_as_log_q_says() {
    for (name, sampler) in samplers() {
        let n = 200_000;
        let mut found = [0.0; 60];
        sampler.draw_rows(n, &mut negatives(0)).iter().for_each(|&item| found[item as usize] += 1.0);
        let mut chi2 = 0.0;
        for (item, found) in (0u32..).zip(found) {
            let expected = n as f64 * f64::from(sampler.log_q(item)).exp();
            assert!(expected > 0.0 || found == 0.0, "{name} drew {item}, which has no probability");
            chi2 += if expected > 0.0 { (found - expected).powi(2) / expected } else { 0.0 };
        }
        assert!(chi2 < 98.3, "{name}: {chi2}"); // 99.9 % of χ² with 58 degrees of freedom; fewer have less
    }
}

/// The sum of `exp(score)` over all items, exact and from `n` draws: `Σ_j exp(s_j - log_expected_j)`.
#[test]
fn the_corrected_partition_sum_is_unbiased() {
    let score = |item: u32| f64::from(item * 37 % 59) / 15.0 - 2.0;
    for (name, sampler) in samplers() {
        let q = |item| f64::from(sampler.log_q(item)).exp();
        let drawable = || (1..60).filter(|&item| q(item) > 0.0);
        let exact: f64 = drawable().map(|item| score(item).exp()).sum();
        for n in [1, 16, 256] {
            let rounds = 2_000;
            let estimate = (0..rounds)
                .map(|round| {
                    let drawn = sampler.draw(n, &mut negatives(round));
                    let terms = drawn.items.iter().zip(&drawn.log_expected);
                    terms.map(|(&item, &log)| (score(item) - f64::from(log)).exp()).sum::<f64>()
                })
                .sum::<f64>()
                / rounds as f64;
            let second: f64 = drawable().map(|item| (2.0 * score(item)).exp() / q(item)).sum();
            let sigma = ((second - exact * exact) / (n as f64 * rounds as f64)).sqrt();
            assert!((estimate - exact).abs() < 3.0 * sigma, "{name}, n {n}: {estimate}, {exact} ± {sigma}");
        }
    }
}

#[test]
fn a_shared_draw_holds_each_item_once_with_its_count_folded_in() {
    for (name, sampler) in samplers() {
        let rows = sampler.draw_rows(500, &mut negatives(5));
        let drawn = sampler.draw(500, &mut negatives(5));
        assert!(drawn.items.is_sorted_by(|a, b| a < b), "{name}");
        assert!(rows.iter().all(|item| drawn.items.binary_search(item).is_ok()), "{name}");
        for (&item, &log_expected) in drawn.items.iter().zip(&drawn.log_expected) {
            let count = rows.iter().filter(|&&row| row == item).count() as f32;
            assert!(
                (log_expected - (500.0 / count).ln() - sampler.log_q(item)).abs() < 1e-5,
                "{name} {item}"
            );
        }
    }
}

#[test]
fn the_same_stream_gives_the_same_draws_and_another_gives_others() {
    for (name, sampler) in samplers() {
        assert_eq!(sampler.draw(64, &mut negatives(1)), sampler.draw(64, &mut negatives(1)), "{name}");
        assert_ne!(sampler.draw(64, &mut negatives(1)), sampler.draw(64, &mut negatives(2)), "{name}");
        assert!(sampler.draw(0, &mut negatives(1)).items.is_empty(), "{name}");
    }
}

#[test]
fn ranks_go_by_count_and_ties_by_index() {
    // Ranks: item 3 (9 events), then 2 and 5 (4 each), then 1; item 4 was never seen.
    let sampler = LogUniform::new(&[0, 1, 4, 9, 0, 4]).unwrap();
    let law = |rank: f64| (((rank + 2.0) / (rank + 1.0)).ln() / 5f64.ln()).ln() as f32;
    for (item, rank) in [(3, 0.0), (2, 1.0), (5, 2.0), (1, 3.0)] {
        assert!((sampler.log_q(item) - law(rank)).abs() < 1e-6, "{item}");
    }
    assert_eq!(sampler.log_q(4), f32::NEG_INFINITY);
    assert!(!sampler.draw(10_000, &mut negatives(0)).items.contains(&4));
}

#[test]
fn what_cannot_be_drawn_from_is_refused() {
    assert_eq!(Uniform::new(0), Err(SamplerError::NoItems));
    assert_eq!(Uniform::new(1 << 32), Err(SamplerError::TooManyItems(1 << 32)));
    assert_eq!(LogUniform::new(&[]), Err(SamplerError::NoItems));
    assert_eq!(LogUniform::new(&[0, 0]), Err(SamplerError::NoItems));
    assert_eq!(LogUniform::new(&[2, 1]), Err(SamplerError::PaddingCounted(2)));
}

#[test]
fn popularity_is_the_share_of_training_events() {
    let counts = counts();
    let log_q = popularity_log_q(&counts);
    let sum: f64 = log_q.iter().map(|&log| f64::from(log).exp()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    assert!(counts.iter().zip(&log_q).all(|(&count, log)| (count == 0) == (*log == f32::NEG_INFINITY)));
    assert_eq!(popularity_log_q(&[0, 0]), [f32::NEG_INFINITY; 2]);
}
