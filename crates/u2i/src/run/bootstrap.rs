use u2i_random::{Purpose, Stream};

/// The mean difference between two measurements of the same users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairedDifference {
    /// Mean of second minus first.
    pub difference: f64,
    /// 95 % percentile interval.
    pub interval_95: [f64; 2],
    /// Two-sided p of a difference of 0.
    pub p: f64,
}

/// Draws users with replacement, `resamples` times, and looks at the mean difference of each draw: Efron and Tibshirani,
/// "An Introduction to the Bootstrap", 1993, chapters 13 and 15.
///
/// With `d_i` the difference of user `i`, and `d*` the mean over one of `B` draws:
///
/// ```text
/// interval = [2.5 % quantile of d*, 97.5 % quantile of d*]
/// p        = min(1, 2 (1 + min(#{ d* <= 0 }, #{ d* >= 0 })) / (B + 1))
/// ```
///
/// The interval holds the middle 95 % of the draws. p is twice the smaller share of draws at or beyond 0, counting one
/// more draw at 0, so that it is never 0 and 1 where no user differs (Davison and Hinkley, "Bootstrap Methods and their
/// Application", 1997, section 4.2). A user is drawn with both measurements: what makes a user easy or hard for both
/// cancels.
///
/// # Panics
///
/// If there are no users, not as many of each, or no resamples.
pub(crate) fn paired_bootstrap(
    first: &[f64],
    second: &[f64],
    resamples: usize,
    seed: u64,
) -> PairedDifference {
    assert_eq!(first.len(), second.len(), "the same users");
    assert!(!first.is_empty() && resamples > 0, "users and resamples");
    let differences: Vec<f64> = first.iter().zip(second).map(|(first, second)| second - first).collect();
    let n = differences.len();
    let mut means: Vec<f64> = (0..resamples)
        .map(|resample| {
            let mut stream = Stream::new(seed, Purpose::BOOTSTRAP, 0, resample as u64);
            (0..n).map(|_| differences[stream.index(n)]).sum::<f64>() / n as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| means[((resamples - 1) as f64 * share).round() as usize];
    let below = means.partition_point(|&mean| mean <= 0.0);
    let above = resamples - means.partition_point(|&mean| mean < 0.0);
    PairedDifference {
        difference: differences.iter().sum::<f64>() / n as f64,
        interval_95: [at(0.025), at(0.975)],
        p: (2.0 * (below.min(above) + 1) as f64 / (resamples + 1) as f64).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_do_not_differ_have_a_p_of_one() {
        let values = [0.0, 1.0, 0.5];
        let found = paired_bootstrap(&values, &values, 100, 1);
        assert_eq!(found, PairedDifference { difference: 0.0, interval_95: [0.0; 2], p: 1.0 });
    }

    /// For many normal differences of mean m and deviation s the interval is m ± 1.96 s/√n; with m = 2.5 s/√n the
    /// two-sided p is .0124.
    #[test]
    fn normal_differences_have_the_normal_interval_and_p() {
        let n = 2000;
        let mut stream = Stream::new(7, Purpose::SYNTHETIC, 0, 0);
        let mut noise: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        // Exactly of mean 0 and deviation 1.
        let mean = noise.iter().sum::<f64>() / n as f64;
        noise.iter_mut().for_each(|x| *x -= mean);
        let sd = (noise.iter().map(|x| x * x).sum::<f64>() / n as f64).sqrt();
        let error = 1.0 / (n as f64).sqrt();
        let second: Vec<f64> = noise.iter().map(|x| x / sd + 2.5 * error).collect();
        let found = paired_bootstrap(&vec![0.0; n], &second, 20_000, 1);
        assert!((found.difference - 2.5 * error).abs() < 1e-12);
        // 20,000 draws: an end of the interval has a standard error of .02, p one of .001, by the binomial.
        assert!((found.interval_95[0] / error - 0.54).abs() < 0.08, "{found:?}");
        assert!((found.interval_95[1] / error - 4.46).abs() < 0.08, "{found:?}");
        assert!((found.p - 0.0124).abs() < 0.004, "{found:?}");
        let swapped = paired_bootstrap(&second, &vec![0.0; n], 20_000, 1);
        assert_eq!(swapped.difference, -found.difference);
        assert_eq!(swapped.p, found.p);
    }
    /// Two users have four equally likely resamples. By hand, of differences 1 and 3: means 1, 2, 2 and 3, none of them at
    /// or beyond 0, so p counts the one draw more alone, twice. Of differences 4 and −2: means 4, 1, 1 and −2, a quarter
    /// beyond 0, so p is a half, with four standard errors of a quarter either way, twice.
    #[test]
    fn two_users_are_as_by_hand() {
        let agreed = paired_bootstrap(&[0.0, 0.0], &[1.0, 3.0], 4000, 1);
        assert_eq!((agreed.difference, agreed.interval_95, agreed.p), (2.0, [1.0, 3.0], 2.0 / 4001.0));
        let opposed = paired_bootstrap(&[0.0, 2.0], &[4.0, 0.0], 4000, 1);
        assert_eq!((opposed.difference, opposed.interval_95), (1.0, [-2.0, 4.0]));
        assert!((opposed.p - 0.5).abs() < 2.0 * 4.0 * (0.25f64 * 0.75 / 4000.0).sqrt(), "{opposed:?}");
    }

    #[test]
    fn exchanged_runs_have_the_opposite_interval() {
        let mut stream = Stream::new(3, Purpose::SYNTHETIC, 0, 0);
        let mut values = || (0..101).map(|_| stream.normal()).collect::<Vec<f64>>();
        let (first, second) = (values(), values());
        for resamples in [1, 2, 39, 40, 1000] {
            let there = paired_bootstrap(&first, &second, resamples, 9);
            let back = paired_bootstrap(&second, &first, resamples, 9);
            assert_eq!(back.interval_95, [-there.interval_95[1], -there.interval_95[0]], "{resamples}");
            assert_eq!((back.difference, back.p), (-there.difference, there.p));
        }
    }

    /// Where runs do not differ, p below 5 % should come up in 5 % of the comparisons: 400 of them have a standard error
    /// of 1.1 %, and with 60 users the bootstrap is a little too sure of itself. What a user adds to both runs must not
    /// matter, however large.
    #[test]
    fn chance_is_called_significant_as_often_as_promised() {
        let significant = (0..400).filter(|&seed| {
            let mut stream = Stream::new(100 + seed, Purpose::SYNTHETIC, 0, 0);
            let mut user = || {
                let both = 100.0 * stream.normal();
                (both + stream.normal(), both + stream.normal())
            };
            let (first, second): (Vec<f64>, Vec<f64>) = (0..60).map(|_| user()).unzip();
            paired_bootstrap(&first, &second, 400, seed).p < 0.05
        });
        let share = significant.count() as f64 / 400.0;
        assert!((0.015..0.10).contains(&share), "{share}");
    }
}
