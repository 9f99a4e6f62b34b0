use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Tensor};
use u2i_host::{floats, read};
use u2i_losses::{Loss, Parameter};

use crate::TrainError;
use crate::dense::Named;
use crate::view::{TensorView, TensorViews, take};

/// What the loss learns, in a state.
pub(crate) const LOSS: &str = "loss";

/// What a loss learns itself.
#[derive(Module, Debug)]
pub(crate) struct Learned {
    #[module(skip)]
    names: Vec<String>,
    /// By name, `[values]` each.
    values: Vec<Param<Tensor<1>>>,
}

impl Learned {
    /// With the values that learning begins with, on an autodiff device.
    pub fn new(loss: &dyn Loss, device: &Device) -> Self {
        let (names, values) = loss
            .parameters()
            .into_iter()
            .map(|Parameter { name, values }| (name, Param::from_tensor(floats(values, device))))
            .unzip();
        Learned { names, values }
    }

    fn each(&self) -> impl Iterator<Item = (&String, &Param<Tensor<1>>)> {
        self.names.iter().zip(&self.values)
    }

    /// By name, on the autodiff device.
    pub fn tensors(&self) -> BTreeMap<String, Tensor<1>> {
        self.each().map(|(name, value)| (name.clone(), value.val())).collect()
    }

    /// By name, on the host.
    pub fn on_host(&self) -> BTreeMap<String, Vec<f32>> {
        self.each().map(|(name, value)| (name.clone(), read(value.val().inner()))).collect()
    }

    /// Takes its gradients out of all; `None` where nothing is learned.
    pub fn gradients(&self, all: &mut Gradients) -> Option<GradientsParams> {
        (!self.names.is_empty()).then(|| GradientsParams::from_module(all, self))
    }

    /// The sum of each gradient, with the name of its parameter: NaN or infinite where one of its numbers is.
    pub fn gradient_sums(&self, gradients: &GradientsParams) -> (Vec<String>, Vec<Tensor<1>>) {
        let sum = |(name, value): (&String, &Param<Tensor<1>>)| {
            Some((format!("{LOSS}/{name}"), gradients.get::<1>(value.id)?.sum()))
        };
        self.each().filter_map(sum).unzip()
    }

    /// Its parameters by name.
    pub fn named(&self) -> Vec<Named> {
        let named = |(name, value): (&String, &Param<Tensor<1>>)| Named {
            path: name.clone(),
            id: value.id,
            shape: value.val().dims().to_vec(),
        };
        self.each().map(named).collect()
    }

    /// The values as `loss/<name>`.
    pub fn view(&self, tensors: &mut TensorViews<'_>) {
        for (name, value) in self.each() {
            tensors.insert(format!("{LOSS}/{name}"), TensorView::of(value.val().inner()));
        }
    }

    /// Takes what [`view`](Self::view) found out of `tensors`.
    pub fn load(&mut self, tensors: &mut TensorViews<'_>) -> Result<(), TrainError> {
        for (name, value) in self.names.iter().zip(&mut self.values) {
            let name = format!("{LOSS}/{name}");
            let own = value.val();
            let shape = own.dims();
            let loaded = take(tensors, &name, &shape)?.on(&name, shape, &own.device(), own.dtype())?;
            *value = Param::initialized(value.id, loaded.require_grad());
        }
        Ok(())
    }
}
