use u2i_losses::LossError;
use u2i_schema::Slot;

use crate::TablePrecision;

/// Why training stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no training samples")]
    NoSamples,
    /// The model has no parameters, so that there is nothing to train, and no device to do it on.
    #[error("the model has no parameters")]
    NoParameters,
    /// A value of the config outside of its range.
    #[error("`{key}` is {found}, expected {expected}")]
    Range {
        /// The config key.
        key: &'static str,
        /// What was there.
        found: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The device cannot store tables as the config wants.
    #[error("`train.table_precision` is `{precision}`, in which the device stores nothing")]
    Precision {
        /// What was wanted.
        precision: TablePrecision,
    },
    /// Something is NaN or infinite. It was found at this very step and is in no saved state.
    #[error("{tensor} is not finite at step {step} of epoch {epoch}, at learning rate {learning_rate:e}")]
    NotFinite {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step over all epochs, counted from 0.
        step: usize,
        /// `the loss`, or the gradient or weight by its path in the model.
        tensor: String,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// A saved state does not belong to this model.
    #[error("`{name}` in the saved state: expected {expected}, found {found}")]
    State {
        /// The tensor or number.
        name: String,
        /// What is there.
        found: String,
        /// What the model needs.
        expected: String,
    },
    /// Numbers of a saved state cannot be read.
    #[error("reading `{name}` of the saved state")]
    Read {
        /// The tensor.
        name: String,
        /// What the reader returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The observer could not keep the state.
    #[error("keeping the state after step {step}")]
    Save {
        /// Steps that are done.
        step: usize,
        /// What the observer returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The observer could not keep the model of the best epoch.
    #[error("keeping the model of epoch {epoch}")]
    Best {
        /// Epoch, counted from 1.
        epoch: usize,
        /// What the observer returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch asks for a row that its table does not have.
    #[error("row {row} of {slot:?} is beyond its table of {rows} rows")]
    RowOutOfRange {
        /// Where in the batch.
        slot: Slot,
        /// The row.
        row: u32,
        /// Rows of the table.
        rows: usize,
    },
    /// The loss is none that can be trained by, or its negatives cannot be drawn.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The validation callback failed.
    #[error("validation after epoch {epoch}")]
    Validation {
        /// Epoch, counted from 1.
        epoch: usize,
        /// What the callback returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
