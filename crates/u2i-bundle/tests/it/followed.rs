//! Writing a bundle is told file by file, and leaves nothing when it is stopped.

use std::fs;
use std::ops::ControlFlow;

use u2i_bundle::{BundleError, N_FILES, Recommender, write_following};
use u2i_schema::ErrorKind;

use crate::damage::plan;
use crate::fixture::{Fixture, Kind, SMALL, device};

#[test]
fn a_bundle_that_is_stopped_leaves_nothing_whenever_that_is() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 4);
    let queries = &fixture.vectors.data()[..4 * fixture.vectors.dim()];
    let contents = fixture.contents(plan(queries));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let mut told = Vec::new();
    let mut go_on = |n_files| {
        told.push(n_files);
        ControlFlow::Continue(())
    };
    write_following(&dir, &contents, &mut go_on).unwrap();
    Recommender::open(&dir, &device()).unwrap();
    // The manifest is the last, and with an index there is one more.
    let n_before = N_FILES - 1 + u64::from(cfg!(feature = "faiss"));
    assert!(told.is_sorted() && told.last() == Some(&n_before), "{told:?}");
    fs::remove_dir_all(&dir).unwrap();
    for at in 0..told.len() {
        let mut n_told = 0;
        // Asked for once: whoever does not hear it then goes on.
        let mut stop = |_| {
            n_told += 1;
            if n_told == at + 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = write_following(&dir, &contents, &mut stop).unwrap_err();
        assert!(matches!(error, BundleError::Stopped) && error.kind() == ErrorKind::Stopped, "{at}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{at} left something behind");
    }
}
