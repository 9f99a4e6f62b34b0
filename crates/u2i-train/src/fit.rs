use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::module::{Module as _, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use u2i_models::{ItemBatch, Noise, TwoTower, UserBatch, load_weights, save_weights};
use u2i_schema::{BatchMaker, SampleTable, Slot};

use crate::batches::{self, Batch, Batches};
use crate::dense::DenseParameters;
use crate::objective::Objective;
use crate::sparse::SparseTables;
use crate::state::{TrainProgress, TrainState, gradient_sums};
use crate::{LossConfig, Schedule, TrainConfig, TrainDevice, TrainError};

/// What is learned from.
#[derive(Debug, Clone, Copy)]
pub struct TrainData<'a> {
    /// Slices batches of training events.
    pub batches: BatchMaker<'a>,
    /// The targets.
    pub samples: &'a SampleTable,
    /// Columns, and item ids, of which a step takes a share for unknown: [`UserRows::forget`], [`ItemRows::forget`].
    ///
    /// [`UserRows::forget`]: u2i_schema::UserRows::forget
    /// [`ItemRows::forget`]: u2i_schema::ItemRows::forget
    pub id_dropout: &'a [(Slot, f64)],
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
    /// Those of them whose negatives are all masked: they have loss 0 and teach nothing.
    pub rows_without_negatives: usize,
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
    /// Targets whose negatives were all masked: they had loss 0 and taught nothing.
    pub rows_without_negatives: u64,
}

/// How a run goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// With the next step.
    Continue,
    /// With the next step, once the state is handed to [`Observer::on_state`].
    Save,
    /// Not at all: the state is handed over, then the run ends with [`TrainError::Interrupted`].
    Stop,
}

/// Follows a run and may stop it.
pub trait Observer {
    /// Called for each step, in order, once its loss is read: at once, or where the device is read less often
    /// ([`TrainDevice::read_every`]) for some steps together. What is asked for is then done after the last of them,
    /// and the strongest of what was asked counts.
    fn on_step(&mut self, _report: &StepReport) -> Flow {
        Flow::Continue
    }

    /// Gets the state that it asked for, from which [`resume`] goes on.
    ///
    /// # Errors
    ///
    /// An error ends the run with [`TrainError::Save`].
    fn on_state(&mut self, _state: TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
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
    /// What a learned temperature came to, after the last epoch; `None` where it is fixed or there is none.
    pub temperature: Option<f32>,
}

/// What `validate` returns: a metric, higher is better, or `None`.
pub type Validated = Result<Option<f64>, Box<dyn std::error::Error + Send + Sync>>;

/// Trains `model`, which lives on `device.autodiff()`, and returns its best epoch. A GPU is passed as
/// [`TrainDevice::gpu`].
///
/// `validate` gets the model off the autodiff device after each epoch and returns a metric, higher is better, or
/// `None` to keep the last epoch. What it returns decides early stopping and which epoch is kept; among equals
/// the earlier one.
///
/// # Errors
///
/// If there is nothing to train on, a value of the config is out of range, the loss, a gradient or a weight stops
/// being finite, a batch asks for a row that does not exist, `validate` fails or the observer stops the run.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run is made of")]
pub fn fit<M: TwoTower>(
    model: M,
    data: &TrainData<'_>,
    loss: &LossConfig,
    config: &TrainConfig,
    seed: u64,
    device: impl Into<TrainDevice>,
    observer: &mut dyn Observer,
    validate: impl FnMut(&M, usize) -> Validated,
) -> Result<Fitted<M>, TrainError> {
    let (run, batches) = Run::new(model, data, loss, config, seed, device.into())?;
    run.finish(batches, observer, validate)
}

/// Goes on from a `state` that [`Observer::on_state`] got, with everything else as it was in the call of [`fit`]: on
/// the CPU the result is bit for bit that of a run that was never stopped.
///
/// # Errors
///
/// As [`fit`], and [`TrainError::State`] if the state is not one of this model, loss and config.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run is made of")]
pub fn resume<M: TwoTower>(
    model: M,
    state: TrainState,
    data: &TrainData<'_>,
    loss: &LossConfig,
    config: &TrainConfig,
    seed: u64,
    device: impl Into<TrainDevice>,
    observer: &mut dyn Observer,
    validate: impl FnMut(&M, usize) -> Validated,
) -> Result<Fitted<M>, TrainError> {
    let (mut run, batches) = Run::new(model, data, loss, config, seed, device.into())?;
    run.restore(state)?;
    run.finish(batches, observer, validate)
}

/// What the loss learns, in a state.
const LOSS: &str = "loss";

/// Its moments.
const LOSS_MOMENT: &str = "loss_moment";

/// A run between two steps.
struct Run<'a, M> {
    model: M,
    /// Parameters that are embedding tables, which the model only borrows.
    table_ids: BTreeSet<ParamId>,
    tables: SparseTables,
    dense: DenseParameters,
    /// Finished epochs and the sums of the one that runs.
    progress: TrainProgress,
    best: Option<M>,
    objective: Objective,
    config: &'a TrainConfig,
    schedule: Schedule,
    steps_per_epoch: usize,
    seed: u64,
    on: TrainDevice,
    /// Steps whose losses are not read yet.
    unread: Vec<Unread>,
}

