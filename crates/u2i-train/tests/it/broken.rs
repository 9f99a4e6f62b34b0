//! N5: NaN and infinity stop training at their step, are named, and are in no state that is handed out.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use u2i_models::{ItemBatch, Table, TwoTower, UserBatch, YoutubeDnn};
use u2i_schema::Sample;
use u2i_train::burn;
use u2i_train::{Ended, OptimizerConfig, StateTensor, TrainConfig, TrainError, TrainState, Trainer};

use crate::fixture::{Data, youtube_dnn};
use crate::{Keep, adam, config, init, sampled};

/// The states after the first `n` steps of one epoch of `model`.
fn states<M: TwoTower>(model: M, data: &Data, n: usize) -> Vec<TrainState> {
    let mut keep = Keep { at: (1..=n).collect(), states: Vec::new() };
    let (device, loss, config) = (Device::flex(), sampled(), config(1));
    let stopped = Trainer::new(&data.train(4), &*loss.build().unwrap(), &config)
        .seed(1)
        .device(&device)
        .observer(&mut keep)
        .fit(model, |_, _| Ok(None));
    assert_eq!(stopped.unwrap().ended, Ended::Stopped);
    keep.states
}

/// Goes on from `state`, keeping every step, to the error that ends it and what was handed out before.
fn go_on<M: TwoTower>(
    model: M,
    state: TrainState,
    data: &Data,
    config: &TrainConfig,
) -> (Option<TrainError>, Vec<TrainState>) {
    let mut rest = Keep { at: (state.progress.step + 1..1000).collect(), states: Vec::new() };
    let (device, loss) = (Device::flex(), sampled());
    let result = Trainer::new(&data.train(4), &*loss.build().unwrap(), config)
        .seed(1)
        .device(&device)
        .observer(&mut rest)
        .resume(state)
        .fit(model, |_, _| Ok(None));
    (result.err(), rest.states)
}

fn is_finite(state: &TrainState) -> bool {
    state.tensors.values().all(|tensor: &StateTensor| tensor.data.iter().all(|value| value.is_finite()))
}

#[test]
fn a_loss_that_is_not_finite_stops_training_at_its_step() {
    let data = Data::new();
    let mut model = youtube_dnn(&data, &mut init(1));
    let poisoned = Tensor::from_inner(model.tables()[0].weight.val().inner() * f32::NAN);
    model.tables_mut()[0].weight = burn::module::Param::from_tensor(poisoned);
    let error = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
        .seed(1)
        .device(&Device::flex())
        .fit(model, |_, _| Ok(None))
        .unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("the loss is not finite at step 0 of epoch 1"), "{message}");
}

/// One broken number in any weight or moment of the model is met at that step.
#[test]
fn a_broken_number_anywhere_stops_training_before_it_is_kept() {
    let data = Data::new();
    let model = || youtube_dnn(&data, &mut init(1));
    let state = states(model(), &data, 3).remove(2);
    let mut injected = 0;
    for (name, tensor) in &state.tensors {
        for value in [f32::NAN, f32::INFINITY] {
            let mut broken = state.clone();
            // The last row: the first one of a table is padding, which nothing reads.
            broken.tensors.get_mut(name).unwrap().data[tensor.data.len() - 1] = value;
            let (error, kept) = go_on(model(), broken, &data, &config(1));
            let error = error.unwrap_or_else(|| panic!("{name} with {value} went through"));
            assert!(matches!(error, TrainError::NotFinite { step: 3..=4, .. }), "{name}: {error}");
            assert!(kept.is_empty(), "{name}: a broken state was handed out");
            injected += 1;
        }
    }
    assert!(injected >= 50, "{injected} places");
}

