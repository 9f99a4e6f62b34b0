//! A folder that is written aside and comes into being at its place whole, or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::BundleError;
use crate::error::io;

/// Folders that are being written; a killed process leaves one behind, which nothing reads.
const PREFIX: &str = ".u2i-bundle-";

/// See the module. Dropped before [`publish`](Self::publish), it takes with it what was written.
#[derive(Debug)]
pub(crate) struct Staging {
    aside: TempDir,
    place: PathBuf,
    steps: Vec<Step>,
}

/// What was done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file was written and synced.
    Wrote(&'static str),
    /// The folder aside was synced: its files have names.
    SyncedAside,
    /// It got its name.
    Renamed,
    /// The folder above was synced: the name lasts.
    SyncedAbove,
}

impl Staging {
    /// Begins a folder that is to be at `place`, where nothing may be but an empty folder.
    pub fn begin(place: &Path) -> Result<Self, BundleError> {
        let is_taken = fs::read_dir(place)
            .map_or_else(|_| fs::symlink_metadata(place).is_ok(), |mut entries| entries.next().is_some());
        if is_taken {
            return Err(BundleError::Exists { path: place.to_owned() });
        }
        let above = above(place);
        fs::create_dir_all(above).map_err(io("write", above, None))?;
        let aside =
            tempfile::Builder::new().prefix(PREFIX).tempdir_in(above).map_err(io("write", above, None))?;
        Ok(Staging { aside, place: place.to_owned(), steps: Vec::new() })
    }

    /// Where to write and sync a file next.
    pub fn file(&mut self, name: &'static str) -> PathBuf {
        self.steps.push(Step::Wrote(name));
        self.aside.path().join(name)
    }

    /// Writes and syncs a file.
    pub fn write(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), BundleError> {
        let path = self.file(name);
        let write = || -> std::io::Result<()> {
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(io("write", &path, bytes.len() as u64))
    }

    /// Gives the folder its place, and says in which steps it came there.
    pub fn publish(mut self) -> Result<Vec<Step>, BundleError> {
        sync(self.aside.path())?;
        self.steps.push(Step::SyncedAside);
        fs::rename(self.aside.path(), &self.place).map_err(io("rename", &self.place, None))?;
        // It has another name now.
        let _ = self.aside.keep();
        self.steps.push(Step::Renamed);
        let above = above(&self.place);
        sync(above)?;
        self.steps.push(Step::SyncedAbove);
        Ok(self.steps)
    }
}

fn above(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(folder: &Path) -> Result<(), BundleError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use u2i_schema::ErrorKind;

    #[test]
    fn files_last_before_the_folder_has_its_name_and_then_the_name_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("b");
        let mut staging = Staging::begin(&place).unwrap();
        staging.write("one", b"1").unwrap();
        staging.write("two", b"2").unwrap();
        assert!(!place.exists());
        let steps = staging.publish().unwrap();
        let wrote = [Step::Wrote("one"), Step::Wrote("two")];
        assert_eq!(steps, [&wrote[..], &[Step::SyncedAside, Step::Renamed, Step::SyncedAbove]].concat());
        assert_eq!(fs::read(place.join("two")).unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_over_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("b");
        let mut staging = Staging::begin(&place).unwrap();
        staging.write("one", b"1").unwrap();
        drop(staging);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::create_dir(&place).unwrap();
        Staging::begin(&place).unwrap().publish().unwrap();
        fs::write(place.join("mine"), "").unwrap();
        let error = Staging::begin(&place).unwrap_err();
        assert_eq!((error.kind(), fs::read_dir(&place).unwrap().count()), (ErrorKind::Usage, 1));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Staging::begin(&file), Err(BundleError::Exists { .. })));
    }
}
