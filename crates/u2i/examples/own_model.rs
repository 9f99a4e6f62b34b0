//! A model of one's own: implement [`TwoTower`] and hand it to a `Trainer`. This one only averages the last items.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use u2i::burn;
use u2i::burn::module::Module;
use u2i::burn::tensor::Tensor;
use u2i::eval::{Accumulator, Metric};
use u2i::index::{ExactIndex, Filter, ItemVectors};
use u2i::models::{Init, ItemBatch, Table, TwoTower, UserBatch};
use u2i::pipeline::{load_config, load_data, prepare_features};
use u2i::schema::Slot;
use u2i::train::{TrainData, Trainer, item_vectors, user_vectors};
use u2i::{datasets, device::DeviceChoice};

const HISTORY: usize = 5;

/// A user is the mean of the newest items; one table serves both sides.
#[derive(Module, Debug)]
struct LastItems {
    items: Table,
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
        HISTORY
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
    let mirror = datasets::Mirror::grouplens();
    let places = datasets::Places { data_dir: None, env_dir: None, cache_dir: None, mirror };
    // The experiment file lends its data, split, loss and training; the model is ours.
    let mut config = load_config("synthetic/youtube_dnn")?;
    config.train.chunk_targets = 1.try_into()?; // this model pools whole windows, one target each
    config.train.chunks_per_step = 512.try_into()?;
    let prepared = prepare_features(&config, &load_data(&config, &places, ".".as_ref())?)?;
    let device = DeviceChoice::Cpu.open()?.device;

    let mut init = Init::new(config.seed, &device.clone().autodiff());
    let rows = prepared.catalog.n_trained() + 1;
    let model = LastItems { items: Table::new(rows, 32, 0.3, [Slot::ItemId, Slot::History], &mut init) };
    let data =
        TrainData { batches: prepared.train_batches(HISTORY), samples: &prepared.samples, id_dropout: &[] };
    let fitted = Trainer::new(&data, &*config.loss.build()?, &config.train)
        .seed(config.seed)
        .device(&device)
        .fit(model, |_, _| Ok(None))?;

    let items = item_vectors(&fitted.model, &prepared.catalog, &device);
    let index = ExactIndex::new(ItemVectors::new(items.ids, items.dim, items.data)?);
    let users = user_vectors(&fitted.model, &prepared.eval_batches(HISTORY), &prepared.test, &device);
    let item =
        |target: &u2i::schema::Sample| prepared.events.items(target.user as usize)[target.position as usize];
    let targets: Vec<u32> = prepared.test.iter().map(item).collect();
    let seen = u2i::pipeline::seen_items(&prepared.events, &prepared.test);
    let mut metrics = Accumulator::new(&[10])?;
    for rank in index.rank(&users.data, &targets, Filter::excluding(&seen))? {
        metrics.add_rank(rank);
    }
    let hit_rate = metrics.finish()?.mean(Metric::HitRate(10)).unwrap_or(0.0);
    println!("hit_rate@10 {hit_rate:.4}");
    assert!(hit_rate > 3.0 * 10.0 / prepared.catalog.n_items() as f64);
    Ok(())
}
