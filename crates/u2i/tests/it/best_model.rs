//! The model of the best epoch, where it is too large for memory.

use std::path::Path;
use std::time::Duration;

use u2i::device::DeviceChoice;
use u2i::run::{Job, MODEL, Measures, REPORT};
use u2i::{Error, Progress};

use crate::{synthetic, tuned};

/// Asks to stop after so many steps, and looks for files without a name in a folder.
struct Watch<'a> {
    folder: &'a Path,
    steps_left: usize,
    has_seen_nameless: bool,
}

impl Progress for Watch<'_> {
    fn line(&mut self, _: &str) {
        let links = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let mut targets = links.filter_map(|link| std::fs::read_link(link.path()).ok());
        let nameless = |target: std::path::PathBuf| {
            target.starts_with(self.folder) && target.to_string_lossy().ends_with("(deleted)")
        };
        self.has_seen_nameless |= targets.any(nameless);
    }

    fn advance(&mut self, _: u64, note: &str) {
        let is_step = note.starts_with("epoch ");
        self.steps_left = self.steps_left.saturating_sub(usize::from(is_step));
    }

    fn stop_requested(&self) -> bool {
        self.steps_left == 0
    }
}

/// Trains, going on after each stop, to the weights, and the hashes of the report.
fn trained(
    folder: &Path,
    best_in_memory: Option<u64>,
    stops_after: &[usize],
) -> (Vec<u8>, Vec<String>, bool) {
    let (experiment, raw) = (tuned("fm"), synthetic());
    let device = DeviceChoice::Cpu.open().unwrap();
    let job = Job::new(folder, &device).data(&raw).measures(Measures::Metrics);
    let job = job.checkpoint_every(Duration::from_secs(1000));
    let job = match best_in_memory {
        Some(bytes) => job.best_in_memory(bytes),
        None => job,
    };
    let mut has_seen_nameless = false;
    let mut run = |steps_left, resume| {
        let mut watch = Watch { folder, steps_left, has_seen_nameless: false };
        let ended = job.clone().resume(resume).train(&experiment, &mut watch);
        has_seen_nameless |= watch.has_seen_nameless;
        ended
    };
    for (i, &steps) in stops_after.iter().enumerate() {
        let error = run(steps, i > 0).expect_err("it was stopped");
        assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    }
    run(usize::MAX, !stops_after.is_empty()).unwrap();
    let report = std::fs::read_to_string(folder.join(REPORT)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let hashes = ["weights_hash", "item_vectors_hash"].map(|key| report[key].as_str().unwrap().to_owned());
    (std::fs::read(folder.join(MODEL)).unwrap(), hashes.to_vec(), has_seen_nameless)
}

/// R2 and C1: a best model on the disk is the one that memory would have, also after stops, and leaves nothing.
#[test]
fn a_best_model_on_the_disk_is_the_one_that_memory_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().canonicalize().unwrap().join(name);
    let in_memory = trained(&place("memory"), None, &[]);
    assert!(!in_memory.2, "a small model was put on the disk");
    for (name, stops) in [("disk", &[][..]), ("stopped", &[40, 200, 150])] {
        let on_disk = trained(&place(name), Some(0), stops);
        assert!(on_disk.0 == in_memory.0, "{name}: other weights");
        assert_eq!(on_disk.1, in_memory.1, "{name}");
        if cfg!(target_os = "linux") {
            assert!(on_disk.2, "{name}: no file without a name was seen");
        }
        let names = std::fs::read_dir(place(name).join("checkpoints")).unwrap();
        assert_eq!(names.count(), 1, "{name}: something is left beside the checkpoint");
    }
}
