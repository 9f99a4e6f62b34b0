use std::collections::BTreeMap;

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

/// How far a validation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationReport {
    /// The epoch that is validated, counted from 1.
    pub epoch: usize,
    /// Users that are done, or whatever else the validation counts.
    pub done: u64,
    /// Users that will have been done at its end.
    pub of: u64,
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Fitted<M> {
    /// The model of the best epoch, off the autodiff device. Where a run ended before its first epoch did, the model as it
    /// was then.
    pub model: M,
    /// How the run ended.
    pub ended: Ended,
    /// The model's epoch, counted from 1; `None` where no epoch has ended.
    pub best_epoch: Option<usize>,
    /// All epochs that were run to their end.
    pub epochs: Vec<EpochReport>,
    /// Optimizer steps that were run.
    pub steps: usize,
    /// Targets that were learned from, over all epochs that have ended.
    pub targets: u64,
    /// What a learned temperature came to, after the last step; `None` where it is fixed or there is none.
    pub temperature: Option<f32>,
    /// All that the loss learned itself, by name, after the last step.
    pub learned: BTreeMap<String, Vec<f32>>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All epochs are done.
    Completed,
    /// The validation metric had not become better for as many epochs as the config has patience for.
    EarlyStopping,
    /// The observer had what it wanted: [`Flow::End`](crate::Flow::End).
    Observer,
    /// The observer stopped the run and has the state to go on from: [`Flow::Stop`](crate::Flow::Stop).
    Stopped,
}

/// What `validate` returns: a metric, higher is better, or `None`.
pub type Validated = Result<Option<f64>, Box<dyn std::error::Error + Send + Sync>>;
