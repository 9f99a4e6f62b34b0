//! Training that can be stopped at any moment and gone on with.
//!
//! A checkpoint is a folder `<run>-<step>` with two files: `state.safetensors`, the weights, optimizer state and best
//! model, and `manifest.json`, which says how far the run is, which run it is, and what the other file is. It is
//! written under another name, synced and renamed: the rename is the one moment from which it counts, and the one
//! before is removed only after it.
//!
//! The numbers go from the tables to the file and back a piece at a time, and the hash is made of the same pieces: a
//! checkpoint takes no memory beside what it is of.

mod error;
mod run_lock;
mod scratch;
mod state_file;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use u2i_disk::FolderAside;
use u2i_train::{StateView, TensorViews, TrainProgress};

use crate::tensor_file::{self, OpenError};

pub use error::CheckpointError;
pub use run_lock::RunLock;

use error::{FORMAT, io};
use state_file::{hash, hash_of_file};

const STATE: &str = "state.safetensors";
const MANIFEST: &str = "manifest.json";
/// Checkpoints that are being written; what a killed process leaves is removed by the next one.
const PARTIAL: &str = ".partial-";

/// What the manifest says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    /// What makes a run this one and no other.
    run: BTreeMap<String, String>,
    progress: TrainProgress,
    state_bytes: u64,
    state_hash: String,
    /// Of this file with this field empty.
    manifest_hash: String,
}

impl Manifest {
    fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest is plain data") + "\n"
    }

    fn sealed(mut self) -> Self {
        self.manifest_hash = String::new();
        self.manifest_hash = hash(self.text().as_bytes());
        self
    }
}

/// The checkpoints of one run: the newest, and nothing else, stays.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    run: BTreeMap<String, String>,
    /// Runs in this folder are numbered, so that one that is begun anew does not meet the names of the one before.
    number: u64,
}

/// The newest checkpoint of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its folder.
    pub path: PathBuf,
    /// Steps that were done.
    pub step: usize,
    number: u64,
}

impl Checkpoints {
    /// The checkpoints in `folder` of the run that `run` describes: hashes of its experiment and data, its seed.
    pub fn new(folder: PathBuf, run: BTreeMap<String, String>) -> Self {
        Checkpoints { folder, run, number: 0 }
    }

