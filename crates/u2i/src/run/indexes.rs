use std::num::NonZeroUsize;

use u2i_features::Prepared;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, SearchQuality, measure, recall, same_lists};
use u2i_models::{TwoTower, TwoTowerConfig};

use crate::config::{Experiment, IndexConfig};
use crate::device::Opened;
use crate::pipeline::{Trained, test_queries};
use crate::report::IndexReport;
use crate::{Error, Stage};

/// Users that indexes are compared on.
const INDEX_QUERIES: usize = 1000;
/// Scores that differ by less, relative, may change places: sums of products depend on their order.
pub(super) const TIE: f32 = 1e-6;

/// Builds, saves and reloads the indexes of an experiment and compares them with exact search.
pub(super) fn compare_indexes<C: TwoTowerConfig, L>(
    experiment: &Experiment<C, L>,
    trained: &Trained<C::Model>,
    prepared: &Prepared,
    device: &Opened,
) -> Result<Vec<IndexReport>, Error> {
    let users = test_queries(trained, prepared, device, INDEX_QUERIES);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let exact = ExactIndex::new(trained.items.clone()).search(&users.data, k, Filter::ALL)?;
    let mut reports = Vec::new();
    for config in &experiment.index {
        let stage = Stage::begin();
        let Some(index) = build(&trained.items, config)? else { continue };
        let found = index.search(&users.data, k, Filter::ALL)?;
        reports.push(IndexReport {
            kind: index.kind(),
            recall_at_10: recall(&found, &exact),
            lists_as_exact: same_lists(&found, &exact, TIE),
            n_queries: users.ids.len(),
            wall_s: stage.cost().wall_s,
            faiss: config.faiss,
        });
    }
    Ok(reports)
}

/// A faiss index that went through a file, as one that serves does.
#[cfg(feature = "faiss")]
fn build(items: &ItemVectors, config: &IndexConfig) -> Result<Option<Box<dyn u2i_index::Index>>, Error> {
    use u2i_index::FaissIndex;
    let folder = tempfile::tempdir().map_err(|source| Error::Io {
        action: "write",
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("index.faiss");
    FaissIndex::build(items, config.faiss, config.metric)?.save(&path)?;
    Ok(Some(Box::new(FaissIndex::load(&path)?)))
}

#[cfg(not(feature = "faiss"))]
fn build(_: &ItemVectors, _: &IndexConfig) -> Result<Option<Box<dyn u2i_index::Index>>, Error> {
    Ok(None)
}

/// Recall and latency of the kinds of index over the item vectors, at settings from fast to thorough, on test users.
/// Without faiss there is exact search alone.
pub(super) fn sweep<M: TwoTower>(
    trained: &Trained<M>,
    prepared: &Prepared,
    device: &Opened,
) -> Result<Vec<SearchQuality>, Error> {
    let queries = test_queries(trained, prepared, device, SWEEP_QUERIES);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let exact = ExactIndex::new(trained.items.clone());
    let mut found = vec![measure(&exact, &exact, &queries.data, k)?];
    settings(&trained.items, &mut |index| {
        found.push(measure(index, &exact, &queries.data, k)?);
        Ok(())
    })?;
    Ok(found)
}

/// Users that the sweep asks for, one by one.
const SWEEP_QUERIES: usize = 300;
/// Above, a graph takes minutes to build.
#[cfg(feature = "faiss")]
const MOST_FOR_HNSW: usize = 200_000;

/// Each kind is built once and searched at several settings.
#[cfg(feature = "faiss")]
fn settings(
    items: &ItemVectors,
    see: &mut dyn FnMut(&dyn u2i_index::Index) -> Result<(), Error>,
) -> Result<(), Error> {
    use u2i_index::{FaissIndex, FaissSpec, Similarity};
    let number = |n: usize| NonZeroUsize::new(n).expect("settings are above 0");
    let n = items.ids().len();
    let nlist = n.isqrt().clamp(1, (n / 39).max(1));
    let probes = [1, 2, 4, 8, 16, 32].into_iter().filter(|&nprobe| nprobe <= nlist);
    let ivf: Vec<FaissSpec> = probes
        .map(|nprobe| FaissSpec::Ivf { nlist: number(nlist), nprobe: number(nprobe) })
        .filter(|spec| spec.check(n, items.dim(), Similarity::InnerProduct).is_ok())
        .collect();
    let hnsw = [16, 32, 64, 128, 256].map(|ef_search| FaissSpec::Hnsw {
        m: number(32),
        ef_construction: number(200),
        ef_search: number(ef_search),
    });
    let hnsw = if n > MOST_FOR_HNSW { Vec::new() } else { hnsw.to_vec() };
    for kind in [vec![FaissSpec::Flat], ivf, hnsw] {
        let Some(&first) = kind.first() else { continue };
        let mut index = FaissIndex::build(items, first, Similarity::InnerProduct)?;
        for spec in kind {
            index = index.with_search(spec)?;
            see(&index)?;
        }
    }
    Ok(())
}

#[cfg(not(feature = "faiss"))]
fn settings(
    _: &ItemVectors,
    _: &mut dyn FnMut(&dyn u2i_index::Index) -> Result<(), Error>,
) -> Result<(), Error> {
    Ok(())
}
