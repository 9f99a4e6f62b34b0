//! Baselines that runs on one split share.

use std::num::NonZeroUsize;

use serde_json::Value;
use u2i::config::UserSample;
use u2i::datasets::{SyntheticConfig, synthetic};
use u2i::device::DeviceChoice;
use u2i::run::{Counted, Job, Measures};

use crate::tuned;

#[test]
fn runs_that_evaluate_other_users_or_cutoffs_do_not_share_baselines() {
    let raw = synthetic(1, &SyntheticConfig { users: 300, ..SyntheticConfig::STANDARD });
    let device = DeviceChoice::Cpu.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let n = |n| NonZeroUsize::new(n).unwrap();
    let mut run = 0;
    let mut train = |users: usize, k: usize, counted: &mut Option<Counted>| -> Value {
        let mut experiment = tuned("youtube_dnn");
        experiment.train.epochs = n(1);
        experiment.index.clear();
        experiment.evaluation.users = Some(UserSample::AtMost(n(users)));
        experiment.evaluation.k = vec![n(10), n(k)];
        run += 1;
        let run = folder.path().join(run.to_string());
        let job = Job::new(&run, &device).data(&raw).measures(Measures::Metrics);
        let report = job.train_sharing(counted, &experiment, &mut ()).unwrap();
        serde_json::to_value(report).unwrap()["baselines"].clone()
    };
    let shared = &mut None;
    for (users, k) in [(200, 5), (50, 5), (50, 20), (50, 20)] {
        assert_eq!(train(users, k, shared), train(users, k, &mut None), "{users} users, k {k}");
    }
    assert_ne!(train(200, 5, shared), train(50, 5, shared));
}
