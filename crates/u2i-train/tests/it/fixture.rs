use std::num::{NonZeroU32, NonZeroUsize};

use u2i_losses::Temperature;
use u2i_models::{
    ActivationKind, Dssm, DssmConfig, Fm, FmConfig, HistoryInput, Init, Inputs, ItemTowerConfig, MlpConfig,
    NormKind, Normalization, OutputKind, PooledHistoryConfig, PoolingConfig, TwoTowerConfig as _,
    UserTowerConfig, YoutubeDnn, YoutubeDnnConfig,
};
use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, Sample, SampleTable, Side, Slot, Transform, Users,
    Vocabulary,
};
use u2i_train::{
    Bce, Bpr, Decay, DrawConfig, Flow, FullSoftmax, InBatchSoftmax, LossConfig, MaskConfig, MixedSoftmax,
    Observer, OptimizerConfig, SampledSoftmax, SamplerConfig, ScheduleConfig, StepReport, StreamingConfig,
    TrainConfig, TrainData,
};

const ITEMS: usize = 20;
const USERS: usize = 30;
const EVENTS: usize = 17;

/// Users walk along a ring of items, each from its own place.
pub struct Data {
    pub events: EventStore,
    pub users: Users,
    pub catalog: Catalog,
    pub samples: SampleTable,
    pub n_trained: usize,
    pub id_dropout: Vec<(Slot, f64)>,
}

impl Data {
    pub fn new() -> Self {
        let walk = |user: usize| (0..EVENTS).map(move |i| ((user * 7 + i) % ITEMS) as u32 + 1);
        let items: Vec<u32> = (0..USERS).flat_map(walk).collect();
        let offsets = (0..=USERS).map(|user| (user * EVENTS) as u64).collect();
        let times = (0..USERS * EVENTS).map(|i| i as i64 * 60).collect();
        let mut counts = vec![0; ITEMS + 1];
        items.iter().for_each(|&item| counts[item as usize] += 1);
        let ids = (1..=ITEMS).map(|item| item.to_string()).collect();
        // Three genres, of which an item has none to three.
        let genres = ColumnData::Bags {
            offsets: (0..=ITEMS as u32).map(|item| (0..item).map(|item| item % 4).sum()).collect(),
            rows: (0..ITEMS as u32).flat_map(|item| (0..item % 4).map(|genre| 2 + genre)).collect(),
        };
        let gender = ColumnData::Rows((0..USERS as u32).map(|user| 2 + user % 2).collect());
        let samples = (0..USERS as u32)
            .flat_map(|user| (1..EVENTS as u32).map(move |position| Sample { user, position }));
        Data {
            events: EventStore::new(offsets, items, times, vec![]).unwrap(),
            users: Users::new((0..USERS).map(|user| user.to_string()).collect(), vec![gender]),
            catalog: Catalog::new(ids, vec![None; ITEMS], counts, vec![genres]),
            samples: SampleTable::new(samples.collect()),
            n_trained: ITEMS,
            id_dropout: vec![],
        }
    }

    /// The data with a number for each user.
    pub fn with_ages(ages: Vec<f32>) -> Self {
        let data = Data::new();
        let columns = vec![data.users.columns()[0].clone(), ColumnData::Values(ages)];
        Data { users: Users::new(data.users.ids().to_vec(), columns), ..data }
    }

    pub fn train(&self, history_len: usize) -> TrainData<'_> {
        let Data { events, users, catalog, .. } = self;
        let batches = BatchMaker::new(events, users, catalog, history_len);
        TrainData { batches, samples: &self.samples, id_dropout: &self.id_dropout }
    }

    fn inputs(&self) -> Inputs {
        let column = |name: &str, transform| Column { name: name.into(), side: Side::User, transform };
        let mut user = vec![
            column("gender", Transform::Categorical(Vocabulary::new(["f", "m"]))),
            column("age", Transform::Standardized { mean: 0.0, sd: 1.0 }),
        ];
        user.truncate(self.users.columns().len());
        let genres = Transform::MultiCategorical(Vocabulary::new(["a", "b", "c"]));
        Inputs {
            n_ids: self.n_trained,
            user,
            request: vec![],
            item: vec![Column { name: "genres".into(), side: Side::Item, transform: genres }],
            history: Some(HistoryInput { length: 4, shares_item_id: false, gap_edges_s: vec![] }),
        }
    }
}

fn history() -> Option<PooledHistoryConfig> {
    Some(PooledHistoryConfig { pooling: PoolingConfig::Recency { slopes: vec![0.0, 1.0] }, dropout: 0.1 })
}

pub fn youtube_dnn(data: &Data, init: &mut Init) -> YoutubeDnn {
    youtube_dnn_with(NormKind::None, data, init)
}

fn mlp(norm: NormKind) -> MlpConfig {
    MlpConfig {
        layers: vec![16, 8],
        activation: ActivationKind::Gelu,
        norm,
        output: OutputKind::Linear,
        dropout: 0.1,
    }
}

fn user_tower(norm: NormKind) -> UserTowerConfig {
    UserTowerConfig {
        column_dim: 4,
        history: history(),
        sequences: Default::default(),
        history_size: true,
        example_age: false,
        skip: true,
        mlp: mlp(norm),
    }
}

