//! `report.json`, and how files of results are written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use u2i_eval::Metrics;
use u2i_features::Reject;
use u2i_index::{FaissSpec, SearchQuality, Seen};

use crate::Error;
use crate::baselines::Baselines;
use crate::cold::ColdReport;
use crate::resources::StageCost;

pub use crate::validation_search::ValidationSearchReport;

/// What a run found, as written to `report.json`. Everything but `wall_s`, `cpu_s`, `peak_rss_mib`, `p50_us`, `p99_us` and rates
/// is the same for the same seed, build, machine and device `cpu`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The model's own name: `fm`, `dssm`, `youtube_dnn` or one of somebody else's; `dssm_text` for the chapter's words
    /// instead of its code.
    pub model: String,
    /// What that is and what it looks at, in words.
    pub description: String,
    /// `tuned`, `quick` or `book`; of an experiment of one's own, the name of its file.
    pub recipe: String,
    /// Name of the data set.
    pub dataset: String,
    /// `time`, `cut`, `book` or `files`.
    pub protocol: String,
    /// BLAKE3 of events, training prefixes, samples and targets.
    pub split_hash: String,
    /// BLAKE3 of the input files.
    pub data_hash: String,
    /// BLAKE3 of the experiment.
    pub config_hash: String,
    /// BLAKE3 of the training events.
    pub train_events_hash: String,
    /// BLAKE3 of the catalog: ids, training counts, columns.
    pub catalog_hash: String,
    /// BLAKE3 of the fitted columns: vocabularies, edges, means.
    pub columns_hash: String,
    /// BLAKE3 of the training targets.
    pub samples_hash: String,
    /// BLAKE3 of the weights of the best epoch.
    pub weights_hash: String,
    /// BLAKE3 of the trained item vectors.
    pub item_vectors_hash: String,
    /// SHA-256 of the files in the run's folder that hold results: the model, ranks, recommended items.
    pub files: BTreeMap<String, String>,
    /// Test users.
    pub n_users: usize,
    /// Those of them that were ranked for. All metrics, ranks and lists are of these: a sample of the test users
    /// where they are fewer.
    pub n_users_evaluated: usize,
    /// Users left out for want of any event before their target.
    pub n_users_without_history: usize,
    /// Items in the catalog.
    pub n_items: usize,
    /// Items that the model can rank; a target among the others is a miss.
    pub n_items_ranked: usize,
    /// What is ranked for each user.
    pub candidates: &'static str,
    /// The rule for seen items in `metrics`.
    pub seen: Seen,
    /// Order of events of one user and second.
    pub ties: String,
    /// Relevant items of all test users that were ranked for, where each has a set of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_relevant: Option<usize>,
    /// Events of an earlier file of the split at or after their user's first one of a later file, where the split is of files
    /// and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_later_training: Option<usize>,
    /// Share of targets that are in their own history.
    pub targets_seen_share: f64,
    /// Distinct items in the top 10 of all users, seen items excluded.
    pub distinct_items_top_10: usize,
    /// Test metrics.
    pub metrics: Metrics,
    /// Half the width of their 95 % confidence intervals over users.
    pub metrics_ci95: Map<String, Value>,
    /// Half the width of 95 % intervals of what `metrics` would be of all test users, where those of a sample were ranked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_sample_ci95: Option<Map<String, Value>>,
    /// Test metrics with seen items ranked like any other.
    pub metrics_seen_kept: Metrics,
    /// Metrics of counting, each in the shape of `metrics`.
    pub baselines: Baselines,
    /// Targets and users that training has not met, apart from the others.
    pub cold: ColdReport,
    /// Whether the model's NDCG@10 is below that of the Markov window.
    pub below_markov_window: bool,
    /// Whether the model's NDCG@10 is not above that of recommending the most popular items to everybody: then it has
    /// learned nothing about users.
    pub no_better_than_popularity: bool,
    /// How it was trained.
    pub train: TrainReport,
    /// Reading, splitting and encoding.
    pub prepare: StageCost,
    /// Ranking the test targets.
    pub evaluate: StageCost,
    /// Indexes over the item vectors, against exact search.
    pub index: Vec<IndexReport>,
    /// Recall at 10 and latency of the kinds of index, at settings from fast to thorough; measured by `u2i train` and
    /// `u2i evaluate`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<SearchQuality>,
    /// Whether what is exported ranks as what was trained; measured by `--check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parity: Option<Parity>,
    /// Seed of the run.
    pub seed: u64,
    /// Where tensors were.
    pub device: String,
    /// The GPU's own name and its graphics API; only of a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Worker threads.
    pub threads: usize,
    /// Name of the processor, where the system tells.
    pub cpu: Option<String>,
    /// A hash of sources and locked dependencies, the compiler, the profile and cargo features.
    pub build: &'static str,
    /// Processor architecture and operating system.
    pub platform: String,
    /// Version of this program.
    pub version: &'static str,
}

