//! Exact search over a whole catalog.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use u2i_index::{ExactIndex, Filter, Index, ItemVectors};
use u2i_random::{Purpose, Stream};

fn exact(c: &mut Criterion) {
    let mut group = c.benchmark_group("exact_search");
    let k = NonZeroUsize::new(100).expect("100 is not 0");
    for (users, items, dim) in [(1usize, 100_000usize, 64), (1024, 3_706, 64)] {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let mut draw = |n: usize| (0..n).map(|_| stream.normal() as f32).collect::<Vec<f32>>();
        let vectors = ItemVectors::new((1..=items as u32).collect(), dim, draw(items * dim)).expect("finite");
        let queries = draw(users * dim);
        let index = ExactIndex::new(vectors);
        group.throughput(Throughput::Elements(users as u64));
        let id = BenchmarkId::from_parameter(format!("{users}users_{items}items_{dim}_top100"));
        group.bench_function(id, |b| b.iter(|| black_box(index.search(&queries, k, Filter::ALL))));
    }
    group.finish();
}

criterion_group!(benches, exact);
criterion_main!(benches);
