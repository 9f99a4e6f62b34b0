//! N4: rows whose negatives are all masked.

use std::num::{NonZeroU32, NonZeroUsize};

use burn::tensor::Device;
use u2i_losses::Temperature;
use u2i_train::{
    Bpr, DrawConfig, Ended, Fitted, FullSoftmax, InBatchSoftmax, Loss, LossConfig, MaskConfig, MixedSoftmax,
    SampledSoftmax, SamplerConfig, StreamingConfig, TrainConfig, TrainError, TrainState, Trainer,
};

use crate::fixture::{Data, drawn, youtube_dnn};
use crate::{Keep, Steps, config, init, weights};

/// Steps of one target each.
fn batches_of_one(epochs: usize) -> TrainConfig {
    TrainConfig { chunk_targets: NonZeroU32::MIN, chunks_per_step: NonZeroUsize::MIN, ..config(epochs) }
}

fn in_batch() -> LossConfig {
    LossConfig::InBatchSoftmax(InBatchSoftmax {
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
        streaming: None,
    })
}

fn one_negative() -> LossConfig {
    let (negatives, temperature) = (NonZeroUsize::MIN, Temperature::new(0.2).unwrap());
    LossConfig::SampledSoftmax(SampledSoftmax {
        negatives,
        sampler: SamplerConfig::Uniform {},
        temperature,
        temperature_floor: None,
        draw: None,
        mask: None,
    })
}

/// In a batch of one, its draw alone.
fn mixed() -> LossConfig {
    LossConfig::MixedSoftmax(MixedSoftmax {
        negatives: NonZeroUsize::MIN,
        sampler: SamplerConfig::Uniform {},
        temperature: Temperature::new(0.2).unwrap(),
        temperature_floor: None,
    })
}

/// With a batch of one target the loss is 0 where it has no negative and above 0 where it has one, so the losses say
/// which rows must be counted.
#[test]
fn a_row_without_negatives_is_counted_and_nothing_else_is() {
    let data = Data::new();
    let cases = [
        (in_batch(), 480..=480),
        (one_negative(), 1..=100),
        // Each user has 17 of the 20 items, and 8 draws are all among them now and then.
        (drawn(DrawConfig::Shared, MaskConfig::TrainingPositives), 50..=300),
        (drawn(DrawConfig::PerRowDistinct, MaskConfig::TrainingPositives), 50..=300),
        (mixed(), 1..=100),
    ];
    for (loss, counted) in cases {
        let mut steps = Steps::default();
        let config = batches_of_one(1);
        let device = Device::flex();
        let model = youtube_dnn(&data, &mut init(1));
        let fitted = Trainer::new(&data.train(4), &*loss.build().unwrap(), &config)
            .seed(1)
            .device(&device)
            .observer(&mut steps)
            .fit(model, |_, _| Ok(None))
            .unwrap();
        for step in &steps.0 {
            assert_eq!((step.targets, step.rows_without_negatives), (1, usize::from(step.loss == 0.0)));
        }
        let sum: usize = steps.0.iter().map(|step| step.rows_without_negatives).sum();
        assert_eq!(fitted.epochs[0].rows_without_negatives, sum as u64, "{loss:?}");
        assert!(counted.contains(&sum), "{loss:?}: {sum} of {}", steps.0.len());
    }
}

/// Where no target has a negative, nothing is learned and nothing breaks.
#[test]
fn batches_of_one_item_change_no_weight() {
    let data = Data::new();
    let before = youtube_dnn(&data, &mut init(1));
    let device = Device::flex();
    let fitted = Trainer::new(&data.train(4), &*in_batch().build().unwrap(), &batches_of_one(2))
        .seed(1)
        .device(&device)
        .fit(before.clone(), |_, _| Ok(None))
        .unwrap();
    assert_eq!(weights(&fitted.model), weights(&before));
    assert!(fitted.epochs.iter().all(|epoch| epoch.loss == 0.0 && epoch.rows_without_negatives == 480));
}