/// A step that the device was sent.
struct Unread {
    /// Without its loss.
    report: StepReport,
    /// Parameters that have a gradient.
    names: Vec<String>,
    /// `[1 + parameters]`: the loss and the sums of the gradients.
    sums: Tensor<1>,
}

impl<'a, M: TwoTower> Run<'a, M> {
    fn new(
        mut model: M,
        data: &'a TrainData<'a>,
        loss: &LossConfig,
        config: &'a TrainConfig,
        seed: u64,
        on: TrainDevice,
    ) -> Result<(Self, Batches<'a>), TrainError> {
        check(config)?;
        let objective = Objective::new(loss, &on)?;
        let table_ids = model.tables().into_iter().map(|table| table.weight.id).collect();
        let (tables, readers) = SparseTables::take(&mut model, config, seed, &on)?;
        let batches = Batches::new(data, loss, config, seed, readers)?;
        let steps_per_epoch = batches.steps_per_epoch();
        let run = Run {
            table_ids,
            tables,
            dense: DenseParameters::new(config.optimizer),
            progress: TrainProgress::default(),
            best: None,
            objective,
            schedule: Schedule::new(config.schedule, steps_per_epoch * config.epochs.get()),
            model,
            config,
            steps_per_epoch,
            seed,
            on,
            unread: Vec::new(),
        };
        Ok((run, batches))
    }

    fn state(&self) -> Result<TrainState, TrainError> {
        let mut tensors = BTreeMap::new();
        // Off the autodiff device running statistics are up to date.
        save_weights(&self.model.valid(), "model", &self.table_ids, &mut tensors);
        self.tables.save(&mut tensors);
        self.dense.save(&self.model, "moment", &mut tensors);
        if let Some(temperature) = &self.objective.temperature {
            save_weights(&temperature.valid(), LOSS, &BTreeSet::new(), &mut tensors);
            self.dense.save(temperature, LOSS_MOMENT, &mut tensors);
        }
        if let Some(best) = &self.best {
            save_weights(best, "best", &BTreeSet::new(), &mut tensors);
        }
        let broken = tensors.iter().find(|(_, tensor)| !tensor.data.iter().all(|value| value.is_finite()));
        if let Some((name, _)) = broken {
            return Err(self.not_finite(name.clone(), self.progress.step.saturating_sub(1)));
        }
        Ok(TrainState { progress: self.progress.clone(), tensors })
    }

    fn restore(&mut self, state: TrainState) -> Result<(), TrainError> {
        let TrainState { progress, mut tensors } = state;
        let wrong = |name: &str, found: String, expected: String| TrainError::State {
            name: name.to_owned(),
            found,
            expected,
        };
        let finished = progress.epochs.len();
        let (first, last) = (finished * self.steps_per_epoch, (finished + 1) * self.steps_per_epoch);
        if finished >= self.config.epochs.get() {
            return Err(wrong("epochs", finished.to_string(), format!("fewer than {}", self.config.epochs)));
        }
        if !(first..=last).contains(&progress.step) {
            return Err(wrong("step", progress.step.to_string(), format!("{first} to {last}")));
        }
        if (progress.step == first) != (progress.epoch_targets == 0) {
            let expected = "targets if and only if the epoch has begun".to_owned();
            return Err(wrong("epoch_targets", progress.epoch_targets.to_string(), expected));
        }
        let counted = progress.rows_without_negatives.len();
        if counted > finished + 1 {
            let expected = format!("counts of {finished} finished epochs and the one that runs");
            return Err(wrong("rows_without_negatives", counted.to_string(), expected));
        }
        let best = progress.best.map_or(0, |(epoch, _)| epoch);
        if best > finished || (best == 0) != (finished == 0) {
            return Err(wrong("best", best.to_string(), format!("one of {finished} finished epochs")));
        }
        self.tables.load(&mut tensors)?;
        self.dense.load(&self.model, "moment", &mut tensors, &self.on.device)?;
        if let Some(temperature) = &mut self.objective.temperature {
            self.dense.load(temperature, LOSS_MOMENT, &mut tensors, &self.on.device)?;
            *temperature = load_weights(temperature.clone(), LOSS, &BTreeSet::new(), &mut tensors)?;
        }
        if progress.best.is_some() {
            let mut model = self.model.clone();
            self.tables.give_back(&mut model);
            self.best = Some(load_weights(model.valid(), "best", &BTreeSet::new(), &mut tensors)?);
        }
        self.model = load_weights(self.model.clone(), "model", &self.table_ids, &mut tensors)?;
        if let Some(name) = tensors.keys().next() {
            return Err(wrong(name, "a tensor".into(), "nothing of that name".into()));
        }
        self.progress = progress;
        Ok(())
    }

