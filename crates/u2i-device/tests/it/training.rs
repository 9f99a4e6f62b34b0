//! Training on both devices from the same weights.

use burn::tensor::Device;
use u2i_device::{Opened, burn};
use u2i_models::{Init, TwoTower};
use u2i_train::{
    Ended, EpochReport, Fitted, Flow, LossConfig, Observer, StateView, StepReport, TrainConfig, TrainDevice,
    TrainError, TrainState, Trainer, item_vectors, user_vectors,
};

use crate::fixture::{Data, Steps, adagrad, bce, config, dssm, fm, losses, sampled, youtube_dnn};
use crate::gpu::{check_close, gpu};

/// Steps of each comparison. An epoch is 15 of them.
const STEPS: usize = 20;

/// The first steps of a run, whose loss is then known.
#[derive(Default)]
struct First {
    losses: Vec<f32>,
    state: Option<TrainState>,
    epochs: Vec<EpochReport>,
}

impl Observer for First {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        self.losses.push(report.loss);
        if report.step + 1 < STEPS { Flow::Continue } else { Flow::Stop }
    }

    fn on_state(&mut self, state: &StateView<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.state = Some(state.to_owned()?);
        Ok(())
    }

    fn on_epoch(&mut self, report: &EpochReport) -> Flow {
        self.epochs.push(*report);
        Flow::Continue
    }
}

fn cpu() -> TrainDevice {
    TrainDevice::from(&Device::flex())
}

fn on_gpu(opened: &Opened) -> TrainDevice {
    TrainDevice::gpu(opened.device.clone())
}

fn init(on: &TrainDevice) -> Init {
    Init::new(1, &on.device.clone().autodiff())
}

fn first<M: TwoTower>(model: M, loss: &LossConfig, config: &TrainConfig, on: &TrainDevice) -> First {
    let (data, mut first) = (Data::new(), First::default());
    let result = Trainer::new(&data.train(4), &*loss.build().unwrap(), config)
        .seed(1)
        .device(on)
        .observer(&mut first)
        .fit(model, |_, _| Ok(None));
    assert_eq!(result.unwrap().ended, Ended::Stopped);
    first
}

/// The loss of each of the first twenty steps.
fn check<M: TwoTower>(
    model: impl Fn(&mut Init) -> M,
    losses: &[LossConfig],
    config: &TrainConfig,
    opened: &Opened,
) {
    let (cpu, gpu) = (cpu(), on_gpu(opened));
    for loss in losses {
        let a = first(model(&mut init(&cpu)), loss, config, &cpu);
        let b = first(model(&mut init(&gpu)), loss, config, &gpu);
        assert_eq!(a.losses.len(), STEPS);
        // Read 15 at the end of the epoch, then the next 15.
        for (step, (a, b)) in a.losses.iter().zip(&b.losses).enumerate() {
            assert!((a - b).abs() <= 1e-4 * a.abs(), "step {step}: {a} and {b} with {loss:?}");
        }
        assert_eq!(a.epochs.len(), b.epochs.len());
    }
}

#[test]
fn twenty_steps_of_youtube_dnn_are_those_of_the_cpu_with_every_loss() {
    let Some(opened) = gpu() else { return };
    let data = Data::new();
    check(|init| youtube_dnn(&data, init), &losses(), &config(2), &opened);
}

#[test]
fn twenty_steps_of_dssm_are_those_of_the_cpu() {
    let Some(opened) = gpu() else { return };
    let data = Data::new();
    check(|init| dssm(&data, init), &[sampled()], &config(2), &opened);
}

/// With the loss that has a bias of the user, too, and the optimizer that the others have not.
#[test]
fn twenty_steps_of_fm_are_those_of_the_cpu() {
    let Some(opened) = gpu() else { return };
    let data = Data::new();
    check(|init| fm(&data, init), &[sampled(), bce()], &config(2), &opened);
    check(|init| fm(&data, init), &[sampled()], &TrainConfig { optimizer: adagrad(), ..config(2) }, &opened);
}

/// What was learned on the GPU is exported from it as from the CPU.
#[test]
fn vectors_of_a_trained_model_are_those_of_the_cpu() {
    let Some(opened) = gpu() else { return };
    let data = Data::new();
    let vectors = |on: &TrainDevice| {
        let (mut steps, train, config) = (Steps::default(), data.train(4), config(1));
        let model = youtube_dnn(&data, &mut init(on));
        let fitted: Fitted<_> = Trainer::new(&train, &*sampled().build().unwrap(), &config)
            .seed(1)
            .device(on)
            .observer(&mut steps)
            .fit(model, |_, _| Ok(None))
            .unwrap();
        assert_eq!(steps.0.len(), 15);
        let items = item_vectors(&fitted.model, &data.catalog, &on.device).data;
        let users = user_vectors(&fitted.model, &train.batches, data.samples.samples(), &on.device).data;
        [items, users]
    };
    for (name, (a, b)) in ["items", "users"].iter().zip(vectors(&cpu()).iter().zip(vectors(&on_gpu(&opened))))
    {
        // Fifteen steps of Adam from the same weights; gradients near zero may have another sign.
        check_close(name, a, &b, 1e-3);
    }
}

/// A state is numbers: what a GPU reached a CPU goes on from, and the other way round.
#[test]
fn a_run_goes_on_on_the_other_device() {
    let Some(opened) = gpu() else { return };
    let (data, config, loss) = (Data::new(), config(3), sampled());
    let (cpu, gpu) = (cpu(), on_gpu(&opened));
    let rest = |from: &TrainDevice, to: &TrainDevice| {
        let state = first(youtube_dnn(&data, &mut init(from)), &loss, &config, from).state.unwrap();
        let (mut steps, begun) = (Steps::default(), state.progress.step);
        let model = youtube_dnn(&data, &mut init(to));
        Trainer::new(&data.train(4), &*loss.build().unwrap(), &config)
            .seed(1)
            .device(to)
            .observer(&mut steps)
            .resume(state)
            .fit(model, |_, _| Ok(None))
            .unwrap();
        (begun, steps.0.iter().map(|step| step.loss).collect::<Vec<f32>>())
    };
    let mut whole = Steps::default();
    let model = youtube_dnn(&data, &mut init(&cpu));
    Trainer::new(&data.train(4), &*loss.build().unwrap(), &config)
        .seed(1)
        .device(&cpu)
        .observer(&mut whole)
        .fit(model, |_, _| Ok(None))
        .unwrap();
    let whole: Vec<f32> = whole.0.iter().map(|step| step.loss).collect();
    for (from, to) in [(&cpu, &gpu), (&gpu, &cpu)] {
        let (begun, rest) = rest(from, to);
        check_close("losses", &whole[begun..], &rest, 1e-3);
    }
}

#[test]
fn a_row_beyond_its_table_is_refused_before_it_reaches_the_gpu() {
    let Some(opened) = gpu() else { return };
    let data = Data::new();
    let fewer = Data { n_trained: data.n_trained - 3, ..Data::new() };
    let on = on_gpu(&opened);
    let model = youtube_dnn(&fewer, &mut init(&on));
    let error = Trainer::new(&data.train(4), &*sampled().build().unwrap(), &config(1))
        .seed(1)
        .device(&on)
        .fit(model, |_, _| Ok(None))
        .unwrap_err();
    assert!(
        matches!(error, TrainError::RowOutOfRange { rows, .. } if rows == fewer.n_trained + 1),
        "{error}"
    );
}
