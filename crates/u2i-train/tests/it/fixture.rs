use u2i_models::{
    Activation, Fm, FmConfig, HistoryConfig, HistoryInput, Init, Inputs, MlpConfig, NormKind, Normalization,
    OutputKind, PoolingConfig, UserTowerConfig, YoutubeDnn, YoutubeDnnConfig,
};
use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, Sample, SampleTable, Side, Transform, Users,
    Vocabulary,
};
use u2i_train::TrainData;

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
        let gender = ColumnData::Rows((0..USERS as u32).map(|user| 2 + user % 2).collect());
        let samples = (0..USERS as u32)
            .flat_map(|user| (1..EVENTS as u32).map(move |position| Sample { user, position }));
        Data {
            events: EventStore::new(offsets, items, times, vec![]).unwrap(),
            users: Users::new((0..USERS).map(|user| user.to_string()).collect(), vec![gender]),
            catalog: Catalog::new(ids, vec![None; ITEMS], counts, vec![]),
            samples: SampleTable::new(samples.collect()),
            n_trained: ITEMS,
        }
    }

    /// The same with a number for each user.
    pub fn with_ages(ages: Vec<f32>) -> Self {
        let data = Data::new();
        let columns = vec![data.users.columns()[0].clone(), ColumnData::Values(ages)];
        Data { users: Users::new(data.users.ids().to_vec(), columns), ..data }
    }

    pub fn train(&self, history_len: usize) -> TrainData<'_> {
        let Data { events, users, catalog, .. } = self;
        let batches = BatchMaker { events, users, catalog, history_len, newest_s: None };
        TrainData { batches, samples: &self.samples }
    }

    fn inputs(&self) -> Inputs {
        let column = |name: &str, transform| Column { name: name.into(), side: Side::User, transform };
        let mut user = vec![
            column("gender", Transform::Categorical(Vocabulary::new(["f", "m"]))),
            column("age", Transform::Standardized { mean: 0.0, sd: 1.0 }),
        ];
        user.truncate(self.users.columns().len());
        Inputs {
            n_trained: self.n_trained,
            user,
            request: vec![],
            item: vec![],
            history: Some(HistoryInput { length: 4, shares_item_id: false }),
        }
    }
}

fn history() -> Option<HistoryConfig> {
    Some(HistoryConfig { pooling: PoolingConfig::Recency { slopes: vec![0.0, 1.0] }, dropout: 0.1 })
}

pub fn youtube_dnn(data: &Data, init: &mut Init) -> YoutubeDnn {
    youtube_dnn_with(NormKind::None, data, init)
}

pub fn youtube_dnn_with(norm: NormKind, data: &Data, init: &mut Init) -> YoutubeDnn {
    let mlp = MlpConfig {
        layers: vec![16, 8],
        activation: Activation::Gelu,
        norm,
        output: OutputKind::Linear,
        dropout: 0.1,
    };
    let user = UserTowerConfig {
        column_dim: 4,
        history: history(),
        history_size: true,
        example_age: false,
        skip: true,
        mlp,
    };
    let config = YoutubeDnnConfig { dim: 8, init_sd: 0.3, normalization: Normalization::L2, user };
    config.init(&data.inputs(), init).unwrap()
}

pub fn fm(data: &Data, init: &mut Init) -> Fm {
    let config = FmConfig { dim: 8, init_sd: 0.1, linear_sd: 0.01, history: history() };
    config.init(&data.inputs(), init).unwrap()
}
