//! The whole pipeline on small data.

mod best_model;
mod config_keys;
mod followed;
mod learning;
mod long_lines;
mod models;
mod own_experiment;
mod own_files;
mod own_model;
mod real;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
mod shared_counts;
mod stopped;
mod synthetic_data;
#[cfg(feature = "faiss")]
mod validation_search;

use std::path::Path;

use u2i::config::Experiment;
use u2i::datasets::Dataset;
use u2i::pipeline::{load_config, prepare_features, read_dataset};
use u2i_features::{Prepared, RawData};

/// Models with a recipe for the synthetic data.
const MODELS: [&str; 3] = ["fm", "dssm", "youtube_dnn"];

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

fn synthetic() -> RawData {
    read_dataset(&Dataset::Synthetic).unwrap()
}

fn tuned(model: &str) -> Experiment {
    load_config(format!("synthetic/{model}")).unwrap()
}

fn prepared(experiment: &Experiment) -> Prepared {
    prepare_features(experiment, &synthetic()).unwrap()
}

#[test]
fn a_key_that_no_experiment_has_is_refused_with_its_line() {
    let text = include_str!("../../../../configs/synthetic/fm.toml");
    let error =
        Experiment::parse(&text.replacen("[train]\n", "[train]\nepoch = 3\n", 1), Path::new("fm.toml"));
    let message = error.unwrap_err().to_string();
    let line = text.lines().position(|line| line == "[train]").unwrap() + 2;
    assert!(message.starts_with(&format!("fm.toml:{line}:1: unknown field `epoch`")), "{message}");
}