    fn finish(
        mut self,
        mut batches: Batches<'a>,
        observer: &mut dyn Observer,
        mut validate: impl FnMut(&M, usize) -> Validated,
    ) -> Result<Fitted<M>, TrainError> {
        batches.begin_at(self.progress.step);
        let ahead = self.on.batches_ahead;
        batches::ahead(batches, ahead, |batches| self.train(batches, observer, &mut validate))?;
        let (best_epoch, _) = self.progress.best.expect("there is at least one epoch");
        let learned = self.objective.temperature.as_ref().map(|learned| learned.get().map(f32::from));
        let temperature = learned.transpose().map_err(|_| {
            self.not_finite(format!("the temperature of the {LOSS}"), self.progress.step.saturating_sub(1))
        })?;
        Ok(Fitted {
            model: self.best.expect("there is at least one epoch"),
            best_epoch,
            epochs: self.progress.finished(),
            steps: self.progress.step,
            targets: self.progress.targets,
            temperature,
        })
    }

    /// Trains to the end.
    fn train(
        &mut self,
        batches: &mut dyn Iterator<Item = Result<Batch, TrainError>>,
        observer: &mut dyn Observer,
        validate: &mut impl FnMut(&M, usize) -> Validated,
    ) -> Result<(), TrainError> {
        for epoch in self.progress.epochs.len() + 1..=self.config.epochs.get() {
            while self.progress.step < epoch * self.steps_per_epoch {
                let batch = batches.next().expect("there is a batch for each step")?;
                self.step(batch, epoch);
                let is_last = self.progress.step == epoch * self.steps_per_epoch;
                if is_last || self.unread.len() == self.on.read_every.get() {
                    self.report(observer)?;
                }
            }
            let report = self.end_epoch(epoch, validate)?;
            observer.on_epoch(&report);
            let best_epoch = self.progress.best.map_or(epoch, |(epoch, _)| epoch);
            if self
                .config
                .early_stopping
                .is_some_and(|stopping| epoch - best_epoch >= stopping.patience.get())
            {
                break;
            }
        }
        Ok(())
    }

    /// Sends a step to the device.
    fn step(&mut self, batch: Batch, epoch: usize) {
        let Batch { candidates, rows_without_negatives, users, items, rows } = batch;
        let step = self.progress.step;
        let learning_rate = self.config.optimizer.learning_rate() * self.schedule.factor(step);
        let autodiff = self.on.device.clone().autodiff();
        let noise = Some(Noise { seed: self.seed, step: step as u64 });
        let users = UserBatch::new(&users, noise, &autodiff);
        let users = if self.on.is_gpu { users.with_parallel_gradients() } else { users };
        let items = ItemBatch::new(&items, noise, &autodiff);
        self.tables.lend(&mut self.model, &users, &items);
        let loss = self.objective.loss(
            self.model.encode_users(&users),
            self.model.encode_items(&items),
            || self.model.user_bias(&users),
            &candidates,
        );
        let mut gradients = loss.clone().backward();
        let of_tables = self.tables.gradients(&mut self.model, &rows, &mut gradients);
        let of_loss = self.objective.own_gradients(&mut gradients);
        let mut gradients = GradientsParams::from_grads(gradients, &self.model);
        let (mut names, mut sums) = gradient_sums(&self.model, &gradients, &of_tables.of);
        sums.insert(0, loss.inner());
        if let (Some(temperature), Some(mut gradients)) = (self.objective.temperature.take(), of_loss) {
            let (of_loss, own) = gradient_sums(&temperature, &gradients, &HashMap::new());
            names.extend(of_loss.into_iter().map(|name| format!("{LOSS}/{name}")));
            sums.extend(own);
            let moved = self.dense.update(temperature, &mut gradients, learning_rate, step + 1);
            self.objective.temperature = Some(moved);
        }
        self.tables.update(&self.model, &rows, of_tables, learning_rate, step + 1);
        self.model = self.dense.update(self.model.clone(), &mut gradients, learning_rate, step + 1);
        self.progress.step += 1;
        let report = StepReport {
            epoch,
            step,
            steps: self.steps_per_epoch * self.config.epochs.get(),
            loss: f32::NAN,
            learning_rate,
            targets: candidates.targets.len(),
            rows_without_negatives,
        };
        self.unread.push(Unread { report, names, sums: Tensor::cat(sums, 0) });
    }

