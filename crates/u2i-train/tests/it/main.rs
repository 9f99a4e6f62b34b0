//! Training through its public API, on small data of a known structure.

mod fixture;

use std::num::{NonZeroU32, NonZeroUsize};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fixture::{Data, fm, youtube_dnn, youtube_dnn_with};
use u2i_losses::Temperature;
use u2i_models::{Init, ItemBatch, NormKind, Table, TwoTower, UserBatch, YoutubeDnn};
use u2i_train::burn;
use u2i_train::{
    Decay, EarlyStopping, EpochReport, Fitted, Flow, LossConfig, Observer, OptimizerConfig, SamplerConfig,
    ScheduleConfig, StepReport, TrainConfig, TrainError, TrainProgress, TrainState, fit, item_vectors,
    resume, user_vectors,
};

fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam { learning_rate: 0.02, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs: NonZeroUsize::new(epochs).unwrap(),
        chunk_targets: NonZeroU32::new(4).unwrap(),
        chunks_per_step: NonZeroUsize::new(8).unwrap(),
        optimizer: adam(),
        schedule: ScheduleConfig { warm_up_steps: 3, decay: Decay::Cosine { final_share: 0.05 } },
        early_stopping: None,
    }
}

fn sampled() -> LossConfig {
    LossConfig::SampledSoftmax {
        negatives: NonZeroUsize::new(8).unwrap(),
        sampler: SamplerConfig::Uniform {},
        temperature: Temperature::new(0.2).unwrap(),
    }
}

/// Every optimizer step of a run.
#[derive(Default)]
struct Steps(Vec<StepReport>);

impl Observer for Steps {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        self.0.push(*report);
        Flow::Continue
    }
}

fn train<M: TwoTower>(
    model: M,
    data: &Data,
    loss: &LossConfig,
    config: &TrainConfig,
    seed: u64,
) -> Fitted<M> {
    let device = Device::flex();
    fit(model, &data.train(4), loss, config, seed, &device, &mut (), |_, _| Ok(None)).unwrap()
}

fn init(seed: u64) -> Init {
    Init::new(seed, &Device::flex().autodiff())
}

fn weights<M: TwoTower>(model: &M) -> Vec<u32> {
    let bits = |table: &Table| table.weight.val().into_data().try_into_vec::<f32>().unwrap();
    model.tables().into_iter().flat_map(bits).map(f32::to_bits).collect()
}

/// The same model, without its tables being listed: burn's Adam trains them densely.
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

fn adagrad() -> OptimizerConfig {
    OptimizerConfig::Adagrad { learning_rate: 0.02, epsilon: 1e-8 }
}

/// Where every row is in every step, row-sparse and dense agree step after step.
#[test]
fn row_sparse_steps_equal_dense_steps_where_each_has_every_row() {
    let data = Data::new();
    let all = LossConfig::FullSoftmax { temperature: Temperature::new(0.2).unwrap() };
    for optimizer in [adam(), adagrad()] {
        for (loss, epochs) in [(&sampled(), 1), (&all, 6)] {
            let chunks_per_step = NonZeroUsize::new(10_000).unwrap();
            compare_with_dense(&data, loss, &TrainConfig { optimizer, chunks_per_step, ..config(epochs) });
        }
    }
}

