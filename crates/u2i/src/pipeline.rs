//! The six steps from an experiment file to a table of metrics: [`load_config`], [`load_data`],
//! [`prepare_features`], [`train_model`], [`evaluate_model`], [`build_metrics_table`].

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module as _;
use u2i_datasets::{Dataset, DatasetName, Places, SyntheticConfig, resolve, synthetic};
use u2i_eval::Metrics;
use u2i_features::{Prepared, RawData, prepare};
use u2i_index::{ExactIndex, ItemVectors};
use u2i_losses::LossSource;
use u2i_models::{AnyModel, HistoryInput, Init, Inputs, TwoTower, TwoTowerConfig};
use u2i_schema::Side;
use u2i_train::{
    Ended, EpochReport, Fitted, Observer, StateView, TrainData, TrainDevice, TrainError, Trainer, Vectors,
    user_vectors,
};

use crate::Error;
use crate::config::{DataSource, Experiment};
use crate::device::{DeviceChoice, Opened};
use crate::held_out::sample_users;
use crate::progress::Progress;
use crate::ranking::{Items, Targets, all_item_vectors, rank};
use crate::validation::Validation;

pub use crate::ranking::{COVERAGE_K, Evaluation, seen_items};

/// Step 1: reads an experiment, by the path of its file or by its name under `configs/`, such as `ml-1m/fm`; those
/// are built in.
///
/// # Errors
///
/// As [`Experiment::load`].
///
/// # Examples
///
/// ```
/// use u2i::models::TwoTowerConfig as _;
///
/// let experiment = u2i::pipeline::load_config("ml-1m/youtube_dnn").unwrap();
/// assert_eq!(experiment.model.name(), "youtube_dnn");
/// ```
pub fn load_config(experiment: impl AsRef<Path>) -> Result<Experiment, Error> {
    let path = experiment.as_ref();
    match path.to_str().and_then(Experiment::built_in) {
        Some(experiment) => experiment,
        None => Experiment::load(path),
    }
}

/// Step 2: finds or makes the data that the experiment names, and reads it.
///
/// Relative paths of files start at `base`.
///
/// # Errors
///
/// If the data is not there or cannot be read.
pub fn load_data<C, L>(
    experiment: &Experiment<C, L>,
    places: &Places,
    base: &Path,
) -> Result<RawData, Error> {
    match &experiment.data {
        DataSource::Files(files) => Ok(files.read_for(&experiment.split, base)?),
        DataSource::Named { dataset } => {
            let name: DatasetName = dataset.parse().map_err(|error| Error::Usage(format!("{error}")))?;
            read_dataset(&resolve(name, places)?.dataset)
        }
        DataSource::Program { name } => Err(Error::Usage(format!(
            "the data `{name}` is read by the program that trains, which has to pass it"
        ))),
    }
}

/// Reads a data set that was found.
///
/// # Errors
///
/// If a file cannot be read or holds a bad row, or if an experiment has to say what its columns hold.
pub fn read_dataset(dataset: &Dataset) -> Result<RawData, Error> {
    let found = match dataset {
        Dataset::Synthetic => return Ok(synthetic(SYNTHETIC_SEED, &SyntheticConfig::STANDARD)),
        Dataset::Files(found) => found,
    };
    match found.config() {
        Some(config) => Ok(config.read(Path::new(""))?),
        None => Err(Error::Usage(format!(
            "an experiment has to say which columns of {name} it takes; `u2i init --dataset {name} --out FILE` writes one",
            name = found.name
        ))),
    }
}

/// The synthetic data set is one fixed set; seeds of experiments do not change it.
const SYNTHETIC_SEED: u64 = 1;

/// Step 3: splits the events, fits the feature columns on training events, lists the training targets, and draws the test
/// and validation users that are ranked for, where those are not all ([`sample_users`]).
///
/// # Errors
///
/// If a column cannot be made, or nothing is left to train or to test on.
pub fn prepare_features<C, L>(experiment: &Experiment<C, L>, raw: &RawData) -> Result<Prepared, Error> {
    let Experiment { split, features, samples, seed, .. } = experiment;
    let mut prepared = prepare(raw, split, features, samples, *seed)?;
    sample_users(&mut prepared, &experiment.evaluation);
    Ok(prepared)
}

/// A trained model and its vectors.
#[derive(Debug, Clone)]
pub struct Trained<M = AnyModel> {
    /// The model of the best epoch and how it got there.
    pub fitted: Fitted<M>,
    /// Vectors of all items that the model can rank.
    pub items: ItemVectors,
}

