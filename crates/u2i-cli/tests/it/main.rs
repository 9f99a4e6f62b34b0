//! The command line as a user meets it, on small data.

mod claims;
mod cold;
mod command_line;
mod crashes;
mod datasets;
mod disks;
mod evaluated_users;
mod events;
mod experiments;
#[path = "../../../u2i-bundle/tests/it/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../../../u2i-serve/tests/it/http.rs"]
#[allow(dead_code)]
mod http;
mod integrations;
mod kinds;
mod learning;
mod memory;
#[path = "../../../u2i/tests/it/own_experiment.rs"]
mod own_experiment;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
mod requests;
mod runs;
mod service;
mod service_killed;
mod service_load;
mod serving;
#[cfg(feature = "postgres")]
#[allow(clippy::duplicate_mod, reason = "`real_data` keeps its own to itself")]
#[path = "../../../../xtask/src/skipped.rs"]
mod skipped;
mod small_data;
mod split_files;
mod stopped;
#[cfg(feature = "otel")]
mod traces;

use u2i::config::Experiment;
use u2i::pipeline::{prepare_features, read_dataset};
use u2i_chapter::{ModelName, Recipe, experiment};
use u2i_datasets::{Dataset, DatasetName};
use u2i_features::{Prepared, RawData};

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

fn synthetic() -> RawData {
    read_dataset(&Dataset::Synthetic).unwrap()
}

fn tuned(model: ModelName) -> Experiment {
    experiment(Recipe::Tuned, DatasetName::SYNTHETIC, model, None).unwrap()
}

fn prepared(experiment: &Experiment) -> Prepared {
    prepare_features(experiment, &synthetic()).unwrap()
}
