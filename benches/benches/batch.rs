//! Slicing a batch out of the event store.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, Catalog, Chunk, ColumnData, EventStore, Users};

const ITEMS: u32 = 4000;
const EVENTS: u64 = 165;

fn slice(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch");
    for users in [6_000u64, 60_000] {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let n = users * EVENTS;
        let items: Vec<u32> = (0..n).map(|_| 1 + stream.below(u64::from(ITEMS)) as u32).collect();
        let offsets = (0..=users).map(|user| user * EVENTS).collect();
        let events = EventStore::new(offsets, items, (0..n as i64).collect(), vec![]).expect("whole parts");
        let column = ColumnData::Rows((0..users as u32).map(|user| 2 + user % 7).collect());
        let people = Users::new((0..users).map(|user| user.to_string()).collect(), vec![column]);
        let ids = (1..=ITEMS).map(|item| item.to_string()).collect();
        let counts = [&[0][..], &vec![1; ITEMS as usize]].concat();
        let catalog = Catalog::new(ids, vec![None; ITEMS as usize], counts, vec![]);
        let maker = BatchMaker::new(&events, &people, &catalog, 50);
        let mut chunk = || Chunk {
            user: stream.below(users) as u32,
            first: 1 + 64 * stream.below(2) as u32,
            targets: 64,
        };
        let chunks: Vec<Chunk> = (0..32).map(|_| chunk()).collect();
        group.throughput(Throughput::Elements(32 * 64));
        let id = BenchmarkId::from_parameter(format!("{users}users_32x64targets_50history"));
        group.bench_function(id, |b| b.iter(|| black_box((maker.users(&chunks), maker.targets(&chunks)))));
    }
    group.finish();
}

criterion_group!(benches, slice);
criterion_main!(benches);
