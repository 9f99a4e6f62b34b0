use std::ops::ControlFlow;

use u2i_losses::Loss;
use u2i_models::TwoTower;

use crate::run::Run;
use crate::{Fitted, Observer, StateView, TrainConfig, TrainData, TrainDevice, TrainError, Validated};

/// Trains a model on data by a loss: what [`new`](Self::new) takes, and what may be set before [`fit`](Self::fit).
///
/// # Examples
///
/// The [crate's own example](crate) has the data and the model.
pub struct Trainer<'a> {
    data: &'a TrainData<'a>,
    loss: &'a dyn Loss,
    config: &'a TrainConfig,
    seed: u64,
    device: Option<TrainDevice>,
    observer: Option<&'a mut dyn Observer>,
    state: Option<StateView<'a>>,
}

impl<'a> Trainer<'a> {
    /// With seed 0, on the device of the model, from the beginning, followed by nobody. `loss` is one that
    /// [`LossConfig::build`](crate::LossConfig::build) returns, or one of your own.
    pub fn new(data: &'a TrainData<'a>, loss: &'a dyn Loss, config: &'a TrainConfig) -> Self {
        Trainer { data, loss, config, seed: 0, device: None, observer: None, state: None }
    }

    /// Fixes shuffles, negatives, dropout and what is rounded at random.
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Trains on this device, on whose autodiff the model lives. A GPU is passed as [`TrainDevice::gpu`].
    pub fn device(self, device: impl Into<TrainDevice>) -> Self {
        Trainer { device: Some(device.into()), ..self }
    }

    /// Has somebody follow the run.
    pub fn observer(self, observer: &'a mut dyn Observer) -> Self {
        Trainer { observer: Some(observer), ..self }
    }

    /// Goes on from a state that [`Observer::on_state`] got, with everything else as it was in the run that handed it out:
    /// on the CPU the result is bit for bit that of a run that was never stopped. A [`TrainState`](crate::TrainState) will
    /// do, and so will a view, which is read into the tables piece by piece.
    pub fn resume(self, state: impl Into<StateView<'a>>) -> Self {
        Trainer { state: Some(state.into()), ..self }
    }

    /// Trains `model` and returns its best epoch.
    ///
    /// `validate` gets the model off the autodiff device after each epoch, counted from 1, and returns a metric, higher is
    /// better, or `None` to keep the last epoch. What it returns decides early stopping and which epoch is kept; among
    /// equals the earlier one.
    ///
    /// # Errors
    ///
    /// If there is nothing to train on, a value of the config or of the loss is out of range, the loss, a gradient or a
    /// weight stops being finite, a batch asks for a row that does not exist, `validate` or the observer fails,
    /// or the state is not one of this model, loss and config ([`TrainError::State`]) or cannot be read
    /// ([`TrainError::Read`]).
    pub fn fit<M: TwoTower>(
        self,
        model: M,
        mut validate: impl FnMut(&M, usize) -> Validated,
    ) -> Result<Fitted<M>, TrainError> {
        self.fit_telling(model, |model, epoch, _| validate(model, epoch))
    }

    /// Trains as [`fit`](Self::fit) does, with a validation that tells the observer how far it is: users that are done, and of
    /// how many. Where the answer is a break, the observer has stopped the run, and what `validate` returns is ignored.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    pub fn fit_telling<M: TwoTower>(
        self,
        model: M,
        validate: impl FnMut(&M, usize, &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Validated,
    ) -> Result<Fitted<M>, TrainError> {
        let Trainer { data, loss, config, seed, device, observer, state } = self;
        let on = match device {
            Some(device) => device,
            None => {
                let own = model.devices().into_iter().next().ok_or(TrainError::NoParameters)?;
                TrainDevice::from(&own.inner())
            }
        };
        let (mut run, batches) = Run::new(model, data, loss, config, seed, on)?;
        let mut nobody = ();
        let observer = observer.unwrap_or(&mut nobody);
        if let Some(state) = state {
            run.restore(state, observer)?;
        }
        run.finish(batches, observer, validate)
    }
}
