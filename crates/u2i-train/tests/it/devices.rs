//! What is done for a GPU is checked on the CPU, where it must come to the same.

use std::num::NonZeroUsize;

use burn::tensor::Device;
use u2i_models::{NormKind, TwoTower};
use u2i_train::{
    Ended, LossConfig, Observer, StepReport, TrainConfig, TrainDevice, TrainError, TrainState, Trainer,
};

use crate::fixture::{
    Data, Steps, adagrad, adam, config, dssm, dssm_with, fm, losses, row_wise_adagrad, sampled, youtube_dnn,
};
use crate::{Keep, init};

fn gpu() -> TrainDevice {
    TrainDevice::gpu(Device::flex())
}

fn steps<M: TwoTower>(model: M, loss: &LossConfig, config: &TrainConfig, on: TrainDevice) -> Vec<StepReport> {
    let (data, mut steps) = (Data::new(), Steps::default());
    Trainer::new(&data.train(4), &*loss.build().unwrap(), config)
        .seed(1)
        .device(on)
        .observer(&mut steps)
        .fit(model, |_, _| Ok(None))
        .unwrap();
    steps.0
}

/// The steps of a run, worked with as a CPU and as a GPU, with every loss and optimizer but plain descent, which is a part of each.
fn check<M: TwoTower>(model: impl Fn() -> M) {
    for loss in &losses() {
        for optimizer in [adam(), adagrad(), row_wise_adagrad()] {
            let config = TrainConfig { optimizer, ..config(2) };
            let cpu = steps(model(), loss, &config, TrainDevice::from(&Device::flex()));
            let gpu = steps(model(), loss, &config, gpu());
            assert_eq!(cpu.len(), gpu.len());
            for (a, b) in cpu.iter().zip(&gpu) {
                assert_eq!((a.step, a.epoch, a.targets, a.steps), (b.step, b.epoch, b.targets, b.steps));
                // The same numbers added in another order, over 30 steps.
                let close = (a.loss - b.loss).abs() <= 1e-4 * a.loss.abs();
                assert!(close, "step {}: {} and {} with {loss:?}, {optimizer:?}", a.step, a.loss, b.loss);
            }
        }
    }
}

#[test]
fn youtube_dnn_learns_the_same_either_way() {
    let data = Data::new();
    check(|| youtube_dnn(&data, &mut init(1)));
}

#[test]
fn dssm_learns_the_same_either_way() {
    let data = Data::new();
    check(|| dssm(&data, &mut init(1)));
    check(|| dssm_with(NormKind::Layer, &data, &mut init(1)));
}

#[test]
fn fm_learns_the_same_either_way() {
    let data = Data::new();
    check(|| fm(&data, &mut init(1)));
}

/// Losses are read every four steps and at the end of an epoch of 15; what an observer asks for is done then.
#[test]
fn a_run_that_is_read_now_and_then_stops_at_a_reading_and_goes_on_from_there() {
    let data = Data::new();
    let on = TrainDevice { read_every: NonZeroUsize::new(4).unwrap(), ..gpu() };
    let run = |state: Option<TrainState>, observer: &mut dyn Observer| {
        let (model, train, loss) = (youtube_dnn(&data, &mut init(1)), data.train(4), sampled());
        match state {
            None => Trainer::new(&train, &*loss.build().unwrap(), &config(2))
                .seed(1)
                .device(&on)
                .observer(observer)
                .fit(model, |_, _| Ok(None)),
            Some(state) => Trainer::new(&train, &*loss.build().unwrap(), &config(2))
                .seed(1)
                .device(&on)
                .observer(observer)
                .resume(state)
                .fit(model, |_, _| Ok(None)),
        }
    };
    let mut whole = Steps::default();
    run(None, &mut whole).unwrap();
    assert_eq!(whole.0.iter().map(|step| step.step).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    for (asked, done) in [(1, 4), (4, 4), (5, 8), (13, 15), (15, 15), (16, 19)] {
        let mut keep = Keep { at: vec![asked], states: Vec::new() };
        let stopped = run(None, &mut keep).unwrap();
        assert_eq!((stopped.ended, stopped.steps), (Ended::Stopped, done), "{asked}");
        let mut rest = Steps::default();
        run(Some(keep.states.remove(0)), &mut rest).unwrap();
        assert_eq!(rest.0, whole.0[done..], "{asked}");
    }
}

/// Whenever it is read, a loss that is not finite is named with its own step, and nothing after it is handed out.
#[test]
fn a_broken_input_is_named_at_its_step_however_late_it_is_read() {
    let users = Data::new().users.ids().len();
    let mut later = 0;
    for user in 0..users {
        let mut ages = vec![0.5; users];
        ages[user] = f32::NAN;
        let data = Data::with_ages(ages);
        let error_on = |on: TrainDevice| {
            let (mut keep, model) =
                (Keep { at: (1..=30).collect(), states: vec![] }, youtube_dnn(&data, &mut init(1)));
            let result = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
                .seed(1)
                .device(on)
                .observer(&mut keep)
                .fit(model, |_, _| Ok(None));
            let error = result.expect_err("a broken input went through");
            let TrainError::NotFinite { step, .. } = error else { panic!("{error}") };
            (step, keep.states.len())
        };
        let (step, _) = error_on(TrainDevice::from(&Device::flex()));
        let every = NonZeroUsize::new(4).unwrap();
        let (found, states) = error_on(TrainDevice { read_every: every, ..gpu() });
        assert_eq!((found, states), (step, step / 4), "user {user}");
        later += usize::from(step % 4 != 3);
    }
    assert!(later > 0);
}
