use std::time::{Duration, Instant};

use u2i_train::{EpochReport, Flow, Observer, StateView, StepReport, TensorViews, ValidationReport};

use super::log::TrainLog;
use crate::Error;
use crate::checkpoint::Checkpoints;
use crate::late_bar::LateBar;
use crate::pipeline::epoch_line;
use crate::progress::Progress;

/// A validation that takes longer has a bar of its own.
const WORTH_A_BAR: Duration = Duration::from_secs(2);

/// Shows the steps of a training run, writes them down and keeps what the run has reached.
pub struct Follow<'a> {
    label: &'a str,
    metric: &'a str,
    progress: &'a mut dyn Progress,
    keep: Option<Keep<'a>>,
    begun: bool,
    /// When the validation began that runs.
    validating: Option<Instant>,
    /// Whether the bar is one of that validation.
    shows_validation: bool,
    /// Targets that were learned from since this process began the run.
    targets: usize,
}

/// Where a run keeps what it reaches.
pub(crate) struct Keep<'a> {
    checkpoints: &'a Checkpoints,
    every: Duration,
    log: TrainLog,
    kept: Instant,
    /// Steps and epochs of the state that was kept last. A validation that is stopped asks for the same state again.
    kept_state: (usize, usize),
    /// What became of the log; an error ends the run with the next state.
    written: std::io::Result<()>,
    /// The step that is done.
    step: usize,
    /// A best model of more bytes is put on the disk.
    best_in_memory: u64,
}

impl<'a> Keep<'a> {
    /// `done` steps and epochs are done already, and kept. A best model of more than `best_in_memory` bytes is put on the disk.
    pub fn new(
        checkpoints: &'a Checkpoints,
        every: Duration,
        log: TrainLog,
        done: (usize, usize),
        best_in_memory: u64,
    ) -> Self {
        Keep {
            checkpoints,
            every,
            log,
            kept: Instant::now(),
            kept_state: done,
            written: Ok(()),
            step: done.0,
            best_in_memory,
        }
    }
}

impl<'a> Follow<'a> {
    /// Follows a run that is called `label`, and whose validation metric is `metric`. Keeps nothing.
    pub fn new(label: &'a str, metric: &'a str, progress: &'a mut dyn Progress) -> Self {
        let (begun, validating, shows_validation) = (false, None, false);
        Follow { label, metric, progress, keep: None, begun, validating, shows_validation, targets: 0 }
    }

    /// Follows it and keeps what it reaches.
    pub(crate) fn keeping(mut self, keep: Keep<'a>) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Targets that were learned from since this process began the run.
    ///
    /// # Errors
    ///
    /// If the last lines of the log could not be written.
    pub fn finish(mut self) -> Result<usize, Error> {
        if let Some(keep) = &mut self.keep {
            std::mem::replace(&mut keep.written, Ok(()))
                .and_then(|()| keep.log.sync())
                .map_err(|source| keep.log.error(source))?;
        }
        Ok(self.targets)
    }
}

impl Observer for Follow<'_> {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        if !self.begun {
            self.begun = true;
            self.progress.begin(self.label, report.steps as u64);
        }
        self.targets += report.targets;
        self.progress
            .advance(report.step as u64 + 1, &format!("epoch {} loss {:.3}", report.epoch, report.loss));
        let stop = self.progress.stop_requested();
        if let Some(keep) = &mut self.keep {
            keep.step = report.step + 1;
            if keep.written.is_ok() {
                keep.written = keep.log.step(report);
            }
        }
        let last = report.step + 1 == report.steps;
        match &self.keep {
            _ if stop => Flow::Stop,
            // A log that cannot be written is told as soon as it happens.
            Some(keep) if last || keep.written.is_err() || keep.kept.elapsed() >= keep.every => Flow::Save,
            _ => Flow::Continue,
        }
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(keep) = &mut self.keep {
            std::mem::replace(&mut keep.written, Ok(()))
                .and_then(|()| keep.log.sync())
                .map_err(|source| keep.log.error(source))?;
            let own = (state.progress.step, state.progress.epochs.len());
            if own != keep.kept_state {
                let label = format!("{}: writing the checkpoint", self.label);
                let mut bar = LateBar::new(&label, self.progress);
                let saved = keep.checkpoints.save_watched(state, &mut |done, bytes| bar.advance(done, bytes));
                // The bar of the steps comes back with the next one.
                self.begun &= !bar.end();
                saved?;
                (keep.kept, keep.kept_state) = (Instant::now(), own);
            }
        }
        Ok(())
    }

    fn on_best(
        &mut self,
        model: &TensorViews<'_>,
    ) -> Result<Option<TensorViews<'static>>, Box<dyn std::error::Error + Send + Sync>> {
        let bytes: u64 = model.values().map(|tensor| 4 * tensor.n_numbers() as u64).sum();
        let Some(keep) = self.keep.as_ref().filter(|keep| bytes > keep.best_in_memory) else {
            return Ok(None);
        };
        let label = format!("{}: putting the best model aside", self.label);
        let mut bar = LateBar::new(&label, self.progress);
        let kept = keep.checkpoints.put_aside(model, &mut |done, bytes| bar.advance(done, bytes));
        self.begun &= !bar.end();
        Ok(Some(kept?))
    }

    fn on_validation(&mut self, report: &ValidationReport) -> Flow {
        let began = *self.validating.get_or_insert_with(Instant::now);
        if !self.shows_validation && began.elapsed() >= WORTH_A_BAR {
            self.progress.end();
            let label = format!("{}: validating epoch {}", self.label, report.epoch);
            self.progress.begin_in(&label, report.of, "users");
            (self.shows_validation, self.begun) = (true, false);
        }
        if self.shows_validation {
            self.progress.advance(report.done, "");
        }
        if self.progress.stop_requested() { Flow::Stop } else { Flow::Continue }
    }

    fn on_epoch(&mut self, report: &EpochReport) -> Flow {
        self.validating = None;
        if std::mem::take(&mut self.shows_validation) {
            self.progress.end();
        }
        self.progress.line(&format!("{}: {}", self.label, epoch_line(report, self.metric)));
        if let Some(keep) = &mut self.keep
            && keep.written.is_ok()
        {
            keep.written = keep.log.epoch(report, self.metric, keep.step);
        }
        Flow::Continue
    }
}

impl Drop for Follow<'_> {
    fn drop(&mut self) {
        self.progress.end();
    }
}
