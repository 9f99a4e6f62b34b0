//! Validation by an index of faiss, beside that by exact search.

use std::num::NonZeroUsize;

use serde_json::Value;
use u2i::config::{Seen, ValidationSearch};
use u2i::datasets::{SyntheticConfig, synthetic};
use u2i::device::DeviceChoice;
use u2i::index::FaissSpec;
use u2i::run::{Job, Measures};
use u2i::{ErrorKind, Progress};

use crate::tuned;

/// What a job said.
#[derive(Default)]
struct Lines(Vec<String>);

impl Progress for Lines {
    fn line(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

/// A list of a clustered index needs 39 items, and there are 100.
#[test]
fn a_validation_by_an_index_that_cannot_be_built_is_refused_before_the_first_epoch() {
    let raw = synthetic(1, &SyntheticConfig { items: 100, ..SyntheticConfig::STANDARD });
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let n = |n| NonZeroUsize::new(n).unwrap();
    let mut experiment = tuned("youtube_dnn");
    let mut lines = Lines::default();
    let mut train = |nlist: usize, lines: &mut Lines| {
        let spec = FaissSpec::Ivf { nlist: n(nlist), nprobe: n(1) };
        experiment.train.epochs = n(1);
        experiment.index.clear();
        experiment.evaluation.validation_search = Some(ValidationSearch::Faiss(spec));
        let job = Job::new(folder.path().join("run"), &device).data(&raw).measures(Measures::Metrics);
        job.train(&experiment, lines)
    };
    let refused = train(50, &mut lines).unwrap_err();
    assert!(refused.to_string().contains("nlist"), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::Usage);
    let trains = |lines: &Lines| lines.0.iter().any(|line| line.contains("epoch 1"));
    assert!(!trains(&lines), "{:?}", lines.0);
    train(2, &mut lines).unwrap();
    assert!(trains(&lines), "{:?}", lines.0);
}

/// Of four lists, all that are probed find everything, and one misses some.
#[test]
fn a_validation_by_an_index_is_the_exact_one_but_for_what_the_index_misses_and_says_so() {
    let raw = synthetic(1, &SyntheticConfig { items: 200, ..SyntheticConfig::STANDARD });
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let n = |n| NonZeroUsize::new(n).unwrap();
    for seen in [Seen::Excluded, Seen::Kept] {
        let train = |search: Option<ValidationSearch>| -> Value {
            let mut experiment = tuned("youtube_dnn");
            experiment.train.epochs = n(1);
            experiment.index.clear();
            experiment.evaluation.seen = seen;
            // Where a list of the index does not fill it, exact search answers.
            experiment.evaluation.k = vec![n(10)];
            experiment.evaluation.validation_search = search;
            let job = Job::new(folder.path().join("run"), &device).data(&raw).measures(Measures::Metrics);
            serde_json::to_value(job.train(&experiment, &mut ()).unwrap().train).unwrap()
        };
        let by =
            |nprobe| train(Some(ValidationSearch::Faiss(FaissSpec::Ivf { nlist: n(4), nprobe: n(nprobe) })));
        let (exact, whole, part) = (train(Some(ValidationSearch::Exact)), by(4), by(1));
        assert!(exact.get("validation_search").is_none());
        assert_eq!(exact["validation"], train(None)["validation"]);
        let number = |report: &Value, pointer: &str| report.pointer(pointer).unwrap().as_f64().unwrap();
        let of_all = number(&exact, "/validation/0");
        assert!((number(&whole, "/validation/0") - of_all).abs() < 1e-9, "{whole} and {of_all}");
        assert!(number(&part, "/validation/0") < of_all, "{part} and {of_all}");
        let compared = |report: &Value| {
            assert_eq!(report["validation_search"]["n_users"], 200);
            ["exact", "approximate"].map(|key| number(report, &format!("/validation_search/{key}")))
        };
        assert_eq!(whole["validation_search"]["kind"], "ivf_ip(nlist=4,nprobe=4)");
        let ([of_whole, by_whole], [of_part, by_part]) = (compared(&whole), compared(&part));
        assert!((of_whole - by_whole).abs() < 1e-9 && of_whole == of_part, "{whole} and {part}");
        assert!(by_part <= of_part && (of_whole - of_all).abs() < 0.1, "{part} and {of_all}");
    }
}
