//! Training at the sizes that benchmarks compare: synthetic events, the recipes' models, timed steps.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Instant;

use u2i_device::burn::tensor::Device;
use u2i_losses::Temperature;
use u2i_models::{
    ActivationKind, AnyModel, DssmConfig, FmConfig, HistoryInput, Init, Inputs, ItemTowerConfig, MlpConfig,
    ModelConfig, ModelError, NormKind, Normalization, OutputKind, PooledHistoryConfig, PoolingConfig,
    TwoTowerConfig as _, UserTowerConfig, YoutubeDnnConfig,
};
use u2i_random::{Purpose, Stream};
use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, Sample, SampleTable, Side, Transform, Users,
    Vocabulary,
};
use u2i_train::{
    Decay, DrawConfig, Flow, LossConfig, Observer, OptimizerConfig, SampledSoftmax, SamplerConfig,
    ScheduleConfig, StepReport, TablePrecision, TrainConfig, TrainData, TrainDevice, TrainError, Trainer,
};

/// What is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Items of the catalog.
    pub items: usize,
    /// Users.
    pub users: usize,
    /// Events of each user.
    pub events: usize,
    /// Chunks of [`TARGETS`](Self::TARGETS) targets in a batch.
    pub chunks: usize,
    /// Length of the vectors.
    pub dim: usize,
}

impl Shape {
    /// Targets of a chunk.
    pub const TARGETS: usize = 64;
    /// Events before a target.
    pub const HISTORY: usize = 50;
    /// Negatives, shared by the batch.
    pub const NEGATIVES: usize = 512;
    /// Genres, of which each item has [`GENRES_OF_ITEM`](Self::GENRES_OF_ITEM).
    pub const GENRES: usize = 18;
    /// Genres of an item.
    pub const GENRES_OF_ITEM: usize = 2;
    /// Values of the user columns: gender, age, occupation and the first digits of the zip, as in ML-1M.
    pub const USER_COLUMNS: [usize; 4] = [2, 7, 21, 676];

    /// For trying things out.
    pub const TINY: Shape = Shape { items: 500, users: 200, events: 193, chunks: 4, dim: 16 };
    /// The size of ML-1M.
    pub const ML_1M: Shape = Shape { items: 3_706, users: 6_040, events: 193, chunks: 32, dim: 64 };
    /// A million items, 8,192 positives a batch.
    pub const LARGE: Shape = Shape { items: 1_000_000, users: 100_000, events: 193, chunks: 128, dim: 64 };

    /// Positives of a batch.
    pub fn batch(&self) -> usize {
        self.chunks * Self::TARGETS
    }
}

/// What of a history a model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooled {
    /// The recipes' four heads, weighted by recency, added to the output, too.
    Recency,
    /// Its plain mean.
    Mean,
}

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// FM over pooled history and genres.
    Fm,
    /// Two dense towers.
    Dssm,
    /// A dense user tower and a table of items.
    YoutubeDnn,
}

impl Model {
    fn config(self, dim: usize, pooled: Pooled) -> ModelConfig {
        let history = |slopes: &[f64]| {
            let pooling = match pooled {
                Pooled::Recency => PoolingConfig::Recency { slopes: slopes.to_vec() },
                Pooled::Mean => PoolingConfig::Mean {},
            };
            Some(PooledHistoryConfig { pooling, dropout: 0.0 })
        };
        let mlp = || MlpConfig {
            layers: vec![128, dim],
            activation: ActivationKind::Gelu,
            norm: NormKind::None,
            output: OutputKind::Linear,
            dropout: 0.0,
        };
        let user = || UserTowerConfig {
            column_dim: 16,
            history: history(&[0.0, 0.05, 0.3, 2.0]),
            sequences: Default::default(),
            history_size: true,
            example_age: false,
            skip: pooled == Pooled::Recency,
            mlp: mlp(),
        };
        match self {
            Model::Fm => ModelConfig::Fm(FmConfig {
                dim,
                init_sd: 0.1,
                linear_sd: 0.001,
                history: history(&[0.02, 0.1, 0.5, 3.0]),
            }),
            Model::Dssm => ModelConfig::Dssm(DssmConfig {
                embedding_dim: dim,
                init_sd: 0.05,
                normalization: Normalization::L2,
                user: user(),
                item: ItemTowerConfig { column_dim: 16, residual: true, mlp: mlp() },
            }),
            Model::YoutubeDnn => ModelConfig::YoutubeDnn(YoutubeDnnConfig {
                dim,
                init_sd: 0.05,
                normalization: Normalization::L2,
                item_attributes: false,
                user: user(),
            }),
        }
    }
}

