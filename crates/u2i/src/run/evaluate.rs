use std::collections::BTreeMap;
use std::path::Path;

use u2i_datasets::Places;
use u2i_features::Prepared;
use u2i_models::Init;
use u2i_train::{Ended, EpochReport, Fitted};

use super::results::read_weights;
use super::{
    CONFIG, Counted, MODEL, Measures, Names, REJECTS, REPORT, Run, TRAIN_LOG, digests, log,
    read_listing_rejects,
};
use crate::checkpoint::RunLock;
use crate::config::Experiment;
use crate::device::{DeviceChoice, Opened};
use crate::pipeline::{Trained, load_data, model_inputs, open_device, prepare_features, vectors_of_items};
use crate::progress::Progress;
use crate::report::{Report, TrainReport};
use crate::{Error, Stage};

/// A finished run, read back: its experiment, its data, its model.
pub(crate) struct Finished {
    pub experiment: Experiment,
    pub raw: u2i_features::RawData,
    pub prepared: Prepared,
    pub trained: Trained,
    pub train: TrainReport,
    pub names: Names,
    /// `report.json`.
    pub report: serde_json::Value,
    pub read: crate::StageCost,
    pub prepare: crate::StageCost,
}

impl Finished {
    /// Reads the folder and its data, and sees that they belong together: data, split and weights must be those that
    /// `report.json` names.
    pub fn open(
        folder: &Path,
        places: &Places,
        device: &Opened,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let path = folder.join(REPORT);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let broken = |reason: String| Error::RunFile { path: path.clone(), reason };
        let report: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let train: TrainReport = serde_json::from_value(report["train"].clone())
            .map_err(|error| broken(format!("`train`: {error}")))?;
        let said = |key: &str| {
            let value = report[key].as_str().map(str::to_owned);
            value.ok_or_else(|| broken(format!("there is no text under `{key}`")))
        };
        let experiment = Experiment::load(&folder.join(CONFIG))?;
        let same = |key: &str, found: String| {
            let expected = said(key)?;
            if expected == found {
                return Ok(());
            }
            Err(Error::OtherRun { path: path.clone(), key: key.to_owned(), expected, found })
        };
        same("config_hash", experiment.hash())?;
        let stage = Stage::begin();
        let raw = read_listing_rejects(&folder.join(REJECTS), progress, || {
            load_data(&experiment, places, Path::new(""))
        })?;
        let read = stage.cost();
        same("data_hash", raw.hash.clone())?;
        let stage = Stage::begin();
        let prepared = prepare_features(&experiment, &raw)?;
        let prepare = stage.cost();
        same("split_hash", prepared.split_hash.clone())?;
        let mut init = Init::new(experiment.seed, &device.device);
        let model = experiment.model.init(&model_inputs(&experiment, &prepared), &mut init)?;
        let model = read_weights(&folder.join(MODEL), model)?;
        same("weights_hash", digests::model_weights(&model))?;
        let items = vectors_of_items(&model, &prepared, &device.device)?;
        let counted = train.losses.iter().zip(&train.validation).zip(&train.rows_without_negatives).zip(1..);
        let epochs = counted.map(|(((&loss, &validation), &rows_without_negatives), epoch)| EpochReport {
            epoch,
            loss,
            validation,
            rows_without_negatives,
        });
        let fitted = Fitted {
            model,
            ended: match train.epochs < experiment.train.epochs.get() {
                true => Ended::EarlyStopping,
                false => Ended::Completed,
            },
            best_epoch: Some(train.best_epoch),
            epochs: epochs.collect(),
            steps: log::read(&folder.join(TRAIN_LOG))?.1.last().map_or(0, |epoch| epoch.step),
            targets: (train.samples * train.epochs) as u64,
            temperature: train.temperature,
            // No report has the rest of what a loss learned, and nothing that follows asks for it.
            learned: BTreeMap::new(),
        };
        let names = Names {
            model: said("model")?,
            recipe: said("recipe")?,
            dataset: said("dataset")?,
            protocol: said("protocol")?,
            label: folder.display().to_string(),
        };
        let trained = Trained { fitted, items };
        Ok(Finished { experiment, raw, prepared, trained, train, names, report, read, prepare })
    }
}

/// Ranks the test targets of a finished run once more, and writes what came out in its folder again.
///
/// # Errors
///
/// If the folder does not hold a finished run, or its data is not what it was trained on.
pub fn evaluate(
    folder: &Path,
    places: &Places,
    device: DeviceChoice,
    progress: &mut dyn Progress,
) -> Result<Report, Error> {
    let device = open_device(device, progress)?;
    let _lock = RunLock::take(folder)?;
    let finished = Finished::open(folder, places, &device, progress)?;
    let Finished { experiment, raw, prepared, trained, train, names, read, prepare, .. } = finished;
    let counted = Counted::new(&prepared, &experiment, progress);
    let run = Run { experiment: &experiment, raw: &raw, read, names: &names, device: &device };
    run.tell(&trained, Measures::Search, progress);
    run.judge(folder, &trained, &prepared, &counted, train, read.and(prepare), Measures::Search)
}
