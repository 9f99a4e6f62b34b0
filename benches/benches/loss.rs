//! One sampled softmax, forward and backward.

use std::hint::black_box;

use burn::tensor::{Bool, Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use u2i_losses::{Temperature, sampled_softmax};

fn sampled(c: &mut Criterion) {
    let device = Device::flex().autodiff();
    let temperature = Temperature::new(0.1).expect("0.1 is a temperature");
    let mut group = c.benchmark_group("sampled_softmax");
    for (batch, negatives, dim) in [(128, 20, 16), (1700, 512, 64), (1700, 512, 128)] {
        let matrix = |rows| Tensor::<2>::random([rows, dim], Distribution::Normal(0.0, 0.1), &device);
        let (users, positives, others) = (matrix(batch), matrix(batch), matrix(negatives));
        let hits = Tensor::<2, Bool>::full([batch, negatives], false, &device);
        let log_expected = Tensor::<1>::zeros([negatives], &device);
        group.throughput(Throughput::Elements(batch as u64));
        let id = BenchmarkId::from_parameter(format!("{batch}x{negatives}x{dim}"));
        group.bench_function(id, |b| {
            b.iter(|| {
                let users = users.clone().require_grad();
                let others = others.clone().require_grad();
                let positives = positives.clone().require_grad();
                let (hits, log_expected) = (hits.clone(), log_expected.clone());
                let loss = sampled_softmax(users, positives, others, hits, log_expected, temperature);
                black_box(loss.backward())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sampled);
criterion_main!(benches);