/// Events of users who take items by a law near Zipf's, in an order of its own.
pub struct Data {
    shape: Shape,
    events: EventStore,
    users: Users,
    catalog: Catalog,
    samples: SampleTable,
}

impl Data {
    /// Draws it.
    pub fn new(shape: Shape) -> Self {
        let log = ((shape.items + 1) as f64).ln();
        Data::drawn(shape, |stream| {
            let rank = ((stream.unit() * log).exp() as usize).clamp(1, shape.items);
            // Popular items lie anywhere in the table.
            1 + (rank * 7_919) % shape.items
        })
    }

    /// Draws it, with all items equally likely: what a step touches of a table is then nearly the same however large
    /// it is (of 10⁴ rows about 2,800, of 10⁷ about 3,300).
    pub fn uniform(shape: Shape) -> Self {
        Data::drawn(shape, |stream| 1 + stream.below(shape.items as u64) as usize)
    }

    fn drawn(shape: Shape, draw: impl Fn(&mut Stream) -> usize) -> Self {
        let Shape { items: n_items, users: n_users, events: n_events, .. } = shape;
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let mut counts = vec![1u32; n_items + 1];
        counts[0] = 0;
        let mut item = || {
            let item = draw(&mut stream);
            counts[item] += 1;
            item as u32
        };
        let items: Vec<u32> = (0..n_users * n_events).map(|_| item()).collect();
        let offsets = (0..=n_users).map(|user| (user * n_events) as u64).collect();
        let times = (0..items.len() as i64).collect();
        let genres = ColumnData::Bags {
            offsets: (0..=n_items).map(|item| (item * Shape::GENRES_OF_ITEM) as u32).collect(),
            rows: (0..n_items * Shape::GENRES_OF_ITEM).map(|i| 2 + (i % Shape::GENRES) as u32).collect(),
        };
        let column = |&n: &usize| ColumnData::Rows((0..n_users).map(|user| 2 + (user % n) as u32).collect());
        // Whole chunks: the first event is no target.
        let samples = (0..n_users as u32)
            .flat_map(|user| (1..n_events as u32).map(move |position| Sample { user, position }));
        let names = |n: usize| (1..=n).map(|i| i.to_string()).collect();
        Data {
            shape,
            events: EventStore::new(offsets, items, times, vec![]).expect("whole parts"),
            users: Users::new(names(n_users), Shape::USER_COLUMNS.iter().map(column).collect()),
            catalog: Catalog::new(names(n_items), vec![None; n_items], counts, vec![genres]),
            samples: SampleTable::new(samples.collect()),
        }
    }

    /// Slices its batches.
    pub fn batches(&self) -> BatchMaker<'_> {
        let Data { events, users, catalog, .. } = self;
        BatchMaker::new(events, users, catalog, Shape::HISTORY)
    }

    /// All targets.
    pub fn samples(&self) -> &SampleTable {
        &self.samples
    }

    /// Its items.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn inputs(&self, shares_item_id: bool) -> Inputs {
        let vocabulary = |n: usize| Vocabulary::new((0..n).map(|value| value.to_string()));
        let user = |&n: &usize| Column {
            name: format!("column_{n}"),
            side: Side::User,
            transform: Transform::Categorical(vocabulary(n)),
        };
        let genres = Transform::MultiCategorical(vocabulary(Shape::GENRES));
        Inputs {
            n_ids: self.catalog.n_id_rows(),
            user: Shape::USER_COLUMNS.iter().map(user).collect(),
            request: vec![],
            item: vec![Column { name: "genres".into(), side: Side::Item, transform: genres }],
            history: Some(HistoryInput { length: Shape::HISTORY, shares_item_id, gap_edges_s: vec![] }),
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Steps that were timed.
    pub steps: usize,
    /// Positives of those steps.
    pub targets: usize,
    /// Seconds they took.
    pub wall_s: f64,
    /// Loss of the last of them.
    pub loss: f32,
}