/// Adagrad leaves rows without a gradient alone, so the two agree whichever rows a step has. Adam does not: its dense
/// form moves rows by their old moments, ours leaves them until they are met again.
#[test]
fn row_sparse_adagrad_equals_dense_adagrad_whichever_rows_a_step_has() {
    let data = Data::new();
    let config = TrainConfig { optimizer: adagrad(), ..config(2) };
    compare_with_dense(&data, &sampled(), &config);
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
    let (negatives, temperature) = (NonZeroUsize::new(4).unwrap(), Temperature::new(0.2).unwrap());
    let losses = [
        sampled(),
        LossConfig::SampledSoftmax { negatives, sampler: SamplerConfig::LogUniform {}, temperature },
        LossConfig::InBatchSoftmax { temperature },
        LossConfig::FullSoftmax { temperature },
        LossConfig::Bce { negatives, sampler: SamplerConfig::Uniform {} },
    ];
    for loss in &losses {
        for adagrad in [false, true] {
            let adagrad = adagrad.then_some(OptimizerConfig::Adagrad { learning_rate: 0.1, epsilon: 1e-8 });
            let config = TrainConfig { optimizer: adagrad.unwrap_or(adam()), ..config(6) };
            let fitted = train(youtube_dnn(&data, &mut init(1)), &data, loss, &config, 1);
            let (first, last) = (fitted.epochs[0].loss, fitted.epochs[5].loss);
            assert!(last < 0.9 * first, "{loss:?}: {first} to {last}");
        }
    }
    let bce = &losses[4];
    let fitted = train(fm(&data, &mut init(1)), &data, bce, &config(6), 1);
    assert!(fitted.epochs[5].loss < fitted.epochs[0].loss);
}

#[test]
fn the_best_epoch_is_kept_and_training_stops_early() {
    let data = Data::new();
    let metrics = [0.1, 0.3, 0.2, 0.3, 0.9];
    let stopping = Some(EarlyStopping { patience: NonZeroUsize::new(2).unwrap() });
    let config = TrainConfig { early_stopping: stopping, ..config(5) };
    let mut seen = Vec::new();
    let device = Device::flex();
    let fitted = fit(
        youtube_dnn(&data, &mut init(1)),
        &data.train(4),
        &sampled(),
        &config,
        1,
        &device,
        &mut (),
        |model, epoch| {
            seen.push(weights(model));
            Ok(Some(metrics[epoch - 1]))
        },
    )
    .unwrap();
    assert_eq!((fitted.best_epoch, fitted.epochs.len()), (2, 4));
    assert_eq!(weights(&fitted.model), seen[1]);
}

#[test]
fn a_run_follows_its_schedule_and_counts_its_targets() {
    let data = Data::new();
    let mut steps = Steps::default();
    let fitted = fit(
        youtube_dnn(&data, &mut init(1)),
        &data.train(4),
        &sampled(),
        &config(2),
        1,
        &Device::flex(),
        &mut steps,
        |_, _| Ok(None),
    )
    .unwrap();
    assert_eq!(fitted.targets as usize, 2 * data.samples.len());
    assert_eq!(steps.0.iter().map(|step| step.targets).sum::<usize>(), 2 * data.samples.len());
    assert_eq!(steps.0.len(), steps.0[0].steps);
    assert!((steps.0[0].learning_rate - 0.02 / 3.0).abs() < 1e-9);
    assert!(steps.0.last().unwrap().learning_rate < 0.002);
}

#[test]
fn a_loss_that_is_not_finite_stops_training_at_its_step() {
    let data = Data::new();
    let mut model = youtube_dnn(&data, &mut init(1));
    let poisoned = Tensor::from_inner(model.tables()[0].weight.val().inner() * f32::NAN);
    model.tables_mut()[0].weight = burn::module::Param::from_tensor(poisoned);
    let error =
        fit(model, &data.train(4), &sampled(), &config(1), 1, &Device::flex(), &mut (), |_, _| Ok(None))
            .unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("the loss is not finite at step 0 of epoch 1"), "{message}");
}

#[test]
fn a_row_beyond_its_table_is_refused_before_it_reaches_the_device() {
    let data = Data::new();
    let fewer = Data { n_trained: data.n_trained - 3, ..Data::new() };
    let error = fit(
        youtube_dnn(&fewer, &mut init(1)),
        &data.train(4),
        &sampled(),
        &config(1),
        1,
        &Device::flex(),
        &mut (),
        |_, _| Ok(None),
    )
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

    fn on_state(&mut self, state: TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.states.push(state);
        Ok(())
    }
}

