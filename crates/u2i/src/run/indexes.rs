use std::num::NonZeroUsize;

use u2i_features::Prepared;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, SearchQuality, measure, recall, same_lists};
use u2i_models::TwoTower;
use u2i_train::user_vectors;

use crate::config::{Experiment, IndexConfig};
use crate::device::Opened;
use crate::pipeline::Trained;
use crate::report::IndexReport;
use crate::{Error, Stage};

/// Users that indexes are compared on.
const INDEX_QUERIES: usize = 1000;
/// Scores that differ by less, relative, may change places: sums of products depend on their order.
pub(super) const TIE: f32 = 1e-6;

/// Builds, saves and reloads the indexes of an experiment and compares them with exact search. Single searches are timed
/// as well, exact search's first.
pub(super) fn compare_indexes(
    experiment: &Experiment,
    trained: &Trained,
    prepared: &Prepared,
    device: &Opened,
) -> Result<(Vec<IndexReport>, Vec<SearchQuality>), Error> {
    let model = &trained.fitted.model;
    let users = &prepared.test[..prepared.test.len().min(INDEX_QUERIES)];
    let users = user_vectors(model, &prepared.eval_batches(model.history_len()), users, &device.device);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let exact_index = ExactIndex::new(trained.items.clone());
    let exact = exact_index.search(&users.data, k, Filter::ALL)?;
    let mut reports = Vec::new();
    let mut searches = vec![measure(&exact_index, &exact_index, &users.data, k)?];
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
        searches.push(measure(index.as_ref(), &exact_index, &users.data, k)?);
    }
    Ok((reports, searches))
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
