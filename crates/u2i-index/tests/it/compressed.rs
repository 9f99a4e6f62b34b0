//! Indexes that hold less than the vectors: what they find, what they take, and whose scores they give.

use std::fs;
use std::sync::Arc;

use u2i_index::{
    ExactIndex, FaissIndex, FaissSpec, Filter, Index, IndexError, ItemSet, ItemVectors, Neighbors,
    Similarity, recall,
};
use u2i_random::{Purpose, Stream};

use crate::{answers, items, lists, n, normals};

/// The fewest that product codes can be made for are 9,984.
const ITEMS: usize = 10_000;
const DIM: usize = 32;
const QUERIES: usize = 100;

fn ivf_pq(nprobe: usize, m: usize) -> FaissSpec {
    FaissSpec::IvfPq { nlist: n(32), nprobe: n(nprobe), m: n(m) }
}

/// Unit vectors, each near one of 200 centres, as items of a catalog lie.
fn clustered(rows: usize, purpose: u64) -> Vec<f32> {
    let centres = normals(200, DIM, 60);
    let mut stream = Stream::new(0, Purpose::SYNTHETIC, purpose, 0);
    let mut data = Vec::with_capacity(rows * DIM);
    for _ in 0..rows {
        let centre = stream.index(200) * DIM;
        let vector: Vec<f32> =
            centres[centre..centre + DIM].iter().map(|x| x + 0.7 * stream.normal() as f32).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        data.extend(vector.iter().map(|x| x / length));
    }
    data
}

fn build(vectors: &ItemVectors, spec: FaissSpec) -> FaissIndex {
    FaissIndex::build(vectors, spec, Similarity::InnerProduct).unwrap()
}

fn search(index: &dyn Index, queries: &[f32], k: usize, filter: Filter<'_>) -> Neighbors {
    index.search(queries, n(k), filter).unwrap()
}

/// What an index holds of its vectors: their inner products with the axes are their coordinates.
pub(crate) fn held(index: &FaissIndex) -> ItemVectors {
    let (dim, len) = (index.dim(), index.len());
    let axes: Vec<f32> = (0..dim * dim).map(|at| if at % (dim + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let found = search(index, &axes, len, Filter::ALL);
    let mut ids = found.ids(0).to_vec();
    ids.sort_unstable();
    let mut data = vec![0.0; len * dim];
    for axis in 0..dim {
        for (id, &score) in found.ids(axis).iter().zip(found.scores(axis)) {
            data[ids.binary_search(id).unwrap() * dim + axis] = score;
        }
    }
    ItemVectors::new(ids, dim, data).unwrap()
}

#[test]
fn ivf_pq_returns_as_many_eligible_items_as_there_are() {
    for (metric, m) in [(Similarity::InnerProduct, 8), (Similarity::AugmentedInnerProduct, 11)] {
        let index = FaissIndex::build(&items(DIM, normals(ITEMS, DIM, 61)), ivf_pq(2, m), metric).unwrap();
        let vectors = held(&index);
        assert_eq!(vectors.ids().len(), ITEMS);
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 62, m as u64);
        let found: usize = (0..4).map(|_| answers::check(&index, &vectors, &mut stream)).sum();
        assert!(found > 1_000, "{found}");
    }
}

/// Each number is off by half a step of its axis at most, of which 255 lie between its least and its greatest.
#[test]
fn sq8_holds_each_number_to_half_a_step() {
    let vectors = items(DIM, normals(ITEMS, DIM, 63));
    let held = held(&build(&vectors, FaissSpec::Sq8));
    for axis in 0..DIM {
        let of = |vectors: &ItemVectors| -> Vec<f32> {
            vectors.data().iter().skip(axis).step_by(DIM).copied().collect()
        };
        let (true_values, held) = (of(&vectors), of(&held));
        let greatest = true_values.iter().copied().fold(f32::MIN, f32::max);
        let least = true_values.iter().copied().fold(f32::MAX, f32::min);
        let step = (greatest - least) / 255.0;
        let off = true_values.iter().zip(&held).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.51 * step && off > 0.4 * step, "axis {axis}: {off} of steps of {step}");
    }
    // One item, and equal ones, lose nothing.
    let equal = build(&items(2, [0.6, 0.8].repeat(3)), FaissSpec::Sq8);
    let found = search(&equal, &[1.0, 0.0], 9, Filter::ALL);
    assert_eq!((found.ids(0), found.scores(0)), (&[1, 2, 3][..], &[0.6; 3][..]));
}

