//! The six steps from an experiment file to a table of metrics: [`load_config`], [`load_data`],
//! [`prepare_features`], [`train_model`], [`evaluate_model`], [`build_metrics_table`].

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;

use burn::tensor::Device;
use u2i_datasets::{Dataset, DatasetName, Places, SyntheticConfig, resolve, synthetic};
use u2i_eval::{Accumulator, Metrics};
use u2i_features::{Prepared, RawData, TargetSets, prepare};
use u2i_index::{ExactIndex, Filter, Index, ItemVectors, Seen};
use u2i_losses::LossSource;
use u2i_models::{AnyModel, HistoryInput, Init, Inputs, TwoTower, TwoTowerConfig};
use u2i_schema::{EventStore, Sample, Side};
use u2i_train::{
    Ended, EpochReport, Fitted, Observer, StateView, TrainData, TrainDevice, TrainError, Trainer, Vectors,
    item_vectors, user_vectors,
};

use crate::Error;
use crate::baselines::TargetRank;
use crate::config::{DataSource, EvaluationConfig, Experiment};
use crate::device::{DeviceChoice, Opened};
use crate::progress::Progress;
use crate::target_metrics::{accumulator, add};

/// How many items the lists hold whose distinct items are counted.
pub const COVERAGE_K: usize = 10;

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

/// Step 3: splits the events, fits the feature columns on training events, and lists the training targets.
///
/// # Errors
///
/// If a column cannot be made, or nothing is left to train or to test on.
pub fn prepare_features<C, L>(experiment: &Experiment<C, L>, raw: &RawData) -> Result<Prepared, Error> {
    let Experiment { split, features, samples, seed, .. } = experiment;
    Ok(prepare(raw, split, features, samples, *seed)?)
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
    let metric = evaluation.validation_metric();
    let validate = |model: &C::Model, _| {
        if prepared.validation.is_empty() {
            return Ok(None);
        }
        let index = ExactIndex::new(vectors_of_items(model, prepared, &device.device)?);
        let targets = Targets { samples: &prepared.validation, sets: &prepared.validation_sets() };
        let evaluation = rank(model, &index, prepared, targets, evaluation, device)?;
        Ok(evaluation.metrics.mean(metric))
    };
    let on = train_device(device);
    let loss = loss.build().map_err(TrainError::from)?;
    let trainer = Trainer::new(&data, &*loss, train).seed(*seed).device(on).observer(observer);
    let trainer = match state {
        None => trainer,
        Some(state) => trainer.resume(state),
    };
    let fitted = trainer.fit(model, validate)?;
    if fitted.ended == Ended::Stopped {
        return Err(Error::Interrupted { step: fitted.steps });
    }
    let items = vectors_of_items(&fitted.model, prepared, &device.device)?;
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

pub(crate) fn vectors_of_items<M: TwoTower>(
    model: &M,
    prepared: &Prepared,
    device: &Device,
) -> Result<ItemVectors, Error> {
    let Vectors { ids, dim, data } = item_vectors(model, &prepared.catalog, device);
    Ok(ItemVectors::new(ids, dim, data)?)
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

/// What came out of ranking the whole catalog for each target.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Metrics with the experiment's rule for seen items.
    pub metrics: Metrics,
    /// Metrics with seen items ranked like any other.
    pub metrics_seen_kept: Metrics,
    /// Targets that are in their own history: misses where seen items are excluded.
    pub n_targets_seen: usize,
    /// Distinct items in the top 10 of all users, seen items excluded.
    pub distinct_top_10: usize,
    /// Items that were ranked.
    pub n_items_ranked: usize,
    /// Where each relevant item came, set after set; of single targets `[targets]`, in their order.
    pub ranks: Vec<TargetRank>,
    /// `[items + 1]`: users whose top 10 holds the item, seen items excluded; entry 0 is padding and 0.
    pub n_lists: Vec<u32>,
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
    let index = ExactIndex::new(trained.items.clone());
    let targets = Targets { samples: &prepared.test, sets: &prepared.test_sets() };
    rank(&trained.fitted.model, &index, prepared, targets, &experiment.evaluation, device)
}

/// Step 6: the chapter's table, one row per name.
pub fn build_metrics_table(rows: &[(&str, &Metrics)]) -> String {
    crate::table::table(rows)
}

/// The items that each target's user had seen before, ascending.
pub fn seen_items(events: &EventStore, targets: &[Sample]) -> Vec<Vec<u32>> {
    let seen = |target: &Sample| {
        let mut items = events.items(target.user as usize)[..target.position as usize].to_vec();
        items.sort_unstable();
        items.dedup();
        items
    };
    targets.iter().map(seen).collect()
}

/// Held-out users and what is relevant of each.
#[derive(Clone, Copy)]
struct Targets<'a> {
    samples: &'a [Sample],
    sets: &'a TargetSets,
}

