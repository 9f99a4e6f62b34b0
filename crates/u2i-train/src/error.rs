use u2i_losses::samplers::SamplerError;
use u2i_schema::Slot;

/// Why training stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no training samples")]
    NoSamples,
    /// A value outside of its range.
    #[error("`{key}` is {found}, expected {expected}")]
    Range {
        /// The config key.
        key: &'static str,
        /// What was there.
        found: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The loss is NaN or infinite. The model of the last good epoch is not lost: `fit` never returns this one.
    #[error("the loss is {loss} at step {step} of epoch {epoch}")]
    NotFinite {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step over all epochs, counted from 0.
        step: usize,
        /// The loss.
        loss: f32,
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
    /// Negatives cannot be drawn.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The validation callback failed.
    #[error("validation after epoch {epoch}")]
    Validation {
        /// Epoch, counted from 1.
        epoch: usize,
        /// What the callback returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The observer asked to stop.
    #[error("stopped at step {step}")]
    Interrupted {
        /// Step over all epochs, counted from 0.
        step: usize,
    },
}
