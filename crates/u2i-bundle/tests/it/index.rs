//! Indexes are published with their measured recall, and are not needed.

use std::fs;
use std::num::NonZeroUsize;

use u2i_bundle::{IndexPlan, IndexState, Options, Part, Recommender, Search, verify};
use u2i_index::{FaissSpec, Similarity};
use u2i_schema::ErrorKind;

use crate::fixture::{Fixture, Kind, Size, device, top, user};

const SIZE: Size = Size { users: 300, trained: 2_000, cold: 0 };

fn n(n: usize) -> NonZeroUsize {
    n.try_into().unwrap()
}

fn ivf(nlist: usize, nprobe: usize) -> FaissSpec {
    FaissSpec::Ivf { nlist: n(nlist), nprobe: n(nprobe) }
}

fn hnsw(m: usize, ef_construction: usize, ef_search: usize) -> FaissSpec {
    FaissSpec::Hnsw { m: n(m), ef_construction: n(ef_construction), ef_search: n(ef_search) }
}

/// User vectors to measure with.
fn queries(fixture: &Fixture) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    let all: Vec<_> = recommender.user_ids()[1..].iter().map(user).collect();
    recommender.user_vectors(&all).unwrap()
}

/// F3, and C4 with it: a refused build leaves nothing where the bundle was to be, nor beside it.
#[test]
fn twelve_bad_indexes_are_not_published() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SIZE, 1);
    let queries = queries(&fixture);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let of_unit_length = Similarity::L2;
    let ip = Similarity::InnerProduct;
    let plan = |spec, metric, min_recall, k| IndexPlan::Faiss {
        spec,
        metric,
        min_recall,
        queries: &queries,
        k: n(k),
    };
    let bad = [
        // They find too little.
        (plan(ivf(51, 1), ip, 0.95, 10), ErrorKind::Check),
        (plan(ivf(51, 2), ip, 0.99, 10), ErrorKind::Check),
        (plan(ivf(40, 1), of_unit_length, 0.95, 10), ErrorKind::Check),
        (plan(hnsw(2, 2, 1), ip, 1.0, 10), ErrorKind::Check),
        (plan(hnsw(2, 4, 2), of_unit_length, 1.0, 10), ErrorKind::Check),
        (plan(hnsw(2, 2, 1), Similarity::AugmentedInnerProduct, 1.0, 10), ErrorKind::Check),
        // They cannot be.
        (plan(ivf(60, 1), ip, 0.5, 10), ErrorKind::Usage),
        (plan(hnsw(1, 8, 8), ip, 0.5, 10), ErrorKind::Usage),
        // Nothing would be measured.
        (plan(FaissSpec::Flat, ip, 0.0, 10), ErrorKind::Usage),
        (plan(FaissSpec::Flat, ip, f64::NAN, 10), ErrorKind::Usage),
        (plan(FaissSpec::Flat, ip, 1.01, 10), ErrorKind::Usage),
        (
            IndexPlan::Faiss { spec: FaissSpec::Flat, metric: ip, min_recall: 0.9, queries: &[], k: n(10) },
            ErrorKind::Usage,
        ),
    ];
    for (i, (plan, kind)) in bad.into_iter().enumerate() {
        let error = match fixture.write(&dir, plan) {
            Ok(manifest) => panic!("{i} was published: {:?}", manifest.index),
            Err(error) => error,
        };
        assert_eq!(error.kind(), kind, "{i}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{i} left something behind");
    }
}

/// The scores of an item are the same by index and exactly, and the lists overlap as the stamp says.
#[test]
fn a_published_index_finds_what_its_stamp_says_with_the_scores_of_exact_search() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SIZE, 2);
    let queries = queries(&fixture);
    let folder = tempfile::tempdir().unwrap();
    let metric = Similarity::InnerProduct;
    for (i, spec) in [FaissSpec::Flat, ivf(20, 5), hnsw(16, 100, 64)].into_iter().enumerate() {
        let dir = folder.path().join(i.to_string());
        let plan = IndexPlan::Faiss { spec, metric, min_recall: 0.5, queries: &queries, k: n(20) };
        let manifest = fixture.write(&dir, plan).unwrap();
        assert_eq!(verify(&dir).unwrap(), manifest);
        let entry = manifest.index.as_ref().expect("an index was published");
        assert_eq!((entry.exact.recall, entry.measured.k, entry.measured.n_queries), (1.0, 20, 299));
        let recommender = Recommender::open(&dir, &device()).unwrap();
        assert_eq!(*recommender.index(), IndexState::Ready(spec.kind(metric)));
        let asked: Vec<_> = recommender.user_ids()[1..].iter().map(user).collect();
        let kept = Options { seen: Some(u2i_bundle::Seen::Kept), ..top(20) };
        let found = recommender.recommend(&asked, &kept).unwrap();
        let exact = recommender.recommend(&asked, &Options { search: Search::Exact, ..kept }).unwrap();
        let mut common = 0;
        for (found, exact) in found.iter().zip(&exact) {
            assert_eq!(found.items.len(), 20);
            for item in &found.items {
                if let Some(same) = exact.items.iter().find(|same| same.item_idx == item.item_idx) {
                    assert_eq!(same.score, item.score);
                    common += 1;
                }
            }
        }
        let overlap = common as f64 / (20 * exact.len()) as f64;
        assert!(
            overlap >= entry.measured.recall - 1e-9,
            "{spec:?}: {overlap}, stamped {}",
            entry.measured.recall
        );
    }
}

/// F1: a damaged or missing index keeps the bundle closed, but for exact search, which does not look at it.
#[test]
fn without_its_index_a_bundle_opens_for_exact_search_alone() {
    let fixture = Fixture::new(Kind::Fm, SIZE, 3);
    let queries = queries(&fixture);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let (spec, metric) = (hnsw(16, 100, 64), Similarity::InnerProduct);
    let plan = IndexPlan::Faiss { spec, metric, min_recall: 0.5, queries: &queries, k: n(10) };
    fixture.write(&dir, plan).unwrap();
    let exact = Options { search: Search::Exact, ..top(10) };
    let whole = Recommender::open(&dir, &device()).unwrap();
    let wanted = whole.recommend(&[user("user 1")], &exact).unwrap();
    let path = dir.join(Part::Index.file_name());
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, bytes).unwrap();
    for kind in [ErrorKind::Integrity, ErrorKind::Files] {
        assert_eq!(Recommender::open(&dir, &device()).unwrap_err().kind(), kind);
        let open = Recommender::open_exact(&dir, &device()).unwrap();
        assert_eq!(*open.index(), IndexState::LeftOut);
        assert_eq!(open.recommend(&[user("user 1")], &top(10)).unwrap(), wanted);
        let _ = fs::remove_file(&path);
    }
}
