use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{EpochReport, TrainError};

/// Everything that a run needs to go on as if it had never stopped: it is a plain value, to be kept in a file.
///
/// Shuffles, negatives and dropout need nothing here: they are keyed by the seed and the step.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainState {
    /// How far the run is.
    pub progress: TrainProgress,
    /// Weights and optimizer state by name: `model/<path>`, `moment/<j>/<path>` for dense parameters,
    /// `table/<i>/weight`, `table/<i>/moment/<j>` for embedding tables in the model's order, and `best/<path>`, the
    /// whole model of the best epoch.
    pub tensors: BTreeMap<String, StateTensor>,
}

/// How far a run is. Numbers that results depend on are kept as the bits of their `f64`, so that text loses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainProgress {
    /// Optimizer steps that are done, over all epochs.
    pub step: usize,
    /// Sum of the losses of this epoch's targets, as bits.
    pub loss_sum_bits: u64,
    /// Targets of this epoch that are done.
    pub epoch_targets: u64,
    /// Targets of all finished epochs.
    pub targets: u64,
    /// Finished epochs: bits of the loss and of the validation metric.
    pub epochs: Vec<(u64, Option<u64>)>,
    /// The best epoch, counted from 1, and the bits of its metric.
    pub best: Option<(usize, u64)>,
    /// Targets whose negatives were all masked, by epoch. Epochs without any may be missing at the end, so that states
    /// from before this was counted read and write as they did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows_without_negatives: Vec<u64>,
}

impl TrainProgress {
    pub(crate) fn finished(&self) -> Vec<EpochReport> {
        let report = |(i, &(loss, validation)): (usize, &(u64, Option<u64>))| EpochReport {
            epoch: i + 1,
            loss: f64::from_bits(loss),
            validation: validation.map(f64::from_bits),
            rows_without_negatives: self.without_negatives(i + 1),
        };
        self.epochs.iter().enumerate().map(report).collect()
    }

    /// Adds to the count of an epoch, counted from 1.
    pub(crate) fn count_without_negatives(&mut self, epoch: usize, n: u64) {
        if n > 0 {
            let counts = &mut self.rows_without_negatives;
            counts.resize(counts.len().max(epoch), 0);
            counts[epoch - 1] += n;
        }
    }

    /// The count of an epoch, counted from 1.
    pub(crate) fn without_negatives(&self, epoch: usize) -> u64 {
        self.rows_without_negatives.get(epoch - 1).copied().unwrap_or(0)
    }
}

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub data: Vec<f32>,
}

impl StateTensor {
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let data = tensor.into_data().try_into_vec().expect("weights and moments are f32");
        StateTensor { shape, data }
    }

    /// The tensor, if it has the wanted shape.
    pub(crate) fn on<const D: usize>(
        self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>, TrainError> {
        if self.shape != shape || self.data.len() != shape.iter().product::<usize>() {
            return Err(TrainError::State {
                name: name.to_owned(),
                found: format!("{} values of shape {:?}", self.data.len(), self.shape),
                expected: format!("shape {shape:?}"),
            });
        }
        Ok(Tensor::from_data(TensorData::new(self.data, shape), device))
    }
}

/// All weights of a model by their path in it: what is exported.
pub fn weights<M: Module>(model: &M) -> BTreeMap<String, StateTensor> {
    let mut tensors = BTreeMap::new();
    model.visit(&mut Save {
        path: Path::default(),
        prefix: "",
        except: &BTreeSet::new(),
        tensors: &mut tensors,
    });
    tensors.into_iter().map(|(name, tensor)| (name.trim_start_matches('/').to_owned(), tensor)).collect()
}

/// A parameter of a module.
pub(crate) struct Named {
    pub path: String,
    pub id: ParamId,
    pub shape: Vec<usize>,
}

