use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::step::begin;
use crate::{Action, DiskError};

/// The folder that holds a name. That of a bare name is the present folder, `.`.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(u2i_disk::folder_of(Path::new("runs/report.json")), Path::new("runs"));
/// assert_eq!(u2i_disk::folder_of(Path::new("report.json")), Path::new("."));
/// ```
pub fn folder_of(path: &Path) -> &Path {
    // The parent of a bare name is empty, which names no folder.
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder last. Systems other than Unix cannot sync a folder, and nothing is done there.
///
/// # Errors
///
/// If the system refuses.
pub fn sync_folder(path: &Path) -> Result<(), DiskError> {
    begin(Action::SyncFolder, path)?;
    if cfg!(unix) {
        let synced = File::open(path).and_then(|folder| folder.sync_all());
        return synced.map_err(DiskError::of(Action::SyncFolder, path));
    }
    Ok(())
}

/// Gives a file or folder its final name. The name lasts once [`sync_folder`] was called for the folder of it.
///
/// # Errors
///
/// If the system refuses; the path is `to`.
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    begin(Action::Rename, to)?;
    fs::rename(from, to).map_err(DiskError::of(Action::Rename, to))
}

/// A folder that is filled under another name and comes into being at its place whole, or not at all.
///
/// Dropped before [`publish`](Self::publish), it is removed with all that it holds. A killed process leaves it behind;
/// its name begins with the prefix that was asked for.
///
/// # Examples
///
/// ```
/// use u2i_disk::{FolderAside, write_new};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let above = std::env::temp_dir().join(format!("u2i-disk-folder-{}", std::process::id()));
/// # std::fs::create_dir_all(&above)?;
/// let place = above.join("bundle");
/// let aside = FolderAside::begin(&place, ".partial-")?;
/// write_new(&aside.path().join("one"), b"1")?;
/// assert!(!place.exists());
/// aside.publish()?;
/// assert_eq!(std::fs::read(place.join("one"))?, b"1");
/// # std::fs::remove_dir_all(above)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FolderAside {
    aside: TempDir,
    place: PathBuf,
}

impl FolderAside {
    /// Begins a folder that is to be at `place`. The folder above it must be there.
    ///
    /// # Errors
    ///
    /// If the folder aside cannot be made; the path is that of the folder above.
    pub fn begin(place: &Path, prefix: &str) -> Result<Self, DiskError> {
        let above = folder_of(place);
        let aside = tempfile::Builder::new().prefix(prefix).tempdir_in(above);
        let aside = aside.map_err(DiskError::of(Action::Create, above))?;
        Ok(FolderAside { aside, place: place.to_owned() })
    }

    /// Where to put the files. Each has to be synced ([`write_new`](crate::write_new), [`sync`](crate::sync)).
    pub fn path(&self) -> &Path {
        self.aside.path()
    }

    /// Gives the folder its place, where nothing may be but an empty folder, and makes it last.
    ///
    /// # Errors
    ///
    /// If a step fails. Until the folder is renamed there is then nothing at its place; it stays there if only the last
    /// step fails, the sync of the folder above.
    pub fn publish(self) -> Result<(), DiskError> {
        sync_folder(self.aside.path())?;
        rename(self.aside.path(), &self.place)?;
        // It has another name now: there is nothing to remove.
        let _ = self.aside.keep();
        sync_folder(folder_of(&self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Step, follow, write_new};

    fn published(place: &Path) -> Result<(), DiskError> {
        let aside = FolderAside::begin(place, ".aside-")?;
        write_new(&aside.path().join("one"), b"1")?;
        write_new(&aside.path().join("two"), b"2")?;
        assert!(!place.exists());
        aside.publish()
    }

    /// C4.
    #[test]
    fn files_last_before_the_folder_has_its_name_and_then_the_name_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("b");
        let (result, steps) = follow(None, || published(&place));
        result.unwrap();
        let file = [Action::Create, Action::Write, Action::Sync];
        let end = [Action::SyncFolder, Action::Rename, Action::SyncFolder];
        let actions: Vec<Action> = steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [file, file, end].concat());
        let aside = &steps[6].path;
        assert!(steps[..6].iter().all(|step| step.path.parent() == Some(aside)), "{steps:?}");
        let step = |action, path: &Path| Step { action, path: path.to_owned() };
        assert_eq!(steps[7..], [step(Action::Rename, &place), step(Action::SyncFolder, folder.path())]);
        assert_eq!(fs::read(place.join("two")).unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// C3: whichever step fails, nothing or the whole folder is there.
    #[test]
    fn a_folder_that_cannot_be_published_leaves_nothing_or_all_of_it() {
        for failing in 0..9 {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("b");
            let (result, steps) = follow(Some(failing), || published(&place));
            let error = result.unwrap_err();
            assert_eq!((error.action, &error.path), (steps[failing].action, &steps[failing].path));
            let is_there = failing == 8;
            assert_eq!(place.join("two").exists(), is_there, "step {failing}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), usize::from(is_there), "step {failing}");
        }
    }

    #[test]
    fn what_is_not_published_leaves_nothing_and_only_an_empty_folder_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("b");
        drop(FolderAside::begin(&place, ".aside-").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::create_dir(&place).unwrap();
        FolderAside::begin(&place, ".aside-").unwrap().publish().unwrap();
        fs::write(place.join("mine"), "").unwrap();
        let error = FolderAside::begin(&place, ".aside-").unwrap().publish().unwrap_err();
        assert_eq!((error.action, &error.path), (Action::Rename, &place));
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!((names, place.join("mine").exists()), (vec![place], true));
        let error = FolderAside::begin(&folder.path().join("no/such"), "x").unwrap_err();
        assert_eq!((error.action, error.path), (Action::Create, folder.path().join("no")));
    }
}