/// The sizes that a model of this experiment is built for.
pub fn model_inputs<C, L>(experiment: &Experiment<C, L>, prepared: &Prepared) -> Inputs {
    let columns = |side| prepared.columns(side).cloned().collect();
    Inputs {
        n_ids: prepared.catalog.n_id_rows(),
        user: columns(Side::User),
        request: columns(Side::Request),
        item: columns(Side::Item),
        history: experiment.features.history.as_ref().map(|history| HistoryInput {
            length: history.length.get(),
            shares_item_id: history.shares.is_some(),
            gap_edges_s: history.gap_edges_s.clone(),
        }),
    }
}

/// Step 4: trains the model, keeping the epoch with the best validation metric.
///
/// # Errors
///
/// If the model cannot be built or training fails, and [`Error::Interrupted`] if the observer stops it. One that has seen
/// enough ends it by [`Flow::End`](u2i_train::Flow::End), and the model is kept.
pub fn train_model<C: TwoTowerConfig, L: LossSource>(
    experiment: &Experiment<C, L>,
    prepared: &Prepared,
    device: &Opened,
    observer: &mut dyn Observer,
) -> Result<Trained<C::Model>, Error> {
    train_from(experiment, prepared, device, None, observer)
}

/// Step 4, from a state that an observer of the same experiment got, or from the beginning.
///
/// # Errors
///
/// As [`train_model`], and if the state is not one of this experiment.
pub fn train_from<C: TwoTowerConfig, L: LossSource>(
    experiment: &Experiment<C, L>,
    prepared: &Prepared,
    device: &Opened,
    state: Option<StateView<'_>>,
    observer: &mut dyn Observer,
) -> Result<Trained<C::Model>, Error> {
    let Experiment { seed, loss, train, evaluation, .. } = experiment;
    let inputs = model_inputs(experiment, prepared);
    let mut init = Init::new(*seed, &device.device.clone().autodiff());
    let model = experiment.model.init(&inputs, &mut init)?;
    let history_len = model.history_len();
    let data = TrainData {
        batches: prepared.train_batches(history_len),
        samples: &prepared.samples,
        id_dropout: &prepared.id_dropout,
    };
    let validation = Validation { prepared, config: evaluation, device: &device.device };
    validation.check(&model.valid())?;
    let n_users = prepared.validation.len() as u64;
    let validate = |model: &C::Model, _, tell: &mut dyn FnMut(u64, u64) -> ControlFlow<()>| {
        Ok(validation.metric(model, &mut |done| tell(done, n_users))?)
    };
    let on = train_device(device);
    let loss = loss.build().map_err(TrainError::from)?;
    let trainer = Trainer::new(&data, &*loss, train).seed(*seed).device(on).observer(observer);
    let trainer = match state {
        None => trainer,
        Some(state) => trainer.resume(state),
    };
    let fitted = trainer.fit_telling(model, validate)?;
    if fitted.ended == Ended::Stopped {
        return Err(Error::Interrupted { step: fitted.steps });
    }
    let items =
        all_item_vectors(&fitted.model, prepared, &device.device, &mut |_| ControlFlow::Continue(()))?;
    Ok(Trained { fitted, items })
}

/// Opens a device, and says which GPU was passed over and why.
///
/// # Errors
///
/// If there is no such device.
pub fn open_device(choice: DeviceChoice, progress: &mut dyn Progress) -> Result<Opened, Error> {
    let opened = choice.open()?;
    if let Some(error) = &opened.passed_over {
        progress.line(&format!("{error}; the CPU is taken"));
    }
    Ok(opened)
}

/// How a device is trained on.
fn train_device(opened: &Opened) -> TrainDevice {
    match opened.is_gpu() {
        true => TrainDevice::gpu(opened.device.clone()),
        false => TrainDevice::from(&opened.device),
    }
}

/// Vectors of the first test users, at most so many, as a server would make them: what indexes are measured with.
pub(crate) fn test_queries<M: TwoTower>(
    trained: &Trained<M>,
    prepared: &Prepared,
    device: &Opened,
    most: usize,
) -> Vectors {
    let model = &trained.fitted.model;
    let users = &prepared.test[..prepared.test.len().min(most)];
    user_vectors(model, &prepared.eval_batches(model.history_len()), users, &device.device)
}

