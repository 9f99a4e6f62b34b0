//! Batches that another thread makes ahead.

use std::num::NonZeroU32;

use burn::tensor::Device;
use u2i_losses::Temperature;
use u2i_models::YoutubeDnn;
use u2i_train::{
    Ended, Fitted, InBatchSoftmax, LossConfig, Observer, TrainConfig, TrainDevice, TrainError, Trainer,
};

use crate::fixture::{Data, Steps, config, losses, sampled, youtube_dnn};
use crate::{Keep, init, weights};

fn ahead(batches_ahead: usize) -> TrainDevice {
    TrainDevice { batches_ahead, ..TrainDevice::from(&Device::flex()) }
}

fn run(
    data: &Data,
    config: &TrainConfig,
    on: TrainDevice,
    observer: &mut dyn Observer,
) -> Result<Fitted<YoutubeDnn>, TrainError> {
    let model = youtube_dnn(data, &mut init(1));
    Trainer::new(&data.train(4), &*sampled().build().unwrap(), config)
        .seed(1)
        .device(on)
        .observer(observer)
        .fit(model, |_, _| Ok(None))
}

/// With every loss, one of which estimates frequencies from all batches before.
#[test]
fn results_do_not_depend_on_who_makes_batches_and_how_early() {
    let data = Data::new();
    for loss in &losses() {
        let run = |n| {
            let (mut steps, model) = (Steps::default(), youtube_dnn(&data, &mut init(1)));
            let fitted = Trainer::new(&data.train(4), &*loss.build().unwrap(), &config(2))
                .seed(1)
                .device(ahead(n))
                .observer(&mut steps)
                .fit(model, |_, _| Ok(None));
            (steps.0, weights(&fitted.unwrap().model))
        };
        let own = run(0);
        assert_eq!(own.0.len(), own.0[0].steps);
        // 50 is more than there are.
        for n in [1, 2, 50] {
            assert!(run(n) == own, "{n} ahead, {loss:?}");
        }
    }
}

/// What was made and not used goes with the thread that made it; the run ends and returns.
#[test]
fn a_run_that_stops_leaves_what_was_made_ahead() {
    let data = Data::new();
    let stopped = |n| {
        let mut keep = Keep { at: vec![3], states: Vec::new() };
        let fitted = run(&data, &config(2), ahead(n), &mut keep).unwrap();
        assert_eq!((fitted.ended, fitted.steps), (Ended::Stopped, 3));
        keep.states.remove(0)
    };
    assert!(stopped(0) == stopped(2));
}

/// However early it is found, it is told where a run without batches ahead would have met it: after the same steps.
#[test]
fn a_row_beyond_its_table_is_told_at_its_step() {
    let data = Data::new();
    let fewer = Data { n_trained: data.n_trained - 1, ..Data::new() };
    // Of one target and nothing drawn, so that the step that meets the missing row is not the first.
    let one = NonZeroU32::MIN;
    let config = TrainConfig { chunk_targets: one, chunks_per_step: one.try_into().unwrap(), ..config(1) };
    let loss = LossConfig::InBatchSoftmax(InBatchSoftmax {
        temperature: Temperature::ONE,
        temperature_floor: None,
        streaming: None,
    });
    let steps_before = |n| {
        let mut steps = Steps::default();
        let (model, train) = (youtube_dnn(&fewer, &mut init(1)), data.train(4));
        let error = Trainer::new(&train, &*loss.build().unwrap(), &config)
            .seed(2)
            .device(ahead(n))
            .observer(&mut steps)
            .fit(model, |_, _| Ok(None))
            .unwrap_err();
        assert!(matches!(error, TrainError::RowOutOfRange { .. }), "{error}");
        // Losses of one row without negatives are 0, whatever they are of.
        steps.0.iter().map(|step| (step.step, step.targets)).collect::<Vec<_>>()
    };
    let before = steps_before(0);
    assert!(!before.is_empty());
    for n in [1, 2, 50] {
        assert_eq!(steps_before(n), before, "{n} ahead");
    }
}
