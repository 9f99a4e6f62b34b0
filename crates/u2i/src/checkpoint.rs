//! Training that can be stopped at any moment and gone on with.
//!
//! A checkpoint is a folder `<run>-<step>` with two files: `state.safetensors`, the weights, optimizer state and best
//! model, and `manifest.json`, which says how far the run is, which run it is, and what the other file is. It is
//! written under another name, synced and renamed: the rename is the one moment from which it counts, and the one
//! before is removed only after it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use u2i_disk::{DiskError, FileLock, FolderAside, LockError};
use u2i_schema::Digest;
use u2i_train::{StateTensor, TrainProgress, TrainState};

use crate::ErrorKind;

/// The layout of what is written, and the only one that is read: what names a run is made otherwise in an older one.
const FORMAT: u32 = 2;
const STATE: &str = "state.safetensors";
const MANIFEST: &str = "manifest.json";
/// Checkpoints that are being written; what a killed process leaves is removed by the next one.
const PARTIAL: &str = ".partial-";

/// Why a checkpoint could not be kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file that cannot be read or written. The checkpoint before stays.
    #[error("cannot {action} {}{}", path.display(), bytes.map_or(String::new(), |n| format!(" ({n} bytes)")))]
    Io {
        /// `read`, `write`, `sync`, `rename` or `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Bytes that were to be written.
        bytes: Option<u64>,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{}: {what}: expected {expected}, found {found}; remove the folder to begin anew", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was compared.
        what: String,
        /// What the manifest says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A checkpoint of another experiment, of other data or of another seed.
    #[error("{} belongs to another run: its {key} is {found}, this run's is {expected}", path.display())]
    OtherRun {
        /// The manifest.
        path: PathBuf,
        /// What differs.
        key: String,
        /// This run's.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// Written by another version.
    #[error("{}: format {found} is not {FORMAT}, which this version reads", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another process works in the folder.
    #[error("{} is held by process {pid}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as it wrote down.
        pid: String,
    },
}

impl CheckpointError {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            CheckpointError::Io { .. } => ErrorKind::Files,
            CheckpointError::Corrupt { .. } => ErrorKind::Integrity,
            CheckpointError::OtherRun { .. } | CheckpointError::Format { .. } => ErrorKind::Mixture,
            CheckpointError::Locked { .. } => ErrorKind::Busy,
        }
    }
}

impl From<DiskError> for CheckpointError {
    fn from(error: DiskError) -> Self {
        io(error.action.verb(), &error.path, None)(error.source)
    }
}

fn io(
    action: &'static str,
    path: &Path,
    bytes: impl Into<Option<u64>>,
) -> impl FnOnce(io::Error) -> CheckpointError {
    let (path, bytes) = (path.to_owned(), bytes.into());
    move |source| CheckpointError::Io { action, path, bytes, source }
}

/// The right to work in a run's folder, as long as it lives. The system takes it back when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct RunLock {
    _lock: FileLock,
}

impl RunLock {
    /// Takes the lock of `folder`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Locked`](CheckpointError::Locked) names the process that has it.
    pub fn take(folder: &Path) -> Result<Self, CheckpointError> {
        fs::create_dir_all(folder).map_err(io("write", folder, None))?;
        Ok(RunLock { _lock: FileLock::take(&folder.join("lock"))? })
    }
}

impl From<LockError> for CheckpointError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { path, pid } => CheckpointError::Locked { path, pid },
            LockError::Io { action, path, source } => io(action, &path, None)(source),
        }
    }
}

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

fn hash(bytes: &[u8]) -> String {
    Digest::new().part("file", bytes).finish()
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

    /// Goes on with the newest checkpoint, or begins a run if there is none.
    ///
    /// # Errors
    ///
    /// If it is not what was written, belongs to another run or is of another format.
    pub fn resume(&mut self) -> Result<Option<TrainState>, CheckpointError> {
        let Some(newest) = self.newest()? else {
            self.begin()?;
            return Ok(None);
        };
        self.number = newest.number;
        self.read(&newest.path).map(Some)
    }

    fn read(&self, folder: &Path) -> Result<TrainState, CheckpointError> {
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
        let bytes = fs::read(&path).map_err(io("read", &path, None))?;
        let found = hash(&bytes);
        if found != manifest.state_hash {
            return Err(corrupt("BLAKE3", manifest.state_hash, found));
        }
        let tensors = decode(&bytes).map_err(|found| corrupt("content", "tensors of f32".into(), found))?;
        Ok(TrainState { progress: manifest.progress, tensors })
    }

    /// Keeps a state: whole or not at all. What was kept before is removed afterwards.
    ///
    /// # Errors
    ///
    /// If it cannot be written; what was kept before is then still there.
    pub fn save(&self, state: &TrainState) -> Result<(), CheckpointError> {
        fs::create_dir_all(&self.folder).map_err(io("write", &self.folder, None))?;
        let path = self.folder.join(file_name(self.number, state.progress.step));
        let aside = FolderAside::begin(&path, PARTIAL)?;
        let bytes = encode(&state.tensors);
        let manifest = Manifest {
            format: FORMAT,
            run: self.run.clone(),
            progress: state.progress.clone(),
            state_bytes: bytes.len() as u64,
            state_hash: hash(&bytes),
            manifest_hash: String::new(),
        };
        write_synced(&aside.path().join(STATE), &bytes)?;
        write_synced(&aside.path().join(MANIFEST), manifest.sealed().text().as_bytes())?;
        aside.publish()?;
        self.remove_all_but(&path)
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

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    u2i_disk::write_new(path, bytes).map_err(|error| io("write", path, bytes.len() as u64)(error.source))
}

pub(crate) fn encode(tensors: &BTreeMap<String, StateTensor>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, tensor)| {
        assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>(), "{name} fills its shape");
        (name, StateView(tensor))
    });
    safetensors::serialize(views, None::<HashMap<String, String>>).expect("names are unique")
}

