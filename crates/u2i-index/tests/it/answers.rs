//! What every answer of every index is: the best of what is left, as many as there are, and nothing else.

use std::collections::BTreeSet;

use u2i_index::{ExactIndex, Filter, Index, ItemSet, ItemVectors};
#[cfg(feature = "faiss")]
use u2i_index::{FaissIndex, FaissSpec, Similarity};
use u2i_random::{Purpose, Stream};

use crate::n;

/// Of each kind.
const QUERIES: usize = 100_000;
const RECOMMENDATIONS: usize = 1_000_000;
/// Answered together.
const TOGETHER: usize = 250;

/// Items of a catalog that trained or has attributes: the ids between them are those of items without a vector, and
/// 0 is padding. Some vectors are zero, and some are equal.
fn catalog(unit_length: bool, stream: &mut Stream) -> ItemVectors {
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

/// Ascending ids that all queries may be answered with: of none to all of the items, and of others.
fn among(ids: &[u32], stream: &mut Stream) -> Vec<u32> {
    let every = 1 + stream.index(ids.len());
    let mut set: Vec<u32> = match stream.index(6) {
        0 => vec![],
        1 => ids.to_vec(),
        2 => vec![ids[stream.index(ids.len())]],
        3 => ids[stream.index(ids.len())..].to_vec(),
        _ => ids.iter().copied().filter(|_| stream.index(every) == 0).collect(),
    };
    if stream.index(2) == 0 {
        set.extend([0, ids[ids.len() - 1] + 1, u32::MAX]);
    }
    set.sort_unstable();
    set
}

/// How many items one set of queries got.
pub(crate) fn check(index: &dyn Index, vectors: &ItemVectors, stream: &mut Stream) -> usize {
    let is_exact = ["exact", "flat", "sq8"].iter().any(|kind| index.kind().starts_with(kind));
    let (ids, dim) = (vectors.ids(), vectors.dim());
    let longest = vectors.norms().into_iter().fold(0.0, f64::max);
    let queries: Vec<f32> = (0..TOGETHER * dim).map(|_| stream.normal() as f32).collect();
    let k = match stream.index(4) {
        0 => 1 + stream.index(ids.len() + 10),
        1 => [1, ids.len(), ids.len() + 1, usize::MAX][stream.index(4)],
        _ => 1 + stream.index(20),
    };
    let lists: Vec<Vec<u32>> = (0..TOGETHER).map(|_| excluded(ids, stream)).collect();
    let (set, none) = (among(ids, stream), vec![Vec::new(); TOGETHER]);
    let items = ItemSet::new(set.iter().copied());
    let (filter, lists, set) = match stream.index(4) {
        0 => (Filter::ALL, &none, None),
        1 => (Filter::excluding(&lists), &lists, None),
        2 => (Filter::among(&items), &none, Some(&set)),
        _ => (Filter::among(&items).and_excluding(&lists), &lists, Some(&set)),
    };
    let found = index.search(&queries, n(k), filter).unwrap();
    assert_eq!(found.n_queries(), TOGETHER);
    for (i, query) in queries.chunks_exact(dim).enumerate() {
        let what = format!("{} of {} items, query {i}, k {k}", index.kind(), ids.len());
        let is_left = |id: &u32| {
            lists[i].binary_search(id).is_err() && set.is_none_or(|set| set.binary_search(id).is_ok())
        };
        let left: Vec<u32> = ids.iter().copied().filter(is_left).collect();
        let (found, scores) = (found.ids(i), found.scores(i));
        assert_eq!(found.len(), k.min(left.len()), "{what}");
        assert_eq!(scores.len(), found.len(), "{what}");
        let unique: BTreeSet<&u32> = found.iter().collect();
        assert_eq!(unique.len(), found.len(), "{what}: {found:?}");
        // Scores of f32 are good for a millionth of the longest; distances of unit vectors lose two bits more.
        let length = query.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let tolerance = 4e-6 * (length + 1.0) * (length + longest + 1.0);
        let score_of = |row: usize| -> f64 {
            let pairs = query.iter().zip(vectors.vector(row));
            pairs.map(|(&q, &v)| f64::from(q) * f64::from(v)).sum()
        };
        for (&id, &score) in found.iter().zip(scores) {
            assert!(left.binary_search(&id).is_ok(), "{what}: {id} is none of those left");
            let wanted = score_of(vectors.row(id).unwrap());
            assert!((f64::from(score) - wanted).abs() <= tolerance, "{what}: {id} scores {score}, {wanted}");
        }
        assert!(scores.is_sorted_by(|a, b| a >= b), "{what}: {scores:?}");
        if let (true, Some(&last)) = (is_exact, scores.last()) {
            let better = |id: &&u32| score_of(vectors.row(**id).unwrap()) > f64::from(last) + tolerance;
            let missed = left.iter().filter(better).find(|id| !unique.contains(id));
            assert_eq!(missed, None, "{what}: it scores above {last}");
        }
    }
    found.iter().map(<[u32]>::len).sum()
}

/// Asks indexes over random catalogs until the promised numbers are reached.
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
        let vectors = catalog(false, stream);
        Some((Box::new(ExactIndex::new(vectors.clone())), vectors))
    });
}

/// An index of a kind over a random catalog, by a random metric; `None` if there are too few items for the kind.
#[cfg(feature = "faiss")]
fn faiss(
    stream: &mut Stream,
    spec: impl Fn(usize, &mut Stream) -> FaissSpec,
) -> Option<(Box<dyn Index>, ItemVectors)> {
    let metric =
        [Similarity::InnerProduct, Similarity::AugmentedInnerProduct, Similarity::L2][stream.index(3)];
    let vectors = catalog(metric == Similarity::L2, stream);
    let spec = spec(vectors.ids().len(), stream);
    spec.check(vectors.ids().len(), vectors.dim(), metric).ok()?;
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

/// Compared with what is left of the vectors, it is as exact as `Flat`.
#[cfg(feature = "faiss")]
#[test]
fn sq8_returns_as_many_eligible_items_as_there_are() {
    check_kind(74, |stream| {
        let metric = [Similarity::InnerProduct, Similarity::AugmentedInnerProduct][stream.index(2)];
        let index = FaissIndex::build(&catalog(false, stream), FaissSpec::Sq8, metric).unwrap();
        let vectors = crate::compressed::held(&index);
        Some((Box::new(index), vectors))
    });
}