    /// The newest one, whole or not.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn newest(&self) -> Result<Option<Newest>, CheckpointError> {
        Ok(self.all()?.into_iter().max_by_key(|found| (found.number, found.step)))
    }

    fn all(&self) -> Result<Vec<Newest>, CheckpointError> {
        Ok(self.names()?.iter().filter_map(|name| self.parse(name)).collect())
    }

    fn parse(&self, name: &str) -> Option<Newest> {
        let (number, step) = name.split_once('-')?;
        let found =
            Newest { path: self.folder.join(name), step: step.parse().ok()?, number: number.parse().ok()? };
        (file_name(found.number, found.step) == name).then_some(found)
    }

    fn names(&self) -> Result<Vec<String>, CheckpointError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(io("read", &self.folder, None))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io("read", &self.folder, None))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Begins a run anew; the newest checkpoint of the one before stays until the first of this run is written.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn begin(&mut self) -> Result<(), CheckpointError> {
        self.number = self.newest()?.map_or(1, |newest| newest.number + 1);
        Ok(())
    }

    /// Goes on with the newest checkpoint, or begins a run if there is none. All of it is read and held against its hash;
    /// the numbers of its tensors are read once more when they are asked for, so the checkpoint has to stay until then.
    ///
    /// # Errors
    ///
    /// If it is not what was written, belongs to another run or is of another format.
    pub fn resume(&mut self) -> Result<Option<StateView<'static>>, CheckpointError> {
        self.resume_watched(&mut |_, _| ControlFlow::Continue(()))
    }

    /// As [`resume`](Self::resume). `watch` is told how many bytes of how many are read, and may break it off.
    pub(crate) fn resume_watched(
        &mut self,
        watch: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<StateView<'static>>, CheckpointError> {
        let Some(newest) = self.newest()? else {
            self.begin()?;
            return Ok(None);
        };
        self.number = newest.number;
        self.read(&newest.path, watch).map(Some)
    }

    fn read(
        &self,
        folder: &Path,
        watch: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<StateView<'static>, CheckpointError> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(io("read", &path, None))?;
        let corrupt = |what: &str, expected: String, found: String| CheckpointError::Corrupt {
            path: path.clone(),
            what: what.into(),
            expected,
            found,
        };
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        match serde_json::from_slice::<Versioned>(&text) {
            Ok(Versioned { format }) if format != FORMAT => {
                return Err(CheckpointError::Format { path, found: format });
            }
            _ => {}
        }
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| corrupt("content", "a manifest".into(), error.to_string()))?;
        let found = manifest.manifest_hash.clone();
        let manifest = manifest.sealed();
        if manifest.manifest_hash != found || manifest.text().as_bytes() != text {
            return Err(corrupt("BLAKE3", manifest.manifest_hash, found));
        }
        let keys = self.run.keys().chain(manifest.run.keys());
        let other = keys.into_iter().find(|&key| self.run.get(key) != manifest.run.get(key));
        if let Some(key) = other {
            let value =
                |run: &BTreeMap<String, String>| run.get(key).map_or("nothing", String::as_str).to_owned();
            let (expected, found) = (value(&self.run), value(&manifest.run));
            return Err(CheckpointError::OtherRun { path, key: key.clone(), expected, found });
        }
        let path = folder.join(STATE);
        let corrupt = |what: &str, expected: String, found: String| CheckpointError::Corrupt {
            path: path.clone(),
            what: what.into(),
            expected,
            found,
        };
        let bytes = fs::metadata(&path).map_err(io("read", &path, None))?.len();
        if bytes != manifest.state_bytes {
            return Err(corrupt("size", format!("{} bytes", manifest.state_bytes), format!("{bytes} bytes")));
        }
        let found = hash_of_file(&path, bytes, watch)?;
        if found != manifest.state_hash {
            return Err(corrupt("BLAKE3", manifest.state_hash, found));
        }
        let tensors = tensor_file::open(&path).map_err(|error| match error {
            OpenError::Io(source) => io("read", &path, None)(source),
            OpenError::Content(found) => corrupt("content", "tensors of f32".into(), found),
        })?;
        Ok(StateView { progress: manifest.progress, tensors })
    }

    /// Keeps a state: whole or not at all. What was kept before is removed afterwards.
    ///
    /// # Errors
    ///
    /// If it cannot be written; what was kept before is then still there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use u2i::checkpoint::Checkpoints;
    /// use u2i::train::{StateTensor, StateView, TrainProgress, TrainState};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = std::env::temp_dir().join(format!("u2i-checkpoint-{}", std::process::id()));
    /// let mut checkpoints = Checkpoints::new(folder.clone(), BTreeMap::new());
    /// checkpoints.begin()?;
    /// // An observer of training gets a view of the state where it is; this one is of plain values.
    /// let weight = StateTensor { shape: vec![2], data: vec![0.5, 2.0] };
    /// let tensors = BTreeMap::from([("model/weight".to_owned(), weight)]);
    /// let state = TrainState { progress: TrainProgress::default(), tensors };
    /// checkpoints.save(&StateView::from(&state))?;
    /// assert_eq!(checkpoints.resume()?.unwrap().to_owned()?, state);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, state: &StateView<'_>) -> Result<(), CheckpointError> {
        self.save_watched(state, &mut |_, _| ())
    }

    /// As [`save`](Self::save). `watch` is told how many bytes of how many are written.
    pub(crate) fn save_watched(
        &self,
        state: &StateView<'_>,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<(), CheckpointError> {
        fs::create_dir_all(&self.folder).map_err(io("write", &self.folder, None))?;
        // An observer of one's own may keep two states of one step: at the end of an epoch, and behind its validation.
        let name = |number| self.folder.join(file_name(number, state.progress.step));
        let mut number = self.newest()?.map_or(self.number, |newest| newest.number.max(self.number));
        while name(number).exists() {
            number += 1;
        }
        let path = name(number);
        let aside = FolderAside::begin(&path, PARTIAL)?;
        let (state_bytes, state_hash) = state_file::write(&aside.path().join(STATE), &state.tensors, watch)?;
        let manifest = Manifest {
            format: FORMAT,
            run: self.run.clone(),
            progress: state.progress.clone(),
            state_bytes,
            state_hash,
            manifest_hash: String::new(),
        };
        let (file, text) = (aside.path().join(MANIFEST), manifest.sealed().text());
        u2i_disk::write_new(&file, text.as_bytes())
            .map_err(|error| io("write", &file, text.len() as u64)(error.source))?;
        aside.publish()?;
        self.remove_all_but(&path)
    }

    /// Puts tensors into a file beside the checkpoints, which is gone with the views that are returned, or with the
    /// process. `watch` is told how many bytes of how many are written.
    pub(crate) fn put_aside(
        &self,
        tensors: &TensorViews<'_>,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<TensorViews<'static>, CheckpointError> {
        fs::create_dir_all(&self.folder).map_err(io("write", &self.folder, None))?;
        scratch::put(&self.folder, tensors, watch)
    }

    fn remove_all_but(&self, path: &Path) -> Result<(), CheckpointError> {
        for name in self.names()? {
            let other = self.folder.join(&name);
            if other != path && (name.starts_with(PARTIAL) || self.parse(&name).is_some()) {
                fs::remove_dir_all(&other).map_err(io("remove", &other, None))?;
            }
        }
        Ok(())
    }
}

