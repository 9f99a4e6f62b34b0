//! A layer over the mean of a history, and its gradient.

use burn::tensor::{Device, Tensor};
use u2i_ops::{Activation, Divisor, Windows, dense, pool};

fn main() {
    let device = Device::flex().autodiff();
    // Three events of one user; the first target sees the first two, the second the last two.
    let events = Tensor::<2>::from_data([[1.0, 0.0], [3.0, 0.0], [5.0, 4.0]], &device).require_grad();
    let mask = Tensor::<2>::ones([1, 3], &device);
    let windows = Windows { length: 2, targets: 2 };
    let means = pool(&events, &mask, None, None, windows, Divisor::Count).expect("the device is burn's flex");
    let weight = Tensor::<2>::from_data([[1.0], [-1.0]], &device);
    let bias = Tensor::<1>::from_data([0.5], &device);
    let y = dense(&means, &weight, &bias, Activation::Relu).expect("the device is burn's flex");
    let gradients = y.clone().sum().backward();

    assert_eq!(y.into_data().try_into_vec::<f32>().unwrap(), [2.5, 2.5]);
    let of_events = events.grad(&gradients).expect("it was asked for").into_data();
    assert_eq!(of_events.try_into_vec::<f32>().unwrap(), [0.5, -0.5, 1.0, -1.0, 0.5, -0.5]);
}
