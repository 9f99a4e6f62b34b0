use u2i::Stage;

/// A job is repeated until it takes so long: the clock is read at a cost.
const LEAST_S: f64 = 0.004;
/// And never more often than this.
const MOST_REPEATS: usize = 20_000;

/// Median processor time of each job in seconds, over `rounds` rounds in each of which every job runs in turn, so that
/// whatever else the machine does falls on all alike.
pub(super) fn medians(rounds: usize, jobs: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    // Once without counting: caches and allocators are warm after it.
    let repeats: Vec<usize> = jobs
        .iter_mut()
        .map(|job| {
            job();
            let once = seconds(1, job);
            ((LEAST_S / once.max(1e-9)).ceil() as usize).clamp(1, MOST_REPEATS)
        })
        .collect();
    let mut times = vec![Vec::with_capacity(rounds); jobs.len()];
    for _ in 0..rounds.max(1) {
        for ((job, &repeats), times) in jobs.iter_mut().zip(&repeats).zip(&mut times) {
            times.push(seconds(repeats, job) / repeats as f64);
        }
    }
    times.into_iter().map(median).collect()
}

fn seconds(repeats: usize, job: &mut Box<dyn FnMut() + '_>) -> f64 {
    let stage = Stage::begin();
    (0..repeats).for_each(|_| job());
    stage.cost().cpu_s
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}

/// Microseconds, milliseconds or seconds, in three digits.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        1e-3.. => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{:.2} µs", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!([0.0000123, 0.0123, 12.3].map(duration), ["12.30 µs", "12.30 ms", "12.30 s"]);
    }
}