/// Trains `warm_up` steps and times the `steps` that follow. Both are rounded up to whole readings of the device.
///
/// # Errors
///
/// If the model cannot be made or trained.
pub fn time_steps(
    model: Model,
    data: &Data,
    on: &TrainDevice,
    warm_up: usize,
    steps: usize,
) -> Result<Measured, Error> {
    let every = on.read_every.get();
    let warm_up = warm_up.max(1).next_multiple_of(every);
    let last = warm_up + steps.max(1).next_multiple_of(every);
    let mut timer = Timer { warm_up, last, begin: None, end: None, targets: 0, loss: f32::NAN };
    let in_epoch = data.samples.len() / data.shape.batch();
    // One, but for the tiny size. The device is read at the end of an epoch, too, so that only within the first
    // one readings come every so many steps.
    let epochs = NonZeroUsize::new(last.div_ceil(in_epoch.max(1))).unwrap_or(NonZeroUsize::MIN);
    Plan::recipe(model).train(data, on, epochs, &mut timer)?;
    let (Some(begin), Some(end)) = (timer.begin, timer.end) else { return Err(Error::TooFewSteps(in_epoch)) };
    Ok(Measured {
        steps: last - warm_up,
        targets: timer.targets,
        wall_s: end.duration_since(begin).as_secs_f64(),
        loss: timer.loss,
    })
}

/// What is trained, and by which loss.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model.
    pub model: Model,
    /// What of a history it sees.
    pub pooled: Pooled,
    /// Whether one table holds the items of histories and of targets.
    pub shares_item_id: bool,
    /// The loss.
    pub loss: LossConfig,
    /// What is done with gradients.
    pub optimizer: OptimizerConfig,
    /// What tables are stored in; none is `f32`.
    pub table_precision: Option<TablePrecision>,
}

impl Plan {
    /// As in the recipes: recency, 512 shared negatives, temperature 0.1, Adam.
    pub fn recipe(model: Model) -> Self {
        Plan {
            model,
            pooled: Pooled::Recency,
            shares_item_id: false,
            loss: sampled_softmax(Shape::NEGATIVES, None),
            optimizer: Plan::ADAM,
            table_precision: None,
        }
    }

    /// Adam as the recipes have it.
    pub const ADAM: OptimizerConfig =
        OptimizerConfig::Adam { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 };

    /// The model on `device`, with its first weights.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn init(&self, data: &Data, device: &Device) -> Result<AnyModel, ModelError> {
        let mut init = Init::new(1, device);
        self.model.config(data.shape.dim, self.pooled).init(&data.inputs(self.shares_item_id), &mut init)
    }

    /// Trains it until `observer` stops it, at most so many epochs.
    ///
    /// # Errors
    ///
    /// If it cannot be made or trained.
    pub fn train(
        &self,
        data: &Data,
        on: &TrainDevice,
        epochs: NonZeroUsize,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let config = TrainConfig {
            epochs,
            chunk_targets: NonZeroU32::new(Shape::TARGETS as u32).expect("some targets"),
            chunks_per_step: NonZeroUsize::new(data.shape.chunks).expect("some chunks"),
            optimizer: self.optimizer,
            schedule: ScheduleConfig { warm_up_steps: 0, decay: Decay::Constant {} },
            early_stopping: None,
            table_precision: self.table_precision,
        };
        let model = self.init(data, &on.device.clone().autodiff())?;
        let train = TrainData { batches: data.batches(), samples: &data.samples, id_dropout: &[] };
        let loss = self.loss.build().map_err(TrainError::from)?;
        let trainer = Trainer::new(&train, &*loss, &config).seed(1).device(on).observer(observer);
        trainer.fit(model, |_, _| Ok(None))?;
        Ok(())
    }
}

