//! The long stages of a job but training stop when they are asked to, and leave nothing half done.

use std::collections::BTreeSet;
use std::path::Path;

use u2i::config::Experiment;
use u2i::datasets::{Mirror, Places};
use u2i::device::DeviceChoice;
use u2i::export::IndexChoice;
use u2i::followed::{load_data_following, prepare_features_following};
use u2i::pipeline::{load_config, load_data, prepare_features};
use u2i::run::{Job, Measures};
use u2i::{Error, Progress};
use u2i_losses::LossConfig;
use u2i_models::ModelConfig;

use crate::own_experiment::own_experiment;

/// Asks to stop once a stage with this label has told that it is under way.
struct StopIn<'a> {
    label: &'a str,
    is_in_it: bool,
    is_told: bool,
    begun: Vec<(String, u64, &'static str)>,
}

impl<'a> StopIn<'a> {
    fn new(label: &'a str) -> Self {
        StopIn { label, is_in_it: false, is_told: false, begun: Vec::new() }
    }
}

impl Progress for StopIn<'_> {
    fn begin_in(&mut self, label: &str, steps: u64, unit: &'static str) {
        self.begun.push((label.to_owned(), steps, unit));
        self.is_in_it = label.starts_with(self.label);
    }

    fn advance(&mut self, _: u64, _: &str) {
        self.is_told |= self.is_in_it;
    }

    fn end(&mut self) {
        self.is_in_it = false;
    }

    fn stop_requested(&self) -> bool {
        self.is_told
    }
}

fn places() -> Places {
    Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() }
}

/// The paths below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        }
        found.insert(entry.display().to_string());
    }
    found
}

#[test]
fn reading_and_preparing_stop_and_are_told_in_bytes_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let experiment: Experiment = load_config(own_experiment(folder.path())).unwrap();
    let before = files(folder.path());
    let mut progress = StopIn::new("reading");
    let read = load_data_following(&experiment, &places(), folder.path(), &mut progress);
    assert!(matches!(read, Err(Error::Stopped)));
    let n_bytes = std::fs::metadata(folder.path().join("events.csv")).unwrap().len();
    assert_eq!(progress.begun, [("reading".to_owned(), n_bytes, "bytes")]);

    let raw = load_data(&experiment, &places(), folder.path()).unwrap();
    let mut progress = StopIn::new("preparing");
    let prepared = prepare_features_following(&experiment, &raw, &mut progress);
    assert!(matches!(prepared, Err(Error::Stopped)));
    assert_eq!(progress.begun, [("preparing".to_owned(), raw.n_events() as u64, "events")]);
    // Nobody asks: it is what it is without.
    let mut progress = StopIn::new("nothing");
    let followed = prepare_features_following(&experiment, &raw, &mut progress).unwrap();
    assert_eq!(followed.split_hash, prepare_features(&experiment, &raw).unwrap().split_hash);
    assert_eq!(files(folder.path()), before);
}

/// A finished run, and then each stage of evaluating and exporting it.
#[test]
fn stages_of_a_job_stop_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment: Experiment = load_config(own_experiment(folder.path())).unwrap();
    experiment.train.epochs = 1.try_into().unwrap();
    let raw = load_data(&experiment, &places(), folder.path()).unwrap();
    let device = DeviceChoice::Cpu.open().unwrap();
    let (run, bundle) = (folder.path().join("run"), folder.path().join("bundle"));
    let job = |measures| Job::new(&run, &device).data(&raw).measures(measures);
    job(Measures::Metrics).train(&experiment, &mut ()).unwrap();
    let before = files(folder.path());

    let labels: &[&str] = if cfg!(feature = "faiss") {
        &["preparing", "measuring exact", "building flat", "measuring ivf", "building hnsw"]
    } else {
        &["preparing"]
    };
    for label in labels {
        let mut progress = StopIn::new(label);
        let stopped = job(Measures::Search).evaluate::<ModelConfig, LossConfig>(&mut progress);
        assert!(matches!(stopped, Err(Error::Stopped)), "{label}: {:?}", progress.begun);
        assert_eq!(files(folder.path()), before, "{label}");
    }
    let report = std::fs::read(run.join("report.json")).unwrap();
    for label in ["preparing", "writing the bundle"] {
        let mut progress = StopIn::new(label);
        let stopped = job(Measures::Metrics).export::<ModelConfig, LossConfig>(
            &bundle,
            IndexChoice::Auto,
            &mut progress,
        );
        assert!(matches!(stopped, Err(Error::Stopped)), "{label}: {:?}", progress.begun);
        assert_eq!(files(folder.path()), before, "{label}");
    }
    assert_eq!(std::fs::read(run.join("report.json")).unwrap(), report);
    let another = folder.path().join("another");
    let stopped = Job::new(&another, &device).data(&raw).train(&experiment, &mut StopIn::new("preparing"));
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(!another.join("report.json").exists() && !another.join("config.toml").exists());
}
