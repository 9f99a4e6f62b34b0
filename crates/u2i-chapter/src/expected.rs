use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use u2i::Error;
use u2i::report::{Report, write_text};
use u2i_datasets::DatasetName;
use u2i_eval::{Metric, Spread};

use crate::row::Row;
use crate::tables::ProtocolTable;

/// Figures that runs are held against: `configs/<dataset>/expected.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What is expected of one model under one protocol and recipe.
    #[serde(default)]
    pub row: Vec<ExpectedRow>,
}

/// What is expected of one model under one protocol and recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRow {
    /// `time` or `cut`; `book` goes by the chapter.
    pub protocol: String,
    /// The order of events of one user and second, as reports name it.
    pub ties: String,
    /// Whose hyper-parameters.
    pub recipe: String,
    /// What was trained.
    pub model: String,
    /// Runs that the means are over, with seeds 1 to this.
    pub seeds: usize,
    /// BLAKE3 of the input files that the figures hold for.
    pub data_hash: String,
    /// BLAKE3 of the experiment that they hold for, with seed 1.
    pub config_hash: String,
    /// By the metric's name.
    pub metrics: BTreeMap<String, Figure>,
}

/// A metric's mean over seeds, and how far that of other runs may lie from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Mean over seeds.
    pub mean: f64,
    /// The most by which the mean of other runs may differ.
    pub tolerance: f64,
}

/// A figure of some runs, held against what is expected of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// Protocol, ties, recipe and model.
    pub name: String,
    /// The metric's name.
    pub metric: String,
    /// Its mean over the runs.
    pub found: f64,
    /// What was expected.
    #[serde(flatten)]
    pub expected: Figure,
    /// Whether it is near enough.
    pub passed: bool,
}

/// What is held against what is expected.
const METRICS: [&str; 5] = ["hit_rate@10", "ndcg@10", "hit_rate@50", "hit_rate@100", "mrr"];

impl ExpectedRow {
    fn new(row: &Row) -> Option<Self> {
        let first = row.reports.first()?;
        let metrics = METRICS.iter().filter_map(|&metric| {
            let spread = spread(row, metric)?;
            // Half the width of the 95 % interval is 1.96 standard errors.
            let half_width = |report: &Report| report.metrics_ci95.get(metric)?.as_f64();
            let error = row.reports.iter().filter_map(half_width).fold(0.0, f64::max) / 1.96;
            let tolerance = error.max(3.0 * spread.sd.unwrap_or(0.0));
            let round = |value: f64| (value * 1e4).round() / 1e4;
            Some((metric.to_owned(), Figure { mean: round(spread.mean), tolerance: round(tolerance) }))
        });
        Some(ExpectedRow {
            protocol: first.protocol.clone(),
            ties: first.ties.clone(),
            recipe: first.recipe.clone(),
            model: first.model.clone(),
            seeds: row.reports.len(),
            data_hash: first.data_hash.clone(),
            config_hash: first.config_hash.clone(),
            metrics: metrics.collect(),
        })
    }

    fn is_of(&self, report: &Report) -> bool {
        (&self.protocol, &self.ties, &self.recipe, &self.model)
            == (&report.protocol, &report.ties, &report.recipe, &report.model)
    }

    fn name(&self) -> String {
        let ExpectedRow { protocol, ties, recipe, model, .. } = self;
        format!("{protocol}/{recipe} {model}, ties by {ties}")
    }
}

/// The metric over the seeds of a row; `None` where it was not measured.
fn spread(row: &Row, metric: &str) -> Option<Spread> {
    let metric: Metric = metric.parse().ok()?;
    let values: Vec<f64> = row.reports.iter().filter_map(|report| report.metrics.mean(metric)).collect();
    Spread::over(&values)
}

