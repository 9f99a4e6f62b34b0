use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{LogUniform, Sampler, SamplerError, Uniform, Unigram};

/// What negatives are drawn from: always items with a training event.
///
/// ```
/// # use u2i_losses::samplers::SamplerConfig;
/// let sampler = SamplerConfig::LogUniform {}.build(&[0, 5, 10])?;
/// assert!((sampler.log_q(2).exp() - 0.630_930).abs() < 1e-6); // ln 2 / ln 3
/// # Ok::<(), u2i_losses::samplers::SamplerError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SamplerConfig {
    /// All alike.
    Uniform {},
    /// By popularity rank: `ln((r + 2) / (r + 1)) / ln(n + 1)` for rank `r` from 0.
    LogUniform {},
    /// In proportion to a power of the number of training events.
    Unigram {
        /// The power: 0 draws all alike, 1 by popularity; word2vec took 0.75.
        #[serde(deserialize_with = "power")]
        exponent: f64,
    },
}

impl SamplerConfig {
    /// The sampler of items with these `counts` of training events, `[items + 1]`, entry 0 padding. Items without one come
    /// last, if there are any.
    ///
    /// # Errors
    ///
    /// If nothing can be drawn, or the exponent is out of its range.
    pub fn build(self, counts: &[u32]) -> Result<Box<dyn Sampler>, SamplerError> {
        Ok(match self {
            SamplerConfig::Uniform {} => {
                Box::new(Uniform::new(counts.iter().skip(1).take_while(|&&count| count > 0).count())?)
            }
            SamplerConfig::LogUniform {} => Box::new(LogUniform::new(counts)?),
            SamplerConfig::Unigram { exponent } => Box::new(Unigram::new(counts, exponent)?),
        })
    }
}

fn power<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let exponent = f64::deserialize(from)?;
    match exponent.is_finite() && exponent >= 0.0 {
        true => Ok(exponent),
        false => {
            Err(D::Error::custom(format!("`exponent` is {exponent}, expected a finite number of at least 0")))
        }
    }
}
