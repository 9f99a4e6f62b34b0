use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use u2i_models::ModulePath;

/// The sum of each gradient, with the path of its parameter: NaN or infinite where one of its numbers is.
pub(crate) fn gradient_sums<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    tables: &HashMap<ParamId, Tensor<2>>,
) -> (Vec<String>, Vec<Tensor<1>>) {
    let mut sums =
        Sums { path: ModulePath::default(), gradients, tables, names: Vec::new(), sums: Vec::new() };
    module.visit(&mut sums);
    (sums.names, sums.sums)
}

struct Sums<'a> {
    path: ModulePath,
    gradients: &'a GradientsParams,
    tables: &'a HashMap<ParamId, Tensor<2>>,
    names: Vec<String>,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Sums<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let of_rows = self.tables.get(&param.id).map(|gradient| gradient.clone().sum());
        if let Some(sum) = of_rows.or_else(|| Some(self.gradients.get::<D>(param.id)?.sum())) {
            self.names.push(self.path.name());
            self.sums.push(sum);
        }
    }
}
