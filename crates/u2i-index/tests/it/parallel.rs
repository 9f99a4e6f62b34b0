//! Searches from several threads at once against the same searches one after the other.

use u2i_index::{ExactIndex, Filter, Index, ItemSet, Neighbors};
#[cfg(feature = "faiss")]
use u2i_index::{FaissIndex, FaissSpec, Similarity};
use u2i_random::{Purpose, Stream};

use crate::{items, lists, n, normals};

const ITEMS: usize = 2_000;
const DIM: usize = 16;
/// Different queries of each kind of index.
const QUERIES: usize = 480;
const THREADS: usize = 4;

/// Queries of all kinds together.
fn n_searches() -> usize {
    if std::env::var_os("U2I_FULL").is_some_and(|value| value == "1") { 1_000_000 } else { 100_000 }
}

/// Queries that are asked together, of which items, and what they are answered with alone.
struct Call<'a> {
    queries: &'a [f32],
    k: usize,
    filter: Filter<'a>,
    answer: Neighbors,
}

fn indexes() -> Vec<Box<dyn Index>> {
    let vectors = items(DIM, normals(ITEMS, DIM, 90));
    #[cfg(feature = "faiss")]
    let faiss = [
        FaissSpec::Flat,
        FaissSpec::Ivf { nlist: n(40), nprobe: n(4) },
        FaissSpec::Hnsw { m: n(4), ef_construction: n(40), ef_search: n(16) },
        FaissSpec::Sq8,
    ]
    .map(|spec| Box::new(FaissIndex::build(&vectors, spec, Similarity::InnerProduct).unwrap()) as _);
    #[cfg(not(feature = "faiss"))]
    let faiss = [];
    let exact: Box<dyn Index> = Box::new(ExactIndex::new(vectors));
    [exact].into_iter().chain(faiss).collect()
}

/// Answers one query at a time where each is searched by itself, and otherwise the call as it is: a matrix product over
/// many queries, which `Flat` makes of filtered ones as well, may round a score differently.
fn sequentially(
    index: &dyn Index,
    queries: &[f32],
    k: usize,
    set: Option<&ItemSet>,
    seen: Option<&[Vec<u32>]>,
) -> Neighbors {
    let every = set.map_or(Filter::ALL, Filter::among);
    let Some(seen) = seen else { return index.search(queries, n(k), every).unwrap() };
    if index.kind().starts_with("flat") {
        return index.search(queries, n(k), every.and_excluding(seen)).unwrap();
    }
    let pairs = queries.chunks_exact(DIM).zip(seen.chunks(1));
    let answers = pairs.map(|(query, seen)| index.search(query, n(k), every.and_excluding(seen)).unwrap());
    let list = |found: Neighbors| found.ids(0).iter().copied().zip(found.scores(0).iter().copied()).collect();
    Neighbors::from_lists(k, answers.map(list))
}

#[test]
fn parallel_searches_equal_sequential_ones() {
    let queries = normals(QUERIES, DIM, 91);
    let seen = lists(QUERIES, ITEMS, 60, 92);
    let sets = [2, 3, 200].map(|share| (1..=ITEMS as u32).filter(|id| id % share == 0).collect::<ItemSet>());
    let indexes = indexes();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for index in &indexes {
        let index = &**index;
        let mut stream = Stream::new(4, Purpose::SYNTHETIC, 93, 0);
        let mut calls = Vec::new();
        let mut start = 0;
        while start < QUERIES {
            let end = QUERIES.min(start + [1, 1, 1, 7, 32][stream.index(5)]);
            let k = [1, 10, 50][stream.index(3)];
            let (queries, seen) = (&queries[start * DIM..end * DIM], &seen[start..end]);
            let set = [None, Some(&sets[0]), Some(&sets[1]), Some(&sets[2])][stream.index(4)];
            let seen = (stream.index(3) > 0).then_some(seen);
            let answer = one.install(|| sequentially(index, queries, k, set, seen));
            let every = set.map_or(Filter::ALL, Filter::among);
            let filter = seen.map_or(every, |seen| every.and_excluding(seen));
            calls.push(Call { queries, k, filter, answer });
            start = end;
        }
        let rounds = n_searches().div_ceil(indexes.len() * THREADS * QUERIES);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let calls = &calls;
                scope.spawn(move || {
                    let mut stream = Stream::new(4, Purpose::SYNTHETIC, 94, thread as u64);
                    for _ in 0..rounds {
                        // Each in an order of its own, and each call once a round.
                        let first = stream.index(calls.len());
                        for call in calls[first..].iter().chain(&calls[..first]) {
                            let found = index.search(call.queries, n(call.k), call.filter).unwrap();
                            assert_eq!(found, call.answer, "{}, {:?}", index.kind(), call.filter);
                        }
                    }
                });
            }
        });
    }
}
