//! The whole pipeline on small data.

mod claims;
mod cold;
mod command_line;
mod config_keys;
mod crashes;
mod disks;
mod experiments;
mod learning;
mod long_lines;
mod memory;
mod models;
mod onboarding;
mod own_files;
mod own_model;
mod real;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
mod runs;
mod serving;
mod small_data;

use std::path::Path;

use u2i::config::Experiment;
use u2i::data::DatasetName;
use u2i::experiments::{ModelName, Recipe, experiment};
use u2i::pipeline::{prepare_features, read_dataset};
use u2i_features::{Prepared, RawData};

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

fn synthetic() -> RawData {
    read_dataset(&u2i::data::Dataset::Synthetic).unwrap()
}

fn tuned(model: ModelName) -> Experiment {
    experiment(Recipe::Tuned, DatasetName::Synthetic, model, None).unwrap()
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
