use burn::tensor::Tensor;

use crate::Activation;

/// `activation(x W + b)`, or nothing where a tensor is not of 32-bit numbers of burn's flex backend.
///
/// # Shapes
///
/// - `x`: `[batch, inputs]`
/// - `weight`: `[inputs, outputs]`
/// - `bias`: `[outputs]`
/// - returns: `[batch, outputs]`
///
/// # Panics
///
/// If the shapes do not fit, or there are no inputs or no outputs.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// # use burn::tensor::{Device, Tensor};
/// use u2i_ops::{Activation, dense};
///
/// let device = Device::flex();
/// let x = Tensor::<2>::from_data([[1.0, 2.0]], &device);
/// let weight = Tensor::<2>::from_data([[1.0, 0.0], [0.5, -2.0]], &device);
/// let bias = Tensor::<1>::from_data([10.0, 1.0], &device);
/// let y = dense(&x, &weight, &bias, Activation::Relu).expect("the device is burn's flex backend");
/// assert_eq!(y.into_data().try_into_vec::<f32>().unwrap(), [12.0, 0.0]);
/// # }
/// ```
pub fn dense(
    x: &Tensor<2>,
    weight: &Tensor<2>,
    bias: &Tensor<1>,
    activation: Activation,
) -> Option<Tensor<2>> {
    let ([_, inputs], [rows, outputs]) = (x.dims(), weight.dims());
    assert_eq!((rows, bias.dims()[0]), (inputs, outputs), "the shapes of weights and bias");
    assert!(inputs > 0 && outputs > 0, "{inputs} inputs, {outputs} outputs");
    #[cfg(feature = "flex")]
    return crate::flex::dense(x, weight, bias, activation);
    #[cfg(not(feature = "flex"))]
    {
        let _ = activation;
        None
    }
}
