use serde::{Deserialize, Serialize};

use crate::{Bce, Bpr, FullSoftmax, InBatchSoftmax, Loss, LossError, MixedSoftmax, SampledSoftmax};

/// The losses of this crate, as an experiment file names them: `[loss.sampled_softmax]`.
///
/// ```
/// # use u2i_losses::{Bpr, LossConfig, samplers::SamplerConfig};
/// let written = r#"{"bpr":{"negatives":4,"sampler":{"uniform":{}}}}"#;
/// let config: LossConfig = serde_json::from_str(written)?;
/// let bpr = Bpr { negatives: 4.try_into()?, sampler: SamplerConfig::Uniform {} };
/// assert_eq!(config, LossConfig::Bpr(bpr));
/// assert_eq!(serde_json::to_string(&config)?, written);
/// assert!(config.build()?.parameters().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LossConfig {
    /// Sampled negatives, corrected by log q.
    SampledSoftmax(SampledSoftmax),
    /// The other positives of the step are the negatives, corrected by their training frequency.
    InBatchSoftmax(InBatchSoftmax),
    /// The other positives of the step and shared draws are the negatives, corrected by the probability of either.
    MixedSoftmax(MixedSoftmax),
    /// All items with a training event are the negatives.
    FullSoftmax(FullSoftmax),
    /// Each positive against negatives of its own.
    Bce(Bce),
    /// Each positive should score above negatives of its own.
    Bpr(Bpr),
}

impl LossConfig {
    /// The loss.
    ///
    /// # Errors
    ///
    /// If its values do not go together. A file with a key that is out of range by itself is refused where it is read.
    pub fn build(&self) -> Result<Box<dyn Loss>, LossError> {
        let loss: Box<dyn Loss> = match self {
            LossConfig::SampledSoftmax(loss) => Box::new(loss.clone()),
            LossConfig::InBatchSoftmax(loss) => Box::new(loss.clone()),
            LossConfig::MixedSoftmax(loss) => Box::new(loss.clone()),
            LossConfig::FullSoftmax(loss) => Box::new(loss.clone()),
            LossConfig::Bce(loss) => Box::new(loss.clone()),
            LossConfig::Bpr(loss) => Box::new(loss.clone()),
        };
        loss.check()?;
        Ok(loss)
    }
}
