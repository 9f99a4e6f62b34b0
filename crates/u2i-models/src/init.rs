use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use u2i_random::{Purpose, Stream};

use crate::ModelError;

/// Makes initial weights: draws them, one stream per parameter in the order in which they are made, or leaves them
/// zero for those that are loaded next.
#[derive(Debug)]
pub struct Init {
    values: Values,
    device: Device,
}

#[derive(Debug)]
enum Values {
    Drawn { seed: u64, drawn: u64 },
    Zero { left: Option<usize> },
}

impl Init {
    /// Weights of `seed`, made on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Init { values: Values::Drawn { seed, drawn: 0 }, device: device.clone() }
    }

    /// Zeros, for a model whose weights are loaded next and are `numbers` in all.
    ///
    /// A config that asks for more does not belong to those weights. No memory is taken for it: whatever goes beyond
    /// gets one number, and [`is_exhausted`](Self::is_exhausted) says so.
    pub fn zeros(numbers: usize, device: &Device) -> Self {
        Init { values: Values::Zero { left: Some(numbers) }, device: device.clone() }
    }

    /// Whether more numbers were asked for than [`zeros`](Self::zeros) had; the model is of no use then.
    pub fn is_exhausted(&self) -> bool {
        matches!(self.values, Values::Zero { left: None })
    }

    /// Where weights are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// `[rows, dim]` normal draws of standard deviation `sd`; row 0, padding, is zero.
    pub fn table(&mut self, rows: usize, dim: usize, sd: f64) -> Param<Tensor<2>> {
        let [rows, dim] = self.afford([rows, dim]);
        let mut values = vec![0.0; rows * dim];
        if let Some(mut stream) = self.stream() {
            for value in values.iter_mut().skip(dim) {
                *value = (stream.normal() * sd) as f32;
            }
        }
        self.constant(values, [rows, dim])
    }

    /// A dense layer with weights and biases uniform in `±1/√inputs`.
    pub fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let [inputs, outputs] = self.afford([inputs, outputs]);
        let [outputs] = self.afford([outputs]);
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut stream = self.stream();
        let mut draw = |n: usize| match &mut stream {
            Some(stream) => (0..n).map(|_| stream.uniform(-bound, bound) as f32).collect(),
            None => vec![0.0; n],
        };
        let (weight, bias) = (draw(inputs * outputs), draw(outputs));
        Linear {
            weight: self.constant(weight, [inputs, outputs]),
            bias: Some(self.constant(bias, [outputs])),
        }
    }

    /// The shape of a parameter about to be made, or ones where there are no numbers left for it.
    pub(crate) fn afford<const D: usize>(&mut self, shape: [usize; D]) -> [usize; D] {
        let Values::Zero { left } = &mut self.values else { return shape };
        let wanted = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        *left = wanted.and_then(|wanted| left.and_then(|left| left.checked_sub(wanted)));
        if left.is_some() { shape } else { [1; D] }
    }

    fn stream(&mut self) -> Option<Stream> {
        let Values::Drawn { seed, drawn } = &mut self.values else { return None };
        *drawn += 1;
        Some(Stream::new(*seed, Purpose::WEIGHTS, 0, *drawn))
    }

    /// A parameter with given values.
    pub fn constant<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }
}

pub(crate) fn check_sd(sd: f64) -> Result<(), ModelError> {
    if sd.is_finite() && sd > 0.0 {
        return Ok(());
    }
    Err(ModelError::Range { key: "init_sd", found: sd.to_string(), expected: "a positive number" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_end_where_the_weights_do() {
        let mut init = Init::zeros(2 * 3 + 3 * 4 + 4, &Device::flex());
        assert_eq!(init.table(2, 3, 1.0).val().dims(), [2, 3]);
        assert_eq!(init.linear(3, 4).weight.val().dims(), [3, 4]);
        assert!(!init.is_exhausted());
        assert_eq!(init.table(1, 1, 1.0).val().dims(), [1, 1]);
        assert!(init.is_exhausted());
        assert_eq!(init.table(usize::MAX, 2, 1.0).val().dims(), [1, 1]);
        assert_eq!(init.linear(1 << 40, 1 << 40).weight.val().dims(), [1, 1]);
    }
}
