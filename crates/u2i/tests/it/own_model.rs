//! A model and a loss that the workspace does not know go the way that ours go, by the same calls.

use std::path::Path;

use serde::{Deserialize, Serialize};
use u2i::bundle::{BundleError, Options, Recommender, Request};
use u2i::burn::{self, module::Module, tensor::Tensor, tensor::activation::softplus};
use u2i::config::{DataSource, Experiment};
use u2i::device::{DeviceChoice, Opened};
use u2i::export::IndexChoice;
use u2i::losses::samplers::SamplerConfig;
use u2i::losses::{
    Comparison, Draw, Loss, LossConfig, LossError, LossMemory, Parameter, RowDraw, TrainingItems,
};
use u2i::memory::MemoryEstimate;
use u2i::models::{
    ColumnBatch, Init, Inputs, ItemBatch, ModelConfig, ModelError, Table, TwoTower, TwoTowerConfig, UserBatch,
};
use u2i::pipeline::{load_config, prepare_features};
use u2i::run::{Job, Measures, RunFiles, compare};
use u2i::schema::Slot;
use u2i::{Error, Progress};

use crate::synthetic;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgesConfig {
    dim: usize,
}

impl TwoTowerConfig for AgesConfig {
    type Model = Ages;

    fn name(&self) -> &str {
        "ages"
    }

    fn description(&self) -> String {
        "vectors of ages".into()
    }

    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Ages, ModelError> {
        let column = inputs.user.iter().position(|column| column.name == "age");
        let column = column.ok_or(ModelError::NoInput("user"))?;
        let rows = inputs.user[column].transform.n_rows().ok_or(ModelError::NoInput("user"))?;
        Ok(Ages {
            users: Table::new(rows, self.dim, 0.1, [Slot::User(column)], init),
            items: Table::new(inputs.n_ids + 1, self.dim, 0.1, [Slot::ItemId], init),
            column,
        })
    }
}

/// A user is a vector of the age.
#[derive(Module, Debug)]
struct Ages {
    users: Table,
    items: Table,
    #[module(skip)]
    column: usize,
}

impl TwoTower for Ages {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let ColumnBatch::Rows(ids) = &users.user[self.column] else { panic!("ages are categories") };
        users.per_target(ids.masked(self.users.lookup(ids.rows.clone())))
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        items.ids.masked(self.items.lookup(items.ids.rows.clone()))
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.users, &self.items]
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.users, &mut self.items]
    }
}

fn experiment() -> Experiment<AgesConfig> {
    let mut experiment = load_config("synthetic/fm").unwrap().with_model(AgesConfig { dim: 8 });
    experiment.data = DataSource::Program { name: "clicks".into() };
    experiment.features.history = None;
    experiment.train.epochs = 2.try_into().unwrap();
    experiment
}

/// Logistic loss of pairs with a slope that it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sloped {
    negatives: usize,
    slope: f32,
}

impl Loss for Sloped {
    fn check(&self) -> Result<(), LossError> {
        match self.slope > 0.0 {
            true => Ok(()),
            false => Err(LossError::Range { key: "slope", found: self.slope.into(), expected: "above 0" }),
        }
    }

    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(RowDraw::new(SamplerConfig::Uniform {}.build(items.counts)?, self.negatives)))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        let slope = step.parameter("slope").unsqueeze_dim(0);
        softplus((negative - positive.unsqueeze_dim(1)) * slope, 1.0).mean()
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, self.negatives as u64)
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter { name: "slope".into(), values: vec![self.slope] }]
    }
}

fn cpu() -> Opened {
    DeviceChoice::Cpu.open().unwrap()
}

/// Asks to stop once some steps are done.
struct StopAfter {
    steps: u64,
    done: u64,
}

impl Progress for StopAfter {
    fn advance(&mut self, done: u64, _: &str) {
        self.done = done;
    }

    fn stop_requested(&self) -> bool {
        self.done >= self.steps
    }
}

#[test]
fn a_model_of_ones_own_is_trained_resumed_evaluated_and_compared_as_ours_are() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, device, experiment) = (synthetic(), cpu(), experiment());
    let job = |name: &str| Job::new(folder.path().join(name), &device).data(&raw).measures(Measures::Parity);
    let unbroken = job("unbroken").train(&experiment, &mut ()).unwrap();
    assert_eq!((&*unbroken.model, &*unbroken.dataset, &*unbroken.recipe), ("ages", "clicks", "own"));
    assert!(unbroken.description.starts_with("vectors of ages; columns "), "{}", unbroken.description);
    let parity = unbroken.parity.unwrap();
    assert_eq!((parity.exported_as_trained, parity.plain_fm), (parity.users, None));

    let stopped = job("stopped").train(&experiment, &mut StopAfter { steps: 3, done: 0 });
    assert_eq!(stopped.unwrap_err().kind(), u2i::ErrorKind::Stopped);
    let resumed = job("stopped").resume(true).train(&experiment, &mut ()).unwrap();
    assert_eq!(resumed.weights_hash, unbroken.weights_hash);
    assert_eq!(resumed.metrics, unbroken.metrics);

    let again = job("stopped").evaluate::<AgesConfig, LossConfig>(&mut ()).unwrap();
    assert_eq!((again.weights_hash, again.metrics), (unbroken.weights_hash, unbroken.metrics));
    let folders = ["unbroken", "stopped"].map(|name| folder.path().join(name));
    let compared = compare(&folders).unwrap();
    assert!(compared.rows.iter().all(|row| row.difference == 0.0));
    assert!(compared.names[0].starts_with("ages (own, seed "), "{}", compared.names[0]);
    assert!(!RunFiles::read(&folders[0]).unwrap().epochs.is_empty());

    // Without the data, or with the type of another model, a run is of no use.
    let without = Job::new(&folders[0], &device).evaluate::<AgesConfig, LossConfig>(&mut ()).unwrap_err();
    assert!(without.to_string().contains("`clicks`"), "{without}");
    let ours = job("unbroken").evaluate::<ModelConfig, LossConfig>(&mut ()).unwrap_err();
    assert!(matches!(ours, Error::Config { .. }), "{ours}");
    let prepared = prepare_features(&experiment, &raw).unwrap();
    let estimate = MemoryEstimate::new(&experiment, &raw, &prepared).unwrap_err();
    assert!(estimate.to_string().contains("does not say which tensors"), "{estimate}");
}

