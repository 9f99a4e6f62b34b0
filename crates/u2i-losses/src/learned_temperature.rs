use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::{Temperature, TemperatureError};

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
        let theta = Tensor::from_data(TensorData::new(vec![(start - floor).ln()], [1]), device);
        Ok(LearnedTemperature { theta: Param::from_tensor(theta), floor })
    }

    /// `users / temperature`, `[batch, dim]`.
    pub fn scale(&self, users: Tensor<2>) -> Tensor<2> {
        users / (self.theta.val().exp() + self.floor).unsqueeze_dim(0)
    }

    /// What it is now; waits for the device.
    ///
    /// # Errors
    ///
    /// If it is not finite.
    pub fn get(&self) -> Result<Temperature, TemperatureError> {
        Temperature::new(self.floor + self.theta.val().into_scalar::<f32>().exp())
    }
}
