//! Losses that this workspace does not know.

use std::num::NonZeroUsize;

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use u2i_losses::samplers::SamplerConfig;
use u2i_losses::{Comparison, Draw, Drawn, Loss, LossError, LossMemory, Parameter, RowDraw, TrainingItems};
use u2i_models::YoutubeDnn;
use u2i_random::Stream;
use u2i_train::burn;
use u2i_train::{Ended, Fitted, Observer, TrainConfig, TrainDevice, TrainState, Trainer};

use crate::fixture::{Data, Steps, config, fm, youtube_dnn};
use crate::{Keep, init, weights};

/// Each positive should score above its negatives by a margin.
#[derive(Debug)]
struct Hinge;

impl Loss for Hinge {
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(RowDraw::new(SamplerConfig::Uniform {}.build(items.counts)?, 4)))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        relu(negative - positive.unsqueeze_dim(1) + 0.5).mean()
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, 4)
    }
}

/// Logistic loss of all pairs of a row and a negative that all rows share, with a slope for scores and an offset for each of
/// the negatives' places, both of which it learns. What it draws depends on the targets before.
#[derive(Debug)]
struct Scaled;

const NEGATIVES: usize = 6;

/// The items of the step before, and as many others as it takes.
#[derive(Default)]
struct Recent {
    newest: Vec<u32>,
}

impl Draw for Recent {
    fn draw(&self, _: &[u32], _: &[u32], stream: &mut Stream) -> Drawn {
        let mut items = self.newest.clone();
        while items.len() < NEGATIVES {
            items.push(1 + stream.below(20) as u32);
        }
        Drawn { items, ..Drawn::default() }
    }

    fn observe(&mut self, targets: &[u32], step: usize) {
        self.newest = targets.iter().skip(step % 3).take(NEGATIVES / 2).copied().collect();
    }

    fn observes(&self) -> bool {
        true
    }
}

impl Loss for Scaled {
    fn draws(&self, _: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(Recent::default()))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let slope = step.parameter("slope").unsqueeze_dim(0);
        let users = match step.user_bias() {
            Some(bias) => step.users() + bias.unsqueeze_dim(1),
            None => step.users(),
        };
        let users = users * slope;
        let positive = (users.clone() * step.positives()).sum_dim(1);
        let negative = users.matmul(step.negatives().transpose()) + step.parameter("offset").unsqueeze_dim(0);
        let hits = step.hits();
        (negative - positive).mask_fill(hits, -30.0).exp().log1p().mean()
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        let n = n_trained.min(NEGATIVES as u64);
        LossMemory { candidates: n_trained.min(batch + n), scores: 5 * batch * n, vectors: 4 * (batch + n) }
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![
            Parameter { name: "slope".into(), values: vec![2.0] },
            Parameter { name: "offset".into(), values: vec![0.0; NEGATIVES] },
        ]
    }

    fn takes_user_bias(&self) -> bool {
        true
    }
}

fn cpu() -> TrainDevice {
    TrainDevice::from(&Device::flex())
}

fn gpu() -> TrainDevice {
    TrainDevice { read_every: NonZeroUsize::MIN, ..TrainDevice::gpu(Device::flex()) }
}

fn run(
    loss: &dyn Loss,
    on: &TrainDevice,
    config: &TrainConfig,
    state: Option<TrainState>,
    observer: &mut dyn Observer,
) -> Fitted<YoutubeDnn> {
    let data = Data::new();
    // What a fresh model begins with must not matter where a state is gone on from.
    let model = youtube_dnn(&data, &mut init(if state.is_some() { 2 } else { 1 }));
    let train = data.train(4);
    let trainer = Trainer::new(&train, loss, config).seed(1).device(on).observer(observer);
    let trainer = match state {
        Some(state) => trainer.resume(state),
        None => trainer,
    };
    trainer.fit(model, |_, _| Ok(None)).unwrap()
}

#[test]
fn a_loss_of_ones_own_is_trained_and_resumed_to_the_bit_on_both_kinds_of_devices() {
    for loss in [&Hinge as &dyn Loss, &Scaled] {
        for on in [cpu(), gpu()] {
            let mut steps = Steps::default();
            let whole = run(loss, &on, &config(2), None, &mut steps);
            assert_eq!(steps.0.len(), 30);
            let epochs = run(loss, &on, &config(6), None, &mut ()).epochs;
            assert!(epochs[5].loss < 0.9 * epochs[0].loss, "{loss:?} on {on:?}: {epochs:?}");
            let mut every = Keep { at: (1..=30).collect(), states: Vec::new() };
            assert_eq!(run(loss, &on, &config(2), None, &mut every).ended, Ended::Stopped);
            for at in [1, 14, 15, 16, 29] {
                let mut rest = Keep { at: (at + 1..=30).collect(), states: Vec::new() };
                run(loss, &on, &config(2), Some(every.states[at - 1].clone()), &mut rest);
                assert!(rest.states == every.states[at..], "{loss:?} stopped at {at} on {on:?}");
                let resumed = run(loss, &on, &config(2), Some(every.states[at - 1].clone()), &mut ());
                assert_eq!(weights(&resumed.model), weights(&whole.model), "{loss:?} stopped at {at}");
                assert_eq!((&resumed.epochs, &resumed.learned), (&whole.epochs, &whole.learned));
            }
        }
    }
}

#[test]
fn what_it_learns_moves_and_is_in_its_states_by_its_name() {
    let mut last = Keep { at: vec![30], states: Vec::new() };
    let fitted = run(&Scaled, &cpu(), &config(2), None, &mut last);
    assert_eq!(fitted.temperature, None);
    assert_ne!(fitted.learned["slope"], [2.0]);
    assert!(fitted.learned["offset"].iter().all(|offset| *offset != 0.0), "{:?}", fitted.learned);
    let state = &last.states[0];
    for (name, values) in &fitted.learned {
        assert_eq!(&state.tensors[&format!("loss/{name}")].data, values);
        assert!(state.tensors.contains_key(&format!("loss_moment/0/{name}")), "{name}");
    }
}

/// Gradients of rows that are looked up often, of the bias and of what is learned are found once more, and attached.
#[test]
fn a_gpu_learns_by_it_as_a_cpu_does() {
    let data = Data::new();
    for loss in [&Hinge as &dyn Loss, &Scaled] {
        let steps = |on: TrainDevice| {
            let mut steps = Steps::default();
            Trainer::new(&data.train(4), loss, &config(2))
                .seed(1)
                .device(on)
                .observer(&mut steps)
                .fit(fm(&data, &mut init(1)), |_, _| Ok(None))
                .unwrap();
            steps.0
        };
        let (cpu, gpu) = (steps(cpu()), steps(gpu()));
        assert_eq!(cpu.len(), gpu.len());
        for (a, b) in cpu.iter().zip(&gpu) {
            // The same numbers added in another order, over 30 steps.
            assert!((a.loss - b.loss).abs() <= 1e-4 * a.loss.abs(), "{loss:?}: {a:?} and {b:?}");
        }
    }
}

/// On the device of its model, without being told.
#[test]
fn a_model_is_trained_where_it_lives() {
    let data = Data::new();
    let model = youtube_dnn(&data, &mut init(1));
    let fitted =
        Trainer::new(&data.train(4), &Hinge, &config(1)).seed(1).fit(model, |_, _| Ok(None)).unwrap();
    assert_eq!(weights(&fitted.model), weights(&run(&Hinge, &cpu(), &config(1), None, &mut ()).model));
}