/// Relevant items that are ranked together: that bounds the memory, whatever the size of the data.
const RANKED_TOGETHER: usize = 4096;

impl Targets<'_> {
    /// Ranges of targets with at most [`RANKED_TOGETHER`] relevant items each, or one target with more.
    fn blocks(&self) -> Vec<Range<usize>> {
        let mut blocks = Vec::new();
        let mut begin = 0;
        for target in 0..self.samples.len() {
            let n_items = self.sets.range(target).end - self.sets.range(begin).start;
            if n_items > RANKED_TOGETHER && target > begin {
                blocks.push(begin..target);
                begin = target;
            }
        }
        if begin < self.samples.len() {
            blocks.push(begin..self.samples.len());
        }
        blocks
    }
}

fn rank<M: TwoTower>(
    model: &M,
    index: &ExactIndex,
    prepared: &Prepared,
    targets: Targets<'_>,
    config: &EvaluationConfig,
    device: &Opened,
) -> Result<Evaluation, Error> {
    let batches = prepared.eval_batches(model.history_len());
    let sets = targets.sets;
    let metrics = || accumulator(sets, &config.cutoffs());
    let (mut excluded, mut kept) = (metrics(), metrics());
    let mut n_targets_seen = 0;
    let mut ranks: Vec<TargetRank> = Vec::with_capacity(sets.items().len());
    let mut n_lists = vec![0; prepared.catalog.n_items() + 1];
    let k = NonZeroUsize::new(COVERAGE_K).expect("10 is not 0");
    for block in targets.blocks() {
        let samples = &targets.samples[block.clone()];
        let users = user_vectors(model, &batches, samples, &device.device);
        let seen = seen_items(&prepared.events, samples);
        // A relevant item is a query of its own: that of its user.
        let own = |user: usize| sets.range(block.start + user);
        let (users, seen) = match sets.are_sets() {
            false => (users.data, seen),
            true => {
                let of_each = || (0..samples.len()).flat_map(|user| own(user).map(move |_| user));
                let vector = |user: usize| &users.data[user * users.dim..(user + 1) * users.dim];
                (
                    of_each().flat_map(vector).copied().collect(),
                    of_each().map(|user| seen[user].clone()).collect(),
                )
            }
        };
        let items = &sets.items()[own(0).start..own(samples.len() - 1).end];
        let scan = index.scan(&users, items, Filter::excluding(&seen), k)?;
        n_targets_seen +=
            seen.iter().zip(items).filter(|(seen, item)| seen.binary_search(item).is_ok()).count();
        let found = scan.excluded.into_iter().zip(scan.kept);
        ranks.extend(found.map(|(excluded, kept)| TargetRank { excluded, kept }));
        for user in 0..samples.len() {
            // All queries of a user find one list.
            let first = own(user).start - own(0).start;
            scan.top.ids(first).iter().for_each(|&item| n_lists[item as usize] += 1);
            let ranks = &ranks[own(user)];
            add(&mut excluded, sets, ranks.iter().map(|rank| rank.excluded));
            add(&mut kept, sets, ranks.iter().map(|rank| rank.kept));
        }
    }
    let finish = |metrics: Accumulator| metrics.finish().expect("a split without targets is refused");
    let (excluded, kept) = (finish(excluded), finish(kept));
    Ok(Evaluation {
        metrics: match config.seen {
            Seen::Excluded => excluded,
            Seen::Kept => kept.clone(),
        },
        metrics_seen_kept: kept,
        n_targets_seen,
        distinct_top_10: n_lists.iter().filter(|&&lists| lists > 0).count(),
        n_items_ranked: index.len(),
        ranks,
        n_lists,
    })
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
