use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::dropout::dropout;
use crate::{Init, ModelError, Noise};

/// What stands between two dense layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)`, with the error function (Hendrycks and Gimpel, 2016).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
}

/// Normalisation of a layer's outputs before its activation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NormKind {
    /// None.
    None,
    /// Over the batch (Ioffe and Szegedy, 2015). The one thing here that differs off the training device: there it
    /// uses the batch's statistics, elsewhere the running ones.
    Batch {
        /// Share of a batch's statistics that goes into the running ones. (Keras calls 1 minus this momentum.)
        momentum: f64,
        /// Added to the variance.
        epsilon: f64,
    },
    /// Over the outputs of one example (Ba et al., 2016).
    Layer,
}

/// Whether the last layer is followed by normalisation, activation and dropout as the others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Nothing follows the last dense layer.
    Linear,
    /// The last layer is like the others.
    Activated,
}

/// A stack of dense layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Outputs of each layer; the last is the output dimension.
    pub layers: Vec<usize>,
    /// Follows each hidden layer.
    pub activation: ActivationKind,
    /// Precedes each activation.
    pub norm: NormKind,
    /// What follows the last layer.
    pub output: OutputKind,
    /// Share of hidden values dropped while training.
    pub dropout: f64,
}

/// Dense layers with normalisation, activation and dropout.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    batch_norms: Vec<BatchNorm>,
    layer_norms: Vec<LayerNorm>,
    #[module(skip)]
    activation: ActivationKind,
    #[module(skip)]
    n_activated: usize,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    site: u64,
}

impl MlpConfig {
    /// Numbers at the end of the stack.
    ///
    /// # Errors
    ///
    /// If there is no layer, or a layer has no output.
    pub fn output_dim(&self) -> Result<usize, ModelError> {
        match self.layers.last() {
            Some(&dim) if !self.layers.contains(&0) => Ok(dim),
            _ => Err(ModelError::Range {
                key: "layers",
                found: format!("{:?}", self.layers),
                expected: "at least one layer, each of at least one output",
            }),
        }
    }

    /// Numbers that the layers make for each row: sums, activations, dropout's mask and product.
    pub fn numbers_per_row(&self) -> u64 {
        let each = if self.dropout > 0.0 { 5 } else { 3 };
        each * self.layers.iter().sum::<usize>() as u64
    }

    /// Layers for `inputs` numbers. `site` keeps the dropout of several stacks in one model apart.
    ///
    /// # Errors
    ///
    /// If a layer has no output or the dropout rate is not in `[0, 1)`.
    pub fn init(&self, inputs: usize, site: u64, init: &mut Init) -> Result<Mlp, ModelError> {
        self.output_dim()?;
        check_rate("dropout", self.dropout)?;
        let n_activated = match self.output {
            OutputKind::Linear => self.layers.len() - 1,
            OutputKind::Activated => self.layers.len(),
        };
        let sizes = std::iter::once(inputs).chain(self.layers.iter().copied());
        let layers = sizes.zip(&self.layers).map(|(inputs, &outputs)| init.linear(inputs, outputs)).collect();
        // Two numbers for each output that is normalised.
        let normed = matches!(self.norm, NormKind::Batch { .. } | NormKind::Layer);
        let mut afford = |&n: &usize| if normed { init.afford([n, 2])[0] } else { n };
        let activated: Vec<usize> = self.layers[..n_activated].iter().map(&mut afford).collect();
        let device = init.device();
        let batch_norms = match self.norm {
            NormKind::Batch { momentum, epsilon } => {
                check_share("norm.batch.momentum", momentum)?;
                check_share("norm.batch.epsilon", epsilon)?;
                let config =
                    |&n: &usize| BatchNormConfig::new(n).with_momentum(momentum).with_epsilon(epsilon);
                activated.iter().map(|n| config(n).init(device)).collect()
            }
            _ => Vec::new(),
        };
        let layer_norms = match self.norm {
            NormKind::Layer => activated.iter().map(|&n| LayerNormConfig::new(n).init(device)).collect(),
            _ => Vec::new(),
        };
        let (activation, dropout) = (self.activation, self.dropout);
        Ok(Mlp { layers, batch_norms, layer_norms, activation, n_activated, dropout, site })
    }
}

