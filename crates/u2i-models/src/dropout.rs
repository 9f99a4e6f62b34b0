use burn::tensor::{Tensor, TensorData};
use u2i_random::{Purpose, Stream};

/// The randomness of a training batch: which dropout masks it gets.
///
/// A batch made for evaluation or serving carries none, and then nothing is dropped. So the model has no mode,
/// and a resumed run draws the same masks as an unbroken one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Optimizer step, counted over all epochs.
    pub step: u64,
}

/// Sets elements to zero with probability `rate` and divides the others by `1 - rate`.
///
/// `site` numbers the places in a model where it is applied; each has its own mask. Srivastava et al.,
/// "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014.
pub(crate) fn dropout<const D: usize>(x: Tensor<D>, rate: f64, noise: Option<Noise>, site: u64) -> Tensor<D> {
    let shape = x.dims();
    match dropout_mask(shape.iter().product(), rate, noise, site) {
        Some(mask) => {
            let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
            x * mask
        }
        None => x,
    }
}

/// What `n` numbers are multiplied by: zero or `1 / (1 - rate)`. `None` where nothing is dropped.
pub(crate) fn dropout_mask(n: usize, rate: f64, noise: Option<Noise>, site: u64) -> Option<Vec<f32>> {
    let Noise { seed, step } = noise.filter(|_| rate > 0.0)?;
    Some(Stream::new(seed, Purpose::DROPOUT, step, site).dropout_mask(n, rate))
}
