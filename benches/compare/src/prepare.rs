//! Files to the first batch, or to samples.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};
use u2i::config::Experiment;
use u2i::pipeline::{load_config, prepare_features};
use u2i_features::polars::prelude::*;
use u2i_features::{ReadLimits, TablesConfig, read_ml_1m, read_tables};
use u2i_models::UserBatch;
use u2i_random::{Purpose, Stream};

use crate::rounds::serve;

/// What is read.
#[derive(Subcommand)]
pub enum Contest {
    /// MovieLens 1M, from its files to the first batch of YouTubeDNN on the device
    Movielens {
        /// The folder with its files
        #[arg(long)]
        files: std::path::PathBuf,
    },
    /// Ten million events in one file, read, split and made to samples
    Events,
    /// That file read and sorted by polars alone
    Polars,
}

const RECIPE: &str = "ml-1m/quick/youtube_dnn";
const EVENTS: usize = 10_000_000;
const EVENTS_FILE: &str = "events.csv";

impl Contest {
    /// Reads, a round at a time.
    pub fn run(&self, folder: &Path) -> Result<()> {
        match self {
            Contest::Movielens { files } => {
                let experiment = load_config(RECIPE)?;
                serve(json!({}), || movielens(&experiment, files))
            }
            Contest::Events => {
                let mut experiment = load_config(RECIPE)?;
                // There are no columns in that file but those of the events.
                experiment.features.column.clear();
                serve(json!({}), || events(&experiment, folder))
            }
            Contest::Polars => serve(json!({}), || polars(&folder.join(EVENTS_FILE))),
        }
    }

    /// Writes what both sides read.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(EVENTS_FILE);
        match self {
            Contest::Events | Contest::Polars if !path.exists() => write_events(&path),
            _ => Ok(()),
        }
    }
}

fn movielens(experiment: &Experiment, files: &Path) -> Result<Value> {
    let raw = read_ml_1m(files, &ReadLimits::STRICT)?;
    let n_events = raw.n_events();
    let prepared = prepare_features(experiment, &raw)?;
    drop(raw);
    let history = experiment.features.history.as_ref().context("the recipe has a history")?.length.get();
    let chunks = prepared.samples.chunks(experiment.train.chunk_targets);
    let first = &chunks[..experiment.train.chunks_per_step.get()];
    let batch = UserBatch::new(&prepared.train_batches(history).users(first), None, &u2i_device::cpu());
    Ok(json!({ "work": n_events, "samples": prepared.samples.len(), "batch": batch.batch }))
}

fn events(experiment: &Experiment, folder: &Path) -> Result<Value> {
    let tables: TablesConfig = serde_json::from_value(json!({
        "events": {
            "file": EVENTS_FILE,
            "format": { "csv": { "separator": ",", "encoding": "utf-8" } },
            "user": "user",
            "item": "item",
            "time": { "column": "time", "unit": "s" },
        },
        "limits": { "max_reject_ratio": 0.0, "max_line_bytes": 65_536 },
    }))?;
    let raw = read_tables(&tables, folder)?;
    let prepared = prepare_features(experiment, &raw)?;
    Ok(json!({ "work": EVENTS, "samples": prepared.samples.len() }))
}

/// Reads all columns and sorts by user and time: what any preparation has to do.
fn polars(path: &Path) -> Result<Value> {
    let frame = CsvReadOptions::default().try_into_reader_with_file_path(Some(path.into()))?.finish()?;
    let sorted = frame.sort(["user", "time"], SortMultipleOptions::default().with_maintain_order(true))?;
    Ok(json!({ "work": sorted.height() }))
}

/// Events of 100,000 users and 50,000 items, in an order that is neither by user nor by time.
fn write_events(path: &Path) -> Result<()> {
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    // Written under another name, so that half a file is not taken for a whole one.
    let partial = path.with_extension("partial");
    let file = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
    let mut file = BufWriter::new(file);
    writeln!(file, "user,item,time")?;
    let log = 50_001f64.ln();
    for _ in 0..EVENTS {
        let item = ((stream.unit() * log).exp() as u64).clamp(1, 50_000);
        writeln!(file, "{},{item},{}", 1 + stream.below(100_000), 1_700_000_000 + stream.below(30_000_000))?;
    }
    file.into_inner()?.sync_all()?;
    Ok(fs::rename(&partial, path)?)
}
