use crate::samplers::SamplerError;

/// Why a loss cannot be trained by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
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
    /// Negatives cannot be drawn.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// For losses that are not of this crate.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}
