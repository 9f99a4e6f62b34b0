//! Items whose vectors are made block by block, against those that are all there.

use std::ops::ControlFlow;

use u2i_index::{ExactIndex, Filter, IndexError, ItemVectors, MadeItems, Scan};

use crate::{items, lists, n, normals};

const DIM: usize = 24;

/// Queries, the targets of each, none to four and some that are no items, and what each has seen.
struct Asked {
    queries: Vec<f32>,
    targets: Vec<Vec<u32>>,
    seen: Vec<Vec<u32>>,
}

impl Asked {
    fn new(n_queries: usize, n_items: usize) -> Self {
        let mut targets = lists(n_queries, n_items + 9, 4, 31);
        targets.iter_mut().enumerate().for_each(|(query, own)| own.truncate(query % 5));
        let seen = lists(n_queries, n_items + 9, 60, 32);
        Asked { queries: normals(n_queries, DIM, 33), targets, seen }
    }

    fn targets(&self) -> Vec<&[u32]> {
        self.targets.iter().map(Vec::as_slice).collect()
    }

    fn of_all(&self, vectors: &ItemVectors) -> Scan {
        let (index, filter) = (ExactIndex::new(vectors.clone()), Filter::excluding(&self.seen));
        index.scan_sets(&self.queries, &self.targets(), filter, n(10), &mut go_on()).unwrap()
    }

    fn of_made(
        &self,
        n_items: usize,
        block: usize,
        make: impl FnMut(&[u32]) -> Result<Vec<f32>, IndexError>,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Scan, IndexError> {
        let mut items = MadeItems::new(n_items as u32, DIM, n(block), make);
        items.scan_sets(&self.queries, &self.targets(), &self.seen, n(10), tell)
    }
}

fn go_on() -> impl FnMut(u64) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

/// Vectors in which some items have those of others, so that scores tie.
fn vectors(n_items: usize) -> ItemVectors {
    let mut data = normals(n_items, DIM, 34);
    for row in (1..n_items).step_by(7) {
        data.copy_within((row / 2) * DIM..(row / 2 + 1) * DIM, row * DIM);
    }
    items(DIM, data)
}

fn some(vectors: &ItemVectors, ids: &[u32]) -> Vec<f32> {
    ids.iter().flat_map(|&id| vectors.vector(id as usize - 1)).copied().collect()
}

#[test]
fn items_made_block_by_block_are_ranked_as_all_at_once_to_the_bit() {
    let n_items = 700;
    let vectors = vectors(n_items);
    // One group of queries that a thread takes, and several.
    for n_queries in [9, 300] {
        let asked = Asked::new(n_queries, n_items);
        let wanted = asked.of_all(&vectors);
        assert!(wanted.kept.iter().any(|rank| rank.get().is_some_and(|rank| rank.fract() > 0.0)), "ties");
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for block in [1, 7, 512, 513, n_items, usize::MAX / 2] {
                let make = |ids: &[u32]| {
                    assert!(ids.len() <= block.max(4096));
                    Ok(some(&vectors, ids))
                };
                let found = pool.install(|| asked.of_made(n_items, block, make, &mut go_on()).unwrap());
                assert_eq!(found, wanted, "{n_queries} queries, blocks of {block}, {threads} threads");
            }
            assert_eq!(pool.install(|| asked.of_all(&vectors)), wanted);
        }
    }
}

/// As on a GPU, whose products may depend on what is multiplied together.
#[test]
fn a_target_whose_vector_is_another_when_it_is_made_alone_is_ranked_by_that_of_its_block() {
    let n_items = 300;
    let vectors = vectors(n_items);
    let asked = Asked::new(9, n_items);
    let mut n_calls = 0;
    let make = |ids: &[u32]| {
        n_calls += 1;
        let mut made = some(&vectors, ids);
        if n_calls == 1 {
            made.iter_mut().for_each(|x| *x *= 1.001);
        }
        Ok(made)
    };
    assert_eq!(asked.of_made(n_items, 100, make, &mut go_on()).unwrap(), asked.of_all(&vectors));
    assert_eq!(n_calls, 1 + 2 * 3, "targets, and all blocks twice");
}

#[test]
fn every_target_of_a_query_has_the_rank_that_it_has_alone() {
    let vectors = vectors(700);
    let asked = Asked::new(70, 700);
    let scan = asked.of_all(&vectors);
    let index = ExactIndex::new(vectors);
    let mut place = 0;
    for (query, own) in asked.targets.iter().enumerate() {
        let vector = &asked.queries[query * DIM..][..DIM];
        let filter = Filter::excluding(&asked.seen[query..=query]);
        for &target in own {
            let alone = index.scan(vector, &[target], filter, n(10)).unwrap();
            assert_eq!((alone.kept[0], alone.excluded[0]), (scan.kept[place], scan.excluded[place]));
            assert_eq!(alone.top.ids(0), scan.top.ids(query));
            place += 1;
        }
    }
    assert_eq!((place, place, 70), (scan.kept.len(), scan.excluded.len(), scan.top.n_queries()));
}

#[test]
fn a_search_says_how_far_it_is_and_stops_when_it_is_told_to() {
    let n_items = 2_000;
    let vectors = vectors(n_items);
    let asked = Asked::new(9, n_items);
    let make = |ids: &[u32]| Ok(some(&vectors, ids));
    let mut told = Vec::new();
    let mut follow = |done| {
        told.push(done);
        if told.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let stopped = asked.of_made(n_items, 500, make, &mut follow).unwrap_err();
    assert!(matches!(stopped, IndexError::Stopped), "{stopped}");
    assert_eq!(told, [500, 1_000, 1_500]);
}

#[test]
fn vectors_that_cannot_be_compared_are_errors() {
    let asked = Asked::new(3, 20);
    let made = |make: &dyn Fn(&[u32]) -> Vec<f32>| {
        asked.of_made(20, 8, |ids| Ok(make(ids)), &mut go_on()).unwrap_err().to_string()
    };
    assert!(made(&|ids| vec![0.0; ids.len()]).contains("do not fit"));
    assert!(made(&|ids| vec![f32::NAN; ids.len() * DIM]).contains("holds NaN on axis 0"));
    assert!(made(&|ids| vec![f32::MAX; ids.len() * DIM]).contains("is too long for 32-bit scores"));
    let mut none = MadeItems::new(0, DIM, n(1), |_: &[u32]| Ok::<_, IndexError>(Vec::new()));
    let error = none.scan_sets(&[], &[], &[], n(1), &mut go_on()).unwrap_err();
    assert!(matches!(error, IndexError::Empty { items: 0, .. }), "{error}");
}
