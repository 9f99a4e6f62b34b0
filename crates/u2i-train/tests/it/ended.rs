//! How a run ends, and that what was learned is kept.

use std::num::NonZeroUsize;

use burn::tensor::Device;
use u2i_models::YoutubeDnn;
use u2i_train::{
    EarlyStopping, Ended, EpochReport, Fitted, Flow, Observer, StateView, StepReport, TrainConfig,
    TrainState, Trainer,
};

use crate::fixture::{Data, config, sampled, youtube_dnn};
use crate::{init, weights};

/// Asks for something after a step, counted from 1, or an epoch, and keeps the states that it is handed.
struct Asks {
    step: Option<(usize, Flow)>,
    epoch: Option<(usize, Flow)>,
    states: Vec<TrainState>,
}

impl Asks {
    fn after_step(step: usize, flow: Flow) -> Self {
        Asks { step: Some((step, flow)), epoch: None, states: Vec::new() }
    }

    fn after_epoch(epoch: usize, flow: Flow) -> Self {
        Asks { step: None, epoch: Some((epoch, flow)), states: Vec::new() }
    }
}

impl Observer for Asks {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        self.step.filter(|(step, _)| *step == report.step + 1).map_or(Flow::Continue, |(_, flow)| flow)
    }

    fn on_epoch(&mut self, report: &EpochReport) -> Flow {
        self.epoch.filter(|(epoch, _)| *epoch == report.epoch).map_or(Flow::Continue, |(_, flow)| flow)
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.states.push(state.to_owned()?);
        Ok(())
    }
}

/// Three epochs of 15 steps; the second is the best.
fn run(config: &TrainConfig, state: Option<TrainState>, observer: &mut dyn Observer) -> Fitted<YoutubeDnn> {
    let (data, loss, device) = (Data::new(), sampled().build().unwrap(), Device::flex());
    let train = data.train(4);
    let trainer = Trainer::new(&train, &*loss, config).seed(1).device(&device).observer(observer);
    let trainer = match state {
        Some(state) => trainer.resume(state),
        None => trainer,
    };
    let metrics = [0.1, 0.4, 0.3];
    trainer.fit(youtube_dnn(&data, &mut init(1)), |_, epoch| Ok(Some(metrics[epoch - 1]))).unwrap()
}

#[test]
fn a_run_that_an_observer_ends_keeps_its_best_epoch_or_the_weights_as_they_are() {
    let whole = run(&config(3), None, &mut ());
    assert_eq!((whole.ended, whole.best_epoch, whole.steps), (Ended::Completed, Some(2), 45));
    let one = run(&config(1), None, &mut ());
    for (mut asks, best, steps) in [
        (Asks::after_epoch(1, Flow::End), Some(1), 15),
        (Asks::after_epoch(2, Flow::End), Some(2), 30),
        (Asks::after_step(40, Flow::End), Some(2), 40),
        (Asks::after_step(44, Flow::End), Some(2), 44),
    ] {
        let fitted = run(&config(3), None, &mut asks);
        assert_eq!((fitted.ended, fitted.best_epoch, fitted.steps), (Ended::Observer, best, steps));
        assert!(asks.states.is_empty(), "a run that ends has no state to go on from");
        if best == Some(2) {
            assert_eq!(weights(&fitted.model), weights(&whole.model), "{steps} steps");
        }
    }
    // No epoch has ended: the weights after the first steps, which the state of those steps holds, too.
    let ended = run(&config(3), None, &mut Asks::after_step(4, Flow::End));
    assert_eq!((ended.ended, ended.best_epoch, ended.epochs.len()), (Ended::Observer, None, 0));
    let mut stops = Asks::after_step(4, Flow::Stop);
    let stopped = run(&config(3), None, &mut stops);
    assert_eq!((stopped.ended, stopped.best_epoch), (Ended::Stopped, None));
    assert_eq!(weights(&ended.model), weights(&stopped.model));
    assert_eq!(stops.states[0].progress.step, 4);
    assert_ne!(weights(&ended.model), weights(&one.model));
}

/// After each epoch, the last one, too: there is nothing left to do then but to hand out the best.
#[test]
fn a_run_that_is_stopped_between_two_epochs_goes_on_to_the_bit() {
    let whole = run(&config(3), None, &mut ());
    for flow in [Flow::Save, Flow::Stop] {
        for epoch in 1..=3 {
            let mut asks = Asks::after_epoch(epoch, flow);
            let first = run(&config(3), None, &mut asks);
            let ended = if flow == Flow::Stop { Ended::Stopped } else { Ended::Completed };
            assert_eq!(first.ended, ended, "epoch {epoch}");
            let rest = run(&config(3), Some(asks.states.remove(0)), &mut ());
            assert_eq!(rest.ended, Ended::Completed);
            assert_eq!(weights(&rest.model), weights(&whole.model), "epoch {epoch}");
            assert_eq!(rest.epochs, whole.epochs, "epoch {epoch}");
        }
    }
}

/// The third epoch is no better than the second, and no fourth begins, also where a state is gone on from.
#[test]
fn patience_is_lost_once() {
    let stopping = Some(EarlyStopping { patience: NonZeroUsize::MIN });
    let config = TrainConfig { early_stopping: stopping, ..config(4) };
    let mut asks = Asks::after_epoch(3, Flow::Save);
    let whole = run(&config, None, &mut asks);
    assert_eq!((whole.ended, whole.epochs.len()), (Ended::EarlyStopping, 3));
    let rest = run(&config, Some(asks.states.remove(0)), &mut ());
    assert_eq!((rest.ended, rest.steps), (Ended::EarlyStopping, whole.steps));
    assert_eq!(weights(&rest.model), weights(&whole.model));
}
