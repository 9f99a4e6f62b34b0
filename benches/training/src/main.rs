//! Times training steps on one device and prints a line of JSON: the measuring part of `scripts/gpu_bench.sh`.
#![allow(clippy::print_stdout, reason = "the line is the result")]

use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::json;
use u2i_bench_training::{Data, Model, Shape, least_bytes, time_steps};
use u2i_device::burn::tensor::{Device, Tensor};
use u2i_device::{DeviceChoice, Opened};
use u2i_train::TrainDevice;

/// Times training steps.
#[derive(Parser)]
struct Arguments {
    /// auto, cpu, wgpu or wgpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    #[arg(long)]
    model: ModelName,
    #[arg(long)]
    size: Size,
    /// Steps to be timed
    #[arg(long, default_value_t = 160)]
    steps: usize,
    /// Steps before those
    #[arg(long, default_value_t = 48)]
    warm_up: usize,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum ModelName {
    Fm,
    Dssm,
    YoutubeDnn,
}

#[derive(Clone, Copy, ValueEnum)]
enum Size {
    Tiny,
    #[value(name = "ml-1m")]
    Ml1m,
    Large,
}

fn main() -> Result<()> {
    let Arguments { device, model, size, steps, warm_up } = Arguments::parse();
    let opened = device.open()?;
    let on = train_device(&opened);
    let shape = match size {
        Size::Tiny => Shape::TINY,
        Size::Ml1m => Shape::ML_1M,
        Size::Large => Shape::LARGE,
    };
    let which = match model {
        ModelName::Fm => Model::Fm,
        ModelName::Dssm => Model::Dssm,
        ModelName::YoutubeDnn => Model::YoutubeDnn,
    };
    let bandwidth = memory_bandwidth(&opened.device, if shape == Shape::TINY { 1 << 22 } else { 1 << 26 })?;
    let data = Data::new(shape);
    let measured = time_steps(which, &data, &on, warm_up, steps)?;
    let step_s = measured.wall_s / measured.steps as f64;
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let line = json!({
        "framework": "u2i",
        "model": name(model.to_possible_value()),
        "size": name(size.to_possible_value()),
        "device": opened.name,
        "adapter": opened.adapter,
        "samples_per_s": measured.targets as f64 / measured.wall_s,
        "step_ms": step_s * 1e3,
        "bandwidth_bytes_per_s": bandwidth,
        "share_of_bandwidth": least_bytes(which, shape) / step_s / bandwidth,
        "loss": measured.loss,
    });
    println!("{line}");
    Ok(())
}

fn train_device(opened: &Opened) -> TrainDevice {
    match opened.is_gpu() {
        true => TrainDevice::gpu(opened.device.clone()),
        false => TrainDevice::from(&opened.device),
    }
}

/// Bytes a second, of reading `n` numbers and writing as many: the best of five.
fn memory_bandwidth(device: &Device, n: usize) -> Result<f64> {
    let mut x = Tensor::<1>::zeros([n], device);
    let sync = || device.sync().context("the device cannot be waited for");
    sync()?;
    let mut best = f64::INFINITY;
    for _ in 0..6 {
        let begin = Instant::now();
        x = x + 1.0;
        sync()?;
        best = best.min(begin.elapsed().as_secs_f64());
    }
    Ok((2 * 4 * n) as f64 / best)
}
