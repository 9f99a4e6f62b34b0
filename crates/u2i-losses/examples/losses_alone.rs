//! The loss of a model that knows nothing.

use u2i_losses::burn::tensor::{Bool, Device, Tensor, TensorData};
use u2i_losses::samplers::{Sampler, Uniform};
use u2i_losses::{Temperature, sampled_softmax};
use u2i_random::{Purpose, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let positive_idx = 1;
    let sampler = Uniform::new(4)?;
    let drawn = sampler.draw(300, &mut Stream::new(0, Purpose::NEGATIVES, 0, 0));
    assert_eq!(drawn.items, [1, 2, 3, 4]); // each once, with how often it came up in `log_expected`

    let device = Device::flex();
    let hits: Vec<bool> = drawn.items.iter().map(|&item| item == positive_idx).collect();
    let loss = sampled_softmax(
        Tensor::<2>::zeros([1, 8], &device),
        Tensor::<2>::zeros([1, 8], &device),
        Tensor::<2>::zeros([4, 8], &device),
        Tensor::<2, Bool>::from_data(TensorData::new(hits, [1, 4]), &device),
        Tensor::<1>::from_floats(drawn.log_expected.as_slice(), &device),
        Temperature::ONE,
    );
    assert!((loss.into_scalar::<f32>() - 4f32.ln()).abs() < 0.1);
    Ok(())
}
