use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use u2i_random::{Purpose, Stream};

/// Draws initial weights, one stream per parameter in the order in which they are made.
#[derive(Debug)]
pub struct Init {
    seed: u64,
    drawn: u64,
    device: Device,
}

impl Init {
    /// Weights of `seed`, made on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Init { seed, drawn: 0, device: device.clone() }
    }

    /// Where weights are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn stream(&mut self) -> Stream {
        self.drawn += 1;
        Stream::new(self.seed, Purpose::WEIGHTS, 0, self.drawn)
    }

    /// `[rows, dim]` normal draws of standard deviation `sd`; row 0, padding, is zero.
    pub fn table(&mut self, rows: usize, dim: usize, sd: f64) -> Param<Tensor<2>> {
        let mut stream = self.stream();
        let mut values = vec![0.0; rows * dim];
        for value in values.iter_mut().skip(dim) {
            *value = (stream.normal() * sd) as f32;
        }
        Param::from_tensor(Tensor::from_data(TensorData::new(values, [rows, dim]), &self.device))
    }

    /// A dense layer with weights and biases uniform in `±1/√inputs`.
    pub fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut stream = self.stream();
        let mut draw = |n: usize| (0..n).map(|_| stream.uniform(-bound, bound) as f32).collect::<Vec<_>>();
        let (weight, bias) = (draw(inputs * outputs), draw(outputs));
        Linear {
            weight: Param::from_tensor(Tensor::from_data(
                TensorData::new(weight, [inputs, outputs]),
                &self.device,
            )),
            bias: Some(Param::from_tensor(Tensor::from_data(TensorData::new(bias, [outputs]), &self.device))),
        }
    }

    /// A parameter with given values.
    pub fn constant<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }
}
