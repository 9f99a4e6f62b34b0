//! The parameters of a module as tensors of a state, and back.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use u2i_models::ModulePath;

use crate::TrainError;
use crate::view::{TensorView, TensorViews, take};

/// All weights of a model by their path in it, as [`weights`](crate::weights) names them, without a copy.
///
/// ```
/// # use u2i_models::Init;
/// # use u2i_train::burn::tensor::Device;
/// let layer = Init::new(1, &Device::flex()).linear(2, 3);
/// let views = u2i_train::weight_views(&layer);
/// assert_eq!(views["bias"].to_owned().unwrap(), u2i_train::weights(&layer)["bias"]);
/// ```
pub fn weight_views<M: Module>(model: &M) -> TensorViews<'static> {
    let mut tensors = BTreeMap::new();
    view_module(model, "", &BTreeSet::new(), &mut tensors);
    tensors
}

/// Puts the parameters of `module` into `tensors` as `<prefix>/<path>`, or `<path>` where the prefix is empty, without those
/// in `except`.
pub(crate) fn view_module<M: Module>(
    module: &M,
    prefix: &str,
    except: &BTreeSet<ParamId>,
    tensors: &mut TensorViews<'_>,
) {
    module.visit(&mut View { path: Below::new(prefix), except, tensors });
}

/// Puts what [`view_module`] found in a module like this one into it, and takes that out of `tensors`. A tensor that nobody
/// else holds is filled where it is.
pub(crate) fn fill_module<M: Module>(
    module: M,
    prefix: &str,
    except: &BTreeSet<ParamId>,
    tensors: &mut TensorViews<'_>,
) -> Result<M, TrainError> {
    let mut fill = Fill { path: Below::new(prefix), except, tensors, failed: None };
    let module = module.map(&mut fill);
    fill.failed.map_or(Ok(module), Err)
}

/// Where a walk through a module is, below a prefix.
struct Below<'a> {
    prefix: &'a str,
    path: ModulePath,
}

impl<'a> Below<'a> {
    fn new(prefix: &'a str) -> Self {
        Below { prefix, path: ModulePath::default() }
    }

    fn name(&self) -> String {
        match self.prefix {
            "" => self.path.name(),
            prefix => format!("{prefix}/{}", self.path.name()),
        }
    }
}

struct View<'a, 'b> {
    path: Below<'a>,
    except: &'a BTreeSet<ParamId>,
    tensors: &'a mut TensorViews<'b>,
}

impl ModuleVisitor for View<'_, '_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.except.contains(&param.id) {
            let before = self.tensors.insert(self.path.name(), TensorView::of(param.val()));
            debug_assert!(before.is_none(), "two parameters have one path");
        }
    }
}

struct Fill<'a, 'b> {
    path: Below<'a>,
    except: &'a BTreeSet<ParamId>,
    tensors: &'a mut TensorViews<'b>,
    failed: Option<TrainError>,
}

impl ModuleMapper for Fill<'_, '_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.except.contains(&param.id) || self.failed.is_some() {
            return param;
        }
        let name = self.path.name();
        let (id, value, mapper) = param.consume();
        let (is_autodiff, requires_grad) = (value.device().is_autodiff(), value.is_require_grad());
        let mut own = if is_autodiff { value.inner() } else { value };
        let found = take(self.tensors, &name, &own.dims()).and_then(|view| view.fill(&name, &mut own));
        self.failed = found.err();
        let value = if is_autodiff { Tensor::from_inner(own) } else { own };
        Param::from_mapped_value(id, value.set_require_grad(requires_grad), mapper)
    }
}
