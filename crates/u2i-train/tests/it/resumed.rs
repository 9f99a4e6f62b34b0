//! R2: stopping at any step and going on.

use std::ops::ControlFlow;

use burn::tensor::Device;
use u2i_models::{NormKind, YoutubeDnn};
use u2i_train::{
    Ended, Flow, LossConfig, Observer, OptimizerConfig, StateView, TablePrecision, TrainConfig, TrainError,
    TrainProgress, TrainState, Trainer, ValidationReport,
};

use crate::fixture::{
    Data, Steps, adagrad, adam, config, learned, row_wise_adagrad, sampled, sgd, streaming, youtube_dnn,
    youtube_dnn_with,
};
use crate::{Keep, full, init, weights};

const BATCH: NormKind = NormKind::Batch { momentum: 0.1, epsilon: 1e-3 };

/// What a run is made with. In full, every pair of what is stored in another way.
fn recipes() -> Vec<(OptimizerConfig, Option<TablePrecision>, NormKind, LossConfig)> {
    let (f16, bf16) = (Some(TablePrecision::F16), Some(TablePrecision::Bf16));
    if !full() {
        return vec![
            (adam(), None, NormKind::None, sampled()),
            (adagrad(), None, NormKind::None, streaming()),
            (adam(), None, BATCH, learned()),
            (row_wise_adagrad(), bf16, NormKind::None, sampled()),
            (sgd(), f16, NormKind::None, sampled()),
        ];
    }
    let mut all = Vec::new();
    for (optimizer, precision) in
        [(adam(), None), (adagrad(), None), (adam(), f16), (row_wise_adagrad(), bf16), (sgd(), None)]
    {
        for norm in [NormKind::None, BATCH] {
            all.extend([sampled(), streaming(), learned()].map(|loss| (optimizer, precision, norm, loss)));
        }
    }
    all
}

/// Stopped at 35 points (at every step of thirty recipes, 1,350, with `U2I_FULL=1`) and gone on with a fresh model from
/// that state, a run ends as one that was never stopped: the same weights, the same losses, and the same state at every
/// later step.
#[test]
fn a_resumed_run_ends_as_one_that_was_never_stopped() {
    let data = Data::new();
    let metrics = [0.1, 0.4, 0.3];
    let validate = |_: &YoutubeDnn, epoch: usize| Ok(Some(metrics[epoch - 1]));
    let device = Device::flex();
    let mut points = 0;
    for (optimizer, table_precision, norm, loss) in recipes() {
        let config = TrainConfig { optimizer, table_precision, ..config(3) };
        let run = |state: Option<TrainState>, observer: &mut dyn Observer| {
            // What the fresh model begins with must not matter.
            let model = youtube_dnn_with(norm, &data, &mut init(if state.is_some() { 2 } else { 1 }));
            let train = data.train(4);
            match state {
                None => Trainer::new(&train, &*loss.build().unwrap(), &config)
                    .seed(1)
                    .device(&device)
                    .observer(observer)
                    .fit(model, validate),
                Some(state) => Trainer::new(&train, &*loss.build().unwrap(), &config)
                    .seed(1)
                    .device(&device)
                    .observer(observer)
                    .resume(state)
                    .fit(model, validate),
            }
        };
        let mut steps = Steps::default();
        let unbroken = run(None, &mut steps).unwrap();
        let per_epoch = unbroken.steps / 3;
        let mut every = Keep { at: (1..=unbroken.steps).collect(), states: Vec::new() };
        assert_eq!(run(None, &mut every).unwrap().ended, Ended::Stopped);
        assert_eq!(every.states.len(), unbroken.steps);
        let some = vec![1, 2, per_epoch - 1, per_epoch, per_epoch + 1, 2 * per_epoch, unbroken.steps];
        for at in if full() { (1..=unbroken.steps).collect() } else { some } {
            let state = every.states[at - 1].clone();
            assert_eq!(state.progress.step, at);
            let mut rest = Keep { at: (at + 1..=unbroken.steps).collect(), states: Vec::new() };
            let rested = run(Some(state.clone()), &mut rest).unwrap();
            assert_eq!(rested.ended == Ended::Stopped, at < unbroken.steps);
            assert!(rest.states == every.states[at..], "stopped at {at}");
            let resumed = run(Some(state), &mut ()).unwrap();
            assert_eq!(weights(&resumed.model), weights(&unbroken.model), "stopped at {at}");
            assert_eq!(resumed.epochs, unbroken.epochs, "stopped at {at}");
            assert_eq!(
                (resumed.best_epoch, resumed.steps, resumed.targets),
                (Some(2), unbroken.steps, unbroken.targets)
            );
            points += 1;
        }
    }
    assert_eq!(points, if full() { 1350 } else { 35 });
}