/// What only the data or another value puts out of range is refused before the first step.
#[test]
fn a_loss_that_cannot_be_is_refused_before_training() {
    let data = Data::new();
    let temperature = Temperature::new(0.2).unwrap();
    let error = |loss: &dyn Loss| {
        let mut steps = Steps::default();
        let error = Trainer::new(&data.train(4), loss, &config(1))
            .seed(1)
            .device(&Device::flex())
            .observer(&mut steps)
            .fit(youtube_dnn(&data, &mut init(1)), |_, _| Ok(None))
            .unwrap_err();
        assert!(steps.0.is_empty());
        error.to_string()
    };
    let floor = FullSoftmax { temperature, temperature_floor: Some(temperature) };
    assert_eq!(
        error(&floor).split(',').next_back(),
        Some(" expected less than the temperature that learning begins with")
    );
    let built = LossConfig::FullSoftmax(floor.clone()).build();
    assert_eq!(built.unwrap_err().to_string(), error(&floor));
    let exponent = SamplerConfig::Unigram { exponent: -1.0 };
    let bpr = Bpr { negatives: NonZeroUsize::MIN, sampler: exponent };
    assert_eq!(error(&bpr), "the exponent of item counts is -1, wanted a finite number of at least 0");
    let (alpha, buckets, hashes) = (1.0, NonZeroUsize::MIN, NonZeroU32::MIN);
    let streaming = Some(StreamingConfig { alpha, buckets, hashes });
    let in_batch = InBatchSoftmax { temperature, temperature_floor: None, streaming };
    assert_eq!(error(&in_batch), "alpha is 1, wanted a number between 0 and 1");
}

/// Batches of several rows, against counting by the definition: a row counts if every draw is its own item.
#[test]
fn rows_of_larger_batches_are_counted_by_the_definition() {
    let data = Data::new();
    let config = TrainConfig { chunks_per_step: NonZeroUsize::new(2).unwrap(), ..config(1) };
    let mut steps = Steps::default();
    let device = Device::flex();
    let model = youtube_dnn(&data, &mut init(1));
    Trainer::new(&data.train(4), &*one_negative().build().unwrap(), &config)
        .seed(1)
        .device(&device)
        .observer(&mut steps)
        .fit(model, |_, _| Ok(None))
        .unwrap();
    // Targets of a step are of two users who walk a ring, so at most two of them are the one item that was drawn.
    assert!(steps.0.iter().all(|step| step.targets == 8 && step.rows_without_negatives <= 2));
    let sum: usize = steps.0.iter().map(|step| step.rows_without_negatives).sum();
    // Of 480 targets a twentieth is expected to be the draw.
    assert!((8..=45).contains(&sum), "{sum}");
}

/// The counts of finished epochs and of the one that runs come back with a state.
#[test]
fn counts_go_on_where_a_run_was_stopped() {
    let data = Data::new();
    let device = Device::flex();
    let config = TrainConfig { chunks_per_step: NonZeroUsize::new(2).unwrap(), ..config(3) };
    let run = |state: Option<TrainState>, keep: &mut Keep| -> Result<Fitted<_>, TrainError> {
        let (model, train, loss) = (youtube_dnn(&data, &mut init(1)), data.train(4), one_negative());
        match state {
            None => Trainer::new(&train, &*loss.build().unwrap(), &config)
                .seed(1)
                .device(&device)
                .observer(keep)
                .fit(model, |_, _| Ok(None)),
            Some(state) => Trainer::new(&train, &*loss.build().unwrap(), &config)
                .seed(1)
                .device(&device)
                .observer(keep)
                .resume(state)
                .fit(model, |_, _| Ok(None)),
        }
    };
    let nothing = || Keep { at: vec![], states: Vec::new() };
    let unbroken = run(None, &mut nothing()).unwrap();
    assert!(unbroken.epochs.iter().all(|epoch| epoch.rows_without_negatives > 0));
    for at in [1, 59, 60, 61, 150] {
        let mut keep = Keep { at: vec![at], states: Vec::new() };
        assert_eq!(run(None, &mut keep).unwrap().ended, Ended::Stopped);
        let mut state = keep.states.remove(0);
        assert_eq!(run(Some(state.clone()), &mut nothing()).unwrap().epochs, unbroken.epochs, "{at}");
        // Counts of epochs that are yet to come are no state of this run.
        state.progress.rows_without_negatives = vec![1; 5];
        assert!(matches!(run(Some(state), &mut nothing()), Err(TrainError::State { .. })), "{at}");
    }
}
