//! Which of the held-out users are ranked for.

use u2i_features::Prepared;
use u2i_random::{Purpose, Stream};
use u2i_schema::Sample;

use crate::config::{EvaluationConfig, UserSample};

/// Leaves the test and validation users that an experiment is evaluated on, in their order, with all that is relevant of
/// each. [`Prepared::n_test_users`] and [`Prepared::n_validation_users`] stay those that there are.
///
/// Who is in a sample depends on the number of users and on its size alone: all seeds and recipes on one split are
/// compared on the same users, and of two samples the smaller is part of the larger one.
///
/// # Examples
///
/// ```
/// # use u2i::datasets::{SyntheticConfig, synthetic};
/// # use u2i::config::UserSample;
/// # use u2i::held_out::sample_users;
/// # use u2i::pipeline::{load_config, prepare_features};
/// let mut experiment = u2i::pipeline::load_config("synthetic/fm")?;
/// let mut prepared = prepare_features(&experiment, &synthetic(1, &SyntheticConfig::STANDARD))?;
/// let all = prepared.test.clone();
/// experiment.evaluation.users = Some(UserSample::AtMost(100.try_into()?));
/// sample_users(&mut prepared, &experiment.evaluation);
/// assert_eq!((prepared.test.len(), prepared.n_test_users), (100, all.len()));
/// assert!(prepared.test.iter().all(|target| all.contains(target)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sample_users(prepared: &mut Prepared, evaluation: &EvaluationConfig) {
    let Prepared { test, test_lengths, validation, validation_lengths, .. } = prepared;
    keep(test, test_lengths, evaluation.test_sample(), 0);
    keep(validation, validation_lengths, evaluation.validation_sample(), 1);
}

fn keep(targets: &mut Vec<Sample>, lengths: &mut Vec<u32>, sample: UserSample, purpose: u64) {
    let n = sample.of(targets.len());
    if n == targets.len() {
        return;
    }
    let places = places(targets.len(), n, purpose);
    *targets = places.iter().map(|&place| targets[place as usize]).collect();
    if !lengths.is_empty() {
        *lengths = places.iter().map(|&place| lengths[place as usize]).collect();
    }
}

/// `n` of the places below `there`, ascending: the first of a random order of all, which does not depend on `n`. `purpose` is
/// 0 for test and 1 for validation users, and 2 for a few of the latter.
pub(crate) fn places(there: usize, n: usize, purpose: u64) -> Vec<u32> {
    let mut stream = Stream::new(0, Purpose::HELD_OUT_USERS, purpose, 0);
    let mut order: Vec<u32> = (0..there as u32).collect();
    for place in 0..n {
        order.swap(place, place + stream.index(there - place));
    }
    order.truncate(n);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn a_sample_is_part_of_every_larger_one_and_takes_each_user_alike() {
        let larger = places(1_000, 300, 0);
        let smaller = places(1_000, 120, 0);
        assert!(larger.is_sorted_by(|a, b| a < b) && smaller.is_sorted_by(|a, b| a < b));
        assert_eq!((larger.len(), smaller.len()), (300, 120));
        assert!(smaller.iter().all(|place| larger.contains(place)));
        assert_ne!(places(1_000, 300, 1), larger, "test and validation users are drawn apart");
        assert_eq!(places(1_000, 1_000, 0), (0..1_000).collect::<Vec<u32>>());
        // Of ten tenths each should have 1,000 of 10,000, with a standard deviation of 29.
        let mut counts = [0i32; 10];
        places(100_000, 10_000, 0).iter().for_each(|&place| counts[place as usize / 10_000] += 1);
        assert!(counts.iter().all(|n| (n - 1_000).abs() < 4 * 29), "{counts:?}");
    }

    #[test]
    fn users_are_kept_in_their_order_with_what_is_relevant_of_each() {
        let mut targets: Vec<Sample> = (0..50).map(|user| Sample { user, position: 1 + user % 7 }).collect();
        let mut lengths: Vec<u32> = (0..50).map(|user| 1 + user % 3).collect();
        keep(&mut targets, &mut lengths, UserSample::AtMost(NonZeroUsize::new(20).unwrap()), 0);
        assert_eq!((targets.len(), lengths.len()), (20, 20));
        assert!(targets.is_sorted_by(|a, b| a.user < b.user));
        for (target, length) in targets.iter().zip(&lengths) {
            assert_eq!((target.position, *length), (1 + target.user % 7, 1 + target.user % 3));
        }
        let before = targets.clone();
        for sample in [UserSample::All, UserSample::AtMost(NonZeroUsize::new(99).unwrap())] {
            keep(&mut targets, &mut Vec::new(), sample, 0);
            assert_eq!(targets, before);
        }
    }
}
