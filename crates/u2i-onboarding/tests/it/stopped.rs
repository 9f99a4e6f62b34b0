//! Looking at files, and validating an experiment, stop when they are asked to.

use std::path::Path;

use u2i::{Error, Progress};
use u2i_onboarding::{InitOptions, ModelChoice, init, init_following, validate_following};

use crate::{NOW_S, nowhere};

/// Asks to stop once the stage with this label has told how far it is.
struct StopIn {
    label: &'static str,
    is_in_it: bool,
    is_told: bool,
    begun: Vec<String>,
}

impl StopIn {
    fn new(label: &'static str) -> Self {
        StopIn { label, is_in_it: false, is_told: false, begun: Vec::new() }
    }
}

impl Progress for StopIn {
    fn begin_in(&mut self, label: &str, steps: u64, unit: &'static str) {
        self.is_in_it = label == self.label;
        self.begun.push(format!("{label}: {steps} {unit}"));
    }

    fn advance(&mut self, _: u64, _: &str) {
        self.is_told |= self.is_in_it;
    }

    fn stop_requested(&self) -> bool {
        self.is_told
    }
}

fn events(path: &Path) -> u64 {
    let row = |row: usize| format!("u{},{},{}\n", row % 40, row % 33, 1_500_000_000 + row);
    let text: String =
        std::iter::once("user_id,item_id,timestamp\n".to_owned()).chain((0..2_000).map(row)).collect();
    std::fs::write(path, &text).unwrap();
    text.len() as u64
}

#[test]
fn every_step_of_init_and_validate_stops_and_says_what_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.csv");
    let n_bytes = events(&path);
    let options = InitOptions::new(vec![path], folder.path().join("own.toml"), ModelChoice::Fm, NOW_S);
    let steps = [
        ("looking at events.csv", format!("{n_bytes} bytes")),
        ("reading", format!("{n_bytes} bytes")),
        ("trying the config", "2000 events".to_owned()),
    ];
    for (n, (label, counted)) in steps.iter().enumerate() {
        let mut progress = StopIn::new(label);
        let stopped = init_following(&options, &mut progress);
        assert!(matches!(stopped, Err(Error::Stopped)), "{label}: {stopped:?}");
        assert_eq!(progress.begun.len(), n + 1, "{:?}", progress.begun);
        assert_eq!(progress.begun[n], format!("{label}: {counted}"));
    }
    let experiment = init(&options).unwrap().experiment;
    for (n, (label, counted)) in
        [("reading", format!("{n_bytes} bytes")), ("preparing", "2000 events".to_owned())].iter().enumerate()
    {
        let mut progress = StopIn::new(label);
        let stopped = validate_following(&experiment, folder.path(), &nowhere(), &mut progress);
        assert!(matches!(stopped, Err(Error::Stopped)), "{label}: {stopped:?}");
        assert_eq!(progress.begun[n..], [format!("{label}: {counted}")]);
    }
    // The library writes nothing.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
