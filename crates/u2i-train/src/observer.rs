use crate::{EpochReport, StateView, StepReport, TensorViews, ValidationReport};

/// How a run goes on. Of several, the strongest counts: the last of them here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// With the next step.
    Continue,
    /// With the next step, once the state is handed to [`Observer::on_state`].
    Save,
    /// Not at all: the run ends as one that is complete. Its model is that of the best epoch, or where none has ended yet,
    /// the model as it is.
    End,
    /// Not now: the state is handed over, then the run ends, with the model that [`End`](Self::End) would have. It goes on
    /// from the state as if it had never stopped.
    Stop,
}

/// Follows a run and may end it.
pub trait Observer {
    /// Called for each step, in order, once its loss is read: at once, or where the device is read less often
    /// ([`TrainDevice::read_every`](crate::TrainDevice::read_every)) for some steps together. What is asked for is then
    /// done after the last of them, and the strongest of what was asked counts.
    fn on_step(&mut self, _report: &StepReport) -> Flow {
        Flow::Continue
    }

    /// Gets the state that it asked for, from which [`Trainer::resume`](crate::Trainer::resume) goes on. All its numbers
    /// are finite. It is looked at where it is: whoever wants to keep it writes it down piece by piece, or copies it by
    /// [`to_owned`](StateView::to_owned).
    ///
    /// # Errors
    ///
    /// An error ends the run with [`TrainError::Save`](crate::TrainError::Save).
    fn on_state(&mut self, _state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    /// Offers the model of an epoch that is the best so far, and of a state that is gone on from: its weights by their paths.
    /// Whoever keeps them returns views of what was kept, from which states and the model at the end of the run are made;
    /// the model is in memory no more then. `None` leaves it there. What was kept before is dropped.
    ///
    /// # Errors
    ///
    /// An error ends the run with [`TrainError::Best`](crate::TrainError::Best).
    fn on_best(
        &mut self,
        _model: &TensorViews<'_>,
    ) -> Result<Option<TensorViews<'static>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    /// Called now and then while an epoch is validated, where the validation tells how far it is
    /// ([`Trainer::fit_telling`](crate::Trainer::fit_telling)). [`Flow::Stop`] ends it: nothing of it is kept, and the run goes
    /// on from the state with the same validation from its beginning. Any other flow lets it go on.
    fn on_validation(&mut self, _report: &ValidationReport) -> Flow {
        Flow::Continue
    }

    /// Called after each epoch and its validation.
    fn on_epoch(&mut self, _report: &EpochReport) -> Flow {
        Flow::Continue
    }
}

impl Observer for () {}