fn file_name(number: u64, step: usize) -> String {
    format!("{number:04}-{step:010}")
}

#[cfg(test)]
mod tests {
    use u2i_disk::{Action, follow};
    use u2i_random::{Purpose, Stream};
    use u2i_train::{StateTensor, TensorView, TrainState};

    use super::*;
    use crate::ErrorKind;

    fn run(seed: u64) -> BTreeMap<String, String> {
        BTreeMap::from([("config_hash".into(), "c".into()), ("seed".into(), seed.to_string())])
    }

    fn state(step: usize) -> TrainState {
        let tensor = |n: usize| StateTensor { shape: vec![n, 2], data: vec![step as f32 + 0.1; 2 * n] };
        TrainState {
            progress: TrainProgress { step, loss_sum_bits: 0.1f64.to_bits(), ..TrainProgress::default() },
            tensors: BTreeMap::from([("model/a".into(), tensor(3)), ("table/0/weight".into(), tensor(5))]),
        }
    }

    fn begun(folder: &Path) -> Checkpoints {
        let mut checkpoints = Checkpoints::new(folder.join("checkpoints"), run(1));
        checkpoints.begin().unwrap();
        checkpoints
    }

    fn save(checkpoints: &Checkpoints, state: TrainState) -> Result<(), CheckpointError> {
        checkpoints.save(&StateView::from(state))
    }

    /// All of the newest state.
    fn resumed(checkpoints: &mut Checkpoints) -> Result<Option<TrainState>, CheckpointError> {
        Ok(checkpoints.resume()?.map(|state| state.to_owned().expect("its hash is right")))
    }

