//! The operators against sums of 64-bit numbers, and their gradients against differences of these.

mod dense;
mod pool;
mod pool_by;
mod threads;

use burn::tensor::{Device, Tensor, TensorData};
use u2i_ops::Windows;
use u2i_random::{Purpose, Stream};

/// `n` draws near 0.
pub fn numbers(n: usize, stream: &mut Stream) -> Vec<f32> {
    (0..n).map(|_| stream.normal() as f32).collect()
}

/// Of its own for each test.
pub fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::SYNTHETIC, 0, 0)
}

/// Padding at the front, at the end and in between, and chunks without any event.
pub fn mask(windows: Windows, chunks: usize, stream: &mut Stream) -> Vec<f32> {
    let width = windows.width();
    let mut mask = vec![1.0; chunks * width];
    for (chunk, mask) in mask.chunks_mut(width).enumerate() {
        match chunk % 4 {
            1 => mask[..stream.index(width)].fill(0.0),
            2 => mask.fill(0.0),
            3 => mask.iter_mut().for_each(|mask| *mask = stream.index(2) as f32),
            _ => {}
        }
    }
    mask
}

/// Of values, row by row.
pub fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// The values, row by row.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("numbers are f32")
}

/// The gradient of `of(inputs)` by number `at`, by its values a little to both sides.
pub fn slope(inputs: &[f64], at: usize, of: impl Fn(&[f64]) -> f64) -> f64 {
    const STEP: f64 = 1e-5;
    let moved = |by: f64| {
        let mut inputs = inputs.to_vec();
        inputs[at] += by;
        of(&inputs)
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

/// The numbers in 64 bits.
pub fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| f64::from(number)).collect()
}

/// Fails unless the error is within `tolerance`, of the value where that is above 1.
#[track_caller]
pub fn assert_near(found: f32, wanted: f64, tolerance: f64, what: &str) {
    let error = (f64::from(found) - wanted).abs();
    assert!(error <= tolerance * wanted.abs().max(1.0), "{what}: {found}, wanted {wanted}");
}