/// Recall of the ten best, with and without the items that a user has seen. The floors are what was found (.986; .426,
/// .611, .860 and .967), less .02 to .03.
#[test]
fn compressed_indexes_find_the_neighbours_of_clustered_vectors() {
    let vectors = items(DIM, clustered(ITEMS, 64));
    let queries = clustered(QUERIES, 65);
    let seen = lists(QUERIES, ITEMS, 100, 66);
    let exact = ExactIndex::new(vectors.clone());
    let cases = [
        (FaissSpec::Sq8, 0.96),
        (ivf_pq(16, 4), 0.40),
        (ivf_pq(16, 8), 0.59),
        (ivf_pq(16, 16), 0.84),
        (ivf_pq(16, 32), 0.94),
    ];
    let mut of_codes = Vec::new();
    for (spec, least) in cases {
        let index = build(&vectors, spec);
        for filter in [Filter::ALL, Filter::excluding(&seen)] {
            let found = search(&index, &queries, 10, filter);
            let share = recall(&found, &search(&exact, &queries, 10, filter));
            assert!(share >= least, "{} finds {share}", index.kind());
            if matches!((spec, filter.lists()), (FaissSpec::IvfPq { .. }, None)) {
                of_codes.push(share);
            }
        }
    }
    assert!(of_codes.is_sorted_by(|a, b| a < b), "more bytes find more: {of_codes:?}");
}

/// Beside the codes a file holds an id of ours (4 bytes), with clusters one of faiss (8), and what codes stand for.
#[test]
fn a_file_takes_a_byte_for_each_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let vectors = items(DIM, clustered(ITEMS, 64));
    for (spec, bytes, floats) in [
        (FaissSpec::Sq8, DIM + 4, 2 * DIM),
        (ivf_pq(2, 8), 8 + 8 + 4, (256 + 32) * DIM),
        (ivf_pq(2, 16), 16 + 8 + 4, (256 + 32) * DIM),
    ] {
        build(&vectors, spec).save(&path).unwrap();
        let size = fs::metadata(&path).unwrap().len() as usize;
        let wanted = ITEMS * bytes + 4 * floats;
        assert!(
            (wanted..wanted + 1_500).contains(&size),
            "{spec:?}: {size} bytes, {wanted} of codes and tables"
        );
    }
}

#[test]
fn a_saved_index_of_codes_is_the_same_and_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    let ids: Vec<u32> = (1..=ITEMS as u32).map(|i| 2 * i + 5).collect();
    let vectors = ItemVectors::new(ids, DIM, clustered(ITEMS, 64)).unwrap();
    let (queries, seen) = (clustered(20, 67), lists(20, ITEMS, 100, 68));
    let indexes = paths.each_ref().map(|path| {
        let index = build(&vectors, ivf_pq(4, 8));
        index.save(path).unwrap();
        index
    });
    assert!(
        fs::read(&paths[0]).unwrap() == fs::read(&paths[1]).unwrap(),
        "the same vectors make the same file"
    );
    let loaded = FaissIndex::load(&paths[0]).unwrap();
    assert_eq!(loaded.kind(), "ivf_pq_ip(nlist=32,nprobe=4,m=8)");
    for filter in [Filter::ALL, Filter::excluding(&seen)] {
        assert_eq!(search(&loaded, &queries, 10, filter), search(&indexes[0], &queries, 10, filter));
    }
    // The longest query that is answered is so by what is held, before and after.
    let long = [3e18; DIM];
    let error =
        |index: &FaissIndex| index.search(&long, n(1), Filter::ALL).map_err(|error| error.to_string());
    assert_eq!(error(&loaded), error(&indexes[0]));
    // Other probes need no building, other codes do.
    let other = loaded.with_search(ivf_pq(32, 8)).unwrap();
    assert_eq!(
        search(&other, &queries, 10, Filter::ALL),
        search(&build(&vectors, ivf_pq(32, 8)), &queries, 10, Filter::ALL)
    );
    assert_ne!(search(&other, &queries, 10, Filter::ALL), search(&indexes[0], &queries, 10, Filter::ALL));
    let refused = other.with_search(ivf_pq(32, 16)).unwrap_err();
    assert!(matches!(refused, IndexError::BuiltOtherwise { .. }), "{refused}");
}

