use std::fs;
use std::path::Path;

use u2i_disk::{Action, Step, follow};
use u2i_index::{ExactIndex, Filter, Index, IndexError};

use crate::{items, n, normals};

/// Flips each of some bits, and cuts the file at some lengths: each time loading must fail with the right
/// error.
pub(crate) fn check_damage(path: &Path, load: impl Fn(&Path) -> Result<(), IndexError>) {
    load(path).unwrap();
    let whole = fs::read(path).unwrap();
    let hashed = whole.len() - 40;
    let damaged = path.with_file_name("damaged");
    for step in 0..60 {
        let at = step * (whole.len() - 1) / 59;
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (step % 8);
        fs::write(&damaged, bytes).unwrap();
        let error = load(&damaged).unwrap_err();
        match error {
            IndexError::Changed { .. } => assert!(at < hashed + 32, "byte {at}: {error}"),
            IndexError::CutOff { .. } => assert!(at >= hashed + 32, "byte {at}: {error}"),
            _ => panic!("byte {at}: {error}"),
        }
        fs::write(&damaged, &whole[..at]).unwrap();
        let error = load(&damaged).unwrap_err();
        assert!(matches!(error, IndexError::CutOff { .. }), "{at} bytes: {error}");
    }
    fs::remove_file(damaged).unwrap();
}

#[test]
fn an_exact_index_survives_saving() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = ExactIndex::new(items(7, normals(50, 7, 20)));
    index.save(&path).unwrap();
    index.save(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    let loaded = ExactIndex::load(&path).unwrap();
    assert_eq!(loaded.vectors(), index.vectors());
    let queries = normals(3, 7, 21);
    let search = |index: &ExactIndex| index.search(&queries, n(5), Filter::ALL).unwrap();
    assert_eq!(search(&loaded), search(&index));
}

#[test]
fn a_damaged_exact_index_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    ExactIndex::new(items(7, normals(50, 7, 20))).save(&path).unwrap();
    check_damage(&path, |path| ExactIndex::load(path).map(drop));
}

#[test]
fn other_files_and_folders_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let missing = ExactIndex::load(&path).unwrap_err();
    assert!(matches!(missing, IndexError::Io { action: "read", .. }), "{missing}");
    fs::write(&path, "something else, and long enough to end in more than a mark").unwrap();
    let other = ExactIndex::load(&path).unwrap_err();
    assert!(matches!(other, IndexError::CutOff { .. }), "{other}");
    let index = ExactIndex::new(items(1, vec![1.0]));
    let nowhere = index.save(&folder.path().join("no/such/folder")).unwrap_err();
    assert!(matches!(nowhere, IndexError::Io { action: "write", .. }), "{nowhere}");
}

/// C4: an index is synced before it takes its place, and the folder after.
#[test]
fn an_index_is_synced_before_it_is_renamed_and_its_folder_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (result, steps) = follow(None, || ExactIndex::new(items(1, vec![1.0])).save(&path));
    result.unwrap();
    let step = |action, path: &Path| Step { action, path: path.to_owned() };
    let file =
        [Action::Create, Action::Write, Action::Sync, Action::Rename].map(|action| step(action, &path));
    assert_eq!(steps, [&file[..], &[step(Action::SyncFolder, folder.path())]].concat());
}

/// C3: whichever step fails, the index of before is there, or the new one once it has its name.
#[test]
fn an_index_that_cannot_be_saved_leaves_the_old_one_or_itself() {
    let [old, new] = [[1.0], [2.0]].map(|data| ExactIndex::new(items(1, data.to_vec())));
    for failing in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        old.save(&path).unwrap();
        let error = follow(Some(failing), || new.save(&path)).0.unwrap_err();
        assert!(matches!(error, IndexError::Io { .. }), "step {failing}: {error}");
        let wanted = if failing == 4 { &new } else { &old };
        assert_eq!(ExactIndex::load(&path).unwrap().vectors(), wanted.vectors(), "step {failing}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "step {failing}");
    }
}