/// How a model was trained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainReport {
    /// Epochs that were run.
    pub epochs: usize,
    /// The epoch that was kept.
    pub best_epoch: usize,
    /// Targets per epoch.
    pub samples: usize,
    /// Validation users; not said of runs of versions that did not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_validation_users: usize,
    /// Those of them that were ranked for after each epoch: a sample where they are fewer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_validation_users_evaluated: usize,
    /// Mean loss of each epoch.
    pub losses: Vec<f64>,
    /// Validation metric after each epoch.
    pub validation: Vec<Option<f64>>,
    /// What its search misses, where the validation is by an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_search: Option<ValidationSearchReport>,
    /// Targets of each epoch whose negatives were all masked: they had loss 0 and taught nothing.
    pub rows_without_negatives: Vec<u64>,
    /// What the temperature of the loss came to, where it is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Targets per second of wall time, validation included.
    pub samples_per_s: f64,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Processor time in seconds.
    pub cpu_s: f64,
    /// Most memory held at once, in MiB.
    pub peak_rss_mib: Option<f64>,
}

/// Whether what is exported ranks as what was trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parity {
    /// Test users.
    pub users: usize,
    /// Users whose exported vector finds the same 100 items, in the same places, as the model on the training device.
    pub exported_as_trained: usize,
    /// FM only: how its two vectors compare with Rendle's O(kn) form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_fm: Option<PlainParity>,
}

/// The two vectors of an FM and its plain form, from the same trained weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlainParity {
    /// Users for whom both, in f64, give all items in the same order.
    pub same_order: usize,
    /// The largest difference, over all users and items, between the score in f32 and the plain one in f64 less the
    /// user's constant, relative to the user's largest score.
    pub largest_difference: f64,
}

/// An index against exact search.
#[derive(Debug, Clone, Serialize)]
pub struct IndexReport {
    /// Its name with all settings.
    pub kind: String,
    /// Mean share of the exact top 10 that it finds.
    #[serde(rename = "recall@10")]
    pub recall_at_10: f64,
    /// Users whose list is that of exact search, but for items whose scores differ by less than 1e-6, relative.
    pub lists_as_exact: usize,
    /// Users that were searched for.
    pub n_queries: usize,
    /// Building, saving, loading and searching, in seconds.
    pub wall_s: f64,
    /// What `kind` names.
    #[serde(skip)]
    pub faiss: FaissSpec,
}

/// Writes rows that could not be used to a CSV file with the columns `file`, `line`, `column` (empty where the whole
/// row was wrong) and `reason`.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write_rejects<'a>(
    path: &Path,
    rejects: impl IntoIterator<Item = (&'a Path, &'a Reject)>,
) -> Result<(), Error> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = "file,line,column,reason\n".to_owned();
    for (file, Reject { line, column, reason }) in rejects {
        let file = quoted(&file.display().to_string());
        text += &format!("{file},{line},{},{}\n", quoted(column), quoted(reason));
    }
    write_text(path, &text)
}

/// Writes `value` as JSON to a temporary file beside `path`, syncs it and renames it.
///
/// # Errors
///
/// If a folder or file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).expect("reports are plain data");
    text.push('\n');
    write_text(path, &text)
}

/// Writes `text` to a temporary file beside `path`, syncs it and renames it.
///
/// # Errors
///
/// If a folder or file cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes())
}

/// Writes `contents` to a temporary file beside `path`, syncs it and renames it.
///
/// # Errors
///
/// If a folder or file cannot be written.
pub fn write_bytes(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let bytes = contents.len() as u64;
    let failed = |source| Error::Write { path: path.into(), bytes, source };
    std::fs::create_dir_all(u2i_disk::folder_of(path)).map_err(failed)?;
    u2i_disk::replace(path, contents).map_err(|error| failed(error.source))
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.json");
        write_json(&path, &json!({"seed": 1})).unwrap();
        write_json(&path, &json!({"seed": 2})).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"seed\": 2\n}\n");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let plain = folder.path().join("plain");
            std::fs::write(&plain, "").unwrap();
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&plain), "others may read it as any other new file");
        }
    }
}