/// A tensor as the bytes that a file has, without a copy where memory has the same.
struct StateView<'a>(&'a StateTensor);

impl View for StateView<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match cfg!(target_endian = "little") {
            true => Cow::Borrowed(bytemuck::cast_slice(&self.0.data)),
            false => Cow::Owned(self.0.data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(&*self.0.data)
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<BTreeMap<String, StateTensor>, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut all = BTreeMap::new();
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("`{name}` of {:?}", view.dtype()));
        }
        let data =
            view.data().chunks_exact(4).map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
        all.insert(name.to_owned(), StateTensor { shape: view.shape().to_vec(), data });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use u2i_disk::{Action, follow};
    use u2i_random::{Purpose, Stream};

    use super::*;

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

    #[test]
    fn the_newest_state_comes_back_and_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        for step in [3, 20, 100] {
            checkpoints.save(&state(step)).unwrap();
            assert_eq!(checkpoints.resume().unwrap(), Some(state(step)));
        }
        fs::write(folder.path().join("checkpoints/notes.txt"), "mine").unwrap();
        // A run begun anew replaces the one before with its first state, be its step smaller.
        let anew = begun(folder.path());
        assert_eq!(anew.newest().unwrap().unwrap().step, 100);
        anew.save(&state(2)).unwrap();
        assert_eq!(begun(folder.path()).resume().unwrap(), Some(state(2)));
        let mut names = anew.names().unwrap();
        names.sort();
        assert_eq!(names, ["0002-0000000002", "notes.txt"]);
    }

    #[test]
    fn what_a_killed_process_left_is_ignored_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        checkpoints.save(&state(3)).unwrap();
        let left = folder.path().join("checkpoints/.partial-x");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(STATE), "half").unwrap();
        assert_eq!(checkpoints.resume().unwrap(), Some(state(3)));
        checkpoints.save(&state(4)).unwrap();
        assert_eq!(checkpoints.names().unwrap(), ["0001-0000000004"]);
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        begun(folder.path()).save(&state(3)).unwrap();
        let mut other = Checkpoints::new(folder.path().join("checkpoints"), run(2));
        let error = other.resume().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mixture);
        assert!(error.to_string().contains("its seed is 1, this run's is 2"), "{error}");
    }

    #[test]
    fn another_format_is_refused_with_both() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        checkpoints.save(&state(3)).unwrap();
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
        checkpoints.save(&state(3)).unwrap();
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
                let error = checkpoints.resume().expect_err("a changed file was read");
                assert!([ErrorKind::Integrity, ErrorKind::Mixture].contains(&error.kind()), "{error}");
            }
            fs::write(&file, &good).unwrap();
        }
        assert_eq!(checkpoints.resume().unwrap(), Some(state(3)));
    }

    /// C6 behind the checksum: the same changes with hashes made anew give an error or a state, never a panic.
    #[test]
    fn changes_with_hashes_made_anew_are_refused_or_read_safely() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = begun(folder.path());
        checkpoints.save(&state(3)).unwrap();
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
            match checkpoints.resume() {
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
        let (result, steps) = follow(None, || checkpoints.save(&state(3)));
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
            checkpoints.save(&state(3)).unwrap();
            let (result, steps) = follow(Some(failing), || checkpoints.save(&state(4)));
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Files, "step {failing}: {error}");
            let failed = &steps[failing].path;
            assert!(error.to_string().contains(&failed.display().to_string()), "step {failing}: {error}");
            assert_eq!(error.to_string().contains(" bytes)"), failing < 6, "step {failing}: {error}");
            let kept = if failing == 8 { 4 } else { 3 };
            assert_eq!(checkpoints.resume().unwrap(), Some(state(kept)), "step {failing}");
            // Nothing is in the way of the next one, and what is left of the failed one goes with it.
            checkpoints.save(&state(5)).unwrap();
            assert_eq!(checkpoints.resume().unwrap(), Some(state(5)), "step {failing}");
            assert_eq!(fs::read_dir(&checkpoints.folder).unwrap().count(), 1, "step {failing}");
        }
    }
}
