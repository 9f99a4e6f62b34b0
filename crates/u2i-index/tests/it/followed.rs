//! Building is told as it goes, stops when it is asked to, and makes the same index.

use std::ops::ControlFlow;

use u2i_index::{
    ExactIndex, FaissIndex, FaissSpec, Filter, Index, IndexError, ItemVectors, Similarity, measure_following,
};

use crate::{items, n, normals};

const DIM: usize = 8;

fn specs() -> [FaissSpec; 5] {
    [
        FaissSpec::Flat,
        FaissSpec::Sq8,
        FaissSpec::Ivf { nlist: n(16), nprobe: n(4) },
        FaissSpec::IvfPq { nlist: n(16), m: n(2), nprobe: n(4) },
        FaissSpec::Hnsw { m: n(8), ef_construction: n(40), ef_search: n(16) },
    ]
}

/// The bytes of the file that an index is saved in.
fn saved(index: &FaissIndex) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    index.save(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// 140,003 vectors come in in two slices, the last of them larger; a graph is linked at once.
#[test]
fn an_index_that_is_followed_is_the_index_to_the_last_byte() {
    for spec in specs() {
        let rows = if matches!(spec, FaissSpec::Hnsw { .. }) { 3_000 } else { 140_003 };
        let vectors = items(DIM, normals(rows, DIM, 70));
        let mut told = Vec::new();
        let mut go_on = |n_added| {
            told.push(n_added);
            ControlFlow::Continue(())
        };
        let (metric, kind) = (Similarity::InnerProduct, spec.kind(Similarity::InnerProduct));
        let found = FaissIndex::build_following(&vectors, spec, metric, &mut go_on).unwrap();
        let wanted = FaissIndex::build(&vectors, spec, metric).unwrap();
        assert!(saved(&found) == saved(&wanted), "{kind}");
        assert!(told.is_sorted() && told[0] == 0 && told.last() == Some(&(rows as u64)), "{kind}: {told:?}");
        if rows > 100_000 {
            assert!(told.contains(&65_536), "{kind}: {told:?}");
        }
    }
}

/// faiss itself stops: clusters are not looked for to their end, a graph is not linked to its end.
#[test]
fn building_stops_in_the_middle_of_what_faiss_computes() {
    let vectors = items(64, normals(20_000, 64, 71));
    let long = [
        FaissSpec::Ivf { nlist: n(400), nprobe: n(4) },
        FaissSpec::Hnsw { m: n(32), ef_construction: n(200), ef_search: n(16) },
    ];
    for spec in long {
        // Told once before the work begins: the second time is within it.
        let mut n_told = 0;
        let mut stop = |n_added| {
            assert_eq!(n_added, 0);
            n_told += 1;
            if n_told < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let stopped = FaissIndex::build_following(&vectors, spec, Similarity::InnerProduct, &mut stop);
        assert!(matches!(stopped, Err(IndexError::Stopped)), "{spec:?}: {stopped:?}");
        assert_eq!(n_told, 2, "{spec:?}");
        // What is asked of one thread's work stops that alone, and nothing stays behind.
        let small = items(DIM, normals(500, DIM, 72));
        let index = FaissIndex::build(&small, specs()[4], Similarity::InnerProduct).unwrap();
        assert_eq!(index.search(&normals(1, DIM, 73), n(5), Filter::ALL).unwrap().ids(0).len(), 5);
    }
}

#[test]
fn threads_that_build_at_once_are_stopped_each_by_its_own() {
    let vectors = items(64, normals(8_000, 64, 74));
    let spec = FaissSpec::Ivf { nlist: n(150), nprobe: n(4) };
    let build = |is_stopped: bool, vectors: &ItemVectors| {
        let mut n_told = 0;
        let mut tell = |_| {
            n_told += 1;
            if is_stopped && n_told > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        FaissIndex::build_following(vectors, spec, Similarity::InnerProduct, &mut tell).map(drop)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|i| {
                (
                    i,
                    scope.spawn({
                        let vectors = &vectors;
                        move || build(i % 2 == 0, vectors)
                    }),
                )
            })
            .collect();
        for (i, thread) in threads {
            let built = thread.join().unwrap();
            assert_eq!(built.is_err(), i % 2 == 0, "{i}: {built:?}");
        }
    });
}

/// A panic of whoever is told comes out on this side of C++.
#[test]
fn a_panic_while_faiss_asks_is_a_panic_of_the_call() {
    let vectors = items(64, normals(8_000, 64, 75));
    let spec = FaissSpec::Ivf { nlist: n(150), nprobe: n(4) };
    let mut n_told = 0;
    let mut tell = |_| {
        n_told += 1;
        assert!(n_told < 2, "told twice");
        ControlFlow::Continue(())
    };
    let build = std::panic::AssertUnwindSafe(|| {
        FaissIndex::build_following(&vectors, spec, Similarity::InnerProduct, &mut tell)
    });
    let panic = std::panic::catch_unwind(build).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"told twice"));
}

#[test]
fn measuring_is_told_query_by_query_and_stops() {
    let vectors = items(DIM, normals(400, DIM, 76));
    let (exact, queries) = (ExactIndex::new(vectors), normals(20, DIM, 77));
    let mut told = Vec::new();
    let mut go_on = |n_asked| {
        told.push(n_asked);
        ControlFlow::Continue(())
    };
    assert_eq!(measure_following(&exact, &exact, &queries, n(5), &mut go_on).unwrap().recall, 1.0);
    assert!(told.is_sorted() && told.last() == Some(&20), "{told:?}");
    for at in 0..told.len() {
        let mut n_told = 0;
        let mut stop = |_| {
            n_told += 1;
            if n_told <= at { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let stopped = measure_following(&exact, &exact, &queries, n(5), &mut stop);
        assert!(matches!(stopped, Err(IndexError::Stopped)), "{at}");
    }
}
