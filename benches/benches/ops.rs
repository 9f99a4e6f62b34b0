//! The operators of a training step, forward and backward, and the products below them.

use std::hint::black_box;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use u2i_linalg::{Matrix, product};
use u2i_ops::{Activation, Divisor, Windows};

/// Operations a second, as elements.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    for (m, k, n) in [(2_048, 321, 128), (128, 64, 512), (1, 321, 128)] {
        let numbers = |n: usize| -> Vec<f32> { (0..n).map(|i| (i % 11) as f32 / 10.0).collect() };
        let (a, b, mut to) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bench| {
            bench.iter(|| product(Matrix::new(&a, k), Matrix::new(&b, n), 1.0, black_box(&mut to)));
        });
    }
    group.finish();
}

/// Targets a second.
fn pool(c: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = c.benchmark_group("pool");
    for (chunks, targets, length, dim, heads) in
        [(32, 64, 50, 64, 4), (2_048, 1, 50, 64, 4), (32, 64, 50, 16, 1)]
    {
        let windows = Windows { length, targets };
        let width = windows.width();
        let vectors = Tensor::<2>::random([chunks * width, dim], Distribution::Normal(0.0, 0.1), &device);
        let mask = Tensor::<2>::ones([chunks, width], &device);
        let log_weights = Tensor::<2>::random([heads, length], Distribution::Normal(-1.0, 0.1), &device);
        group.throughput(Throughput::Elements((chunks * targets) as u64));
        let id = format!("{chunks}chunks_{targets}targets_{length}events_{dim}x{heads}");
        group.bench_function(BenchmarkId::from_parameter(id), |bench| {
            bench.iter(|| {
                let (vectors, log_weights) =
                    (vectors.clone().require_grad(), log_weights.clone().require_grad());
                let divisor = Divisor::Weights { least: 1e-6 };
                let pooled = u2i_ops::pool(&vectors, &mask, None, Some(&log_weights), windows, divisor);
                black_box(pooled.expect("the device is burn's flex").sum().backward())
            });
        });
    }
    group.finish();
}

/// Rows a second.
fn dense(c: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = c.benchmark_group("dense");
    for (batch, inputs, outputs) in [(2_048, 321, 128), (2_048, 128, 64), (1, 321, 128)] {
        let matrix =
            |rows, columns| Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 0.1), &device);
        let (x, weight, bias) =
            (matrix(batch, inputs), matrix(inputs, outputs), Tensor::<1>::zeros([outputs], &device));
        group.throughput(Throughput::Elements(batch as u64));
        let id = BenchmarkId::from_parameter(format!("{batch}x{inputs}x{outputs}_gelu"));
        group.bench_function(id, |bench| {
            bench.iter(|| {
                let (x, weight) = (x.clone().require_grad(), weight.clone().require_grad());
                let y = u2i_ops::dense(&x, &weight, &bias.clone().require_grad(), Activation::Gelu);
                black_box(y.expect("the device is burn's flex").sum().backward())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, products, pool, dense);
criterion_main!(benches);