impl Expected {
    /// What is expected on a data set: built in, or in `configs` where that folder is given. None is no error.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or understood.
    pub fn of(dataset: DatasetName, configs: Option<&Path>) -> Result<Option<Self>, Error> {
        let Some(folder) = configs else {
            let text = match dataset {
                DatasetName::ML_1M => include_str!("../configs/ml-1m/expected.toml"),
                DatasetName::ML_100K => include_str!("../configs/ml-100k/expected.toml"),
                _ => return Ok(None),
            };
            let path = format!("configs/{dataset}/expected.toml");
            return Expected::parse(text, Path::new(&path)).map(Some);
        };
        Expected::load(&folder.join(dataset.to_string()).join("expected.toml"))
    }

    /// Reads a file; `None` where there is none.
    fn load(path: &Path) -> Result<Option<Self>, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Expected::parse(&text, path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { action: "read", path: path.into(), source }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::of_toml(&error, text, path))
    }

    /// Holds the rows of a table against what is expected of them, and says of which nothing can be expected and why.
    pub(crate) fn hold(&self, table: &ProtocolTable) -> (Vec<Held>, Vec<String>) {
        let (mut held, mut notes) = (Vec::new(), Vec::new());
        for row in &table.rows {
            let Some(first) = row.reports.first() else { continue };
            let Some(expected) = self.row.iter().find(|expected| expected.is_of(first)) else { continue };
            let other = |what: &str| {
                format!(
                    "{}: what is expected holds for other {what}, so nothing is held against it",
                    expected.name()
                )
            };
            if expected.data_hash != first.data_hash {
                notes.push(other("data"));
                continue;
            }
            if expected.config_hash != first.config_hash {
                notes.push(other("hyper-parameters"));
                continue;
            }
            for (metric, &figure) in &expected.metrics {
                let found = spread(row, metric).map_or(f64::NAN, |spread| spread.mean);
                let passed = (found - figure.mean).abs() <= figure.tolerance;
                let (name, metric) = (expected.name(), metric.clone());
                held.push(Held { name, metric, found, expected: figure, passed });
            }
        }
        (held, notes)
    }

    /// Takes what the tables found for what is expected from now on, and writes it to a file beside what that says of
    /// other runs.
    ///
    /// # Errors
    ///
    /// If the file is there and cannot be read, or cannot be written.
    pub(crate) fn update(path: &Path, tables: &[ProtocolTable]) -> Result<(), Error> {
        let mut expected = Expected::load(path)?.unwrap_or_default();
        expected.learn(tables);
        let rows = toml::to_string(&expected).expect("figures are written as TOML");
        write_text(path, &format!("{HEADER}\n{rows}"))
    }

    fn learn(&mut self, tables: &[ProtocolTable]) {
        for row in tables.iter().flat_map(|table| &table.rows).filter(|row| row.recipe.is_ours()) {
            let (Some(own), Some(first)) = (ExpectedRow::new(row), row.reports.first()) else { continue };
            self.row.retain(|other| !other.is_of(first));
            self.row.push(own);
        }
        self.row.sort_by_key(ExpectedRow::name);
    }
}

const HEADER: &str = "\
# What `cargo xtask reproduce` finds on this data: means over seeds, and how far those of other runs may lie from them.
# The tolerance is the larger of one standard error over users and three standard deviations over seeds. Written by
# `cargo xtask reproduce … --write-expected`; `--check` fails where a run lies farther away.
";

impl Held {
    /// One line, with its figure.
    pub fn line(&self) -> String {
        let Held { name, metric, found, expected: Figure { mean, tolerance }, passed } = self;
        let word = if *passed { "as expected" } else { "FAILED" };
        format!("{name}: {metric} {found:.4}, expected {mean:.4} ± {tolerance:.4}: {word}")
    }
}

/// # Errors
///
/// [`Guard`](Error::Guard) names each figure that is too far from what was expected.
pub fn check(held: &[Held]) -> Result<(), Error> {
    let failed: Vec<String> = held.iter().filter(|held| !held.passed).map(Held::line).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::Guard(failed.join("; "))) }
}
