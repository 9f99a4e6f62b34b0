//! A bundle is whole or not there.

use std::fs;
use std::path::Path;

use u2i_bundle::{BundleError, Recommender};
use u2i_disk::{Action, Step, follow};
use u2i_schema::ErrorKind;

use crate::damage::plan;
use crate::fixture::{Fixture, Kind, SMALL, device};

fn fixture() -> Fixture {
    Fixture::new(Kind::Fm, SMALL, 4)
}

fn write(fixture: &Fixture, dir: &Path) -> Result<(), BundleError> {
    fixture.write(dir, plan(&fixture.vectors.data()[..4 * fixture.vectors.dim()])).map(drop)
}

/// C4: each file is synced, then the folder that holds them, which then gets its name, and the name lasts.
#[test]
fn every_file_lasts_before_the_folder_has_its_name_and_then_the_name_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let (result, steps) = follow(None, || write(&fixture(), &dir));
    result.unwrap();
    let [.., aside, named, above] = &steps[..] else { panic!("{steps:?}") };
    let step = |action, path: &Path| Step { action, path: path.to_owned() };
    assert_eq!(*named, step(Action::Rename, &dir));
    assert_eq!(*above, step(Action::SyncFolder, folder.path()));
    assert_eq!((aside.action, aside.path.parent()), (Action::SyncFolder, Some(folder.path())));
    for file in fs::read_dir(&dir).unwrap().map(|file| aside.path.join(file.unwrap().file_name())) {
        assert!(steps.contains(&step(Action::Sync, &file)), "{} is not synced: {steps:?}", file.display());
    }
}

/// C3: whichever step fails, no bundle is there or, once it has its name, a whole one.
#[test]
fn a_bundle_that_cannot_be_written_leaves_nothing_or_all_of_it() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let n_steps = follow(None, || write(&fixture, &folder.path().join("whole"))).1.len();
    for failing in 0..n_steps {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        let error = follow(Some(failing), || write(&fixture, &dir)).0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Files, "step {failing}: {error}");
        let is_there = failing == n_steps - 1;
        assert_eq!(Recommender::open(&dir, &device()).is_ok(), is_there, "step {failing}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), usize::from(is_there), "step {failing}");
    }
}

#[test]
fn nothing_is_written_over() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fs::create_dir(&dir).unwrap();
    write(&fixture, &dir).unwrap();
    let (file, mine) = (folder.path().join("file"), folder.path().join("mine"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("one"), "").unwrap();
    for taken in [dir, file, mine] {
        let error = write(&fixture, &taken).unwrap_err();
        assert!(matches!(&error, BundleError::Exists { path } if *path == taken), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 1);
}