/// R2: stopped at a step, and gone on with a fresh model from that state, a run ends as one that was never stopped:
/// the same weights, the same losses, and the same state at every later step.
#[test]
fn a_resumed_run_ends_as_one_that_was_never_stopped() {
    let data = Data::new();
    let metrics = [0.1, 0.4, 0.3];
    let validate = |_: &YoutubeDnn, epoch: usize| Ok(Some(metrics[epoch - 1]));
    let device = Device::flex();
    let batch = NormKind::Batch { momentum: 0.1, epsilon: 1e-3 };
    for (optimizer, norm) in [(adam(), NormKind::None), (adagrad(), NormKind::None), (adam(), batch)] {
        let config = TrainConfig { optimizer, ..config(3) };
        let run = |state: Option<TrainState>, observer: &mut dyn Observer| {
            // What the fresh model begins with must not matter.
            let model = youtube_dnn_with(norm, &data, &mut init(if state.is_some() { 2 } else { 1 }));
            let train = data.train(4);
            match state {
                None => fit(model, &train, &sampled(), &config, 1, &device, observer, validate),
                Some(state) => {
                    resume(model, state, &train, &sampled(), &config, 1, &device, observer, validate)
                }
            }
        };
        let mut steps = Steps::default();
        let unbroken = run(None, &mut steps).unwrap();
        let per_epoch = unbroken.steps / 3;
        let mut every = Keep { at: (1..=unbroken.steps).collect(), states: Vec::new() };
        assert!(matches!(run(None, &mut every), Err(TrainError::Interrupted { .. })));
        assert_eq!(every.states.len(), unbroken.steps);
        for at in [1, 2, per_epoch - 1, per_epoch, per_epoch + 1, 2 * per_epoch, unbroken.steps] {
            let state = every.states[at - 1].clone();
            assert_eq!(state.progress.step, at);
            let mut rest = Keep { at: (at + 1..=unbroken.steps).collect(), states: Vec::new() };
            let stopped = run(Some(state.clone()), &mut rest);
            assert_eq!(stopped.is_err(), at < unbroken.steps);
            assert!(rest.states == every.states[at..], "stopped at {at}");
            let resumed = run(Some(state), &mut ()).unwrap();
            assert_eq!(weights(&resumed.model), weights(&unbroken.model), "stopped at {at}");
            assert_eq!(resumed.epochs, unbroken.epochs, "stopped at {at}");
            assert_eq!(
                (resumed.best_epoch, resumed.steps, resumed.targets),
                (2, unbroken.steps, unbroken.targets)
            );
        }
    }
}

#[test]
fn a_state_of_another_model_is_refused_with_its_first_difference() {
    let data = Data::new();
    let mut keep = Keep { at: vec![2], states: Vec::new() };
    let start = |observer: &mut dyn Observer| {
        let model = youtube_dnn(&data, &mut init(1));
        fit(model, &data.train(4), &sampled(), &config(1), 1, &Device::flex(), observer, |_, _| Ok(None))
    };
    assert!(matches!(start(&mut keep), Err(TrainError::Interrupted { step: 2 })));
    let state = keep.states.remove(0);
    let go_on = |state: TrainState| {
        let model = youtube_dnn(&data, &mut init(1));
        let train = data.train(4);
        resume(model, state, &train, &sampled(), &config(1), 1, &Device::flex(), &mut (), |_, _| Ok(None))
    };
    go_on(state.clone()).unwrap();
    for name in state.tensors.keys() {
        let mut missing = state.clone();
        missing.tensors.remove(name);
        let mut reshaped = state.clone();
        reshaped.tensors.get_mut(name).unwrap().shape.push(1);
        let mut renamed = state.clone();
        let tensor = renamed.tensors.remove(name).unwrap();
        renamed.tensors.insert(format!("{name}x"), tensor);
        for broken in [missing, reshaped, renamed] {
            assert!(matches!(go_on(broken), Err(TrainError::State { .. })), "{name}");
        }
    }
    let changes: [fn(&mut TrainProgress); 6] = [
        |progress| progress.step = 0,
        |progress| progress.step = 10_000,
        |progress| progress.epoch_targets = 0,
        |progress| progress.epochs = vec![(0, None)],
        |progress| progress.best = Some((0, 0)),
        |progress| progress.best = Some((7, 0)),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut elsewhere = state.clone();
        change(&mut elsewhere.progress);
        assert!(matches!(go_on(elsewhere), Err(TrainError::State { .. })), "change {i}");
    }
}