#[test]
fn a_model_of_ones_own_is_exported_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, device, mut experiment) = (synthetic(), cpu(), experiment());
    experiment.train.epochs = 1.try_into().unwrap();
    let bundle = folder.path().join("bundle");
    let job = Job::new(folder.path().join("run"), &device).data(&raw).measures(Measures::Metrics);
    job.train(&experiment, &mut ()).unwrap();
    let manifest = job.export::<AgesConfig, LossConfig>(&bundle, IndexChoice::Exact, &mut ()).unwrap();
    assert_eq!(manifest.model, serde_json::json!({ "dim": 8 }));
    assert_eq!(manifest.provenance["dataset"], "clicks");

    let recommender = Recommender::open_as::<AgesConfig>(&bundle, &device.device).unwrap();
    let request = Request { user: Some(raw.user_ids[0].clone()), ..Request::default() };
    let answers = recommender.recommend(&[request], &Options::top(10.try_into().unwrap())).unwrap();
    assert_eq!(answers[0].items.len(), 10);
    let error = Recommender::open(&bundle, &device.device).unwrap_err();
    assert!(matches!(error, BundleError::OtherModel { .. }), "{error}");
}

#[test]
fn an_experiment_that_a_program_made_is_checked_as_one_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, device, mut experiment) = (synthetic(), cpu(), experiment());
    experiment.evaluation.k.clear();
    let error = Job::new(folder.path(), &device).data(&raw).train(&experiment, &mut ()).unwrap_err();
    assert!(matches!(&error, Error::Usage(message) if message.starts_with("`evaluation.k`")), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let text = experiment.to_toml();
    let read = Experiment::<AgesConfig>::parse_as(&text, Path::new("own.toml")).unwrap_err();
    assert!(read.to_string().starts_with("own.toml:"), "{read}");
}

#[test]
fn a_loss_of_ones_own_is_trained_resumed_and_evaluated_as_ours_are() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, device) = (synthetic(), cpu());
    let experiment = load_config("synthetic/fm").unwrap().with_loss(Sloped { negatives: 4, slope: 2.0 });
    let mut experiment = experiment.with_model(AgesConfig { dim: 8 });
    experiment.features.history = None;
    experiment.train.epochs = 2.try_into().unwrap();
    let text = experiment.to_toml();
    assert!(text.contains("[loss]\nnegatives = 4\nslope = 2.0\n"), "{text}");
    let read = Experiment::<AgesConfig, Sloped>::parse_as(&text, Path::new("own.toml")).unwrap();
    assert_eq!((&read, read.hash()), (&experiment, experiment.hash()));

    let job = |name: &str| Job::new(folder.path().join(name), &device).data(&raw).measures(Measures::Metrics);
    let unbroken = job("unbroken").train(&experiment, &mut ()).unwrap();
    let losses = &unbroken.train.losses;
    assert!(losses[1] < losses[0], "{losses:?}");
    let stopped = job("stopped").train(&experiment, &mut StopAfter { steps: 3, done: 0 });
    assert_eq!(stopped.unwrap_err().kind(), u2i::ErrorKind::Stopped);
    let resumed = job("stopped").resume(true).train(&experiment, &mut ()).unwrap();
    assert_eq!((&resumed.weights_hash, &resumed.train.losses), (&unbroken.weights_hash, losses));
    let again = job("stopped").evaluate::<AgesConfig, Sloped>(&mut ()).unwrap();
    assert_eq!(again.metrics, unbroken.metrics);

    // With the type of another loss the run is of no use, and a value that the loss refuses is refused with its key.
    let ours = job("stopped").evaluate::<AgesConfig, LossConfig>(&mut ()).unwrap_err();
    assert!(matches!(ours, Error::Config { .. }), "{ours}");
    let flat = text.replace("slope = 2.0", "slope = 0.0");
    let error = Experiment::<AgesConfig, Sloped>::parse_as(&flat, Path::new("own.toml")).unwrap_err();
    assert!(error.to_string().contains("`slope` is 0, expected above 0"), "{error}");
}
