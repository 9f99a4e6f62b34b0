use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::dropout::dropout;
use crate::{Init, ModelError, Noise};

/// What stands between two dense layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)`, with the error function (Hendrycks and Gimpel, 2016).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
}

/// Normalisation of a layer's outputs before its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// None.
    None,
    /// Over the batch (Ioffe and Szegedy, 2015); running statistics outside of training.
    Batch,
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
    pub activation: Activation,
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
    activation: Activation,
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
        let activated = &self.layers[..n_activated];
        let device = init.device();
        let batch_norms = match self.norm {
            NormKind::Batch => activated.iter().map(|&n| BatchNormConfig::new(n).init(device)).collect(),
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

impl Mlp {
    /// Applies the layers.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs]`
    /// - returns: `[batch, outputs]`
    pub fn forward(&self, mut x: Tensor<2>, noise: Option<Noise>) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i >= self.n_activated {
                continue;
            }
            if let Some(norm) = self.batch_norms.get(i) {
                x = norm.forward(x);
            }
            if let Some(norm) = self.layer_norms.get(i) {
                x = norm.forward(x);
            }
            x = match self.activation {
                Activation::Relu => activation::relu(x),
                Activation::Gelu => activation::gelu(x),
                Activation::Tanh => activation::tanh(x),
            };
            x = dropout(x, self.dropout, noise, self.site + i as u64);
        }
        x
    }
}
