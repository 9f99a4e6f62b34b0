//! Times both ways in which a device can update the rows of a table, between which `docs/gpu.md` chooses, and prints
//! Markdown tables: the last part of what `scripts/gpu_bench.sh` writes.
#![allow(clippy::print_stdout, reason = "the tables are the result")]

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use u2i_bench_training::{Data, Model, Shape, time_steps};
use u2i_device::burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use u2i_device::{DeviceChoice, Opened};
use u2i_train::TrainDevice;

/// Times both ways of updating the rows of a table.
#[derive(Parser)]
struct Arguments {
    /// auto, cpu, wgpu or wgpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Rounds of both ways in turn, of which the medians are taken
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Updates of a round
    #[arg(long, default_value_t = 8)]
    updates: usize,
    /// Only tables and steps that a software driver does, too
    #[arg(long)]
    tiny: bool,
}

/// Rows of a table, and how many of them are updated.
const CASES: [(usize, usize); 4] = [(501, 256), (3_707, 2_048), (1_000_001, 2_048), (1_000_001, 16_384)];
const DIM: usize = 64;

fn main() -> Result<()> {
    let Arguments { device, rounds, updates, tiny } = Arguments::parse();
    ensure!(rounds > 0 && updates > 0, "--rounds and --updates must be above 0");
    let opened = device.open()?;
    println!("Medians of {rounds} rounds in turn on {opened}.\n");
    println!(
        "| rows × {DIM} | updated | `select_assign`, ms | `scatter_nd`, ms | ÷ |\n|--:|--:|--:|--:|--:|"
    );
    for (rows, updated) in CASES.into_iter().take(if tiny { 2 } else { CASES.len() }) {
        let case = Case::new(rows, updated, &opened.device)?;
        let (mut in_order, mut at_once) = (Vec::new(), Vec::new());
        // The first round of each compiles its kernel.
        for round in 0..=rounds {
            let [a, b] = [case.time(Way::SelectAssign, updates)?, case.time(Way::ScatterNd, updates)?];
            if round > 0 {
                in_order.push(a);
                at_once.push(b);
            }
        }
        let [a, b] = [median(in_order), median(at_once)];
        println!("| {rows} | {updated} | {:.3} | {:.3} | {:.2} |", a * 1e3, b * 1e3, a / b);
    }
    whole_steps(&opened, rounds.min(3), tiny)
}

/// Steps of each model where all that adds to rows does so in order, and as they are done on a GPU.
fn whole_steps(opened: &Opened, rounds: usize, tiny: bool) -> Result<()> {
    let (shape, name) = if tiny { (Shape::TINY, "tiny") } else { (Shape::ML_1M, "ml-1m") };
    let data = Data::new(shape);
    let at_once = TrainDevice::gpu(opened.device.clone());
    let in_order = TrainDevice { is_gpu: false, ..at_once.clone() };
    println!("\n| model, {name} | a step in order, ms | at once, ms | ÷ |\n|---|--:|--:|--:|");
    for (model, name) in [(Model::Fm, "fm"), (Model::Dssm, "dssm"), (Model::YoutubeDnn, "youtube_dnn")] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            for (on, times) in [(&in_order, &mut a), (&at_once, &mut b)] {
                let measured = time_steps(model, &data, on, 16, 16)?;
                times.push(measured.wall_s / measured.steps as f64);
            }
        }
        let [a, b] = [median(a), median(b)];
        println!("| {name} | {:.2} | {:.2} | {:.2} |", a * 1e3, b * 1e3, a / b);
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Way {
    SelectAssign,
    ScatterNd,
}

/// A table and what is added to some of its rows, each of which is there once.
struct Case {
    table: Tensor<2>,
    indices: Tensor<1, Int>,
    values: Tensor<2>,
    device: Device,
}

impl Case {
    /// Makes it, and holds both ways to the same table.
    fn new(rows: usize, updated: usize, device: &Device) -> Result<Self> {
        // Spread over the table, ascending, without padding.
        let spread: Vec<i32> = (0..updated).map(|i| (1 + i * (rows - 1) / updated) as i32).collect();
        let indices = Tensor::from_data(TensorData::new(spread, [updated]), device);
        let values =
            Tensor::<1, Int>::arange(0..(updated * DIM) as i64, device).float().reshape([updated, DIM]);
        let case =
            Case { table: Tensor::zeros([rows, DIM], device), indices, values, device: device.clone() };
        let [a, b] = [Way::SelectAssign, Way::ScatterNd].map(|way| case.updated(case.table.clone(), way));
        let furthest =
            (a - b).abs().max().into_data().try_into_vec::<f32>().context("the tables cannot be compared")?;
        ensure!(furthest == [0.0], "the two ways differ by {furthest:?} in {updated} of {rows} rows");
        Ok(case)
    }

    fn updated(&self, table: Tensor<2>, way: Way) -> Tensor<2> {
        let (indices, values) = (self.indices.clone(), self.values.clone());
        match way {
            Way::SelectAssign => table.select_assign(0, indices, values, IndexingUpdateOp::Add),
            Way::ScatterNd => {
                let n = indices.dims()[0];
                table.scatter_nd::<2, 2>(indices.reshape([n, 1]), values, IndexingUpdateOp::Add)
            }
        }
    }

    /// Seconds an update, in place.
    fn time(&self, way: Way, updates: usize) -> Result<f64> {
        let sync = || self.device.sync().context("the device cannot be waited for");
        // Its own, so that nobody else holds what is written.
        let mut table = self.table.clone() + 1.0;
        sync()?;
        let begin = Instant::now();
        for _ in 0..updates {
            table = self.updated(table, way);
        }
        sync()?;
        let seconds = begin.elapsed().as_secs_f64();
        black_box(table);
        Ok(seconds / updates as f64)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
