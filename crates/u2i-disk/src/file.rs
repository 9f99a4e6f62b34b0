use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::folder::{folder_of, sync_folder};
use crate::step::begin;
use crate::{Action, DiskError};

/// Writes a new file and syncs it. Its name lasts once its folder is synced.
///
/// # Errors
///
/// If there is such a file already, or the system refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    write_new_with(path, |file| file.write_all(bytes).map_err(DiskError::of(Action::Write, path)))
}

/// As [`write_new`], with what `write` puts into the empty file, for what is never in memory as a whole. After an error
/// of `write` the file is there with what it had got: it belongs into a folder that goes with it, such as a
/// [`FolderAside`](crate::FolderAside).
///
/// # Errors
///
/// That of `write`, or as in [`write_new`].
pub fn write_new_with<E: From<DiskError>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    begin(Action::Create, path)?;
    let mut file = File::create_new(path).map_err(DiskError::of(Action::Create, path))?;
    begin(Action::Write, path)?;
    write(&mut file)?;
    Ok(sync(&file, path)?)
}

/// Makes the contents of `file` last; `path` is its name.
///
/// # Errors
///
/// If the system refuses.
pub fn sync(file: &File, path: &Path) -> Result<(), DiskError> {
    begin(Action::Sync, path)?;
    file.sync_all().map_err(DiskError::of(Action::Sync, path))
}

/// Writes `bytes` to a file of another name beside `path`, which takes its place: whole or not at all.
///
/// # Errors
///
/// If a step fails. The file at `path` is then the one that was there, or the new one if only the last step fails, the
/// sync of its folder.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    replace_with(path, |file, _| file.write_all(bytes).map_err(DiskError::of(Action::Write, path)))
}

/// As [`replace`], with what `write` puts into the file. It gets the empty file, open for reading and writing, and its
/// present path, for libraries that open files by themselves. Its error leaves `path` as it was.
///
/// # Errors
///
/// That of `write`, or as in [`replace`].
pub fn replace_with<E: From<DiskError>>(
    path: &Path,
    write: impl FnOnce(&mut File, &Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(path);
    begin(Action::Create, path)?;
    let aside = builder().tempfile_in(folder).map_err(DiskError::of(Action::Create, path))?;
    // Its name is removed when dropped, until it is renamed.
    let (mut file, aside) = aside.into_parts();
    begin(Action::Write, path)?;
    write(&mut file, &aside)?;
    sync(&file, path)?;
    begin(Action::Rename, path)?;
    aside.persist(path).map_err(|error| DiskError::of(Action::Rename, path)(error.error))?;
    Ok(sync_folder(folder)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Step, follow};

    /// C4.
    #[test]
    fn a_file_is_synced_before_it_is_renamed_and_its_folder_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let (result, steps) = follow(None, || replace(&path, b"new"));
        result.unwrap();
        let file = |action| Step { action, path: path.clone() };
        let after = Step { action: Action::SyncFolder, path: folder.path().to_owned() };
        let before = [Action::Create, Action::Write, Action::Sync, Action::Rename].map(file);
        assert_eq!(steps, [&before[..], &[after]].concat());
    }

    /// C3: whichever step fails, the old file or the new one is there, and nothing else.
    #[test]
    fn a_replacement_that_fails_leaves_the_old_file_or_the_new_one() {
        for failing in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("report.json");
            fs::write(&path, "old").unwrap();
            let (result, steps) = follow(Some(failing), || replace(&path, b"new"));
            assert_eq!(result.unwrap_err().source.raw_os_error(), Some(5), "step {failing}");
            let renamed = steps.iter().any(|step| step.action == Action::SyncFolder);
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                if renamed { "new" } else { "old" },
                "step {failing}"
            );
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "step {failing}");
        }
    }

    #[test]
    fn a_file_may_be_written_by_its_path_and_read_before_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let write = |file: &mut File, aside: &Path| -> Result<(), DiskError> {
            fs::write(aside, "by path, ").unwrap();
            let mut before = String::new();
            std::io::Read::read_to_string(file, &mut before).unwrap();
            assert_eq!(before, "by path, ");
            file.write_all(b"by handle").map_err(DiskError::of(Action::Write, aside))
        };
        replace_with(&path, write).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "by path, by handle");
    }

    #[test]
    fn a_bare_name_is_replaced_in_the_present_folder() {
        let name = format!("u2i-disk-{}.txt", std::process::id());
        let (result, steps) = follow(None, || replace(Path::new(&name), b"new"));
        let written = fs::read(&name);
        let _ = fs::remove_file(&name);
        result.unwrap();
        assert_eq!(written.unwrap(), b"new");
        assert_eq!(steps.last().unwrap().path, Path::new("."));
    }

    #[test]
    fn a_new_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one");
        write_new(&path, b"1").unwrap();
        assert_eq!(write_new(&path, b"2").unwrap_err().action, Action::Create);
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }
}
