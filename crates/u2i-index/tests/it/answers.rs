//! What every answer of every index is: the best of what is left, as many as there are, and nothing else.

use std::collections::BTreeSet;

use u2i_index::{ExactIndex, Exclude, Index, ItemVectors};
#[cfg(feature = "faiss")]
use u2i_index::{FaissIndex, FaissSpec, Metric};
use u2i_random::{Purpose, Stream};

use crate::n;

/// Of each kind.
const QUERIES: usize = 100_000;
const RECOMMENDATIONS: usize = 1_000_000;
/// Answered together.
const TOGETHER: usize = 250;

/// Items of a catalogue that trained or has attributes: the ids between them are those of items without a vector, and
/// 0 is padding. Some vectors are zero, and some are equal.
fn catalogue(unit_length: bool, stream: &mut Stream) -> ItemVectors {
    let (n_items, dim) = (1 + stream.index(400), 1 + stream.index(8));
    let mut id = 0;
    let ids = (0..n_items).map(|_| {
        id += 1 + stream.index(3) as u32;
        id
    });
    let ids: Vec<u32> = ids.collect();
    let mut data: Vec<f32> = Vec::with_capacity(n_items * dim);
    for row in 0..n_items {
        let copied = if row > 0 && stream.index(10) == 0 { Some(stream.index(row)) } else { None };
        let scale = [0.0, 1e-3, 1.0, 1.0, 30.0][stream.index(5)];
        let scale = if unit_length { 1.0 } else { scale };
        match copied {
            Some(row) => data.extend_from_within(row * dim..(row + 1) * dim),
            None => data.extend((0..dim).map(|_| (stream.normal() * scale) as f32)),
        }
    }
    if unit_length {
        for row in data.chunks_exact_mut(dim) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= length);
        }
    }
    ItemVectors::new(ids, dim, data).unwrap()
}

/// Ascending ids to leave out: of none to all of the items, of the ids between them, of padding; some twice.
fn excluded(ids: &[u32], stream: &mut Stream) -> Vec<u32> {
    let last = ids[ids.len() - 1];
    let mut list: Vec<u32> = match stream.index(8) {
        0 => vec![],
        1 => ids.to_vec(),
        2 => {
            let left = stream.index(ids.len());
            ids.iter().enumerate().filter(|&(row, _)| row != left).map(|(_, &id)| id).collect()
        }
        3 => ids[stream.index(ids.len())..].to_vec(),
        _ => (0..stream.index(2 * ids.len())).map(|_| stream.below(u64::from(last) + 2) as u32).collect(),
    };
    list.sort_unstable();
    list
}

