use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};
use u2i_models::ModulePath;

use crate::view::{TensorView, TensorViews};
use crate::{OptimizerConfig, TrainError};

/// The optimizer state of all parameters but embedding tables.
pub(crate) struct DenseParameters {
    optimizer: OptimizerConfig,
    /// Flat, `n_moments` of each parameter that has met a gradient.
    moments: HashMap<ParamId, Vec<Tensor<1>>>,
}

impl DenseParameters {
    pub fn new(optimizer: OptimizerConfig) -> Self {
        DenseParameters { optimizer: optimizer.of_dense(), moments: HashMap::new() }
    }

    /// The model after a step, which counts from 1.
    pub fn update<M: Module>(
        &mut self,
        model: M,
        gradients: &mut GradientsParams,
        learning_rate: f64,
        step: usize,
    ) -> M {
        model.map(&mut Update { state: self, gradients, learning_rate, step })
    }

    /// The moments of some parameters as `<prefix>/<j>/<path>`.
    pub fn view(&self, parameters: &[Named], prefix: &str, tensors: &mut TensorViews<'_>) {
        for Named { path, id, .. } in parameters {
            for (j, moment) in self.moments.get(id).into_iter().flatten().enumerate() {
                tensors.insert(format!("{prefix}/{j}/{path}"), TensorView::of(moment.clone()));
            }
        }
    }

    /// Takes the moments that [`view`](Self::view) found out of `tensors`.
    pub fn load(
        &mut self,
        parameters: &[Named],
        prefix: &str,
        tensors: &mut TensorViews<'_>,
        device: &Device,
    ) -> Result<(), TrainError> {
        for Named { path, id, shape } in parameters {
            let mut own = Vec::new();
            for j in 0..self.optimizer.n_moments() {
                let name = format!("{prefix}/{j}/{path}");
                if let Some(view) = tensors.remove(&name) {
                    own.push(view.on(&name, [shape.iter().product()], device, DType::F32)?);
                }
            }
            match own.len() {
                0 => {}
                n if n == self.optimizer.n_moments() => drop(self.moments.insert(*id, own)),
                n => {
                    return Err(TrainError::State {
                        name: format!("{prefix}/{n}/{path}"),
                        found: "nothing".into(),
                        expected: format!("{} moments", self.optimizer.n_moments()),
                    });
                }
            }
        }
        Ok(())
    }
}

struct Update<'a> {
    state: &'a mut DenseParameters,
    gradients: &'a mut GradientsParams,
    learning_rate: f64,
    step: usize,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, weight, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, weight, mapper);
        };
        let shape = gradient.shape();
        let optimizer = self.state.optimizer;
        let flat = gradient.reshape([shape.num_elements()]);
        let zeros = || vec![flat.zeros_like(); optimizer.n_moments()];
        let moments = self.state.moments.entry(id).or_insert_with(zeros);
        let change = optimizer.change(flat, moments, self.learning_rate, self.step);
        for (moment, change) in moments.iter_mut().zip(change.moments) {
            moment.inplace(|moment| moment + change);
        }
        let weight = weight.inner() + change.weight.reshape(shape);
        Param::from_mapped_value(id, Tensor::from_inner(weight).require_grad(), mapper)
    }
}

/// A parameter of a module.
pub(crate) struct Named {
    pub path: String,
    pub id: ParamId,
    pub shape: Vec<usize>,
}

/// The parameters of `module` in its own order.
pub(crate) fn parameters<M: Module>(module: &M) -> Vec<Named> {
    let mut list = List { path: ModulePath::default(), found: Vec::new() };
    module.visit(&mut list);
    list.found
}

struct List {
    path: ModulePath,
    found: Vec<Named>,
}

impl ModuleVisitor for List {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.val().dims().to_vec();
        self.found.push(Named { path: self.path.name(), id: param.id, shape });
    }
}
