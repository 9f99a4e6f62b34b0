//! A model of one's own, by the same calls as ours: it averages the newest items of a user.

use serde::{Deserialize, Serialize};
use u2i::bundle::{Options, Recommender, Request};
use u2i::burn::{self, module::Module, tensor::Tensor};
use u2i::models::{HistoryUse, Init, Inputs, ItemBatch, ModelError};
use u2i::models::{Table, TwoTower, TwoTowerConfig, UserBatch};
use u2i::pipeline::load_config;
use u2i::run::{Job, Measures};
use u2i::{config::DataSource, losses::LossConfig};
use u2i::{datasets, device::DeviceChoice, eval::Metric, export::IndexChoice, schema::Slot};

/// What an experiment file and a bundle hold of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastItemsConfig {
    dim: usize,
    init_sd: f64,
}

impl TwoTowerConfig for LastItemsConfig {
    type Model = LastItems;

    fn name(&self) -> &str {
        "last_items"
    }

    fn description(&self) -> String {
        "mean of the newest items".into()
    }

    fn history(&self) -> Option<HistoryUse> {
        Some(HistoryUse { pooling: "the mean".into(), has_weights: false })
    }

    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<LastItems, ModelError> {
        let length = inputs.history.as_ref().map_or(0, |history| history.length);
        let slots = [Slot::ItemId, Slot::History];
        Ok(LastItems { items: Table::new(inputs.n_ids + 1, self.dim, self.init_sd, slots, init), length })
    }
}

/// A user is the mean of the newest items; one table serves both sides.
#[derive(Module, Debug)]
struct LastItems {
    items: Table,
    #[module(skip)]
    length: usize,
}

impl TwoTower for LastItems {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let (ids, mask) = (users.history.clone().unwrap(), users.history_mask.clone().unwrap());
        let ([n, width], dim) = (mask.dims(), self.items.dim());
        let mask = mask.reshape([n, width, 1]);
        let vectors = self.items.lookup(ids).reshape([n, width, dim]) * mask.clone();
        (vectors.sum_dim(1) / mask.sum_dim(1).clamp_min(1.0)).reshape([n, dim])
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        items.ids.masked(self.items.lookup(items.ids.rows.clone()))
    }

    fn history_len(&self) -> usize {
        self.length
    }

    // Listed, so that the table is trained row by row. Without these two it would get dense updates.
    fn tables(&self) -> Vec<&Table> {
        vec![&self.items]
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.items]
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let raw = datasets::synthetic(1, &datasets::SyntheticConfig::STANDARD); // or from any reader
    // The experiment lends its split, loss and training; the model and the data are our own.
    let model = LastItemsConfig { dim: 32, init_sd: 0.3 };
    let mut experiment = load_config("synthetic/youtube_dnn")?.with_model(model);
    experiment.data = DataSource::Program { name: "clicks".into() };
    experiment.train.chunk_targets = 1.try_into()?; // this model pools whole windows, one target each
    experiment.train.chunks_per_step = 512.try_into()?;

    let folder = std::env::temp_dir().join(format!("u2i-own-model-{}", std::process::id()));
    let device = DeviceChoice::Cpu.open()?;
    let job = Job::new(folder.join("run"), &device).data(&raw).measures(Measures::Metrics);
    let report = job.train(&experiment, &mut ())?;
    assert!(report.metrics.mean(Metric::HitRate(10)) > Some(3.0 * 10.0 / report.n_items as f64)); // 3 times chance
    assert_eq!(job.evaluate::<LastItemsConfig, LossConfig>(&mut ())?.metrics, report.metrics);

    job.export::<LastItemsConfig, LossConfig>(&folder.join("bundle"), IndexChoice::Exact, &mut ())?;
    let recommender = Recommender::open_as::<LastItemsConfig>(&folder.join("bundle"), &device.device)?;
    let request = Request { user: Some(raw.user_ids[0].clone()), ..Request::default() };
    assert_eq!(recommender.recommend(&[request], &Options::top(10.try_into()?))?[0].items.len(), 10);
    Ok(std::fs::remove_dir_all(&folder)?)
}
