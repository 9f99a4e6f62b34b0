//! C7: bundles of every format that was ever written stay readable, with the answers they had.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use u2i_bundle::{
    BundleError, IndexPlan, IndexState, Manifest, Options, Recommender, Request, Search, verify,
};
use u2i_index::{FaissSpec, Similarity};
use u2i_schema::ErrorKind;

use crate::fixture::{Fixture, Kind, SMALL, device, top};

/// As the example `write_for_peers` writes it.
#[derive(Deserialize)]
struct Said {
    requests: Vec<Request>,
    answers: Vec<Vec<(String, f32)>>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Written by version 0.1.0. Scores are as far from those as a matrix product may be that another machine's kernels
/// round differently: 10⁻⁵ of vectors of unit length.
#[test]
fn a_bundle_of_format_1_answers_as_it_did() {
    let folder = golden("format-1");
    let said: Said = serde_json::from_str(&fs::read_to_string(folder.join("answers.json")).unwrap()).unwrap();
    assert_eq!(verify(&folder.join("bundle")).unwrap().format, 1);
    let recommender = Recommender::open(&folder.join("bundle"), &device()).unwrap();
    for search in [Search::Exact, Search::Index] {
        let answers = recommender.recommend(&said.requests, &Options { search, ..top(5) }).unwrap();
        for (answer, wanted) in answers.iter().zip(&said.answers) {
            assert_eq!(answer.items.len(), wanted.len());
            for (item, (id, score)) in answer.items.iter().zip(wanted) {
                assert_eq!(item.item_id, id);
                assert!((item.score - score).abs() < 1e-5, "{id}: {} and {score}", item.score);
            }
        }
    }
    assert_eq!(recommender.similar("film 3", 2.try_into().unwrap()).unwrap().len(), 2);
}

/// A build without faiss reads a bundle with an index and says that it searches exactly; it makes none.
#[test]
fn what_is_searched_says_so() {
    let recommender = Recommender::open(&golden("format-1").join("bundle"), &device()).unwrap();
    let ready = IndexState::Ready("hnsw_ip(m=8,ef_construction=40,ef_search=40)".into());
    let state = if cfg!(feature = "faiss") { ready } else { IndexState::NotBuiltIn };
    assert_eq!(*recommender.index(), state);
    let fixture = Fixture::new(Kind::Fm, SMALL, 3);
    let folder = tempfile::tempdir().unwrap();
    fixture.write(&folder.path().join("exact"), IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&folder.path().join("exact"), &device()).unwrap();
    assert_eq!(recommender.index().to_string(), "exact, the bundle has no index");
    let (spec, metric) = (FaissSpec::Flat, Similarity::InnerProduct);
    let queries = fixture.vectors.data();
    let plan = IndexPlan::Faiss { spec, metric, min_recall: 0.9, queries, k: 5.try_into().unwrap() };
    match fixture.write(&folder.path().join("indexed"), plan) {
        Ok(manifest) => assert!(cfg!(feature = "faiss") && manifest.index.is_some()),
        Err(error) => assert!(!cfg!(feature = "faiss") && matches!(error, BundleError::NoFaiss), "{error}"),
    }
}

#[test]
fn a_newer_format_is_refused_with_the_range_whatever_else_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(Manifest::FILE_NAME);
    for (text, found) in [("{\"format\": 2}", 2), ("{\"format\": 99, \"parts\": [1], \"new\": {}}\n", 99)] {
        fs::write(&path, text).unwrap();
        let error = Recommender::open(folder.path(), &device()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mixture);
        let message = format!("format {found} is not one of 1 to 1, which this version reads");
        assert!(error.to_string().ends_with(&message), "{error}");
    }
}