    /// Reads the losses of the steps that the device was sent, which it has done then, and reports them.
    fn report(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let mut flow = Flow::Continue;
        for report in self.read()? {
            flow = flow.max(observer.on_step(&report));
        }
        if flow == Flow::Continue {
            return Ok(());
        }
        let step = self.progress.step;
        observer.on_state(self.state()?).map_err(|source| TrainError::Save { step, source })?;
        if flow == Flow::Stop { Err(TrainError::Interrupted { step }) } else { Ok(()) }
    }

    fn read(&mut self) -> Result<Vec<StepReport>, TrainError> {
        let unread = std::mem::take(&mut self.unread);
        // One reading for all.
        let sums = unread.iter().map(|unread| unread.sums.clone()).collect();
        let sums: Vec<f32> = Tensor::cat(sums, 0).into_data().try_into_vec().expect("losses are f32");
        let mut sums = sums.into_iter();
        let mut reports = Vec::new();
        for Unread { mut report, names, .. } in unread {
            report.loss = sums.next().expect("a loss for each step");
            if !report.loss.is_finite() {
                return Err(self.not_finite("the loss".into(), report.step));
            }
            let mut broken = None;
            for (name, sum) in names.into_iter().zip(&mut sums) {
                broken = broken.or((!sum.is_finite()).then_some(name));
            }
            if let Some(name) = broken {
                return Err(self.not_finite(format!("the gradient of {name}"), report.step));
            }
            let sum =
                f64::from_bits(self.progress.loss_sum_bits) + f64::from(report.loss) * report.targets as f64;
            self.progress.loss_sum_bits = sum.to_bits();
            self.progress.epoch_targets += report.targets as u64;
            let without_negatives = report.rows_without_negatives as u64;
            self.progress.count_without_negatives(report.epoch, without_negatives);
            reports.push(report);
        }
        Ok(reports)
    }

    fn end_epoch(
        &mut self,
        epoch: usize,
        validate: &mut impl FnMut(&M, usize) -> Validated,
    ) -> Result<EpochReport, TrainError> {
        self.tables.give_back(&mut self.model);
        let plain = self.model.valid();
        let validation =
            validate(&plain, epoch).map_err(|source| TrainError::Validation { epoch, source })?;
        let loss = f64::from_bits(self.progress.loss_sum_bits) / self.progress.epoch_targets as f64;
        self.progress.epochs.push((loss.to_bits(), validation.map(f64::to_bits)));
        self.progress.targets += self.progress.epoch_targets;
        (self.progress.loss_sum_bits, self.progress.epoch_targets) = (0, 0);
        let highest = self.progress.best.map(|(_, bits)| f64::from_bits(bits));
        match (validation, highest) {
            (Some(metric), Some(highest)) if metric.is_nan() || metric <= highest => {}
            (metric, _) => {
                self.progress.best = Some((epoch, metric.unwrap_or(f64::NEG_INFINITY).to_bits()));
                self.best = Some(plain);
            }
        }
        let rows_without_negatives = self.progress.without_negatives(epoch);
        Ok(EpochReport { epoch, loss, validation, rows_without_negatives })
    }

    fn not_finite(&self, tensor: String, step: usize) -> TrainError {
        TrainError::NotFinite {
            epoch: step / self.steps_per_epoch + 1,
            step,
            tensor,
            learning_rate: self.config.optimizer.learning_rate() * self.schedule.factor(step),
        }
    }
}

fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let learning_rate = config.optimizer.learning_rate();
    let is_rate = learning_rate.is_finite() && learning_rate > 0.0;
    if !is_rate {
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
