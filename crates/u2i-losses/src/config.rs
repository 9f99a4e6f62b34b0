use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Bce, Bpr, FullSoftmax, InBatchSoftmax, Loss, LossError, MixedSoftmax, SampledSoftmax};

/// What an experiment file says of a loss, under `[loss]`.
///
/// [`LossConfig`] is one. So is every [`Loss`] that is plain serde, and an enum of several of your own implements it as
/// [`LossConfig`] does.
///
/// # Examples
///
/// ```
/// use u2i_losses::{Bpr, LossSource, samplers::SamplerConfig};
/// fn learns_nothing(loss: &impl LossSource) -> bool {
///     loss.build().is_ok_and(|loss| loss.parameters().is_empty())
/// }
/// assert!(learns_nothing(&Bpr { negatives: 4.try_into()?, sampler: SamplerConfig::Uniform {} }));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
pub trait LossSource: Clone + Debug + PartialEq + Serialize + DeserializeOwned + 'static {
    /// The loss.
    ///
    /// # Errors
    ///
    /// If its values do not go together. A file with a key that is out of range by itself is refused where it is read.
    fn build(&self) -> Result<Box<dyn Loss>, LossError>;
}

impl<L: Loss + Clone + PartialEq + Serialize + DeserializeOwned + 'static> LossSource for L {
    fn build(&self) -> Result<Box<dyn Loss>, LossError> {
        self.check()?;
        Ok(Box::new(self.clone()))
    }
}

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
    /// As [`LossSource::build`].
    pub fn build(&self) -> Result<Box<dyn Loss>, LossError> {
        match self {
            LossConfig::SampledSoftmax(loss) => loss.build(),
            LossConfig::InBatchSoftmax(loss) => loss.build(),
            LossConfig::MixedSoftmax(loss) => loss.build(),
            LossConfig::FullSoftmax(loss) => loss.build(),
            LossConfig::Bce(loss) => loss.build(),
            LossConfig::Bpr(loss) => loss.build(),
        }
    }
}

impl LossSource for LossConfig {
    fn build(&self) -> Result<Box<dyn Loss>, LossError> {
        LossConfig::build(self)
    }
}