/// N5: one broken number in any tensor of the model is met at that step, and no state with it is ever handed out.
#[test]
fn a_broken_number_anywhere_stops_training_before_it_is_kept() {
    let data = Data::new();
    let mut keep = Keep { at: vec![3], states: Vec::new() };
    let model = || youtube_dnn(&data, &mut init(1));
    let train = data.train(4);
    let (device, loss, config) = (Device::flex(), sampled(), config(1));
    let stopped = fit(model(), &train, &loss, &config, 1, &device, &mut keep, |_, _| Ok(None));
    assert!(matches!(stopped, Err(TrainError::Interrupted { .. })));
    let state = keep.states.remove(0);
    let mut injected = 0;
    for (name, tensor) in &state.tensors {
        for value in [f32::NAN, f32::INFINITY] {
            let mut broken = state.clone();
            // The last row: the first one of a table is padding, which nothing reads.
            broken.tensors.get_mut(name).unwrap().data[tensor.data.len() - 1] = value;
            let mut rest = Keep { at: (4..100).collect(), states: Vec::new() };
            let result =
                resume(model(), broken, &train, &loss, &config, 1, &device, &mut rest, |_, _| Ok(None));
            let error = result.err().unwrap_or_else(|| panic!("{name} with {value} went through"));
            assert!(matches!(error, TrainError::NotFinite { step: 3..=4, .. }), "{name}: {error}");
            assert!(rest.states.is_empty(), "{name}: a broken state was handed out");
            injected += 1;
        }
    }
    assert!(injected >= 50, "{injected} places");
}

/// The user vector plus the root of zero times it: nothing forward, a broken gradient backward.
#[derive(Module, Debug)]
struct Broken {
    model: YoutubeDnn,
}

impl TwoTower for Broken {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let vectors = self.model.encode_users(users);
        vectors.clone() + (vectors * 0.0).sqrt()
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        self.model.encode_items(items)
    }

    fn history_len(&self) -> usize {
        self.model.history_len()
    }

    fn tables(&self) -> Vec<&Table> {
        self.model.tables()
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        self.model.tables_mut()
    }
}

#[test]
fn a_gradient_that_is_not_finite_is_named_at_its_step() {
    let data = Data::new();
    let model = Broken { model: youtube_dnn(&data, &mut init(1)) };
    let result =
        fit(model, &data.train(4), &sampled(), &config(1), 1, &Device::flex(), &mut (), |_, _| Ok(None));
    let error = result.expect_err("a broken gradient was applied");
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, step: 0, .. }), "{error}");
    let message = error.to_string();
    assert!(message.starts_with("the gradient of model.") && message.contains("at step 0"), "{message}");
}

#[test]
fn an_observer_can_stop_a_run() {
    struct Stop;
    impl Observer for Stop {
        fn on_step(&mut self, report: &StepReport) -> Flow {
            if report.step < 2 { Flow::Continue } else { Flow::Stop }
        }
        fn on_epoch(&mut self, _: &EpochReport) {
            panic!("the epoch does not end");
        }
    }
    let data = Data::new();
    let model = youtube_dnn(&data, &mut init(1));
    let error =
        fit(model, &data.train(4), &sampled(), &config(1), 1, &Device::flex(), &mut Stop, |_, _| Ok(None))
            .unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { step: 3 }), "{error}");
}