pub fn dssm(data: &Data, init: &mut Init) -> Dssm {
    dssm_with(NormKind::None, data, init)
}

pub fn dssm_with(norm: NormKind, data: &Data, init: &mut Init) -> Dssm {
    let item = ItemTowerConfig { column_dim: 4, residual: true, mlp: mlp(norm) };
    let config = DssmConfig {
        embedding_dim: 8,
        init_sd: 0.3,
        normalization: Normalization::L2,
        user: user_tower(norm),
        item,
    };
    config.init(&data.inputs(), init).unwrap()
}

pub fn youtube_dnn_with(norm: NormKind, data: &Data, init: &mut Init) -> YoutubeDnn {
    let user = user_tower(norm);
    let config = YoutubeDnnConfig {
        dim: 8,
        init_sd: 0.3,
        normalization: Normalization::L2,
        item_attributes: false,
        user,
    };
    config.init(&data.inputs(), init).unwrap()
}

pub fn fm(data: &Data, init: &mut Init) -> Fm {
    let config = FmConfig { dim: 8, init_sd: 0.1, linear_sd: 0.01, history: history() };
    config.init(&data.inputs(), init).unwrap()
}

pub fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam { learning_rate: 0.02, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
}

pub fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs: NonZeroUsize::new(epochs).unwrap(),
        chunk_targets: NonZeroU32::new(4).unwrap(),
        chunks_per_step: NonZeroUsize::new(8).unwrap(),
        optimizer: adam(),
        schedule: ScheduleConfig { warm_up_steps: 3, decay: Decay::Cosine { final_share: 0.05 } },
        early_stopping: None,
        table_precision: None,
    }
}

pub fn sampled() -> LossConfig {
    LossConfig::SampledSoftmax(SampledSoftmax {
        negatives: NonZeroUsize::new(8).unwrap(),
        sampler: SamplerConfig::Uniform {},
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
        draw: None,
        mask: None,
    })
}

/// A temperature that is learned.
pub fn learned() -> LossConfig {
    LossConfig::FullSoftmax(FullSoftmax {
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: Some(Temperature::new(0.05).unwrap()),
    })
}

/// Frequencies that are estimated.
pub fn streaming() -> LossConfig {
    let (buckets, hashes) = (NonZeroUsize::new(100).unwrap(), NonZeroU32::MIN);
    LossConfig::InBatchSoftmax(InBatchSoftmax {
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
        streaming: Some(StreamingConfig { alpha: 0.1, buckets, hashes }),
    })
}

/// Negatives of which some are masked that are not the positive, or of which each row has its own.
pub fn drawn(draw: DrawConfig, mask: MaskConfig) -> LossConfig {
    LossConfig::SampledSoftmax(SampledSoftmax {
        negatives: NonZeroUsize::new(8).unwrap(),
        sampler: SamplerConfig::Unigram { exponent: 0.75 },
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
        draw: Some(draw),
        mask: Some(mask),
    })
}

pub fn adagrad() -> OptimizerConfig {
    OptimizerConfig::Adagrad { learning_rate: 0.02, epsilon: 1e-8 }
}

pub fn row_wise_adagrad() -> OptimizerConfig {
    OptimizerConfig::RowWiseAdagrad { learning_rate: 0.02, epsilon: 1e-8 }
}

pub fn sgd() -> OptimizerConfig {
    OptimizerConfig::Sgd { learning_rate: 0.5 }
}

pub fn optimizers() -> [OptimizerConfig; 4] {
    [adam(), adagrad(), row_wise_adagrad(), sgd()]
}

pub fn bce() -> LossConfig {
    LossConfig::Bce(Bce { negatives: NonZeroUsize::new(4).unwrap(), sampler: SamplerConfig::Uniform {} })
}

/// Every loss.
pub fn losses() -> Vec<LossConfig> {
    let (negatives, temperature) = (NonZeroUsize::new(4).unwrap(), Temperature::new(0.2).unwrap());
    let (uniform, temperature_floor) = (SamplerConfig::Uniform {}, None);
    let log_uniform = LossConfig::SampledSoftmax(SampledSoftmax {
        negatives,
        sampler: SamplerConfig::LogUniform {},
        temperature,
        temperature_floor,
        draw: None,
        mask: None,
    });
    vec![
        sampled(),
        log_uniform,
        drawn(DrawConfig::SharedDistinct, MaskConfig::TrainingPositives),
        drawn(DrawConfig::PerRow, MaskConfig::Positive),
        drawn(DrawConfig::PerRowDistinct, MaskConfig::TrainingPositives),
        LossConfig::InBatchSoftmax(InBatchSoftmax { temperature, temperature_floor, streaming: None }),
        streaming(),
        LossConfig::MixedSoftmax(MixedSoftmax {
            negatives,
            sampler: uniform,
            temperature,
            temperature_floor,
        }),
        LossConfig::FullSoftmax(FullSoftmax { temperature, temperature_floor }),
        learned(),
        bce(),
        LossConfig::Bpr(Bpr { negatives, sampler: uniform }),
    ]
}

/// Every optimizer step of a run.
#[derive(Default)]
pub struct Steps(pub Vec<StepReport>);

impl Observer for Steps {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        self.0.push(*report);
        Flow::Continue
    }
}
