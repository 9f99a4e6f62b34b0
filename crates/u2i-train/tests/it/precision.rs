//! Embedding tables in half precision.

use burn::module::Module as _;
use burn::tensor::{DType, Device, FloatDType};
use u2i_models::{Table, TwoTower as _, YoutubeDnn, with_weights};
use u2i_train::{
    Decay, OptimizerConfig, ScheduleConfig, TablePrecision, TrainConfig, TrainDevice, Trainer, item_vectors,
};

use crate::fixture::{Data, config, optimizers, sampled, youtube_dnn};
use crate::{init, train, weights};

const BOTH: [TablePrecision; 2] = [TablePrecision::F16, TablePrecision::Bf16];

#[test]
fn tables_are_stored_in_two_bytes_and_learn_nearly_as_much() {
    let data = Data::new();
    for optimizer in optimizers() {
        let run = |table_precision| {
            let config = TrainConfig { optimizer, table_precision, ..config(6) };
            train(youtube_dnn(&data, &mut init(1)), &data, &sampled(), &config, 1)
        };
        let full = run(None);
        for precision in BOTH {
            let half = run(Some(precision));
            for table in half.model.tables() {
                let stored = table.weight.val();
                let dtype = match precision {
                    TablePrecision::F16 => DType::F16,
                    TablePrecision::Bf16 => DType::BF16,
                };
                assert_eq!(stored.dtype(), dtype);
                let padding = stored.narrow(0, 0, 1).cast(FloatDType::F32).into_data();
                assert_eq!(padding.try_into_vec::<f32>().unwrap(), vec![0.0; table.dim()]);
            }
            let (half, full) = (half.epochs[5].loss, full.epochs[5].loss);
            let off = (half - full).abs();
            assert!(off < 0.03 * full, "{precision} with {optimizer:?}: {half}, and {full} in f32");
        }
    }
}

/// Steps of plain descent that are far smaller than what lies between two numbers of bf16: the way that is gone in the
/// direction of an `f32` table's is as long as its own. Rounded to nearest, hardly any number would move.
#[test]
fn steps_too_small_to_be_stored_add_up() {
    let data = Data::new();
    let way = |table_precision| {
        let config = TrainConfig {
            optimizer: OptimizerConfig::Sgd { learning_rate: 2e-3 },
            schedule: ScheduleConfig { warm_up_steps: 0, decay: Decay::Constant {} },
            table_precision,
            ..config(4)
        };
        let start = youtube_dnn(&data, &mut init(1));
        let end = train(start.clone(), &data, &sampled(), &config, 1).model;
        let as_stored = |table: &Table| {
            let weight = table.weight.val().inner();
            let stored = match table_precision {
                None => weight,
                Some(_) => weight.cast(FloatDType::BF16).cast(FloatDType::F32),
            };
            stored.into_data().try_into_vec::<f32>().unwrap()
        };
        let start: Vec<f32> = start.tables().into_iter().flat_map(as_stored).collect();
        let end = weights(&end).into_iter().map(f32::from_bits);
        end.zip(start).map(|(end, start)| f64::from(end - start)).collect::<Vec<f64>>()
    };
    let (full, half) = (way(None), way(Some(TablePrecision::Bf16)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let share = dot(&half, &full) / dot(&full, &full);
    assert!((0.8..1.2).contains(&share), "{share} of the way");
}

/// The bits do not depend on the thread that makes the batches. A device that is worked with as a GPU differs only by the
/// order of sums.
#[test]
fn rounding_is_repeatable_on_every_device() {
    let data = Data::new();
    let device = Device::flex();
    for precision in BOTH {
        let config = TrainConfig { table_precision: Some(precision), ..config(4) };
        let run = |seed, on: TrainDevice| {
            let (model, train) = (youtube_dnn(&data, &mut init(1)), data.train(4));
            Trainer::new(&train, &*sampled().build().unwrap(), &config)
                .seed(seed)
                .device(on)
                .fit(model, |_, _| Ok(None))
                .unwrap()
        };
        let cpu = run(1, TrainDevice::from(&device));
        let alone = run(1, TrainDevice { batches_ahead: 0, ..TrainDevice::from(&device) });
        assert_eq!(weights(&cpu.model), weights(&alone.model));
        assert_ne!(weights(&cpu.model), weights(&run(2, TrainDevice::from(&device)).model));
        let gpu = run(1, TrainDevice::gpu(device.clone()));
        for (cpu, gpu) in cpu.epochs.iter().zip(&gpu.epochs) {
            assert!(
                (cpu.loss - gpu.loss).abs() < 0.02 * cpu.loss,
                "{} and {} in {precision}",
                cpu.loss,
                gpu.loss
            );
        }
    }
}

/// What serves a model needs to know nothing of how it was trained.
#[test]
fn a_model_of_half_precision_encodes_as_one_with_the_same_numbers() {
    let data = Data::new();
    let device = Device::flex();
    for precision in BOTH {
        let config = TrainConfig { table_precision: Some(precision), ..config(1) };
        let half = train(youtube_dnn(&data, &mut init(1)), &data, &sampled(), &config, 1).model;
        let full =
            with_weights(youtube_dnn(&data, &mut init(2)).valid(), u2i_models::weights(&half)).unwrap();
        assert!(full.tables().iter().all(|table| table.weight.val().dtype() == DType::F32));
        let vectors = |model: &YoutubeDnn| item_vectors(model, &data.catalog, &device);
        assert_eq!(vectors(&half), vectors(&full));
    }
}
