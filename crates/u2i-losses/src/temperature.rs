use serde::{Deserialize, Serialize};

/// What every score is divided by before a softmax: a finite number, at least [`Temperature::MIN`].
///
/// ```
/// # use u2i_losses::{Temperature, TemperatureError};
/// assert_eq!(Temperature::new(0.1)?.get(), 0.1);
/// assert_eq!(Temperature::new(0.0), Err(TemperatureError::TooLow(0.0)));
/// # Ok::<(), TemperatureError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Temperature(f32);

impl Temperature {
    /// Leaves scores as they are.
    pub const ONE: Temperature = Temperature(1.0);

    /// The lowest temperature: a cosine then spans ±10,000, where a step of f32 is a thousandth of a nat.
    pub const MIN: f32 = 1e-4;

    /// A temperature.
    ///
    /// # Errors
    ///
    /// If `value` is not finite or below [`Temperature::MIN`], hence zero or negative.
    pub fn new(value: f32) -> Result<Self, TemperatureError> {
        if !value.is_finite() {
            Err(TemperatureError::NotFinite(value))
        } else if value < Self::MIN {
            Err(TemperatureError::TooLow(value))
        } else {
            Ok(Temperature(value))
        }
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Temperature {
    type Error = TemperatureError;

    fn try_from(value: f32) -> Result<Self, TemperatureError> {
        Temperature::new(value)
    }
}

impl From<Temperature> for f32 {
    fn from(temperature: Temperature) -> f32 {
        temperature.0
    }
}

/// Why a number is not a [`Temperature`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemperatureError {
    /// NaN or infinite.
    #[error("temperature is {0}, wanted a finite number")]
    NotFinite(f32),
    /// Zero, negative, or so low that scores lose their precision.
    #[error("temperature is {0}, wanted at least {min}", min = Temperature::MIN)]
    TooLow(f32),
    /// A learned temperature begins above its floor.
    #[error("temperature is {start}, wanted more than its floor of {floor}")]
    NotAboveFloor {
        /// Where it was to begin.
        start: f32,
        /// What it is to stay above.
        floor: f32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_negatives_and_what_is_not_finite_are_rejected() {
        for value in [0.0, -0.0, -1.0, 9.9e-5, f32::MIN_POSITIVE] {
            assert_eq!(Temperature::new(value), Err(TemperatureError::TooLow(value)));
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(matches!(Temperature::new(value), Err(TemperatureError::NotFinite(_))));
        }
        assert_eq!(Temperature::new(Temperature::MIN).map(f32::from), Ok(1e-4));
    }

    #[test]
    fn parsing_checks_the_value() {
        assert_eq!(serde_json::from_str::<Temperature>("0.05").unwrap().get(), 0.05);
        for text in ["0", "-1", "1e300", "null", "\"0.1\""] {
            assert!(serde_json::from_str::<Temperature>(text).is_err(), "{text}");
        }
        let error = serde_json::from_str::<Temperature>("0").unwrap_err().to_string();
        assert!(error.starts_with("temperature is 0, wanted at least 0.0001"), "{error}");
        assert_eq!(serde_json::to_string(&Temperature::ONE).unwrap(), "1.0");
    }
}