/// Stops in the middle of the validation of one epoch.
#[derive(Default)]
struct StopIn {
    epoch: usize,
    told: Vec<ValidationReport>,
    states: Vec<TrainState>,
}

impl Observer for StopIn {
    fn on_validation(&mut self, report: &ValidationReport) -> Flow {
        self.told.push(*report);
        if report.epoch == self.epoch && report.done == 2 { Flow::Stop } else { Flow::Save }
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.states.push(state.to_owned()?);
        Ok(())
    }
}

#[test]
fn stopped_in_a_validation_a_run_goes_on_with_it_and_ends_as_one_that_was_never_stopped() {
    let data = Data::new();
    let metrics = [0.1, 0.4, 0.3];
    let run = |state: Option<TrainState>, observer: &mut dyn Observer| {
        let model = youtube_dnn(&data, &mut init(1));
        let (train, config, loss) = (data.train(4), config(3), sampled().build().unwrap());
        let trainer =
            Trainer::new(&train, &*loss, &config).seed(1).device(&Device::flex()).observer(observer);
        let trainer = match state {
            None => trainer,
            Some(state) => trainer.resume(state),
        };
        let mut n_ended = 0;
        let fitted = trainer.fit_telling(model, |_, epoch, tell| {
            for done in 1..=3 {
                if tell(done, 3) == ControlFlow::Break(()) {
                    return Err("an error that nobody sees".into());
                }
            }
            n_ended += 1;
            Ok(Some(metrics[epoch - 1]))
        });
        (fitted.unwrap(), n_ended)
    };
    let (unbroken, _) = run(None, &mut ());
    let per_epoch = unbroken.steps / 3;
    for epoch in 1..=3 {
        let mut stop = StopIn { epoch, ..StopIn::default() };
        let (stopped, n_ended) = run(None, &mut stop);
        assert_eq!((stopped.ended, stopped.steps, n_ended), (Ended::Stopped, epoch * per_epoch, epoch - 1));
        assert_eq!(stop.told.last(), Some(&ValidationReport { epoch, done: 2, of: 3 }));
        assert_eq!(stop.told.len(), 3 * (epoch - 1) + 2);
        let [state] = &stop.states[..] else { panic!("{} states", stop.states.len()) };
        let mut keep = Keep { at: vec![epoch * per_epoch], states: Vec::new() };
        run(None, &mut keep);
        assert!(state == &keep.states[0], "the state is that before the validation");
        let (resumed, n_ended) = run(Some(state.clone()), &mut ());
        assert_eq!(n_ended, 4 - epoch, "the validation is made again");
        assert_eq!(weights(&resumed.model), weights(&unbroken.model), "stopped in epoch {epoch}");
        assert_eq!(resumed.epochs, unbroken.epochs);
        assert_eq!((resumed.best_epoch, resumed.targets), (Some(2), unbroken.targets));
    }
}

#[test]
fn a_state_of_another_model_is_refused_with_its_first_difference() {
    let data = Data::new();
    let mut keep = Keep { at: vec![2], states: Vec::new() };
    let start = |observer: &mut dyn Observer| {
        let model = youtube_dnn(&data, &mut init(1));
        Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
            .seed(1)
            .device(&Device::flex())
            .observer(observer)
            .fit(model, |_, _| Ok(None))
    };
    let stopped = start(&mut keep).unwrap();
    assert_eq!((stopped.ended, stopped.steps), (Ended::Stopped, 2));
    let state = keep.states.remove(0);
    let go_on = |state: TrainState| {
        let model = youtube_dnn(&data, &mut init(1));
        let train = data.train(4);
        Trainer::new(&train, &*sampled().build().unwrap(), &config(1))
            .seed(1)
            .device(&Device::flex())
            .resume(state)
            .fit(model, |_, _| Ok(None))
    };
    go_on(state.clone()).unwrap();
    for name in state.tensors.keys() {
        let mut missing = state.clone();
        missing.tensors.remove(name);
        let mut reshaped = state.clone();
        reshaped.tensors.get_mut(name).unwrap().shape.push(1);
        let mut renamed = state.clone();
        let tensor = renamed.tensors.remove(name).unwrap();
        renamed.tensors.insert(format!("{name}x"), tensor);
        for broken in [missing, reshaped, renamed] {
            assert!(matches!(go_on(broken), Err(TrainError::State { .. })), "{name}");
        }
    }
    let changes: [fn(&mut TrainProgress); 6] = [
        |progress| progress.step = 0,
        |progress| progress.step = 10_000,
        |progress| progress.epoch_targets = 0,
        |progress| progress.epochs = vec![(0, None)],
        |progress| progress.best = Some((0, 0)),
        |progress| progress.best = Some((7, 0)),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut elsewhere = state.clone();
        change(&mut elsewhere.progress);
        assert!(matches!(go_on(elsewhere), Err(TrainError::State { .. })), "change {i}");
    }
}
