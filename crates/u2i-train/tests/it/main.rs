//! Training through its public API, on small data of a known structure.

mod ahead;
mod best;
mod broken;
mod devices;
mod ended;
mod fixture;
mod negatives;
mod own_loss;
mod precision;
mod resumed;

use std::num::NonZeroUsize;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fixture::{Data, Steps, adagrad, adam, bce, config, fm, losses, optimizers, sampled, sgd, youtube_dnn};
use u2i_losses::Temperature;
use u2i_models::{Init, ItemBatch, Table, TwoTower, UserBatch, YoutubeDnn};
use u2i_schema::Slot;
use u2i_train::burn;
use u2i_train::{
    EarlyStopping, Ended, EpochReport, Fitted, Flow, FullSoftmax, LossConfig, Observer, OptimizerConfig,
    StateView, StepReport, TrainConfig, TrainError, TrainState, Trainer, item_vectors, user_vectors,
};

/// Whether the figures of `docs/reliability.md` are taken in full, as `cargo xtask ci --full` does.
fn full() -> bool {
    std::env::var_os("U2I_FULL").is_some_and(|value| value == "1")
}

fn train<M: TwoTower>(
    model: M,
    data: &Data,
    loss: &LossConfig,
    config: &TrainConfig,
    seed: u64,
) -> Fitted<M> {
    let device = Device::flex();
    Trainer::new(&data.train(4), &*loss.build().unwrap(), config)
        .seed(seed)
        .device(&device)
        .fit(model, |_, _| Ok(None))
        .unwrap()
}

fn init(seed: u64) -> Init {
    Init::new(seed, &Device::flex().autodiff())
}

fn weights<M: TwoTower>(model: &M) -> Vec<u32> {
    let bits = |table: &Table| table.weight.val().into_data().convert::<f32>().try_into_vec::<f32>().unwrap();
    model.tables().into_iter().flat_map(bits).map(f32::to_bits).collect()
}

/// YouTubeDNN without its tables being listed: burn's Adam trains them densely.
#[derive(Module, Debug)]
struct Dense {
    model: YoutubeDnn,
}

impl TwoTower for Dense {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        self.model.encode_users(users)
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        self.model.encode_items(items)
    }

    fn history_len(&self) -> usize {
        self.model.history_len()
    }
}

/// Trains the same model with its tables row by row and densely, and compares the vectors of all items and users.
fn compare_with_dense(data: &Data, loss: &LossConfig, config: &TrainConfig) {
    fn vectors<M: TwoTower>(data: &Data, model: M, loss: &LossConfig, config: &TrainConfig) -> [Vec<f32>; 2] {
        let (fitted, device) = (train(model, data, loss, config, 1), Device::flex());
        let items = item_vectors(&fitted.model, &data.catalog, &device).data;
        let batches = data.train(4).batches;
        [items, user_vectors(&fitted.model, &batches, data.samples.samples(), &device).data]
    }
    let sparse = vectors(data, youtube_dnn(data, &mut init(1)), loss, config);
    let dense = vectors(data, Dense { model: youtube_dnn(data, &mut init(1)) }, loss, config);
    for (sparse, dense) in sparse.iter().zip(&dense) {
        assert_eq!(sparse.len(), dense.len());
        // The same numbers added in another order.
        for (a, b) in sparse.iter().zip(dense) {
            assert!((a - b).abs() < 1e-5, "{a} and {b} with {:?}", config.optimizer);
        }
    }
}

/// Where every row is in every step, row-sparse and dense agree step after step.
#[test]
fn row_sparse_steps_equal_dense_steps_where_each_has_every_row() {
    let data = Data::new();
    let all = LossConfig::FullSoftmax(FullSoftmax {
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
    });
    for optimizer in [adam(), adagrad(), sgd()] {
        for (loss, epochs) in [(&sampled(), 1), (&all, 6)] {
            let chunks_per_step = NonZeroUsize::new(10_000).unwrap();
            compare_with_dense(&data, loss, &TrainConfig { optimizer, chunks_per_step, ..config(epochs) });
        }
    }
}

