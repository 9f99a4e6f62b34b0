//! What is done to a disk so that a result is either the old one or the new one, whatever happens: data is synced, then
//! renamed into place, then the folder of the new name is synced. Each of these steps is a function here and nowhere
//! else in this crate, so that tests can see their order and let any of them fail.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a new file and syncs it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    begin("create", path)?;
    let mut file = File::create_new(path)?;
    begin("write", path)?;
    file.write_all(bytes)?;
    sync(&file, path)
}

/// Makes what was written to `file` last; `path` is its name.
pub(crate) fn sync(file: &File, path: &Path) -> io::Result<()> {
    begin("sync", path)?;
    file.sync_all()
}

/// Makes the names in a folder last; elsewhere than on Unix a folder cannot be synced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    begin("sync folder", path)?;
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Gives a file or folder its final name.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    begin("rename", to)?;
    fs::rename(from, to)
}

/// Writes `bytes` to a file of another name beside `path`, which takes its place: whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(bytes).map(Ok::<(), std::convert::Infallible>)).map(|Ok(())| ())
}

/// The same with what `write` puts into the file. Its inner error is its own, and leaves `path` as it was, too.
pub(crate) fn replace_with<E>(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<Result<(), E>>,
) -> io::Result<Result<(), E>> {
    // The parent of a bare name is empty, which names no folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    begin("create", path)?;
    let mut file = builder().tempfile_in(folder)?;
    begin("write", path)?;
    if let Err(error) = write(file.as_file_mut())? {
        return Ok(Err(error));
    }
    sync(file.as_file(), path)?;
    begin("rename", path)?;
    file.persist(path)?;
    sync_folder(folder).map(Ok)
}

/// Temporary files are private by default; these become results, which others may read as far as the umask allows.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails where it is told to")]
fn begin(_step: &'static str, _path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use script::begin;

/// What tests see of the steps, and let fail.
#[cfg(test)]
pub(crate) mod script {
    use std::cell::RefCell;
    use std::io;
    use std::path::{Path, PathBuf};

    /// A step, and what it was done to.
    pub(crate) type Step = (&'static str, PathBuf);

    #[derive(Default)]
    struct Script {
        steps: Vec<Step>,
        fails: Option<usize>,
    }

    thread_local! {
        static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
    }

    /// Runs `job` on this thread and returns the steps that it began. The step numbered `fails`, from 0, does nothing
    /// and returns an error of the system.
    pub(crate) fn follow<T>(fails: Option<usize>, job: impl FnOnce() -> T) -> (T, Vec<Step>) {
        SCRIPT.set(Some(Script { fails, ..Script::default() }));
        let result = job();
        (result, SCRIPT.take().expect("nobody else takes it").steps)
    }

    pub(super) fn begin(step: &'static str, path: &Path) -> io::Result<()> {
        SCRIPT.with_borrow_mut(|script| {
            let Some(script) = script else { return Ok(()) };
            script.steps.push((step, path.to_owned()));
            match script.fails == Some(script.steps.len() - 1) {
                true => Err(io::Error::from_raw_os_error(5)),
                false => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use u2i_train::{StateTensor, TrainProgress, TrainState};

    use super::script::follow;
    use super::*;
    use crate::ErrorKind;
    use crate::checkpoint::Checkpoints;

    fn checkpoints(folder: &Path) -> Checkpoints {
        Checkpoints::new(folder.to_owned(), BTreeMap::from([("seed".to_owned(), "1".to_owned())]))
    }

    fn state(step: usize) -> TrainState {
        let tensor = StateTensor { shape: vec![2], data: vec![step as f32, 0.5] };
        TrainState {
            progress: TrainProgress { step, ..TrainProgress::default() },
            tensors: BTreeMap::from([("model/a".to_owned(), tensor)]),
        }
    }

    /// C4: both files, then the folder that holds them, then its name, and only then the checkpoint before is removed.
    #[test]
    fn a_checkpoint_is_synced_before_it_is_renamed_and_its_folder_after() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = checkpoints(folder.path());
        checkpoints.begin().unwrap();
        let (result, steps) = follow(None, || checkpoints.save(&state(3)));
        result.unwrap();
        let names: Vec<&str> = steps.iter().map(|(step, _)| *step).collect();
        let file = ["create", "write", "sync"];
        assert_eq!(names, [&file[..], &file[..], &["sync folder", "rename", "sync folder"][..]].concat());
        let partial = &steps[6].1;
        assert!(steps[..6].iter().all(|(_, path)| path.parent() == Some(partial)), "{steps:?}");
        assert_eq!(steps[7].1, checkpoints.newest().unwrap().unwrap().path);
        assert_eq!(steps[8].1, folder.path());
    }

    /// C3: whichever step of keeping a checkpoint fails, it is said with what and where, and the run can go on from the
    /// one before or, once it has its name, from the new one.
    #[test]
    fn a_checkpoint_that_cannot_be_kept_leaves_the_one_before_or_itself() {
        for fails in 0..9 {
            let folder = tempfile::tempdir().unwrap();
            let mut checkpoints = checkpoints(folder.path());
            checkpoints.begin().unwrap();
            checkpoints.save(&state(3)).unwrap();
            let (result, steps) = follow(Some(fails), || checkpoints.save(&state(4)));
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Files, "step {fails}: {error}");
            let (_, failed) = &steps[fails];
            assert!(error.to_string().contains(&failed.display().to_string()), "step {fails}: {error}");
            assert_eq!(error.to_string().contains(" bytes)"), fails < 6, "step {fails}: {error}");
            let kept = if fails == 8 { 4 } else { 3 };
            assert_eq!(checkpoints.resume().unwrap(), Some(state(kept)), "step {fails}");
            // Nothing is in the way of the next one, and what is left of the failed one goes with it.
            checkpoints.save(&state(5)).unwrap();
            assert_eq!(checkpoints.resume().unwrap(), Some(state(5)), "step {fails}");
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "step {fails}");
        }
    }

    /// C4.
    #[test]
    fn a_file_is_synced_before_it_is_renamed_and_its_folder_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let (result, steps) = follow(None, || replace(&path, b"new"));
        result.unwrap();
        let file = |step: &'static str| (step, path.clone());
        let after = ("sync folder", folder.path().to_owned());
        assert_eq!(steps, [file("create"), file("write"), file("sync"), file("rename"), after]);
    }

    /// C3: whichever step fails, the old file or the new one is there, and nothing else.
    #[test]
    fn a_replacement_that_fails_leaves_the_old_file_or_the_new_one() {
        for fails in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("report.json");
            fs::write(&path, "old").unwrap();
            let (result, steps) = follow(Some(fails), || replace(&path, b"new"));
            assert_eq!(result.unwrap_err().raw_os_error(), Some(5), "step {fails}");
            let renamed = steps.iter().any(|(step, _)| *step == "sync folder");
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                if renamed { "new" } else { "old" },
                "step {fails}"
            );
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "step {fails}");
        }
    }

    #[test]
    fn a_bare_name_is_replaced_in_the_present_folder() {
        let name = format!("u2i-disk-{}.txt", std::process::id());
        let (result, steps) = follow(None, || replace(Path::new(&name), b"new"));
        let written = fs::read(&name);
        let _ = fs::remove_file(&name);
        result.unwrap();
        assert_eq!(written.unwrap(), b"new");
        assert_eq!(steps.last().unwrap().1, Path::new("."));
    }
}