    #[test]
    fn the_newest_state_comes_back_and_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        for step in [3, 20, 100] {
            save(&checkpoints, state(step)).unwrap();
            assert_eq!(resumed(&mut checkpoints).unwrap(), Some(state(step)));
        }
        fs::write(folder.path().join("checkpoints/notes.txt"), "mine").unwrap();
        // A run begun anew replaces the one before with its first state, be its step smaller.
        let anew = begun(folder.path());
        assert_eq!(anew.newest().unwrap().unwrap().step, 100);
        save(&anew, state(2)).unwrap();
        assert_eq!(resumed(&mut begun(folder.path())).unwrap(), Some(state(2)));
        let mut names = anew.names().unwrap();
        names.sort();
        assert_eq!(names, ["0002-0000000002", "notes.txt"]);
    }

    #[test]
    fn a_second_state_of_a_step_takes_the_place_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        let second = |step: usize| TrainState {
            progress: TrainProgress { targets: 7, ..state(step).progress },
            ..state(step)
        };
        for step in [3, 20] {
            save(&checkpoints, state(step)).unwrap();
            save(&checkpoints, second(step)).unwrap();
            assert_eq!(resumed(&mut checkpoints).unwrap(), Some(second(step)));
            assert_eq!(checkpoints.names().unwrap().len(), 1);
        }
    }

    #[test]
    fn what_a_killed_process_left_is_ignored_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        save(&checkpoints, state(3)).unwrap();
        let left = folder.path().join("checkpoints/.partial-x");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(STATE), "half").unwrap();
        assert_eq!(resumed(&mut checkpoints).unwrap(), Some(state(3)));
        save(&checkpoints, state(4)).unwrap();
        assert_eq!(checkpoints.names().unwrap(), ["0001-0000000004"]);
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        save(&begun(folder.path()), state(3)).unwrap();
        let mut other = Checkpoints::new(folder.path().join("checkpoints"), run(2));
        let error = other.resume().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mixture);
        assert!(error.to_string().contains("its seed is 1, this run's is 2"), "{error}");
    }

    #[test]
    fn another_format_is_refused_with_both() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        save(&checkpoints, state(3)).unwrap();
        let path = checkpoints.newest().unwrap().unwrap().path.join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        for other in [1, 3] {
            fs::write(&path, text.replace("\"format\": 2", &format!("\"format\": {other}"))).unwrap();
            let error = checkpoints.resume().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mixture);
            assert!(error.to_string().contains(&format!("format {other} is not 2, which")), "{error}");
        }
    }

    /// C6: every byte of both files, changed in some bits; every length; and files of another checkpoint.
    #[test]
    fn every_change_of_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        save(&checkpoints, state(3)).unwrap();
        let path = checkpoints.newest().unwrap().unwrap().path;
        let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        for file in [STATE, MANIFEST].map(|file| path.join(file)) {
            let good = fs::read(&file).unwrap();
            let flipped = (0..good.len()).map(|i| {
                let mut bytes = good.clone();
                bytes[i] ^= 1 + rng.index(255) as u8;
                bytes
            });
            let flipped: Vec<Vec<u8>> = flipped.collect();
            let cut = (0..good.len()).map(|n| good[..n].to_vec());
            let longer = std::iter::once([&good[..], b"\n"].concat());
            for bytes in flipped.into_iter().chain(cut).chain(longer) {
                fs::write(&file, &bytes).unwrap();
                let error = resumed(&mut checkpoints).expect_err("a changed file was read");
                assert!([ErrorKind::Integrity, ErrorKind::Mixture].contains(&error.kind()), "{error}");
            }
            fs::write(&file, &good).unwrap();
        }
        assert_eq!(resumed(&mut checkpoints).unwrap(), Some(state(3)));
    }

    /// C6 where tensors have several pieces: a byte changed in each, and in what lies between two.
    #[test]
    fn every_piece_of_a_large_state_is_hashed_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        let mut large = state(3);
        let table = large.tensors.get_mut("table/0/weight").unwrap();
        table.shape = vec![TensorView::PIECE + 7, 2];
        table.data = (0..2 * (TensorView::PIECE + 7)).map(|i| (i % 4093) as f32 / 64.0).collect();
        save(&checkpoints, large.clone()).unwrap();
        assert!(resumed(&mut checkpoints).unwrap() == Some(large));
        let file = checkpoints.newest().unwrap().unwrap().path.join(STATE);
        let good = fs::read(&file).unwrap();
        let piece = 4 * TensorView::PIECE;
        for at in
            [8, 300, piece / 2, piece - 1, piece, piece + 400, 2 * piece - 9, good.len() - 60, good.len() - 1]
        {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            let error = checkpoints.resume().expect_err("a changed file was read");
            assert_eq!(error.kind(), ErrorKind::Integrity, "byte {at}: {error}");
        }
    }

    #[test]
    fn how_far_a_checkpoint_is_written_and_read_is_told_and_reading_can_be_broken_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        let mut told = Vec::new();
        checkpoints
            .save_watched(&StateView::from(state(3)), &mut |done, bytes| told.push((done, bytes)))
            .unwrap();
        let file = checkpoints.newest().unwrap().unwrap().path.join(STATE);
        let bytes = fs::metadata(file).unwrap().len();
        // The header, then the two tensors.
        let wanted = [bytes - 4 * (6 + 10), bytes - 4 * 10, bytes].map(|done| (done, bytes));
        assert_eq!(told, wanted);
        let mut read = Vec::new();
        let go_on = checkpoints.resume_watched(&mut |done, bytes| {
            read.push((done, bytes));
            ControlFlow::Continue(())
        });
        assert_eq!(go_on.unwrap().unwrap().to_owned().unwrap(), state(3));
        assert_eq!(read, [(bytes, bytes)]);
        let stopped = checkpoints.resume_watched(&mut |_, _| ControlFlow::Break(())).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Stopped);
    }

    /// C6 behind the checksum: the same changes with hashes made anew give an error or a state, never a panic.
    #[test]
    fn changes_with_hashes_made_anew_are_refused_or_read_safely() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        save(&checkpoints, state(3)).unwrap();
        let path = checkpoints.newest().unwrap().unwrap().path;
        let good = fs::read(path.join(STATE)).unwrap();
        let text = fs::read(path.join(MANIFEST)).unwrap();
        let mut rng = Stream::new(2, Purpose::SYNTHETIC, 0, 0);
        let (mut refused, mut read) = (0, 0);
        for _ in 0..10_000 {
            let mut bytes = good.clone();
            for _ in 0..=rng.index(3) {
                match rng.index(3) {
                    0 => bytes.truncate(rng.index(bytes.len()) + 1),
                    1 => bytes.insert(rng.index(bytes.len()), rng.index(256) as u8),
                    _ => {
                        // Mostly in the header, where sizes stand.
                        let i = rng.index(bytes.len().min(200));
                        bytes[i] = rng.index(256) as u8;
                    }
                }
            }
            fs::write(path.join(STATE), &bytes).unwrap();
            let mut manifest: Manifest = serde_json::from_slice(&text).unwrap();
            (manifest.state_bytes, manifest.state_hash) = (bytes.len() as u64, hash(&bytes));
            fs::write(path.join(MANIFEST), manifest.sealed().text()).unwrap();
            match resumed(&mut checkpoints) {
                Ok(_) => read += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 1000 && read > 0, "{refused} refused, {read} read");
    }

    #[test]
    fn one_of_two_holds_the_lock_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let held = RunLock::take(folder.path()).unwrap();
        let error = RunLock::take(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.to_string().ends_with(&format!("held by process {}", std::process::id())), "{error}");
        drop(held);
        RunLock::take(folder.path()).unwrap();
    }

    /// C4: both files, then the folder that holds them, then its name, and only then the checkpoint before is removed.
    #[test]
    fn a_checkpoint_is_synced_before_it_is_renamed_and_its_folder_after() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = begun(folder.path());
        let (result, steps) = follow(None, || save(&checkpoints, state(3)));
        result.unwrap();
        let actions: Vec<Action> = steps.iter().map(|step| step.action).collect();
        let file = [Action::Create, Action::Write, Action::Sync];
        assert_eq!(actions, [file, file, [Action::SyncFolder, Action::Rename, Action::SyncFolder]].concat());
        let aside = &steps[6].path;
        assert!(steps[..6].iter().all(|step| step.path.parent() == Some(aside)), "{steps:?}");
        assert_eq!(steps[7].path, checkpoints.newest().unwrap().unwrap().path);
        assert_eq!(steps[8].path, checkpoints.folder);
    }

    /// C3: whichever step of keeping a checkpoint fails, it is said with what and where, and the run can go on from the
    /// one before or, once it has its name, from the new one.
    #[test]
    fn a_checkpoint_that_cannot_be_kept_leaves_the_one_before_or_itself() {
        for failing in 0..9 {
            let folder = tempfile::tempdir().unwrap();
            let mut checkpoints = begun(folder.path());
            save(&checkpoints, state(3)).unwrap();
            let (result, steps) = follow(Some(failing), || save(&checkpoints, state(4)));
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Files, "step {failing}: {error}");
            let failed = &steps[failing].path;
            assert!(error.to_string().contains(&failed.display().to_string()), "step {failing}: {error}");
            assert_eq!(error.to_string().contains(" bytes)"), failing < 6, "step {failing}: {error}");
            let kept = if failing == 8 { 4 } else { 3 };
            assert_eq!(resumed(&mut checkpoints).unwrap(), Some(state(kept)), "step {failing}");
            // Nothing is in the way of the next one, and what is left of the failed one goes with it.
            save(&checkpoints, state(5)).unwrap();
            assert_eq!(resumed(&mut checkpoints).unwrap(), Some(state(5)), "step {failing}");
            assert_eq!(fs::read_dir(&checkpoints.folder).unwrap().count(), 1, "step {failing}");
        }
    }
}
