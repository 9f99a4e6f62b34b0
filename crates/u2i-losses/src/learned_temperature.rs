use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use u2i_host::floats;

use crate::{Comparison, LossError, Parameter, Temperature, TemperatureError};

/// A temperature that is learned with the model, in log space and above a floor: `floor + exp(θ)`.
///
/// Every softmax loss takes the users that it has [scaled](Self::scale), with [`Temperature::ONE`]; the gradient of the
/// loss by `θ` comes with that of the users. A loss that is small enough pulls the temperature down without end, hence
/// the floor, which it approaches and never reaches.
///
/// # Examples
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use u2i_losses::{LearnedTemperature, Temperature, full_softmax};
/// let device = Device::flex().autodiff();
/// let learned = LearnedTemperature::new(Temperature::new(0.5)?, Temperature::new(0.1)?, &device)?;
/// assert!((learned.get()?.get() - 0.5).abs() < 1e-6);
/// let user = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let items = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
/// let target = Tensor::from_ints([0], &device);
/// let loss = full_softmax(learned.scale(user), items, target, Temperature::ONE);
/// // The positive is ahead, so a lower temperature would lower the loss: the gradient by θ is above 0.
/// let gradient = learned.theta.val().grad(&loss.backward()).unwrap();
/// assert!(gradient.into_scalar::<f32>() > 0.0);
/// # Ok::<(), u2i_losses::TemperatureError>(())
/// ```
#[derive(Module, Debug)]
pub struct LearnedTemperature {
    /// `[1]`: the log of what the temperature is above its floor.
    pub theta: Param<Tensor<1>>,
    #[module(skip)]
    floor: f32,
}

impl LearnedTemperature {
    /// Begins with `start`. To be trained, `device` is an autodiff device.
    ///
    /// # Errors
    ///
    /// If `start` is not above `floor`.
    pub fn new(start: Temperature, floor: Temperature, device: &Device) -> Result<Self, TemperatureError> {
        let (start, floor) = (start.get(), floor.get());
        if start <= floor {
            return Err(TemperatureError::NotAboveFloor { start, floor });
        }
        let theta = floats([(start - floor).ln()], device);
        Ok(LearnedTemperature { theta: Param::from_tensor(theta), floor })
    }

    /// `users / temperature`, `[batch, dim]`.
    pub fn scale(&self, users: Tensor<2>) -> Tensor<2> {
        scaled(users, self.theta.val(), self.floor)
    }

    /// What it is now; waits for the device.
    ///
    /// # Errors
    ///
    /// If it is not finite.
    pub fn get(&self) -> Result<Temperature, TemperatureError> {
        temperature_of(self.theta.val().into_scalar(), self.floor)
    }
}

/// `users / (floor + exp(θ))`.
fn scaled(users: Tensor<2>, theta: Tensor<1>, floor: f32) -> Tensor<2> {
    users / (theta.exp() + floor).unsqueeze_dim(0)
}

fn temperature_of(theta: f32, floor: f32) -> Result<Temperature, TemperatureError> {
    Temperature::new(floor + theta.exp())
}

/// What a softmax loss divides scores by: a temperature that is fixed, or one that is learned above a floor as
/// [`LearnedTemperature`] is.
pub(crate) struct Divisor {
    /// The temperature that learning begins with.
    pub start: Temperature,
    /// Learns it above this.
    pub floor: Option<Temperature>,
}

/// The name of what is learned.
const THETA: &str = "theta";

impl Divisor {
    /// A learned temperature begins above its floor.
    pub fn check(&self) -> Result<(), LossError> {
        match self.floor {
            Some(floor) if floor.get() >= self.start.get() => Err(LossError::Range {
                key: "loss.temperature_floor",
                found: f64::from(floor.get()),
                expected: "less than the temperature that learning begins with",
            }),
            _ => Ok(()),
        }
    }

    pub fn parameters(&self) -> Vec<Parameter> {
        let theta = |floor: Temperature| (self.start.get() - floor.get()).ln();
        self.floor
            .map(|floor| Parameter { name: THETA.into(), values: vec![theta(floor)] })
            .into_iter()
            .collect()
    }

    /// The users of a step, and what their scores are still to be divided by: a learned temperature has divided the users.
    pub fn scaled(&self, step: &Comparison<'_>) -> (Tensor<2>, Temperature) {
        match self.floor {
            Some(floor) => (scaled(step.users(), step.parameter(THETA), floor.get()), Temperature::ONE),
            None => (step.users(), self.start),
        }
    }

    /// What it has come to.
    pub fn learned(
        &self,
        values: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Option<Temperature>, TemperatureError> {
        let Some(floor) = self.floor else { return Ok(None) };
        let theta = values.get(THETA).and_then(|theta| theta.first()).copied().unwrap_or(f32::NAN);
        temperature_of(theta, floor.get()).map(Some)
    }
}