pub(crate) fn check_rate(key: &'static str, rate: f64) -> Result<(), ModelError> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(ModelError::Range { key, found: rate.to_string(), expected: "a rate in [0, 1)" })
}

fn check_share(key: &'static str, share: f64) -> Result<(), ModelError> {
    if share > 0.0 && share <= 1.0 {
        return Ok(());
    }
    Err(ModelError::Range { key, found: share.to_string(), expected: "a number above 0 and at most 1" })
}

impl Mlp {
    /// Applies the layers.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs]`
    /// - returns: `[batch, outputs]`
    pub fn forward(&self, mut x: Tensor<2>, noise: Option<Noise>) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            let is_activated = i < self.n_activated;
            let is_normed = !(self.batch_norms.is_empty() && self.layer_norms.is_empty());
            let with = match self.activation {
                ActivationKind::Relu if is_activated && !is_normed => u2i_ops::Activation::Relu,
                ActivationKind::Gelu if is_activated && !is_normed => u2i_ops::Activation::Gelu,
                _ => u2i_ops::Activation::None,
            };
            let fused = fused(layer, &x, with);
            let is_done = fused.is_some() && with != u2i_ops::Activation::None;
            x = fused.unwrap_or_else(|| layer.forward(x));
            if !is_activated {
                continue;
            }
            if let Some(norm) = self.batch_norms.get(i) {
                x = norm.forward(x);
            }
            if let Some(norm) = self.layer_norms.get(i) {
                x = norm.forward(x);
            }
            if !is_done {
                x = match self.activation {
                    ActivationKind::Relu => activation::relu(x),
                    ActivationKind::Gelu => activation::gelu(x),
                    ActivationKind::Tanh => activation::tanh(x),
                };
            }
            x = dropout(x, self.dropout, noise, self.site + i as u64);
        }
        x
    }
}

/// A layer and what follows it by one operator, where the device has it.
fn fused(layer: &Linear, x: &Tensor<2>, activation: u2i_ops::Activation) -> Option<Tensor<2>> {
    let bias = layer.bias.as_ref()?;
    u2i_ops::dense(x, &layer.weight.val(), &bias.val(), activation)
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn host(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    /// By hand from the layer's weights: while training the batch's mean and variance, afterwards the running ones,
    /// which begin at 0 and 1 and have taken in one batch's. Variances are the population's, as burn documents.
    #[test]
    fn batch_norm_uses_running_statistics_off_the_training_device() {
        let (momentum, epsilon) = (0.25, 1e-3);
        let config = MlpConfig {
            layers: vec![1],
            activation: ActivationKind::Tanh,
            norm: NormKind::Batch { momentum, epsilon },
            output: OutputKind::Activated,
            dropout: 0.0,
        };
        let device = Device::flex();
        let mlp = config.init(1, 0, &mut Init::new(1, &device.clone().autodiff())).unwrap();
        let x = [1.0f32, 2.0, 6.0];
        let on = |device: &Device| Tensor::<2>::from_data(TensorData::new(x.to_vec(), [3, 1]), device);
        let weight: f32 = mlp.layers[0].weight.val().into_scalar();
        let bias: f32 = mlp.layers[0].bias.as_ref().unwrap().val().into_scalar();
        let y = x.map(|x| f64::from(x * weight + bias));
        let mean = y.iter().sum::<f64>() / 3.0;
        let squares: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
        let check = |found: Vec<f32>, mean: f64, variance: f64| {
            for (found, y) in found.into_iter().zip(y) {
                let expected = ((y - mean) / (variance + epsilon).sqrt()).tanh();
                assert!((f64::from(found) - expected).abs() < 1e-5, "{found} and {expected}");
            }
        };
        let training = host(mlp.forward(on(&device.clone().autodiff()), None));
        check(training, mean, squares / 3.0);
        let serving = host(mlp.valid().forward(on(&device), None));
        check(serving.clone(), momentum * mean, 1.0 - momentum + momentum * squares / 3.0);
        assert_eq!(host(mlp.valid().forward(on(&device), None)), serving, "serving changes no statistics");
    }
}
