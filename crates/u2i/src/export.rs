//! From a finished run to a bundle.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use u2i_bundle::{Attribute, AttributeValues, BundleColumn, Contents, IndexPlan, Manifest};
use u2i_datasets::Places;
use u2i_features::{Prepared, RawData, RawValues};
use u2i_index::{FaissSpec, Similarity};
use u2i_losses::{LossConfig, LossSource};
use u2i_models::{ModelConfig, TwoTowerConfig};
use u2i_train::Vectors;

use crate::Error;
use crate::config::{Experiment, IndexConfig};
use crate::device::DeviceChoice;
use crate::followed::{Tell, under_bar};
use crate::pipeline::{model_inputs, open_device, test_queries};
use crate::progress::Progress;
use crate::request_file::DataColumns;
use crate::run::{Finished, Job};

/// Users whose searches an index is measured with before it is published.
const QUERIES: usize = 1000;
/// List length at which it is measured.
const K: NonZeroUsize = NonZeroUsize::new(100).unwrap();
/// What an index that was chosen by size must find.
pub const MIN_RECALL: f64 = 0.95;

/// What to export and where to.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The folder of a finished run.
    pub run: PathBuf,
    /// The bundle's folder.
    pub out: PathBuf,
    /// Which index the bundle gets.
    pub index: IndexChoice,
    /// Where the model is read to.
    pub device: DeviceChoice,
    /// Where to look for data sets that the run's experiment names.
    pub places: Places,
}

/// Which index a bundle gets besides its vectors, over which exact search is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexChoice {
    /// The first of the experiment that has `min_recall`, else one by the number of items; a build without faiss has
    /// none to choose.
    Auto,
    /// None.
    Exact,
}

/// Writes a finished run as a bundle: what serving needs, and nothing else.
///
/// # Errors
///
/// If the folder holds no finished run, its data is not what it was trained on, the index does not find what it must, or
/// the bundle cannot be written.
pub fn export(options: &ExportOptions, progress: &mut dyn Progress) -> Result<Manifest, Error> {
    let device = open_device(options.device, progress)?;
    Job::new(&options.run, &device).places(options.places.clone()).export::<ModelConfig, LossConfig>(
        &options.out,
        options.index,
        progress,
    )
}

impl Job<'_> {
    /// Writes the finished run in the folder as a bundle to the folder `out`.
    ///
    /// # Errors
    ///
    /// If the folder holds no finished run of a model whose config is a `C` and a loss whose config is an `L`, its data is not what it was trained on, the
    /// index does not find what it must, or the bundle cannot be written.
    pub fn export<C: TwoTowerConfig, L: LossSource>(
        &self,
        out: &Path,
        index: IndexChoice,
        progress: &mut dyn Progress,
    ) -> Result<Manifest, Error> {
        let Finished { experiment, raw, prepared, trained, report, .. } = self.finished::<C, L>(progress)?;
        let model = &trained.fitted.model;
        let queries = test_queries(&trained, &prepared, self.device, QUERIES);
        let n_items = trained.items.ids().len();
        let index = match index {
            IndexChoice::Exact => IndexPlan::Exact,
            IndexChoice::Auto => plan(&experiment, n_items, &queries),
        };
        progress.line(&match index {
            IndexPlan::Exact => format!("{n_items} items, to be searched exactly"),
            IndexPlan::Faiss { spec, metric, .. } => format!(
                "{n_items} items: building {}, to be measured with {} users",
                spec.kind(metric),
                queries.ids.len()
            ),
        });
        let attributes = attributes(&raw, &prepared);
        let columns = columns(&experiment, &prepared);
        let hashes = ["data_hash", "split_hash", "config_hash", "weights_hash", "item_vectors_hash"];
        let stamped = ["dataset", "protocol", "recipe", "seed", "device", "build", "version", "platform"];
        let provenance =
            hashes.iter().chain(&stamped).map(|&key| (key.to_owned(), report[key].clone())).collect();
        let contents = Contents {
            model: &experiment.model,
            weights: &u2i_train::weights(model),
            columns: &columns,
            history: model_inputs(&experiment, &prepared).history,
            catalog: &prepared.catalog,
            item_attributes: &attributes,
            users: &prepared.users,
            events: &prepared.events,
            sequences: &prepared.sequences,
            item_vectors: &trained.items,
            index,
            seen: experiment.evaluation.seen,
            data: DataColumns::of(&experiment.data)
                .map_or(Value::Null, |data| serde_json::to_value(data).expect("names are plain data")),
            provenance: Value::Object(provenance),
            metrics: json!({
                "n_users": report.get("n_users_evaluated").unwrap_or(&report["n_users"]), "seen": report["seen"], "metrics": report["metrics"],
                "metrics_seen_kept": report["metrics_seen_kept"], "baselines": report["baselines"],
            }),
        };
        let n_files = u2i_bundle::N_FILES + u64::from(contents.index != IndexPlan::Exact);
        let write = |tell: &mut Tell<'_>| u2i_bundle::write_following(out, &contents, tell);
        Ok(under_bar(progress, "writing the bundle", n_files, "files", write)?)
    }
}

/// The index that the experiment wants, or one by size, which a build without faiss does without.
fn plan<'a, C, L>(experiment: &Experiment<C, L>, n_items: usize, queries: &'a Vectors) -> IndexPlan<'a> {
    let chosen = experiment.index.iter().find(|index| index.min_recall.is_some()).copied();
    if chosen.is_none() && !cfg!(feature = "faiss") {
        return IndexPlan::Exact;
    }
    let IndexConfig { faiss: spec, metric, min_recall } = chosen.unwrap_or_else(|| IndexConfig {
        faiss: FaissSpec::for_size(n_items, queries.dim),
        metric: Similarity::InnerProduct,
        min_recall: None,
    });
    IndexPlan::Faiss {
        spec,
        metric,
        min_recall: min_recall.unwrap_or(MIN_RECALL),
        queries: &queries.data,
        k: K,
    }
}

/// The attributes of the items in the order of the catalog.
fn attributes(raw: &RawData, prepared: &Prepared) -> Vec<Attribute> {
    let catalog = &prepared.catalog;
    let mut row_of = vec![0; catalog.n_items()];
    for (row, id) in raw.item_ids.iter().enumerate() {
        if let Some(item) = catalog.item_idx(id) {
            row_of[item as usize - 1] = row;
        }
    }
    let values = |values: &RawValues| match values {
        RawValues::Text(all) => AttributeValues::Text(row_of.iter().map(|&row| all[row].clone()).collect()),
        RawValues::Number(all) => AttributeValues::Number(row_of.iter().map(|&row| all[row]).collect()),
        RawValues::List(all) => AttributeValues::List(row_of.iter().map(|&row| all[row].clone()).collect()),
    };
    let one = |column: &u2i_features::RawColumn| Attribute {
        name: column.name.clone(),
        values: values(&column.values),
    };
    // The title has a column of its own.
    raw.items.iter().filter(|column| column.name != "title").map(one).collect()
}

fn columns<C, L>(experiment: &Experiment<C, L>, prepared: &Prepared) -> Vec<BundleColumn> {
    let source = |name: &str| {
        let config =
            experiment.features.column.iter().find(|config| config.names().iter().any(|own| own == name));
        config.expect("columns are fitted from the experiment").source().to_owned()
    };
    let one =
        |column: &u2i_schema::Column| BundleColumn { column: column.clone(), source: source(&column.name) };
    prepared.columns.iter().map(one).collect()
}