/// Adagrad and plain descent leave rows without a gradient alone, so the two agree whichever rows a step has. Adam does
/// not: its dense form moves rows by their old moments, ours leaves them until they are met again.
#[test]
fn row_sparse_adagrad_equals_dense_adagrad_whichever_rows_a_step_has() {
    let data = Data::new();
    for optimizer in [adagrad(), sgd()] {
        compare_with_dense(&data, &sampled(), &TrainConfig { optimizer, ..config(2) });
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let data = Data::new();
    let run = |seed| {
        let fitted = train(youtube_dnn(&data, &mut init(seed)), &data, &sampled(), &config(2), seed);
        (weights(&fitted.model), fitted.epochs.iter().map(|epoch| epoch.loss.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// The rows of unknown ids are trained where ids are dropped, and nowhere else; a run with them goes on to the bit.
#[test]
fn dropped_ids_train_the_rows_of_unknown_ones() {
    let plain = Data::new();
    let n_ids = plain.n_trained + 1;
    let with = |id_dropout: Vec<(Slot, f64)>| Data {
        catalog: plain.catalog.clone().with_unknown_row(),
        n_trained: n_ids,
        id_dropout,
        ..Data::new()
    };
    let row = |model: &YoutubeDnn, slot: Slot, row: usize| -> Vec<f32> {
        let table = model.tables().into_iter().find(|table| table.slots.contains(&slot)).unwrap();
        table.weight.val().narrow(0, row, 1).into_data().try_into_vec().unwrap()
    };
    let start = youtube_dnn(&with(vec![]), &mut init(1));
    let run = |data: &Data| train(start.clone(), data, &sampled(), &config(2), 1).model;
    let none = run(&with(vec![]));
    let dropping = with(vec![(Slot::ItemId, 0.2), (Slot::User(0), 0.2)]);
    let some = run(&dropping);
    for (slot, unknown) in [(Slot::ItemId, n_ids), (Slot::User(0), 1)] {
        assert_eq!(row(&none, slot, unknown), row(&start.valid(), slot, unknown), "{slot:?}");
        assert_ne!(row(&some, slot, unknown), row(&start.valid(), slot, unknown), "{slot:?}");
    }
    assert_eq!(weights(&run(&dropping)), weights(&some));

    let mut keep = Keep { at: vec![7], states: Vec::new() };
    let (data, device) = (dropping.train(4), Device::flex());
    let stopped = Trainer::new(&data, &*sampled().build().unwrap(), &config(2))
        .seed(1)
        .device(&device)
        .observer(&mut keep)
        .fit(start.clone(), |_, _| Ok(None))
        .unwrap();
    assert_eq!(stopped.ended, Ended::Stopped);
    let state = keep.states.pop().unwrap();
    let resumed = Trainer::new(&data, &*sampled().build().unwrap(), &config(2))
        .seed(1)
        .device(&device)
        .resume(state)
        .fit(start.clone(), |_, _| Ok(None));
    assert_eq!(weights(&resumed.unwrap().model), weights(&some));
}

#[test]
fn the_padding_row_never_changes() {
    let data = Data::new();
    let fitted = train(youtube_dnn(&data, &mut init(1)), &data, &sampled(), &config(2), 1);
    for table in fitted.model.tables() {
        let dim = table.dim();
        let row: Vec<f32> = table.weight.val().narrow(0, 0, 1).into_data().try_into_vec().unwrap();
        assert_eq!(row, vec![0.0; dim]);
    }
}

/// Items follow each other in a ring, so every loss can be learned.
#[test]
fn every_loss_falls() {
    let data = Data::new();
    let losses = losses();
    for loss in &losses {
        for adagrad in [false, true] {
            let adagrad = adagrad.then_some(OptimizerConfig::Adagrad { learning_rate: 0.1, epsilon: 1e-8 });
            let config = TrainConfig { optimizer: adagrad.unwrap_or(adam()), ..config(6) };
            let fitted = train(youtube_dnn(&data, &mut init(1)), &data, loss, &config, 1);
            let (first, last) = (fitted.epochs[0].loss, fitted.epochs[5].loss);
            assert!(last < 0.9 * first, "{loss:?}: {first} to {last}");
        }
    }
    let fitted = train(fm(&data, &mut init(1)), &data, &bce(), &config(6), 1);
    assert!(fitted.epochs[5].loss < fitted.epochs[0].loss);
    for optimizer in optimizers() {
        let config = TrainConfig { optimizer, ..config(6) };
        let fitted = train(youtube_dnn(&data, &mut init(1)), &data, &sampled(), &config, 1);
        let (first, last) = (fitted.epochs[0].loss, fitted.epochs[5].loss);
        assert!(last < 0.9 * first, "{optimizer:?}: {first} to {last}");
    }
}

#[test]
fn the_best_epoch_is_kept_and_training_stops_early() {
    let data = Data::new();
    let metrics = [0.1, 0.3, 0.2, 0.3, 0.9];
    let stopping = Some(EarlyStopping { patience: NonZeroUsize::new(2).unwrap() });
    let config = TrainConfig { early_stopping: stopping, ..config(5) };
    let mut seen = Vec::new();
    let device = Device::flex();
    let fitted = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config)
        .seed(1)
        .device(&device)
        .fit(youtube_dnn(&data, &mut init(1)), |model, epoch| {
            seen.push(weights(model));
            Ok(Some(metrics[epoch - 1]))
        })
        .unwrap();
    assert_eq!((fitted.best_epoch, fitted.epochs.len()), (Some(2), 4));
    assert_eq!(weights(&fitted.model), seen[1]);
}

#[test]
fn a_run_follows_its_schedule_and_counts_its_targets() {
    let data = Data::new();
    let mut steps = Steps::default();
    let fitted = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(2))
        .seed(1)
        .device(&Device::flex())
        .observer(&mut steps)
        .fit(youtube_dnn(&data, &mut init(1)), |_, _| Ok(None))
        .unwrap();
    assert_eq!(fitted.targets as usize, 2 * data.samples.len());
    assert_eq!(steps.0.iter().map(|step| step.targets).sum::<usize>(), 2 * data.samples.len());
    assert_eq!(steps.0.len(), steps.0[0].steps);
    assert!((steps.0[0].learning_rate - 0.02 / 3.0).abs() < 1e-9);
    assert!(steps.0.last().unwrap().learning_rate < 0.002);
}

#[test]
fn a_row_beyond_its_table_is_refused_before_it_reaches_the_device() {
    let data = Data::new();
    let fewer = Data { n_trained: data.n_trained - 3, ..Data::new() };
    let error = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
        .seed(1)
        .device(&Device::flex())
        .fit(youtube_dnn(&fewer, &mut init(1)), |_, _| Ok(None))
        .unwrap_err();
    assert!(
        matches!(error, TrainError::RowOutOfRange { rows, .. } if rows == fewer.n_trained + 1),
        "{error}"
    );
}

/// Keeps the states of the steps in `at`, counted from 1, and stops at the last of them.
struct Keep {
    at: Vec<usize>,
    states: Vec<TrainState>,
}

impl Observer for Keep {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        let done = report.step + 1;
        match self.at.contains(&done) {
            true if self.at.last() == Some(&done) => Flow::Stop,
            true => Flow::Save,
            false => Flow::Continue,
        }
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.states.push(state.to_owned()?);
        Ok(())
    }
}

#[test]
fn an_observer_can_stop_a_run() {
    struct Stop;
    impl Observer for Stop {
        fn on_step(&mut self, report: &StepReport) -> Flow {
            if report.step < 2 { Flow::Continue } else { Flow::Stop }
        }
        fn on_epoch(&mut self, _: &EpochReport) -> Flow {
            panic!("the epoch does not end");
        }
    }
    let data = Data::new();
    let model = youtube_dnn(&data, &mut init(1));
    let stopped = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
        .seed(1)
        .device(&Device::flex())
        .observer(&mut Stop)
        .fit(model, |_, _| Ok(None))
        .unwrap();
    assert_eq!((stopped.ended, stopped.steps, stopped.best_epoch), (Ended::Stopped, 3, None));
    assert!(stopped.epochs.is_empty());
}
