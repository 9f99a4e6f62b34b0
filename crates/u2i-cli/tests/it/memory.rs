//! S1: memory follows the formula of `docs/memory.md`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use u2i::memory::MemoryEstimate;
use u2i::train::{OptimizerConfig, TablePrecision};
use u2i_chapter::ModelName;

use crate::{full, prepared, synthetic, tuned};

fn u2i(arguments: &[&str], folder: &Path) -> Output {
    let fixed = ["--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned", "--device", "cpu"];
    let output = Command::new(env!("CARGO_BIN_EXE_u2i"))
        .arg("reproduce")
        .args(arguments)
        .args(fixed)
        .env_remove("U2I_DATA_DIR")
        .env("XDG_CACHE_HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A change of an experiment: numbers per vector, chunks per step, and what is put in the place of its loss or pooling.
type Change = (i64, i64, Option<(&'static str, &'static str)>);

/// Shapes, and what takes memory in a way of its own.
const CHANGES: [Change; 8] = [
    (128, 16, None),
    (32, 512, None),
    (128, 256, None),
    (64, 512, Some(("loss", "in_batch_softmax = { temperature = 0.5 }"))),
    (64, 256, Some(("loss", "bce = { negatives = 20, sampler = { uniform = {} } }"))),
    (64, 512, Some(("pooling", "mean = {}"))),
    (64, 512, Some(("pooling", "max = {}"))),
    (64, 512, Some(("pooling", "attention = { slopes = [0.0, 0.05, 0.3, 2.0] }"))),
];

/// The tuned experiment with a change, for two epochs.
fn changed(model: ModelName, (dim, chunks, part): Change) -> String {
    let mut config = toml::Table::try_from(tuned(model)).unwrap();
    let own = config["model"][model.to_string().as_str()].as_table_mut().unwrap();
    for key in ["dim", "embedding_dim"] {
        if let Some(value) = own.get_mut(key) {
            *value = dim.into();
        }
    }
    for tower in ["user", "item"] {
        if let Some(tower) = own.get_mut(tower) {
            tower["mlp"]["layers"] = vec![2 * dim, dim].into();
        }
    }
    if let Some(("pooling", new)) = part {
        let of_user = own.get_mut("user").and_then(|user| user.get_mut("history")).is_some();
        let history = if of_user { &mut own["user"]["history"] } else { &mut own["history"] };
        history["pooling"] = toml::from_str::<toml::Table>(new).unwrap().into();
    }
    if let Some(("loss", new)) = part {
        config["loss"] = toml::from_str::<toml::Table>(new).unwrap().into();
    }
    let train = config["train"].as_table_mut().unwrap();
    train["chunks_per_step"] = chunks.into();
    train["epochs"] = 2.into();
    config.remove("index");
    toml::to_string(&config).unwrap()
}

/// What the formula says of a run in MiB, as `--dry-run` prints it, and what it takes.
fn estimated_and_measured(model: ModelName, more: &[&str], folder: &Path) -> (f64, f64) {
    let name = model.to_string();
    let arguments = [&[name.as_str()], more].concat();
    let dry = u2i(&[&arguments[..], &["--dry-run"]].concat(), folder);
    let table = String::from_utf8(dry.stdout).unwrap();
    let line = table.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
    let estimated = line.trim_matches([' ', '|', 'M', 'i', 'B']).parse().unwrap();
    u2i(&arguments, folder);
    let report = folder.join(format!("runs/synthetic/time/tuned/{name}/seed-1/report.json"));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    (estimated, report["train"]["peak_rss_mib"].as_f64().unwrap())
}

/// At most 1.2 times the estimate is promised; that the estimate is at most twice what is taken keeps it worth reading.
#[expect(clippy::print_stderr, reason = "the figures stand in docs/memory.md")]
fn check(model: ModelName, what: &str, (estimated, measured): (f64, f64)) {
    eprintln!("memory: {model} {what}: estimated {estimated:.1} MiB, measured {measured:.1} MiB");
    assert!(measured <= 1.2 * estimated, "{model} {what}: {measured} MiB, estimated {estimated}");
    assert!(estimated <= 2.0 * measured, "{model} {what}: {measured} MiB, estimated {estimated}");
}

/// The three recipes, and a loss whose scores would be most of what there is; with `U2I_FULL=1` all changes of each model,
/// which makes 26 points.
#[cfg(target_os = "linux")]
#[test]
fn training_takes_what_the_formula_says() {
    for model in ModelName::ALL {
        let folder = tempfile::tempdir().unwrap();
        check(model, "as it is", estimated_and_measured(model, &[], folder.path()));
        for change @ (dim, chunks, part) in CHANGES {
            let is = |name| part.is_some_and(|(_, new)| new.starts_with(name));
            // A largest value is no feature of a factorization machine.
            let is_refused = model == ModelName::Fm && is("max");
            let is_always = model == ModelName::YoutubeDnn && is("in_batch");
            if is_refused || !(full() || is_always) {
                continue;
            }
            let configs = folder.path().join("configs/synthetic");
            std::fs::create_dir_all(&configs).unwrap();
            std::fs::write(configs.join(format!("{model}.toml")), changed(model, change)).unwrap();
            let figures = estimated_and_measured(model, &["--configs", "configs"], folder.path());
            let part = part.map(|(_, new)| format!(", {new}")).unwrap_or_default();
            let what = format!("with {dim} numbers per vector and {chunks} chunks per step{part}");
            check(model, &what, figures);
        }
    }
}

/// With tables that are most of what there is, a copy of them or of their moments would be seen.
#[cfg(target_os = "linux")]
#[test]
fn a_checkpoint_takes_no_copy_of_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelName::YoutubeDnn;
    let mut config: toml::Table = toml::from_str(&changed(model, (32, 16, None))).unwrap();
    let columns = config["features"]["column"].as_array_mut().unwrap();
    let column = columns.iter_mut().find(|column| column["name"].as_str() == Some("zip3")).unwrap();
    column["kind"] = toml::from_str::<toml::Table>("hashed = { buckets = 500000 }").unwrap().into();
    let configs = folder.path().join("configs/synthetic");
    std::fs::create_dir_all(&configs).unwrap();
    std::fs::write(configs.join(format!("{model}.toml")), toml::to_string(&config).unwrap()).unwrap();
    let figures = estimated_and_measured(model, &["--configs", "configs"], folder.path());
    check(model, "with a table of 500,000 rows", figures);
}

#[test]
fn a_dry_run_prints_each_run_that_is_planned_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = u2i(&["--seeds", "2", "--dry-run"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    let peaks = text.lines().filter(|line| line.starts_with("peak ")).count();
    assert_eq!(peaks, 3, "{text}");
    for model in ModelName::ALL {
        assert!(text.contains(&format!("synthetic time/tuned {model}, each of seeds 1 to 2\n")), "{text}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}

/// By hand, from `configs/synthetic/youtube_dnn.toml`: `n` trained items and padding in two tables of 32 numbers, four
/// user columns of 16.
#[test]
fn tables_and_moments_are_counted_exactly() {
    let experiment = tuned(ModelName::YoutubeDnn);
    let prepared = prepared(&experiment);
    let estimate = MemoryEstimate::new(&experiment, &synthetic(), &prepared).unwrap();
    let columns: usize = prepared.columns.iter().map(|column| 16 * column.transform.n_rows().unwrap()).sum();
    let numbers = 2 * 32 * (prepared.catalog.n_trained() + 1) + columns;
    assert_eq!(estimate.tables, 4 * numbers as u64);
    assert_eq!(estimate.moments, 2 * estimate.tables);
    // [4 · 32 + 4 · 16 + 1 → 64 → 32] with biases, 4 × 50 log-weights, and 4 weights of the skip.
    let dense = (193 * 64 + 64) + (64 * 32 + 32) + 4 * 50 + 4;
    assert_eq!(estimate.best, estimate.tables + 4 * dense);
    assert_eq!(estimate.dense, 4 * 4 * dense);
    let lasting = estimate.process + estimate.data + estimate.tables + estimate.moments + estimate.best;
    assert!(estimate.peak() > lasting + estimate.dense);

    // Half the bytes in tables, and one number of the optimizer for each row instead of two for each number.
    let mut lean = experiment.clone();
    lean.train.table_precision = Some(TablePrecision::Bf16);
    lean.train.optimizer = OptimizerConfig::RowWiseAdagrad { learning_rate: 0.01, epsilon: 1e-8 };
    let (full, lean) = (estimate, MemoryEstimate::new(&lean, &synthetic(), &prepared).unwrap());
    assert_eq!(lean.tables, full.tables / 2);
    let rows = 2 * (prepared.catalog.n_trained() + 1) + columns / 16;
    assert_eq!(lean.moments, 4 * rows as u64);
    assert_eq!(lean.best, lean.tables + 4 * dense);
    assert_eq!(lean.dense, 3 * 4 * dense);
    // A piece of what is small enough to be one, as it is written and once more, in four bytes a number.
    assert_eq!(full.checkpoint, 2 * (full.tables + 4 * dense));
    assert_eq!(lean.checkpoint, full.checkpoint);
}