/// Step 5: ranks the whole catalog for each test target by exact search.
///
/// # Errors
///
/// If a vector is not finite.
pub fn evaluate_model<C: TwoTowerConfig, L>(
    experiment: &Experiment<C, L>,
    trained: &Trained<C::Model>,
    prepared: &Prepared,
    device: &Opened,
) -> Result<Evaluation, Error> {
    evaluate_telling(experiment, trained, prepared, device, &mut |_| ControlFlow::Continue(()))
}

/// [`evaluate_model`], which tells how many users are done, and may be stopped.
pub(crate) fn evaluate_telling<C: TwoTowerConfig, L>(
    experiment: &Experiment<C, L>,
    trained: &Trained<C::Model>,
    prepared: &Prepared,
    device: &Opened,
    tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Evaluation, Error> {
    let items = Items::Held(ExactIndex::new(trained.items.clone()));
    let targets = Targets { samples: &prepared.test, sets: &prepared.test_sets() };
    let (model, config) = (&trained.fitted.model, &experiment.evaluation);
    rank(model, &items, prepared, targets, config, &device.device, tell)
}

/// Step 6: the chapter's table, one row per name.
pub fn build_metrics_table(rows: &[(&str, &Metrics)]) -> String {
    crate::table::table(rows)
}

/// Epochs as one line each.
pub fn epoch_line(report: &EpochReport, metric: &str) -> String {
    let validation =
        report.validation.map_or("no validation".to_owned(), |value| format!("{metric} {value:.4}"));
    let lost = match report.rows_without_negatives {
        0 => String::new(),
        n => format!(", {n} targets without a negative"),
    };
    format!("epoch {}: loss {:.4}, validation {validation}{lost}", report.epoch, report.loss)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use u2i_datasets::SyntheticConfig;

    use super::*;

    /// Every model, untrained, with a vector block for each item, for a few, and for all.
    #[test]
    fn items_that_are_made_block_by_block_are_ranked_as_those_that_are_held() {
        let small =
            SyntheticConfig { users: 150, items: 90, events_per_user: 12, cold_users: 2, cold_items: 9 };
        let raw = synthetic(1, &small);
        let opened = DeviceChoice::Cpu.open().unwrap();
        let device = &opened.device;
        for name in ["fm", "dssm", "youtube_dnn"] {
            let experiment = load_config(format!("synthetic/{name}")).unwrap();
            let prepared = prepare_features(&experiment, &raw).unwrap();
            let inputs = model_inputs(&experiment, &prepared);
            let model = experiment.model.init(&inputs, &mut Init::new(1, device)).unwrap();
            let targets = Targets { samples: &prepared.test, sets: &prepared.test_sets() };
            let found = |items: &Items| {
                let mut told = Vec::new();
                let mut tell = |done| {
                    told.push(done);
                    ControlFlow::Continue(())
                };
                let found =
                    rank(&model, items, &prepared, targets, &experiment.evaluation, device, &mut tell)
                        .unwrap();
                assert!(told.is_sorted() && told.last() == Some(&(targets.samples.len() as u64)), "{told:?}");
                (found.ranks, found.n_lists, found.n_items_ranked, found.metrics)
            };
            let n_items = all_item_vectors(&model, &prepared, device, &mut |_| ControlFlow::Continue(()))
                .unwrap()
                .ids()
                .len();
            let look = |most, tell: &mut dyn FnMut(u64) -> ControlFlow<()>| {
                Items::to_look_at_once(&model, &prepared, device, most, tell)
            };
            let held = look(u64::MAX, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(matches!(&held, Items::Held(index) if index.vectors().ids().len() == n_items));
            let held = found(&held);
            for block in [1, 7, n_items].map(|block| NonZeroUsize::new(block).unwrap()) {
                assert_eq!(found(&Items::Made(block)), held, "{name}, {block} items at a time");
            }
            let bytes = (4 * n_items * 16) as u64;
            let made = look(bytes / 1000, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(matches!(made, Items::Made(block) if block == crate::ranking::MADE_TOGETHER));
            let stop = &mut |_| ControlFlow::Break(());
            let stopped = rank(&model, &made, &prepared, targets, &experiment.evaluation, device, stop);
            assert!(matches!(stopped, Err(Error::Stopped)));
            assert!(matches!(look(u64::MAX, &mut |_| ControlFlow::Break(())), Err(Error::Stopped)));
        }
    }
}