/// How many items one set of queries got.
fn check(index: &dyn Index, vectors: &ItemVectors, stream: &mut Stream) -> usize {
    let (ids, dim) = (vectors.ids(), vectors.dim());
    let longest = vectors.norms().into_iter().fold(0.0, f64::max);
    let queries: Vec<f32> = (0..TOGETHER * dim).map(|_| stream.normal() as f32).collect();
    let k = match stream.index(4) {
        0 => 1 + stream.index(ids.len() + 10),
        1 => [1, ids.len(), ids.len() + 1, usize::MAX][stream.index(4)],
        _ => 1 + stream.index(20),
    };
    let lists: Vec<Vec<u32>> = (0..TOGETHER).map(|_| excluded(ids, stream)).collect();
    let exclude = if stream.index(4) == 0 { Exclude::None } else { Exclude::Lists(&lists) };
    let found = index.search(&queries, n(k), exclude).unwrap();
    assert_eq!(found.n_queries(), TOGETHER);
    for (i, query) in queries.chunks_exact(dim).enumerate() {
        let what = format!("{} of {} items, query {i}, k {k}", index.kind(), ids.len());
        let list: &[u32] = if let Exclude::Lists(lists) = exclude { &lists[i] } else { &[] };
        let eligible = ids.iter().filter(|id| list.binary_search(id).is_err()).count();
        let (found, scores) = (found.ids(i), found.scores(i));
        assert_eq!(found.len(), k.min(eligible), "{what}");
        assert_eq!(scores.len(), found.len(), "{what}");
        let unique: BTreeSet<&u32> = found.iter().collect();
        assert_eq!(unique.len(), found.len(), "{what}: {found:?}");
        // Scores of f32 are good for a millionth of the longest; distances of unit vectors lose two bits more.
        let length = query.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let tolerance = 4e-6 * (length + 1.0) * (length + longest + 1.0);
        for (&id, &score) in found.iter().zip(scores) {
            let row = vectors.row(id);
            let Some(row) = row else { panic!("{what}: {id} is not in the catalogue") };
            assert!(list.binary_search(&id).is_err(), "{what}: {id} is excluded");
            let pairs = query.iter().zip(vectors.vector(row));
            let wanted: f64 = pairs.map(|(&q, &v)| f64::from(q) * f64::from(v)).sum();
            assert!((f64::from(score) - wanted).abs() <= tolerance, "{what}: {id} scores {score}, {wanted}");
        }
        assert!(scores.is_sorted_by(|a, b| a >= b), "{what}: {scores:?}");
    }
    found.iter().map(<[u32]>::len).sum()
}

/// Asks indexes over random catalogues until the promised numbers are reached.
fn check_kind(purpose: u64, build: impl Fn(&mut Stream) -> Option<(Box<dyn Index>, ItemVectors)>) {
    let (mut queries, mut recommendations, mut step) = (0, 0, 0);
    while queries < QUERIES || recommendations < RECOMMENDATIONS {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, purpose, step);
        step += 1;
        let Some((index, vectors)) = build(&mut stream) else { continue };
        recommendations += check(&*index, &vectors, &mut stream);
        queries += TOGETHER;
    }
}

#[test]
fn exact_search_returns_as_many_eligible_items_as_there_are() {
    check_kind(70, |stream| {
        let vectors = catalogue(false, stream);
        Some((Box::new(ExactIndex::new(vectors.clone())), vectors))
    });
}

/// An index of a kind over a random catalogue, by a random metric; `None` if there are too few items for the kind.
#[cfg(feature = "faiss")]
fn faiss(
    stream: &mut Stream,
    spec: impl Fn(usize, &mut Stream) -> FaissSpec,
) -> Option<(Box<dyn Index>, ItemVectors)> {
    let metric = [Metric::InnerProduct, Metric::AugmentedInnerProduct, Metric::L2][stream.index(3)];
    let vectors = catalogue(metric == Metric::L2, stream);
    let spec = spec(vectors.ids().len(), stream);
    spec.check(vectors.ids().len()).ok()?;
    Some((Box::new(FaissIndex::build(&vectors, spec, metric).unwrap()), vectors))
}

#[cfg(feature = "faiss")]
#[test]
fn flat_returns_as_many_eligible_items_as_there_are() {
    check_kind(71, |stream| faiss(stream, |_, _| FaissSpec::Flat));
}

#[cfg(feature = "faiss")]
#[test]
fn ivf_returns_as_many_eligible_items_as_there_are() {
    check_kind(72, |stream| {
        faiss(stream, |n_items, stream| {
            let nlist = 1 + stream.index((n_items / 39).max(1));
            FaissSpec::Ivf { nlist: n(nlist), nprobe: n(1 + stream.index(nlist)) }
        })
    });
}

#[cfg(feature = "faiss")]
#[test]
fn hnsw_returns_as_many_eligible_items_as_there_are() {
    check_kind(73, |stream| {
        faiss(stream, |_, stream| FaissSpec::Hnsw {
            m: n(2 + stream.index(15)),
            ef_construction: n(1 + stream.index(40)),
            ef_search: n(1 + stream.index(40)),
        })
    });
}
