use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use burn::module::ParamId;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use u2i_host::read;
use u2i_losses::Loss;
use u2i_models::{ItemBatch, Noise, TwoTower, UserBatch};

use crate::batches::{self, Batch, Batches};
use crate::best::Best;
use crate::dense::{DenseParameters, parameters};
use crate::gradients::gradient_sums;
use crate::learned::{LOSS, Learned};
use crate::module_tensors::{fill_module, view_module};
use crate::objective::loss_of;
use crate::sparse::SparseTables;
use crate::view::first_not_finite;
use crate::{
    Ended, EpochReport, Fitted, Flow, Observer, Schedule, StateView, StepReport, TrainConfig, TrainData,
    TrainDevice, TrainError, TrainProgress, Validated, ValidationReport,
};

/// The moments of what the loss learns, in a state.
const LOSS_MOMENT: &str = "loss_moment";

/// Tells how far a validation is, and of how much, and gets whether it goes on.
type Tell<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// A run between two steps.
pub(crate) struct Run<'a, M> {
    model: M,
    /// Parameters that are embedding tables, which the model only borrows.
    table_ids: BTreeSet<ParamId>,
    tables: SparseTables,
    dense: DenseParameters,
    /// Finished epochs and the sums of the one that runs.
    progress: TrainProgress,
    best: Option<Best<M>>,
    loss: &'a dyn Loss,
    /// What the loss learns.
    learned: Learned,
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
    pub fn new(
        mut model: M,
        data: &'a TrainData<'a>,
        loss: &'a dyn Loss,
        config: &'a TrainConfig,
        seed: u64,
        on: TrainDevice,
    ) -> Result<(Self, Batches<'a>), TrainError> {
        check(config)?;
        loss.check()?;
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
            loss,
            learned: Learned::new(loss, &on.device.clone().autodiff()),
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

    /// The state where it is. All of it is finite.
    fn state(&self) -> Result<StateView<'_>, TrainError> {
        let mut tensors = BTreeMap::new();
        // Off the autodiff device running statistics are up to date.
        view_module(&self.model.valid(), "model", &self.table_ids, &mut tensors);
        self.tables.view(&mut tensors);
        self.dense.view(&parameters(&self.model), "moment", &mut tensors);
        self.learned.view(&mut tensors);
        self.dense.view(&self.learned.named(), LOSS_MOMENT, &mut tensors);
        if let Some(best) = self.best.as_ref().filter(|best| best.is_in_memory()) {
            best.view(&mut tensors);
        }
        if let Some(name) = first_not_finite(&tensors)? {
            return Err(self.not_finite(name, self.progress.step.saturating_sub(1)));
        }
        // What is kept elsewhere was looked at when it was.
        if let Some(best) = self.best.as_ref().filter(|best| !best.is_in_memory()) {
            best.view(&mut tensors);
        }
        Ok(StateView { progress: self.progress.clone(), tensors })
    }

    pub fn restore(&mut self, state: StateView<'_>, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let StateView { progress, mut tensors } = state;
        let wrong = |name: &str, found: String, expected: String| TrainError::State {
            name: name.to_owned(),
            found,
            expected,
        };
        let (finished, epochs) = (progress.epochs.len(), self.config.epochs.get());
        if finished > epochs {
            return Err(wrong("epochs", finished.to_string(), format!("at most {epochs}")));
        }
        let (first, last) =
            (finished * self.steps_per_epoch, epochs.min(finished + 1) * self.steps_per_epoch);
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
        self.dense.load(&parameters(&self.model), "moment", &mut tensors, &self.on.device)?;
        self.dense.load(&self.learned.named(), LOSS_MOMENT, &mut tensors, &self.on.device)?;
        self.learned.load(&mut tensors)?;
        if progress.best.is_some() {
            let mut like = self.model.clone();
            self.tables.give_back(&mut like);
            self.best = Some(Best::restore(like.valid(), best, &mut tensors, observer)?);
        }
        self.model = fill_module(self.model.clone(), "model", &self.table_ids, &mut tensors)?;
        if let Some(name) = tensors.keys().next() {
            return Err(wrong(name, "a tensor".into(), "nothing of that name".into()));
        }
        self.progress = progress;
        Ok(())
    }

    /// Trains to the end.
    pub fn finish(
        mut self,
        mut batches: Batches<'a>,
        observer: &mut dyn Observer,
        mut validate: impl FnMut(&M, usize, Tell<'_>) -> Validated,
    ) -> Result<Fitted<M>, TrainError> {
        batches.begin_at(self.progress.step);
        let ahead = self.on.batches_ahead;
        let ended = batches::ahead(batches, ahead, |batches| self.train(batches, observer, &mut validate))?;
        let last = self.progress.step.saturating_sub(1);
        let learned = self.learned.on_host();
        let temperature = self
            .loss
            .temperature(&learned)
            .map_err(|_| self.not_finite(format!("the temperature of the {LOSS}"), last))?;
        let Run { mut model, tables, best, progress, .. } = self;
        let model = match best {
            Some(Best::InMemory(model)) => model,
            other => {
                tables.give_back(&mut model);
                let plain = model.valid();
                // The moments go, and nobody else has the tables: what is kept elsewhere is read into their memory.
                drop((model, tables));
                match other {
                    // Of a run that was stopped nobody wants it now, and reading takes long.
                    Some(Best::Elsewhere(mut kept)) if ended != Ended::Stopped => {
                        fill_module(plain, "", &BTreeSet::new(), &mut kept)?
                    }
                    _ => plain,
                }
            }
        };
        Ok(Fitted {
            model,
            ended,
            best_epoch: progress.best.map(|(epoch, _)| epoch),
            epochs: progress.finished(),
            steps: progress.step,
            targets: progress.targets,
            temperature: temperature.map(f32::from),
            learned,
        })
    }

    fn train(
        &mut self,
        batches: &mut dyn Iterator<Item = Result<Batch, TrainError>>,
        observer: &mut dyn Observer,
        validate: &mut impl FnMut(&M, usize, Tell<'_>) -> Validated,
    ) -> Result<Ended, TrainError> {
        for epoch in self.progress.epochs.len() + 1..=self.config.epochs.get() {
            if self.has_lost_patience() {
                return Ok(Ended::EarlyStopping);
            }
            while self.progress.step < epoch * self.steps_per_epoch {
                let batch = batches.next().expect("there is a batch for each step")?;
                self.step(batch, epoch);
                let is_last = self.progress.step == epoch * self.steps_per_epoch;
                if is_last || self.unread.len() == self.on.read_every.get() {
                    let reports = self.read()?;
                    let flow = reports.iter().map(|report| observer.on_step(report)).max();
                    if let Some(ended) = self.follow(flow.unwrap_or(Flow::Continue), observer)? {
                        return Ok(ended);
                    }
                }
            }
            let report = self.end_epoch(epoch, observer, validate)?;
            let flow = report.map_or(Flow::Stop, |report| observer.on_epoch(&report));
            if let Some(ended) = self.follow(flow, observer)? {
                return Ok(ended);
            }
        }
        Ok(Ended::Completed)
    }

    /// Whether so many epochs have ended since the best one that no other is to begin.
    fn has_lost_patience(&self) -> bool {
        let since_best = self.progress.best.map_or(0, |(best, _)| self.progress.epochs.len() - best);
        self.config.early_stopping.is_some_and(|stopping| since_best >= stopping.patience.get())
    }

    /// Does what the observer asks for; returns how the run ends, if it does.
    fn follow(&mut self, flow: Flow, observer: &mut dyn Observer) -> Result<Option<Ended>, TrainError> {
        if matches!(flow, Flow::Save | Flow::Stop) {
            let step = self.progress.step;
            observer.on_state(&self.state()?).map_err(|source| TrainError::Save { step, source })?;
        }
        Ok(match flow {
            Flow::Continue | Flow::Save => None,
            Flow::End => {
                if self.best.is_none() {
                    // The model as it is will be handed out: all of it is finite, as in a state.
                    self.state()?;
                }
                Some(Ended::Observer)
            }
            Flow::Stop => Some(Ended::Stopped),
        })
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
        self.tables.prefetch(&mut self.model, &users, &items);
        let (of_users, of_items) = (self.model.encode_users(&users), self.model.encode_items(&items));
        let user_bias = if self.loss.takes_user_bias() { self.model.user_bias(&users) } else { None };
        let learned = self.learned.tensors();
        let loss = loss_of(self.loss, of_users, of_items, user_bias, learned, &candidates, &self.on);
        let mut gradients = loss.clone().backward();
        let of_tables = self.tables.gradients(&mut self.model, &rows, &mut gradients);
        let of_loss = self.learned.gradients(&mut gradients);
        let mut gradients = GradientsParams::from_grads(gradients, &self.model);
        let (mut names, mut sums) = gradient_sums(&self.model, &gradients, &of_tables.of);
        sums.insert(0, loss.inner());
        if let Some(mut gradients) = of_loss {
            let (of_loss, own) = self.learned.gradient_sums(&gradients);
            names.extend(of_loss);
            sums.extend(own);
            let learned = self.learned.clone();
            self.learned = self.dense.update(learned, &mut gradients, learning_rate, step + 1);
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

    /// Reads the losses of the steps that the device was sent, which it has done then.
    fn read(&mut self) -> Result<Vec<StepReport>, TrainError> {
        let unread = std::mem::take(&mut self.unread);
        // One reading for all.
        let sums = unread.iter().map(|unread| unread.sums.clone()).collect();
        let mut sums = read(Tensor::cat(sums, 0)).into_iter();
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

    /// Validates and ends an epoch; `None` if the observer has stopped the validation. Then all is as before it, and the run
    /// goes on from here with the same validation.
    fn end_epoch(
        &mut self,
        epoch: usize,
        observer: &mut dyn Observer,
        validate: &mut impl FnMut(&M, usize, Tell<'_>) -> Validated,
    ) -> Result<Option<EpochReport>, TrainError> {
        self.tables.give_back(&mut self.model);
        let plain = self.model.valid();
        self.tables.take_away(&mut self.model);
        let mut is_stopped = false;
        let validated = validate(&plain, epoch, &mut |done, of| {
            is_stopped |= observer.on_validation(&ValidationReport { epoch, done, of }) == Flow::Stop;
            if is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if is_stopped {
            return Ok(None);
        }
        let validation = validated.map_err(|source| TrainError::Validation { epoch, source })?;
        let loss = f64::from_bits(self.progress.loss_sum_bits) / self.progress.epoch_targets as f64;
        self.progress.epochs.push((loss.to_bits(), validation.map(f64::to_bits)));
        self.progress.targets += self.progress.epoch_targets;
        (self.progress.loss_sum_bits, self.progress.epoch_targets) = (0, 0);
        let highest = self.progress.best.map(|(_, bits)| f64::from_bits(bits));
        match (validation, highest) {
            (Some(metric), Some(highest)) if metric.is_nan() || metric <= highest => {}
            (metric, _) => {
                self.progress.best = Some((epoch, metric.unwrap_or(f64::NEG_INFINITY).to_bits()));
                let not_finite = |name| self.not_finite(name, self.progress.step - 1);
                self.best = Some(Best::new(plain, epoch, observer, not_finite)?);
            }
        }
        let rows_without_negatives = self.progress.without_negatives(epoch);
        Ok(Some(EpochReport { epoch, loss, validation, rows_without_negatives }))
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
