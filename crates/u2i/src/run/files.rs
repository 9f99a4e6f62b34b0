use std::path::Path;

use serde::de::DeserializeOwned;

use super::{
    CONFIG, EpochLine, ItemRow, RANKS, RECOMMENDED, REPORT, StepLine, TRAIN_LOG, TargetRow, log, results,
};
use crate::Error;

/// What a finished run left in its folder.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// The experiment, as TOML.
    pub config: String,
    /// `report.json`.
    pub report: serde_json::Value,
    /// Logging steps of training.
    pub steps: Vec<StepLine>,
    /// Epochs of training.
    pub epochs: Vec<EpochLine>,
    /// Test targets.
    pub ranks: Vec<TargetRow>,
    /// Items of the catalog.
    pub recommended: Vec<ItemRow>,
}

impl RunFiles {
    /// Reads the folder of a finished run. Needs neither its data nor a device.
    ///
    /// # Errors
    ///
    /// If a file is missing or is not what a run writes.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let (steps, epochs) = log::read(&folder.join(TRAIN_LOG))?;
        let report = json(&folder.join(REPORT))?;
        for name in [RANKS, RECOMMENDED] {
            results::check(folder, &report, name)?;
        }
        Ok(RunFiles {
            config: text(&folder.join(CONFIG))?,
            report,
            steps,
            epochs,
            ranks: results::read_ranks(&folder.join(RANKS))?,
            recommended: results::read_recommended(&folder.join(RECOMMENDED))?,
        })
    }
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io { action: "read", path: path.into(), source })
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Error::RunFile { path: path.into(), reason: error.to_string() })
}