/// Softmax over uniformly drawn negatives, temperature 0.1.
pub fn sampled_softmax(negatives: usize, draw: Option<DrawConfig>) -> LossConfig {
    LossConfig::SampledSoftmax(SampledSoftmax {
        negatives: NonZeroUsize::new(negatives).expect("some negatives"),
        sampler: SamplerConfig::Uniform {},
        temperature: Temperature::new(0.1).expect("a temperature"),
        temperature_floor: None,
        draw,
        mask: None,
    })
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The data is too small.
    #[error("an epoch has only {0} steps")]
    TooFewSteps(usize),
}

/// Takes the time when the device is read after the warm-up, and when it is read after the last step.
struct Timer {
    warm_up: usize,
    last: usize,
    begin: Option<Instant>,
    end: Option<Instant>,
    targets: usize,
    loss: f32,
}

impl Observer for Timer {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        let done = report.step + 1;
        if done > self.warm_up && done <= self.last {
            self.targets += report.targets;
            self.loss = report.loss;
        }
        if done == self.warm_up {
            self.begin = Some(Instant::now());
        }
        if done < self.last {
            return Flow::Continue;
        }
        self.end.get_or_insert_with(Instant::now);
        Flow::Stop
    }
}

/// The least number of bytes that a step moves to and from the device's memory, if what fits a cache is read once: each
/// row that it touches is read and written with both moments of Adam, each vector that it looks up is written and its
/// gradient read, the scores are written and read forward and backward.
pub fn least_bytes(model: Model, shape: Shape) -> f64 {
    let (dim, batch) = (shape.dim as f64, shape.batch() as f64);
    let chunks = shape.chunks as f64;
    let histories = chunks * (Shape::HISTORY + Shape::TARGETS - 1) as f64;
    let candidates = batch + Shape::NEGATIVES as f64;
    // Distinct items of the law above, at most as many as there are draws.
    let distinct = |draws: f64| draws.min(distinct_items(shape.items, draws));
    let history_tables = if model == Model::Fm { 4.0 } else { 1.0 };
    let rows = distinct(histories) * history_tables + distinct(candidates);
    let lookups = histories * history_tables + distinct(candidates);
    let floats = rows * dim * 6.0 + lookups * dim * 2.0 + batch * Shape::NEGATIVES as f64 * 4.0;
    floats * 4.0
}

/// Expected number of distinct items in so many draws.
fn distinct_items(n_items: usize, draws: f64) -> f64 {
    let log = ((n_items + 1) as f64).ln();
    let missed = |rank: usize| (1.0 - (1.0 / rank as f64).ln_1p() / log).powf(draws);
    (1..=n_items).map(|rank| 1.0 - missed(rank)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_timed_after_the_warm_up() {
        let data = Data::new(Shape::TINY);
        let on = TrainDevice::from(&u2i_device::cpu());
        for model in [Model::Fm, Model::Dssm, Model::YoutubeDnn] {
            let measured = time_steps(model, &data, &on, 2, 3).unwrap();
            assert_eq!((measured.steps, measured.targets), (3, 3 * Shape::TINY.batch()));
            assert!(measured.wall_s > 0.0 && measured.loss.is_finite());
        }
    }

    #[test]
    fn distinct_items_are_fewer_than_draws_and_than_items() {
        assert!((distinct_items(1, 5.0) - 1.0).abs() < 1e-9);
        assert!(distinct_items(1_000, 10.0) < 10.0);
        assert!((distinct_items(10, 1e6) - 10.0).abs() < 1e-3);
    }
}
