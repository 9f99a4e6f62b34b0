use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use u2i_features::{Prepared, RawData};
use u2i_losses::LossSource;
use u2i_models::{Init, TwoTowerConfig};
use u2i_train::{Ended, EpochReport, Fitted};

use super::results::read_weights;
use super::{CONFIG, MODEL, Names, REPORT, TRAIN_LOG, digests, log};
use crate::config::Experiment;
use crate::device::Opened;
use crate::followed::{prepare_features_following, under_bar};
use crate::pipeline::{Trained, model_inputs};
use crate::progress::Progress;
use crate::ranking::all_item_vectors;
use crate::report::TrainReport;
use crate::{Error, Stage, StageCost};

/// A finished run, read back: its experiment, its data, its model.
pub(crate) struct Finished<'a, C: TwoTowerConfig, L: LossSource> {
    pub experiment: Experiment<C, L>,
    pub raw: Cow<'a, RawData>,
    pub prepared: Prepared,
    pub trained: Trained<C::Model>,
    pub train: TrainReport,
    pub names: Names,
    /// `report.json`.
    pub report: serde_json::Value,
    pub read: StageCost,
    pub prepare: StageCost,
}

impl<'a, C: TwoTowerConfig, L: LossSource> Finished<'a, C, L> {
    /// Reads the folder and its data, and sees that they belong together: data, split and weights must be those that
    /// `report.json` names.
    ///
    /// `read` reads the data of the experiment.
    pub fn open(
        folder: &Path,
        device: &Opened,
        progress: &mut dyn Progress,
        read: impl FnOnce(&Experiment<C, L>, &mut dyn Progress) -> Result<Cow<'a, RawData>, Error>,
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
        let experiment = Experiment::<C, L>::load_as(&folder.join(CONFIG))?;
        let same = |key: &str, found: String| {
            let expected = said(key)?;
            if expected == found {
                return Ok(());
            }
            Err(Error::OtherRun { path: path.clone(), key: key.to_owned(), expected, found })
        };
        same("config_hash", experiment.hash())?;
        let stage = Stage::begin();
        let raw = read(&experiment, progress)?;
        let read = stage.cost();
        same("data_hash", raw.hash.clone())?;
        let stage = Stage::begin();
        let prepared = prepare_features_following(&experiment, &raw, progress)?;
        let prepare = stage.cost();
        same("split_hash", prepared.split_hash.clone())?;
        let mut init = Init::new(experiment.seed, &device.device);
        let model = experiment.model.init(&model_inputs(&experiment, &prepared), &mut init)?;
        let model = read_weights(&folder.join(MODEL), model)?;
        same("weights_hash", digests::model_weights(&model))?;
        let items = under_bar(progress, "making item vectors", 0, "items", |tell| {
            all_item_vectors(&model, &prepared, &device.device, tell)
        })?;
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
