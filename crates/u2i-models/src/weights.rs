use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub data: Vec<f32>,
}

/// A saved tensor that is not the one a model needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("weight `{name}`: expected {expected}, found {found}")]
pub struct WeightError {
    /// Name of the tensor.
    pub name: String,
    /// What is there.
    pub found: String,
    /// What the model needs.
    pub expected: String,
}

impl HostTensor {
    /// A copy of a tensor as `f32`, which holds half precision exactly.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let data = tensor.into_data().convert::<f32>().try_into_vec().expect("they are f32 now");
        HostTensor { shape, data }
    }

    /// The tensor on a device.
    ///
    /// # Errors
    ///
    /// If it does not have the wanted shape; `name` names it in the error.
    pub fn on<const D: usize>(
        self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>, WeightError> {
        if self.shape != shape || self.data.len() != shape.iter().product::<usize>() {
            return Err(WeightError {
                name: name.to_owned(),
                found: format!("{} values of shape {:?}", self.data.len(), self.shape),
                expected: format!("shape {shape:?}"),
            });
        }
        Ok(Tensor::from_data(TensorData::new(self.data, shape), device))
    }
}

/// All weights of a model by their path in it: what is exported.
pub fn weights<M: Module>(model: &M) -> BTreeMap<String, HostTensor> {
    let mut save = Save { path: ModulePath::default(), tensors: BTreeMap::new() };
    model.visit(&mut save);
    save.tensors
}

/// The model with the weights that [`weights`] took from one like it.
///
/// # Errors
///
/// If a weight is missing, has another shape, or belongs to no parameter of the model.
pub fn with_weights<M: Module>(model: M, weights: BTreeMap<String, HostTensor>) -> Result<M, WeightError> {
    let mut load = Load { path: ModulePath::default(), tensors: weights, failed: None };
    let model = model.map(&mut load);
    if let Some(error) = load.failed {
        return Err(error);
    }
    match load.tensors.into_iter().next() {
        None => Ok(model),
        Some((name, tensor)) => {
            Err(WeightError { name, found: format!("shape {:?}", tensor.shape), expected: "nothing".into() })
        }
    }
}

/// Where a walk through a module is: the names of its parts from the outside in.
#[derive(Debug, Clone, Default)]
pub struct ModulePath(Vec<String>);

impl ModulePath {
    /// Steps into a part.
    pub fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    /// Steps out of it.
    pub fn exit(&mut self) {
        self.0.pop();
    }

    /// The names, with a dot between each two.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

struct Save {
    path: ModulePath,
    tensors: BTreeMap<String, HostTensor>,
}

impl ModuleVisitor for Save {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let before = self.tensors.insert(self.path.name(), HostTensor::of(param.val()));
        debug_assert!(before.is_none(), "two parameters have one path");
    }
}

struct Load {
    path: ModulePath,
    tensors: BTreeMap<String, HostTensor>,
    failed: Option<WeightError>,
}

impl ModuleMapper for Load {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let name = self.path.name();
        let (id, value, mapper) = param.consume();
        let tensor = self.tensors.remove(&name).ok_or_else(|| WeightError {
            name: name.clone(),
            found: "nothing".into(),
            expected: format!("shape {:?}", value.dims()),
        });
        let value = match tensor.and_then(|tensor| tensor.on(&name, value.dims(), &value.device())) {
            Ok(loaded) => loaded.cast(value.dtype()).set_require_grad(value.is_require_grad()),
            Err(error) => {
                self.failed = Some(error);
                value
            }
        };
        Param::from_mapped_value(id, value, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Init;

    #[test]
    fn weights_go_into_a_model_like_the_one_they_came_from_and_into_no_other() {
        let device = Device::flex();
        let drawn = || Init::new(1, &device).linear(2, 3);
        let zeros = || Init::zeros(9, &device).linear(2, 3);
        assert_ne!(weights(&zeros()), weights(&drawn()));
        let loaded = with_weights(zeros(), weights(&drawn())).unwrap();
        assert_eq!(weights(&loaded), weights(&drawn()));

        let message = |weights| with_weights(zeros(), weights).unwrap_err().to_string();
        let mut missing = weights(&drawn());
        let bias = missing.remove("bias").unwrap();
        assert_eq!(message(missing.clone()), "weight `bias`: expected shape [3], found nothing");
        missing.insert("bias".into(), HostTensor { shape: vec![1, 3], ..bias.clone() });
        assert_eq!(message(missing), "weight `bias`: expected shape [3], found 3 values of shape [1, 3]");
        let mut more = weights(&drawn());
        more.insert("scale".into(), bias);
        assert_eq!(message(more), "weight `scale`: expected nothing, found shape [3]");
    }
}
