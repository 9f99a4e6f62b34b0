//! Frequencies that are estimated from batches.

use std::num::NonZeroU32;

use u2i_losses::samplers::{Sampler, SamplerError, StreamingFrequency, Unigram};

use crate::samplers::negatives;

fn frequency(alpha: f64, buckets: u32, hashes: u32) -> StreamingFrequency {
    let some = |n| NonZeroU32::new(n).unwrap();
    StreamingFrequency::new(alpha, some(buckets).try_into().unwrap(), some(hashes)).unwrap()
}

/// Items by Zipf's law, from the first or from the last.
fn zipf(n: u32, reversed: bool) -> Unigram {
    let rank = |item: u32| if reversed { n + 1 - item } else { item };
    let counts: Vec<u32> = (0..=n).map(|item| if item == 0 { 0 } else { 1_000_000 / rank(item) }).collect();
    Unigram::new(&counts, 1.0).unwrap()
}

const BATCH: usize = 32;

/// Probability that a batch holds the item.
fn in_batch(sampler: &Unigram, item: u32) -> f64 {
    1.0 - (1.0 - f64::from(sampler.log_q(item)).exp()).powi(BATCH as i32)
}

fn observe(frequency: &mut StreamingFrequency, sampler: &Unigram, steps: std::ops::RangeInclusive<u64>) {
    for step in steps {
        frequency.observe(step, &sampler.draw_rows(BATCH, &mut negatives(step)));
    }
}

/// Mean and largest of the relative errors of items 1 to 50 of 300, which are in 2 % to 99 % of the batches.
fn errors(frequency: &StreamingFrequency, sampler: &Unigram, items: impl Iterator<Item = u32>) -> (f64, f64) {
    let error = |item: u32| {
        let wanted = in_batch(sampler, item);
        (f64::from(frequency.log_q(item)).exp() / wanted - 1.0).abs()
    };
    let errors: Vec<f64> = items.map(error).collect();
    (errors.iter().sum::<f64>() / errors.len() as f64, errors.iter().copied().fold(0.0, f64::max))
}

/// A moving average of geometric waiting times has a relative error near √(α/2): .07 at .01.
#[test]
fn frequencies_converge_on_a_zipf_stream() {
    let sampler = zipf(300, false);
    let mut estimate = frequency(0.01, 1 << 20, 1);
    observe(&mut estimate, &sampler, 1..=40_000);
    let (mean, largest) = errors(&estimate, &sampler, 1..=50);
    assert!(mean < 0.07 && largest < 0.3, "{mean}, at most {largest}");
    // Fewer steps leave more to be wished for: what is tested is that it converges.
    let mut early = frequency(0.01, 1 << 20, 1);
    observe(&mut early, &sampler, 1..=100);
    assert!(errors(&early, &sampler, 1..=50).0 > 2.0 * mean);
}

#[test]
fn frequencies_follow_a_shift() {
    let (before, after) = (zipf(300, false), zipf(300, true));
    let mut estimate = frequency(0.02, 1 << 20, 1);
    observe(&mut estimate, &before, 1..=20_000);
    let was = errors(&estimate, &after, 251..=300).0;
    observe(&mut estimate, &after, 20_001..=60_000);
    let (mean, largest) = errors(&estimate, &after, 251..=300);
    assert!(was > 0.5, "{was}");
    assert!(mean < 0.1 && largest < 0.4, "{mean}, at most {largest}");
    // What was the most frequent is rare now, and known to be.
    let (estimate, wanted) = (f64::from(estimate.log_q(1)).exp(), in_batch(&after, 1));
    assert!(estimate < 3.0 * wanted, "{estimate}, {wanted}");
}

/// Of 300 items in 400 places half share theirs with another.
#[test]
fn items_that_share_a_place_look_more_frequent_and_less_so_with_more_hash_functions() {
    let sampler = zipf(300, false);
    let above = |hashes: u32| {
        let mut estimate = frequency(0.01, 400, hashes);
        observe(&mut estimate, &sampler, 1..=20_000);
        let ratios = (1..=300).map(|item| f64::from(estimate.log_q(item)).exp() / in_batch(&sampler, item));
        ratios.sum::<f64>() / 300.0
    };
    let (one, four) = (above(1), above(4));
    assert!(one > 1.5, "{one}");
    assert!(four - 1.0 < 0.5 * (one - 1.0), "{one} with one hash function, {four} with four");
}

#[test]
fn an_item_twice_in_a_batch_is_seen_once() {
    let mut estimate = frequency(0.5, 100, 2);
    for step in [3, 5, 7] {
        estimate.observe(step, &[4, 4, 4]);
    }
    // First seen at step 3, then every second: 3, 2.5, 2.25.
    assert_eq!(estimate.log_q(4), -2.25f32.ln());
}

#[test]
fn a_weight_that_is_none_is_refused() {
    for alpha in [0.0, 1.0, -0.1, f64::NAN] {
        let some = NonZeroU32::MIN;
        let error = StreamingFrequency::new(alpha, some.try_into().unwrap(), some).unwrap_err();
        assert!(matches!(error, SamplerError::Alpha(_)), "{alpha}: {error}");
    }
}
