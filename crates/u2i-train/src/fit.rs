use burn::optim::{AdaGradConfig, AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use u2i_models::{ItemBatch, Noise, TwoTower, UserBatch};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, SampleTable};

use crate::objective::Objective;
use crate::sparse::SparseTables;
use crate::{LossConfig, OptimizerConfig, Schedule, TrainConfig, TrainError};

/// What is learned from.
#[derive(Debug, Clone, Copy)]
pub struct TrainData<'a> {
    /// Slices batches of training events.
    pub batches: BatchMaker<'a>,
    /// The targets.
    pub samples: &'a SampleTable,
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Step over all epochs, counted from 0.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Mean loss of the step's targets.
    pub loss: f32,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Targets of the step.
    pub targets: usize,
}

/// One epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss of the epoch's targets.
    pub loss: f64,
    /// What the validation callback returned.
    pub validation: Option<f64>,
}

/// Follows a run and may stop it.
pub trait Observer {
    /// Called after each step. Returning `false` stops training with [`TrainError::Interrupted`].
    fn on_step(&mut self, _report: &StepReport) -> bool {
        true
    }

    /// Called after each epoch and its validation.
    fn on_epoch(&mut self, _report: &EpochReport) {}
}

impl Observer for () {}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Fitted<M> {
    /// The model of the best epoch, off the autodiff device.
    pub model: M,
    /// Its epoch, counted from 1.
    pub best_epoch: usize,
    /// All epochs that were run.
    pub epochs: Vec<EpochReport>,
    /// Optimizer steps that were run.
    pub steps: usize,
    /// Targets that were learned from, over all epochs.
    pub targets: u64,
}

/// Trains `model`, which lives on `device.autodiff()`, and returns its best epoch.
///
/// `validate` gets the model off the autodiff device after each epoch and returns a metric, higher is better, or
/// `None` to keep the last epoch. What it returns decides early stopping and which epoch is kept; among equals
/// the earlier one.
///
/// # Errors
///
/// If there is nothing to train on, a value of the config is out of range, the loss stops being finite, a batch
/// asks for a row that does not exist, `validate` fails or the observer stops the run.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run is made of")]
pub fn fit<M: TwoTower>(
    mut model: M,
    data: &TrainData<'_>,
    loss: &LossConfig,
    config: &TrainConfig,
    seed: u64,
    device: &Device,
    observer: &mut dyn Observer,
    mut validate: impl FnMut(&M, usize) -> Result<Option<f64>, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Fitted<M>, TrainError> {
    check(config)?;
    let mut chunks = data.samples.chunks(config.chunk_targets);
    if chunks.is_empty() {
        return Err(TrainError::NoSamples);
    }
    let in_order = chunks.clone();
    let per_step = config.chunks_per_step.get();
    let steps = chunks.len().div_ceil(per_step) * config.epochs.get();
    let schedule = Schedule::new(config.schedule, steps);
    let objective = Objective::new(loss, data.batches.catalog)?;
    let mut dense = dense_optimizer(config.optimizer);
    let mut tables = SparseTables::take(&mut model, config.optimizer, device);
    let autodiff = device.clone().autodiff();

    let mut step = 0;
    let mut trained = 0;
    let mut epochs: Vec<EpochReport> = Vec::new();
    let mut best: Option<(f64, usize, M)> = None;
    for epoch in 1..=config.epochs.get() {
        chunks.copy_from_slice(&in_order);
        Stream::new(seed, Purpose::SHUFFLE, epoch as u64, 0).shuffle(&mut chunks);
        let (mut sum, mut n) = (0.0, 0u64);
        for own in chunks.chunks(per_step) {
            let learning_rate = config.optimizer.learning_rate() * schedule.factor(step);
            let targets = data.batches.targets(own);
            let n_targets = targets.len();
            let candidates = objective.candidates(targets, seed, step);
            let mut users = data.batches.users(own);
            let mut items = data.batches.items(&candidates.items);
            tables.lend(&mut model, &mut users, &mut items)?;
            let noise = Some(Noise { seed, step: step as u64 });
            let users = UserBatch::new(&users, noise, &autodiff);
            let items = ItemBatch::new(&items, noise, &autodiff);
            let loss = objective.loss(
                model.encode_users(&users),
                model.encode_items(&items),
                || model.user_bias(&users),
                &candidates,
            );
            let value: f32 = loss.clone().into_scalar();
            if !value.is_finite() {
                return Err(TrainError::NotFinite { epoch, step, loss: value });
            }
            let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
            tables.update(&model, &mut gradients, learning_rate, step + 1);
            model = dense.step(learning_rate, model, gradients);
            sum += f64::from(value) * n_targets as f64;
            n += n_targets as u64;
            let report = StepReport { epoch, step, steps, loss: value, learning_rate, targets: n_targets };
            step += 1;
            if !observer.on_step(&report) {
                return Err(TrainError::Interrupted { step });
            }
        }
        trained += n;
        tables.give_back(&mut model);
        let plain = model.valid();
        let validation =
            validate(&plain, epoch).map_err(|source| TrainError::Validation { epoch, source })?;
        let report = EpochReport { epoch, loss: sum / n as f64, validation };
        observer.on_epoch(&report);
        epochs.push(report);
        match (validation, &best) {
            (Some(metric), Some((highest, ..))) if metric.is_nan() || metric <= *highest => {}
            (metric, _) => best = Some((metric.unwrap_or(f64::NEG_INFINITY), epoch, plain)),
        }
        let best_epoch = best.as_ref().map_or(epoch, |(_, epoch, _)| *epoch);
        if config.early_stopping.is_some_and(|stopping| epoch - best_epoch >= stopping.patience.get()) {
            break;
        }
    }
    let (_, best_epoch, model) = best.expect("there is at least one epoch");
    Ok(Fitted { model, best_epoch, epochs, steps: step, targets: trained })
}

fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let learning_rate = config.optimizer.learning_rate();
    if !(learning_rate.is_finite() && learning_rate > 0.0) {
        let key = "train.optimizer.learning_rate";
        return Err(TrainError::Range { key, found: learning_rate, expected: "a positive number" });
    }
    if let crate::Decay::Cosine { final_share } = config.schedule.decay
        && !(0.0..=1.0).contains(&final_share)
    {
        let key = "train.schedule.decay.cosine.final_share";
        return Err(TrainError::Range { key, found: final_share, expected: "a share in [0, 1]" });
    }
    Ok(())
}

fn dense_optimizer(config: OptimizerConfig) -> ModuleOptimizer {
    match config {
        OptimizerConfig::Adam { beta_1, beta_2, epsilon, .. } => {
            AdamConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(epsilon).init()
        }
        OptimizerConfig::Adagrad { epsilon, .. } => AdaGradConfig::new().with_epsilon(epsilon).init(),
    }
}
