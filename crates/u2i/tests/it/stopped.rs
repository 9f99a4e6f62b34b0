//! A job that is told to stop, wherever it asks.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use serde_json::Value;
use u2i::datasets::{SyntheticConfig, synthetic};
use u2i::device::DeviceChoice;
use u2i::run::{Job, Measures};
use u2i::{Error, ErrorKind, Progress};

use crate::tuned;

/// Wants the job to stop once it has asked so many times.
struct StopAfter {
    questions: u64,
    asked: Cell<u64>,
    bars: Vec<String>,
}

impl StopAfter {
    fn new(questions: u64) -> Self {
        StopAfter { questions, asked: Cell::new(0), bars: Vec::new() }
    }
}

impl Progress for StopAfter {
    fn begin(&mut self, label: &str, _: u64) {
        self.bars.push(label.to_owned());
    }

    fn stop_requested(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() > self.questions
    }
}

#[test]
fn stopped_wherever_it_asks_a_job_goes_on_and_ends_as_one_that_was_never_stopped() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let mut experiment = tuned("youtube_dnn");
    experiment.train.epochs = NonZeroUsize::new(2).unwrap();
    experiment.index.clear();
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let train = |folder: &Path, resume: bool, progress: &mut dyn Progress| -> Result<Value, Error> {
        let job = Job::new(folder, &device).data(&raw).measures(Measures::Metrics).resume(resume);
        let report = job.train(&experiment, progress)?;
        let mut report = serde_json::to_value(report).unwrap();
        for key in ["train", "prepare", "evaluate"] {
            let timed = report[key].as_object_mut().unwrap();
            timed.retain(|key, _| {
                !["wall_s", "cpu_s", "peak_rss_mib", "samples_per_s"].contains(&key.as_str())
            });
        }
        Ok(report)
    };
    let mut never = StopAfter::new(u64::MAX);
    let wanted = train(&folder.path().join("never"), false, &mut never).unwrap();
    assert!(never.bars.iter().any(|bar| bar == "evaluating"), "{:?}", never.bars);
    let n_questions = never.asked.get();
    let (mut interrupted, mut stopped) = (0, 0);
    let some = (0..n_questions).step_by((n_questions / 8).max(1) as usize);
    let some: BTreeSet<u64> = some.chain(n_questions.saturating_sub(4)..n_questions).collect();
    for questions in some {
        let folder = folder.path().join(questions.to_string());
        match train(&folder, false, &mut StopAfter::new(questions)) {
            Err(Error::Interrupted { .. }) => interrupted += 1,
            Err(Error::Stopped) => stopped += 1,
            Err(error) => panic!("{error}: {:?}", error.kind()),
            Ok(_) => panic!("after {questions} of {n_questions} questions it went on"),
        }
        assert!(!folder.join("report.json").exists());
        assert_eq!(train(&folder, true, &mut ()).unwrap(), wanted, "after {questions} questions");
    }
    assert!(interrupted > 0 && stopped > 1, "{interrupted} times while training, {stopped} elsewhere");
    assert_eq!(Error::Stopped.kind(), ErrorKind::Stopped);
}
