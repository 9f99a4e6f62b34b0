use std::collections::BTreeMap;

use serde::Serialize;
use u2i_features::Prepared;
use u2i_random::{Purpose, Stream};
use u2i_schema::TrainEvents;

use crate::Error;
use crate::config::Experiment;

/// What `--check` found, as written to `guards.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guards {
    /// A model that learns order cannot be good where the order is destroyed.
    pub permuted_training_events: Permuted,
    /// A model that recommends the same few items to all is not personal.
    pub coverage: BTreeMap<String, Coverage>,
}

/// Hit rate after one epoch on permuted training events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Permuted {
    /// Test hit rate at 10, seen items excluded.
    #[serde(rename = "hit_rate@10")]
    pub hit_rate_at_10: f64,
    /// It must stay below.
    pub below: f64,
    /// Whether it does.
    pub passed: bool,
}

/// Distinct items in the top 10 of all users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// How many there are.
    pub distinct_items: usize,
    /// There must be at least so many.
    pub at_least: usize,
    /// Whether there are.
    pub passed: bool,
}

const MOST_HITS: f64 = 0.07;
const FEWEST_ITEMS: usize = 1000;

impl Coverage {
    /// Judges a number of distinct items.
    pub fn new(distinct_items: usize) -> Self {
        Coverage { distinct_items, at_least: FEWEST_ITEMS, passed: distinct_items >= FEWEST_ITEMS }
    }
}

impl Guards {
    pub(super) fn new(hit_rate_at_10: f64, coverage: BTreeMap<String, Coverage>) -> Self {
        let passed = hit_rate_at_10 < MOST_HITS;
        Guards { permuted_training_events: Permuted { hit_rate_at_10, below: MOST_HITS, passed }, coverage }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let word = |passed| if passed { "passed" } else { "FAILED" };
        let Permuted { hit_rate_at_10, below, passed } = self.permuted_training_events;
        let permuted = format!(
            "guard {}: hit_rate@10 {hit_rate_at_10:.4} on permuted training events, must be below {below}",
            word(passed)
        );
        let coverage = self.coverage.iter().map(|(model, coverage)| {
            let Coverage { distinct_items, at_least, passed } = *coverage;
            format!(
                "guard {}: {model} recommends {distinct_items} items, must be at least {at_least}",
                word(passed)
            )
        });
        std::iter::once(permuted).chain(coverage).collect()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let failed: Vec<String> = self.lines().into_iter().filter(|line| line.contains("FAILED")).collect();
        if failed.is_empty() { Ok(()) } else { Err(Error::Guard(failed.join("; "))) }
    }
}

/// The same experiment with one epoch and its own schedule of that length.
pub(super) fn one_epoch(mut experiment: Experiment) -> Experiment {
    experiment.train.epochs = 1.try_into().expect("1 is not 0");
    experiment
}

/// The same data with each user's training events in a random order, in targets and in histories; validation and
/// test targets stay where they are.
pub(super) fn permuted(prepared: &Prepared, seed: u64) -> Prepared {
    let lengths: Vec<u32> =
        (0..prepared.events.n_users()).map(|user| prepared.train.events().items(user).len() as u32).collect();
    let order = |user: usize, n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        let trained = lengths[user] as usize;
        Stream::new(seed, Purpose::PERMUTATION, 0, user as u64).shuffle(&mut order[..trained]);
        order
    };
    let whole: Vec<u32> =
        (0..prepared.events.n_users()).map(|user| prepared.events.items(user).len() as u32).collect();
    let events = TrainEvents::prefixes(&prepared.events, &whole).rearranged(order).events().clone();
    Prepared { train: TrainEvents::prefixes(&events, &lengths), events, ..prepared.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_guard_names_its_figure() {
        let coverage = BTreeMap::from([("fm".to_owned(), Coverage::new(999))]);
        let guards = Guards::new(0.0712, coverage);
        let message = guards.check().unwrap_err().to_string();
        assert!(message.contains("0.0712") && message.contains("fm recommends 999 items"), "{message}");
        assert!(Guards::new(0.047, BTreeMap::new()).check().is_ok());
        assert!(Guards::new(f64::NAN, BTreeMap::new()).check().is_err());
    }
}