/// The input of each user in turn: training stops at the first step that has a target of that user, and what was kept
/// before is whole.
#[test]
fn a_broken_input_stops_training_at_the_step_that_meets_it() {
    let users = Data::new().users.ids().len();
    for user in 0..users {
        for value in [f32::NAN, f32::NEG_INFINITY] {
            let mut ages = vec![0.5; users];
            ages[user] = value;
            let data = Data::with_ages(ages);
            let mut keep = Keep { at: (1..=100).collect(), states: Vec::new() };
            let (device, loss, config) = (Device::flex(), sampled(), config(1));
            let model = youtube_dnn(&data, &mut init(1));
            let error = Trainer::new(&data.train(4), &*loss.build().unwrap(), &config)
                .seed(1)
                .device(&device)
                .observer(&mut keep)
                .fit(model, |_, _| Ok(None))
                .expect_err("a broken input went through");
            let TrainError::NotFinite { step, tensor, .. } = &error else { panic!("{error}") };
            assert_eq!(tensor, "the loss", "{error}");
            assert_eq!(*step, keep.states.len(), "user {user}: {error}");
            assert!(keep.states.iter().all(is_finite), "user {user}");
        }
    }
    // Without anything broken the same data trains to its end.
    let data = Data::with_ages(vec![0.5; users]);
    assert_eq!(states(youtube_dnn(&data, &mut init(1)), &data, 15).len(), 15);
    let mut one = Data::with_ages((0..users).map(|user| if user == 7 { f32::NAN } else { 0.5 }).collect());
    let of_others = one.samples.samples().iter().copied().filter(|sample: &Sample| sample.user != 7);
    one.samples = u2i_schema::SampleTable::new(of_others.collect());
    states(youtube_dnn(&one, &mut init(1)), &one, 14);
}

/// A learning rate that is none is refused before the first step; one that throws weights out of their range is named
/// with the step at which they are out of it.
#[test]
fn a_broken_learning_rate_is_refused_or_named_at_its_step() {
    let data = Data::new();
    let device = Device::flex();
    let rate = |learning_rate: f64| {
        let OptimizerConfig::Adam { beta_1, beta_2, epsilon, .. } = adam() else { unreachable!() };
        let optimizer = OptimizerConfig::Adam { learning_rate, beta_1, beta_2, epsilon };
        TrainConfig { optimizer, ..config(1) }
    };
    let model = || youtube_dnn(&data, &mut init(1));
    for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01, 0.0] {
        let mut keep = Keep { at: vec![1], states: Vec::new() };
        let error = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &rate(broken))
            .seed(1)
            .device(&device)
            .observer(&mut keep)
            .fit(model(), |_, _| Ok(None))
            .expect_err("a broken learning rate went through");
        assert!(error.to_string().contains("learning_rate"), "{error}");
        assert!(keep.states.is_empty());
    }
    let sound = states(model(), &data, 10);
    for state in sound {
        for high in [1e38, 1e300] {
            let step = state.progress.step;
            let (error, kept) = go_on(model(), state.clone(), &data, &rate(high));
            let error = error.unwrap_or_else(|| panic!("{high:e} went through"));
            let TrainError::NotFinite { step: found, learning_rate, .. } = error else { panic!("{error}") };
            assert!((step..=step + 1).contains(&found), "{high:e} at step {step}: {error}");
            assert!(learning_rate >= high * 0.04, "{error}");
            assert!(kept.iter().all(is_finite), "{high:e} at step {step}");
        }
    }
}

/// The user vector plus the root of zero times it: nothing forward, a broken gradient backward.
#[derive(Module, Debug)]
struct Broken {
    model: YoutubeDnn,
    #[module(skip)]
    is_broken: bool,
}

impl TwoTower for Broken {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let vectors = self.model.encode_users(users);
        if self.is_broken { vectors.clone() + (vectors * 0.0).sqrt() } else { vectors }
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

/// At the first step, and at each of the ten that follow.
#[test]
fn a_gradient_that_is_not_finite_is_named_at_its_step() {
    let data = Data::new();
    let model = |is_broken| Broken { model: youtube_dnn(&data, &mut init(1)), is_broken };
    let (device, loss) = (Device::flex(), sampled());
    let result = Trainer::new(&data.train(4), &*loss.build().unwrap(), &config(1))
        .seed(1)
        .device(&device)
        .fit(model(true), |_, _| Ok(None));
    let error = result.expect_err("a broken gradient was applied");
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, step: 0, .. }), "{error}");
    let message = error.to_string();
    assert!(message.starts_with("the gradient of model.") && message.contains("at step 0"), "{message}");
    for state in states(model(false), &data, 10) {
        let at = state.progress.step;
        let (error, kept) = go_on(model(true), state, &data, &config(1));
        let error = error.expect("a broken gradient was applied");
        let TrainError::NotFinite { step, tensor, .. } = &error else { panic!("{error}") };
        assert!(*step == at && tensor.starts_with("the gradient of model."), "step {at}: {error}");
        assert!(kept.is_empty(), "step {at}");
    }
}
