//! Whole training steps: models at the size of MovieLens 1M, and one table of many rows by each optimizer and precision.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use u2i_bench_training::{Data, Model, Plan, Shape};
use u2i_train::{Flow, Observer, OptimizerConfig, StepReport, TablePrecision, TrainDevice};

/// Times what follows some steps.
struct Timed {
    steps: u64,
    begin: Option<Instant>,
    took: Duration,
}

const WARM_UP: u64 = 4;

impl Observer for Timed {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        let done = report.step as u64 + 1;
        if done == WARM_UP {
            self.begin = Some(Instant::now());
        }
        if done < WARM_UP + self.steps {
            return Flow::Continue;
        }
        self.took = self.begin.map_or(Duration::ZERO, |begin| begin.elapsed());
        Flow::Stop
    }
}

fn steps(plan: &Plan, data: &Data, steps: u64) -> Duration {
    let mut timed = Timed { steps, begin: None, took: Duration::ZERO };
    let on = TrainDevice::from(&u2i_device::cpu());
    let epochs = NonZeroUsize::new(1_000_000).expect("some epochs");
    plan.train(data, &on, epochs, &mut timed).expect("the plan can be trained");
    timed.took
}

fn models(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10);
    let data = Data::new(Shape::ML_1M);
    for (name, model) in [("fm", Model::Fm), ("dssm", Model::Dssm), ("youtube_dnn", Model::YoutubeDnn)] {
        let plan = Plan::recipe(model);
        group.throughput(Throughput::Elements(Shape::ML_1M.batch() as u64));
        let id = BenchmarkId::new(name, "2048targets_50history_512negatives_64");
        group.bench_function(id, |bench| bench.iter_custom(|n| steps(&plan, &data, n)));
    }
    group.finish();
}

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("table_step");
    group.sample_size(10);
    let (learning_rate, epsilon) = (1e-3, 1e-8);
    let row_wise = OptimizerConfig::RowWiseAdagrad { learning_rate, epsilon };
    for rows in [10_000, 1_000_000] {
        let data = Data::uniform(Shape { items: rows, users: 6_040, events: 193, chunks: 16, dim: 32 });
        group.throughput(Throughput::Elements(1_024));
        for (name, optimizer, table_precision) in [
            ("adam_f32", Plan::ADAM, None),
            ("adam_bf16", Plan::ADAM, Some(TablePrecision::Bf16)),
            ("adam_f16", Plan::ADAM, Some(TablePrecision::F16)),
            ("row_wise_adagrad_f32", row_wise, None),
            ("row_wise_adagrad_bf16", row_wise, Some(TablePrecision::Bf16)),
            ("sgd_f32", OptimizerConfig::Sgd { learning_rate }, None),
        ] {
            let recipe = Plan::recipe(Model::YoutubeDnn);
            let plan = Plan { shares_item_id: true, optimizer, table_precision, ..recipe };
            let id = BenchmarkId::new(name, format!("{rows}x32_1024targets"));
            group.bench_function(id, |bench| bench.iter_custom(|n| steps(&plan, &data, n)));
        }
    }
    group.finish();
}

criterion_group!(benches, models, tables);
criterion_main!(benches);
