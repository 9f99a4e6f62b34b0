//! Files that are not those that were written.

use std::fs;
use std::path::{Path, PathBuf};

use u2i_bundle::{BundleError, IndexPlan, Manifest, Part, Recommender, verify};
use u2i_random::{Purpose, Stream};
use u2i_schema::ErrorKind;

use crate::fixture::{Fixture, Kind, SMALL, Size, device, user};

const TINY: Size = Size { users: 6, trained: 12, cold: 2 };

/// With an index where this build has them.
pub fn plan(queries: &[f32]) -> IndexPlan<'_> {
    if cfg!(feature = "faiss") {
        let (spec, metric) = (u2i_index::FaissSpec::Flat, u2i_index::Similarity::InnerProduct);
        IndexPlan::Faiss { spec, metric, min_recall: 1.0, queries, k: 3.try_into().unwrap() }
    } else {
        IndexPlan::Exact
    }
}

pub fn write(dir: &Path, size: Size, seed: u64) {
    let kind = [Kind::Fm, Kind::Dssm, Kind::YoutubeDnn][seed as usize % 3];
    let fixture = Fixture::new(kind, size, seed);
    fixture.write(dir, plan(&fixture.vectors.data()[..4 * fixture.vectors.dim()])).unwrap();
}

/// The files of a bundle, the manifest first.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let parts = Part::ALL.map(|part| dir.join(part.file_name()));
    let parts = parts.into_iter().filter(|path| path.exists());
    std::iter::once(dir.join(Manifest::FILE_NAME)).chain(parts).collect()
}

/// C5: each file of each of 20 bundles in the place of another's.
#[test]
fn a_part_of_another_bundle_is_refused_with_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = |i: u64| folder.path().join(i.to_string());
    (0..20).for_each(|i| write(&dir(i), SMALL, i));
    let mut swaps = 0;
    for i in 0..20 {
        let other = dir((i + 3) % 20);
        for path in files(&dir(i)) {
            let own = fs::read(&path).unwrap();
            let name = path.file_name().unwrap();
            fs::copy(other.join(name), &path).unwrap();
            for error in [
                Recommender::open(&dir(i), &device()).expect_err("a mixture was opened"),
                verify(&dir(i)).expect_err("a mixture was verified"),
            ] {
                assert_eq!(error.kind(), ErrorKind::Mixture, "{error}");
                let BundleError::Mixture { path: named, expected, found, .. } = &error else {
                    panic!("{error}")
                };
                let text = error.to_string();
                assert!(text.contains(expected) && text.contains(found) && expected != found, "{text}");
                assert!(named == &path || path.ends_with(Manifest::FILE_NAME), "{text}");
            }
            fs::write(&path, own).unwrap();
            swaps += 1;
        }
        Recommender::open(&dir(i), &device()).unwrap();
    }
    assert_eq!(swaps, 20 * files(&dir(0)).len());
}

fn mutant(good: &[u8], rng: &mut Stream) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = rng.index(bytes.len());
    match rng.index(8) {
        0 => bytes.truncate(at),
        1 => bytes.push(rng.index(256) as u8),
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, rng.index(256) as u8),
        _ => bytes[at] ^= 1 << rng.index(8),
    }
    bytes
}

/// C6: 10,000 changes of bits and lengths, over all files.
#[test]
fn every_change_of_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    write(&dir, TINY, 2);
    let files = files(&dir);
    let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let mut mixtures = 0;
    for path in &files {
        let good = fs::read(path).unwrap();
        for _ in 0..10_000usize.div_ceil(files.len()) {
            let bytes = mutant(&good, &mut rng);
            if bytes == good {
                continue;
            }
            fs::write(path, &bytes).unwrap();
            let error = Recommender::open(&dir, &device()).expect_err("a changed file was read");
            assert!([ErrorKind::Integrity, ErrorKind::Mixture].contains(&error.kind()), "{error}");
            mixtures += usize::from(matches!(error, BundleError::Mixture { .. }));
        }
        fs::remove_file(path).unwrap();
        assert_eq!(Recommender::open(&dir, &device()).unwrap_err().kind(), ErrorKind::Files);
        fs::write(path, &good).unwrap();
    }
    // Damage is not taken for a part of another bundle.
    assert_eq!(mixtures, 0);
    let recommender = Recommender::open(&dir, &device()).unwrap();
    assert_eq!(recommender.recommend(&[user("user 1")], &crate::fixture::top(3)).unwrap()[0].items.len(), 3);
}
