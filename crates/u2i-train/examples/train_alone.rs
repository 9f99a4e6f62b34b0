//! A model that learns who likes what.

use std::num::{NonZeroU32, NonZeroUsize};

use u2i_models::{FmConfig, Init, Inputs, TwoTowerConfig as _};
use u2i_random::{Purpose, Stream};
use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, Sample, SampleTable, Side, Transform, Users,
    Vocabulary,
};
use u2i_train::burn::tensor::Device;
use u2i_train::{
    Bce, Decay, LossConfig, OptimizerConfig, SamplerConfig, ScheduleConfig, TrainConfig, TrainData, Trainer,
    item_vectors, user_vectors,
};

fn main() {
    // 40 users of two countries; those of the first like items 1 to 5, the others 6 to 10.
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let country: Vec<u32> = (0..40).map(|user| 2 + user % 2).collect();
    let liked = |user: usize, stream: &mut Stream| (5 * (user % 2) + stream.index(5) + 1) as u32;
    let items: Vec<u32> = (0..400).map(|event| liked(event / 10, &mut stream)).collect();
    let offsets = (0..=40).map(|user| 10 * user).collect();
    let events = EventStore::new(offsets, items, (0..400).collect(), vec![]).unwrap();
    let users = Users::new((0..40).map(|user| user.to_string()).collect(), vec![ColumnData::Rows(country)]);
    let ids: Vec<String> = (1..=10).map(|item| item.to_string()).collect();
    let catalog = Catalog::new(ids, vec![None; 10], [&[0][..], &[40; 10]].concat(), vec![]);
    let samples = (0..40).flat_map(|user| (1..10).map(move |position| Sample { user, position })).collect();
    let samples = SampleTable::new(samples);
    let batches = BatchMaker::new(&events, &users, &catalog, 0);

    let device = Device::flex();
    let transform = Transform::Categorical(Vocabulary::new(["nl", "it"]));
    let user = vec![Column { name: "country".into(), side: Side::User, transform }];
    let inputs = Inputs { n_ids: 10, user, request: vec![], item: vec![], history: None };
    let model = FmConfig { dim: 4, init_sd: 0.1, linear_sd: 0.01, history: None };
    let model = model.init(&inputs, &mut Init::new(1, &device.clone().autodiff())).unwrap();

    let loss =
        LossConfig::Bce(Bce { negatives: NonZeroUsize::new(4).unwrap(), sampler: SamplerConfig::Uniform {} });
    let config = TrainConfig {
        epochs: NonZeroUsize::new(20).unwrap(),
        chunk_targets: NonZeroU32::MIN,
        chunks_per_step: NonZeroUsize::new(60).unwrap(),
        optimizer: OptimizerConfig::Adam { learning_rate: 0.05, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 },
        schedule: ScheduleConfig { warm_up_steps: 0, decay: Decay::Constant {} },
        early_stopping: None,
        table_precision: None,
    };
    let data = TrainData { batches, samples: &samples, id_dropout: &[] };
    let fitted = Trainer::new(&data, &*loss.build().unwrap(), &config)
        .seed(1)
        .device(&device)
        .fit(model, |_, _| Ok(None))
        .unwrap();
    assert!(fitted.epochs[19].loss < fitted.epochs[0].loss);

    // User 0 is of the first country: its five items score above all others.
    let users = user_vectors(&fitted.model, &batches, &[Sample { user: 0, position: 9 }], &device);
    let items = item_vectors(&fitted.model, &catalog, &device);
    let score = |item: usize| -> f32 {
        let vector = &items.data[item * items.dim..][..items.dim];
        users.data.iter().zip(vector).map(|(a, b)| a * b).sum()
    };
    let lowest_liked = (0..5).map(score).fold(f32::INFINITY, f32::min);
    assert!((5..10).all(|item| score(item) < lowest_liked));
}