/// The parameters of `module` in its own order, without those in `except`.
pub(crate) fn parameters<M: Module>(module: &M, except: &BTreeSet<ParamId>) -> Vec<Named> {
    let mut list = List { path: Path::default(), except, found: Vec::new() };
    module.visit(&mut list);
    list.found
}

/// Puts the parameters of `module` into `tensors` as `<prefix>/<path>`, without those in `except`.
pub(crate) fn save<M: Module>(
    module: &M,
    prefix: &str,
    except: &BTreeSet<ParamId>,
    tensors: &mut BTreeMap<String, StateTensor>,
) {
    module.visit(&mut Save { path: Path::default(), prefix, except, tensors });
}

/// Takes the parameters that [`save`] put into `tensors` out of them again.
pub(crate) fn load<M: Module>(
    module: M,
    prefix: &str,
    except: &BTreeSet<ParamId>,
    tensors: &mut BTreeMap<String, StateTensor>,
) -> Result<M, TrainError> {
    let mut load = Load { path: Path::default(), prefix, except, tensors, failed: None };
    let module = module.map(&mut load);
    load.failed.map_or(Ok(module), Err)
}

/// The path of the first parameter whose gradient is NaN or infinite.
pub(crate) fn first_not_finite<M: Module>(module: &M, gradients: &GradientsParams) -> Option<String> {
    let mut sums = Sums { path: Path::default(), gradients, found: Vec::new() };
    module.visit(&mut sums);
    let names: Vec<String> = sums.found.iter().map(|(name, _)| name.clone()).collect();
    // One read-back for all.
    let sums: Vec<Tensor<1>> = sums.found.into_iter().map(|(_, sum)| sum).collect();
    if sums.is_empty() {
        return None;
    }
    let sums: Vec<f32> = Tensor::cat(sums, 0).into_data().try_into_vec().expect("gradients are f32");
    names.into_iter().zip(sums).find(|(_, sum)| !sum.is_finite()).map(|(name, _)| name)
}

struct Sums<'a> {
    path: Path,
    gradients: &'a GradientsParams,
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for Sums<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.push((self.path.name(), gradient.sum()));
        }
    }
}

/// Where a walk through a module is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        self.0.join(".")
    }
}

struct List<'a> {
    path: Path,
    except: &'a BTreeSet<ParamId>,
    found: Vec<Named>,
}

impl ModuleVisitor for List<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.except.contains(&param.id) {
            let shape = param.val().dims().to_vec();
            self.found.push(Named { path: self.path.name(), id: param.id, shape });
        }
    }
}

struct Save<'a> {
    path: Path,
    prefix: &'a str,
    except: &'a BTreeSet<ParamId>,
    tensors: &'a mut BTreeMap<String, StateTensor>,
}

impl ModuleVisitor for Save<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.except.contains(&param.id) {
            let name = format!("{}/{}", self.prefix, self.path.name());
            let before = self.tensors.insert(name, StateTensor::of(param.val()));
            debug_assert!(before.is_none(), "two parameters have one path");
        }
    }
}

struct Load<'a> {
    path: Path,
    prefix: &'a str,
    except: &'a BTreeSet<ParamId>,
    tensors: &'a mut BTreeMap<String, StateTensor>,
    failed: Option<TrainError>,
}

impl ModuleMapper for Load<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.except.contains(&param.id) || self.failed.is_some() {
            return param;
        }
        let name = format!("{}/{}", self.prefix, self.path.name());
        let (id, value, mapper) = param.consume();
        let tensor = self.tensors.remove(&name).ok_or_else(|| TrainError::State {
            name: name.clone(),
            found: "nothing".into(),
            expected: format!("shape {:?}", value.dims()),
        });
        let value = match tensor.and_then(|tensor| tensor.on(&name, value.dims(), &value.device())) {
            Ok(loaded) => loaded.set_require_grad(value.is_require_grad()),
            Err(error) => {
                self.failed = Some(error);
                value
            }
        };
        Param::from_mapped_value(id, value, mapper)
    }
}
