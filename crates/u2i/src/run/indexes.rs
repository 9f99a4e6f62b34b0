use std::num::NonZeroUsize;

use u2i_features::Prepared;
use u2i_index::{
    ExactIndex, Filter, Index, ItemVectors, SearchQuality, measure_following, recall, same_lists,
};
use u2i_models::{TwoTower, TwoTowerConfig};

use crate::config::{Experiment, IndexConfig};
use crate::device::Opened;
use crate::followed::{Tell, under_bar};
use crate::pipeline::{Trained, test_queries};
use crate::progress::Progress;
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
    progress: &mut dyn Progress,
) -> Result<Vec<IndexReport>, Error> {
    let users = test_queries(trained, prepared, device, INDEX_QUERIES);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let exact = ExactIndex::new(trained.items.clone()).search(&users.data, k, Filter::ALL)?;
    let mut reports = Vec::new();
    for config in &experiment.index {
        if progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let stage = Stage::begin();
        let Some(index) = build(&trained.items, config, progress)? else { continue };
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
fn build(
    items: &ItemVectors,
    config: &IndexConfig,
    progress: &mut dyn Progress,
) -> Result<Option<Box<dyn Index>>, Error> {
    use u2i_index::FaissIndex;
    let folder = tempfile::tempdir().map_err(|source| Error::Io {
        action: "write",
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("index.faiss");
    build_faiss(items, config.faiss, config.metric, progress)?.save(&path)?;
    Ok(Some(Box::new(FaissIndex::load(&path)?)))
}

#[cfg(not(feature = "faiss"))]
fn build(_: &ItemVectors, _: &IndexConfig, _: &mut dyn Progress) -> Result<Option<Box<dyn Index>>, Error> {
    Ok(None)
}

/// Builds an index under a bar of vectors.
#[cfg(feature = "faiss")]
fn build_faiss(
    items: &ItemVectors,
    spec: u2i_index::FaissSpec,
    metric: u2i_index::Similarity,
    progress: &mut dyn Progress,
) -> Result<u2i_index::FaissIndex, Error> {
    let n_items = items.ids().len();
    // The vectors of a graph come in all at once, at its end.
    let (label, steps) = match spec {
        u2i_index::FaissSpec::Hnsw { .. } => {
            (format!("building {} over {n_items} vectors", spec.kind(metric)), 0)
        }
        _ => (format!("building {}", spec.kind(metric)), n_items as u64),
    };
    let build = |tell: &mut Tell<'_>| u2i_index::FaissIndex::build_following(items, spec, metric, tell);
    Ok(under_bar(progress, &label, steps, "vectors", build)?)
}

/// Measures an index under a bar of queries.
fn measured(
    index: &dyn Index,
    exact: &ExactIndex,
    queries: &[f32],
    progress: &mut dyn Progress,
) -> Result<SearchQuality, Error> {
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let label = format!("measuring {}", index.kind());
    let measure = |tell: &mut Tell<'_>| measure_following(index, exact, queries, k, tell);
    Ok(under_bar(progress, &label, (queries.len() / exact.dim()) as u64, "queries", measure)?)
}

/// Recall and latency of the kinds of index over the item vectors, at settings from fast to thorough, on test users.
/// Without faiss there is exact search alone.
pub(super) fn sweep<M: TwoTower>(
    trained: &Trained<M>,
    prepared: &Prepared,
    device: &Opened,
    progress: &mut dyn Progress,
) -> Result<Vec<SearchQuality>, Error> {
    let queries = test_queries(trained, prepared, device, SWEEP_QUERIES);
    let exact = ExactIndex::new(trained.items.clone());
    let mut found = vec![measured(&exact, &exact, &queries.data, progress)?];
    settings(&trained.items, progress, &mut |index, progress| {
        found.push(measured(index, &exact, &queries.data, progress)?);
        Ok(())
    })?;
    Ok(found)
}

/// Users that the sweep asks for, one by one.
const SWEEP_QUERIES: usize = 300;
/// Above, a graph takes minutes to build.
#[cfg(feature = "faiss")]
const MOST_FOR_HNSW: usize = 200_000;

/// Is given each index of the sweep.
type See<'a> = &'a mut dyn FnMut(&dyn Index, &mut dyn Progress) -> Result<(), Error>;

/// Each kind is built once and searched at several settings.
#[cfg(feature = "faiss")]
fn settings(items: &ItemVectors, progress: &mut dyn Progress, see: See<'_>) -> Result<(), Error> {
    use u2i_index::{FaissSpec, Similarity};
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
        let mut index = build_faiss(items, first, Similarity::InnerProduct, progress)?;
        for spec in kind {
            index = index.with_search(spec)?;
            see(&index, progress)?;
        }
    }
    Ok(())
}

#[cfg(not(feature = "faiss"))]
fn settings(_: &ItemVectors, _: &mut dyn Progress, _: See<'_>) -> Result<(), Error> {
    Ok(())
}