/// Few items are left, so that the best lie in lists that are not probed.
#[test]
fn scores_are_of_what_is_held_unless_the_vectors_are_given() {
    let vectors = items(DIM, clustered(ITEMS, 64));
    let exact = Arc::new(ExactIndex::new(vectors.clone()));
    let queries = clustered(QUERIES, 69);
    let few: ItemSet = (1..=60).map(|i| i * 151).collect();
    let close = |a: &Neighbors, b: &Neighbors| {
        (0..QUERIES).all(|i| a.scores(i).iter().zip(b.scores(i)).all(|(a, b)| (a - b).abs() < 1e-5))
    };
    for spec in [FaissSpec::Sq8, ivf_pq(1, 8)] {
        let index = build(&vectors, spec);
        let held = ExactIndex::new(held(&index));
        for filter in [Filter::among(&few), Filter::among(&few).and_excluding(&vec![vec![151, 302]; QUERIES])]
        {
            let [found, of_held, wanted] =
                [&index as &dyn Index, &held, &*exact].map(|index| search(index, &queries, 20, filter));
            assert!((0..QUERIES).all(|i| found.ids(i).len() == 20), "{spec:?}");
            assert!(close(&found, &of_held) && !close(&found, &wanted), "{spec:?}");
        }
        let given = index.with_exact(Arc::clone(&exact)).unwrap();
        let found = search(&given, &queries, 20, Filter::among(&few));
        assert_eq!(found, search(&*exact, &queries, 20, Filter::among(&few)), "{spec:?}");
    }
}

/// Whatever is filtered, and whoever answers it.
#[test]
fn queries_that_are_asked_together_find_what_they_find_alone() {
    const TOGETHER: usize = 8;
    let vectors = items(DIM, clustered(ITEMS, 64));
    let exact = Arc::new(ExactIndex::new(vectors.clone()));
    let queries = clustered(TOGETHER, 70);
    let seen = lists(TOGETHER, ITEMS, 100, 71);
    let [half, few] =
        [2, 150].map(|share| (1..=ITEMS as u32).filter(|id| id % share == 0).collect::<ItemSet>());
    for spec in [FaissSpec::Sq8, ivf_pq(1, 8)] {
        let given = build(&vectors, spec).with_exact(Arc::clone(&exact)).unwrap();
        for index in [build(&vectors, spec), given] {
            for every in [Filter::ALL, Filter::among(&half), Filter::among(&few)] {
                for seen in [None, Some(&seen)] {
                    let filter = seen.map_or(every, |seen| every.and_excluding(seen));
                    // More than one list of the 32 holds.
                    let together = search(&index, &queries, 500, filter);
                    for (at, query) in queries.chunks_exact(DIM).enumerate() {
                        let own = seen.map(|seen| &seen[at..at + 1]);
                        let filter = own.map_or(every, |own| every.and_excluding(own));
                        let alone = search(&index, query, 500, filter);
                        assert_eq!(alone.ids(0), together.ids(at), "{spec:?}, {filter:?}");
                        assert_eq!(alone.scores(0), together.scores(at), "{spec:?}, {filter:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn compressed_indexes_that_cannot_be_are_refused() {
    let refused = |spec, metric| {
        let vectors = items(2, [0.6, 0.8].repeat(50));
        FaissIndex::build(&vectors, spec, metric).map(drop).unwrap_err()
    };
    let l2 = refused(FaissSpec::Sq8, Similarity::L2);
    assert!(matches!(l2, IndexError::CompressedL2 { .. }), "{l2}");
    let few = refused(ivf_pq(1, 2), Similarity::InnerProduct);
    assert!(matches!(few, IndexError::Setting { name: "m", found: 2, .. }), "{few}");
}
