use proptest::prelude::*;
use u2i_eval::Rank;
use u2i_index::{ExactIndex, Filter, Index, IndexError, ItemSet, ItemVectors, Neighbors};
use u2i_random::{Purpose, Stream};

use crate::{items, lists, n, normals};

/// All items by descending 64-bit score, then ascending id.
fn sorted(vectors: &ItemVectors, query: &[f32]) -> Vec<(u32, f64)> {
    let score =
        |row| query.iter().zip(vectors.vector(row)).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let mut all: Vec<_> = vectors.ids().iter().enumerate().map(|(row, &id)| (id, score(row))).collect();
    all.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    all
}

fn rank(all: &[(u32, f64)], target: u32) -> Rank {
    let Some(&(_, score)) = all.iter().find(|(id, _)| *id == target) else { return Rank::MISS };
    let count = |keep: &dyn Fn(f64) -> bool| all.iter().filter(|(_, s)| keep(*s)).count();
    Rank::new(count(&|s| s > score), count(&|s| s == score) - 1)
}

/// Holds for whole numbers, whose scores have no rounding: search, ranks and their union equal the oracle, among all
/// items and among those of a set.
fn check(
    vectors: ItemVectors,
    queries: &[f32],
    targets: &[u32],
    exclude: &[Vec<u32>],
    set: &[u32],
    k: usize,
) {
    let set: ItemSet = set.iter().copied().collect();
    check_among(&vectors, queries, targets, exclude, None, k);
    check_among(&vectors, queries, targets, exclude, Some(&set), k);
}

fn check_among(
    vectors: &ItemVectors,
    queries: &[f32],
    targets: &[u32],
    exclude: &[Vec<u32>],
    set: Option<&ItemSet>,
    k: usize,
) {
    let index = ExactIndex::new(vectors.clone());
    let every = set.map_or(Filter::ALL, Filter::among);
    let filter = every.and_excluding(exclude);
    let scan = index.scan(queries, targets, filter, n(k)).unwrap();
    assert_eq!(index.search(queries, n(k), filter).unwrap(), scan.top);
    assert_eq!(index.rank(queries, targets, filter).unwrap(), scan.excluded);
    assert_eq!(index.rank(queries, targets, every).unwrap(), scan.kept);
    for (i, query) in queries.chunks_exact(vectors.dim()).enumerate() {
        let mut all = sorted(vectors, query);
        all.retain(|(id, _)| set.is_none_or(|set| set.contains(*id)));
        let left: Vec<_> = all.iter().copied().filter(|(id, _)| !exclude[i].contains(id)).collect();
        assert_eq!(scan.kept[i], rank(&all, targets[i]), "query {i}");
        assert_eq!(scan.excluded[i], rank(&left, targets[i]), "query {i}");
        let best: Vec<_> = left.into_iter().take(k).collect();
        assert_eq!(scan.top.ids(i), best.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "query {i}");
        assert_eq!(scan.top.scores(i), best.iter().map(|(_, s)| *s as f32).collect::<Vec<_>>(), "query {i}");
    }
}

fn whole(len: usize, step: u64) -> Vec<f32> {
    let mut stream = Stream::new(0, Purpose::SYNTHETIC, 10, step);
    (0..len).map(|_| stream.index(5) as f32 - 2.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn search_and_ranks_equal_brute_force(
        seed in 0u64..1_000_000,
        (n_items, dim, n_queries) in (1usize..60, 1usize..6, 0usize..5),
        (k, excluded, left) in (1usize..70, 0usize..90, 0usize..90),
    ) {
        // Gaps in the ids; targets and exclusions may name items that are not there.
        let ids: Vec<u32> = (1..=n_items as u32).map(|i| i * 3 / 2).collect();
        let vectors = ItemVectors::new(ids, dim, whole(n_items * dim, seed)).unwrap();
        let exclude = lists(n_queries, n_items * 3 / 2 + 2, excluded, seed);
        let targets: Vec<u32> = lists(n_queries, n_items * 3 / 2 + 2, 1, seed + 1).concat();
        let set = lists(1, n_items * 3 / 2 + 2, left, seed + 2).concat();
        check(vectors, &whole(n_queries * dim, seed + 1), &targets, &exclude, &set, k);
    }
}

#[test]
fn several_blocks_equal_brute_force() {
    // Blocks are 64 to 256 queries, a multiple of 64, and 512 items: none divides these.
    let (n_items, n_queries, dim) = (2_300, 330, 3);
    let targets: Vec<u32> = (0..n_queries).map(|i| (i * 17 % n_items) as u32 + 1).collect();
    let exclude = lists(n_queries, n_items, 200, 11);
    let set = lists(1, n_items, 2_000, 12).concat();
    check(items(dim, whole(n_items * dim, 1)), &whole(n_queries * dim, 2), &targets, &exclude, &set, 100);
}

#[test]
fn a_result_depends_neither_on_threads_nor_on_the_other_queries() {
    let (n_items, n_queries) = (1_500, 300);
    // 300 dimensions are more than a matrix product packs at once.
    for dim in [5, 32, 300] {
        let index = ExactIndex::new(items(dim, normals(n_items, dim, 12)));
        let (queries, exclude) = (normals(n_queries, dim, 13), lists(n_queries, n_items, 50, 14));
        let targets: Vec<u32> = (1..=n_queries as u32).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| index.scan(&queries, &targets, Filter::excluding(&exclude), n(20)).unwrap())
        };
        let scan = on(1);
        assert_eq!(scan, on(3));
        for i in [0, 63, 64, 149, 255, 256, 299] {
            let (query, list) = (&queries[i * dim..][..dim], &exclude[i..=i]);
            let alone = index.scan(query, &targets[i..=i], Filter::excluding(list), n(20)).unwrap();
            assert_eq!((alone.kept[0], alone.excluded[0]), (scan.kept[i], scan.excluded[i]));
            assert_eq!((alone.top.ids(0), alone.top.scores(0)), (scan.top.ids(i), scan.top.scores(i)));
        }
    }
}

#[test]
fn equal_vectors_tie_whatever_their_place() {
    // Copies of one vector of irrational numbers, spread over blocks and tile edges, must score the same
    // bits.
    for dim in [1, 7, 64, 300] {
        let mut data = normals(2_100, dim, 15);
        let copies = [0usize, 5, 1_023, 1_024, 2_099];
        let vector = data[..dim].to_vec();
        copies.iter().for_each(|&row| data[row * dim..][..dim].copy_from_slice(&vector));
        let index = ExactIndex::new(items(dim, data));
        let all = sorted(index.vectors(), &vector);
        let own = all.iter().find(|(id, _)| *id == 1).expect("all items are listed").1;
        let n_above = all.iter().filter(|(_, score)| *score > own).count();
        let queries: Vec<f32> = copies.iter().flat_map(|_| vector.clone()).collect();
        let targets = copies.map(|row| row as u32 + 1);
        let ranks = index.rank(&queries, &targets, Filter::ALL).unwrap();
        assert_eq!(ranks, [Rank::new(n_above, 4); 5], "dim {dim}");
    }
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Shapes around the edges of a kernel's tiles (8) and of its blocks (64, 256, 1,024), and vectors of zeros and of
/// numbers that are lost when they are added in another order.
#[test]
fn scores_of_given_items_are_those_of_a_search_to_the_bit() {
    for dim in [1, 2, 3, 7, 8, 9, 16, 31, 64, 65, 128, 255, 256, 257, 300, 520] {
        for n_items in [1, 2, 7, 8, 9, 63, 65, 1_023, 1_024, 1_025, 1_100] {
            let mut stream = Stream::new(3, Purpose::SYNTHETIC, dim as u64, n_items as u64);
            let mut data = normals(n_items, dim, 16);
            data.chunks_exact_mut(dim).for_each(|item| {
                let scale = [0.0, 1e-20, 1.0, 1e6][stream.index(4)];
                item.iter_mut().for_each(|x| *x *= scale);
            });
            let index = ExactIndex::new(items(dim, data));
            let n_queries = [1, 2, 9, 66][stream.index(4)];
            let queries = normals(n_queries, dim, 17);
            let every: Vec<u32> = (1..=n_items as u32).collect();
            let some: ItemSet = every.iter().copied().filter(|_| stream.index(3) == 0).collect();
            let found = index.search(&queries, n(n_items), Filter::ALL).unwrap();
            let among = index.search(&queries, n(n_items), Filter::among(&some)).unwrap();
            for (i, query) in queries.chunks_exact(dim).enumerate() {
                let what = format!("{n_items} items of {dim} dimensions, query {i} of {n_queries}");
                let scores = index.scores(query, found.ids(i)).unwrap();
                assert_eq!(bits(&scores), bits(found.scores(i)), "{what}");
                let alone = index.scores(query, &found.ids(i)[..1]).unwrap();
                assert_eq!(bits(&alone), bits(&scores[..1]), "{what}");
                // What a filter leaves scores as it does among all.
                let left = found.ids(i).iter().zip(found.scores(i)).filter(|(id, _)| some.contains(**id));
                let (ids, scores): (Vec<u32>, Vec<f32>) = left.map(|(&id, &score)| (id, score)).unzip();
                assert_eq!((among.ids(i), bits(among.scores(i))), (&ids[..], bits(&scores)), "{what}");
            }
        }
    }
}

#[test]
fn scores_of_what_is_not_there_are_errors() {
    let index = ExactIndex::new(items(2, vec![1.0, 1.0]));
    let score = |query: &[f32], ids: &[u32]| index.scores(query, ids).map_err(|error| error.to_string());
    assert_eq!(score(&[1.0, 2.0], &[]), Ok(vec![]));
    assert_eq!(score(&[1.0, 2.0], &[1, 7]), Err("the index has no item 7".to_owned()));
    assert_eq!(score(&[1.0; 4], &[1]), Err("found 2 vectors for 1 queries".to_owned()));
    assert_eq!(score(&[], &[1]), Err("found 0 vectors for 1 queries".to_owned()));
    assert!(score(&[1.0], &[1]).unwrap_err().starts_with("1 numbers are not queries"));
    assert!(score(&[1.0, f32::NAN], &[1]).unwrap_err().contains("holds NaN on axis 1"));
}

#[test]
fn a_target_outside_of_the_set_is_a_miss() {
    let index = ExactIndex::new(items(1, vec![3.0, 2.0, 1.0]));
    let set = ItemSet::new([2, 3, 9]);
    let scan = index.scan(&[1.0; 2], &[1, 3], Filter::among(&set), n(9)).unwrap();
    assert_eq!((&scan.kept, scan.top.ids(0)), (&scan.excluded, &[2, 3][..]));
    assert_eq!(scan.kept, [Rank::MISS, Rank::new(1, 0)]);
}

#[test]
fn an_excluded_or_unknown_target_is_a_miss() {
    let index = ExactIndex::new(items(1, vec![3.0, 2.0]));
    let exclude = [vec![1], vec![1], vec![]];
    let scan = index.scan(&[1.0; 3], &[1, 2, 7], Filter::excluding(&exclude), n(9)).unwrap();
    assert_eq!(scan.kept, [Rank::new(0, 0), Rank::new(1, 0), Rank::MISS]);
    assert_eq!(scan.excluded, [Rank::MISS, Rank::new(0, 0), Rank::MISS]);
}

#[test]
fn a_search_with_nothing_left_is_empty() {
    let index = ExactIndex::new(items(1, vec![1.0]));
    assert_eq!(index.search(&[], n(3), Filter::ALL).unwrap(), Neighbors::from_lists(3, []));
    assert_eq!(index.search(&[1.0], n(usize::MAX), Filter::ALL).unwrap().ids(0), [1]);
    assert!(index.search(&[1.0], n(3), Filter::excluding(&[vec![1]])).unwrap().ids(0).is_empty());
    assert!(index.search(&[1.0], n(3), Filter::among(&ItemSet::new([0, 2]))).unwrap().ids(0).is_empty());
}

#[test]
fn broken_input_is_an_error() {
    let index = ExactIndex::new(items(2, vec![1.0, 1.0]));
    let nan = index.search(&[0.0, f32::NAN], n(1), Filter::ALL).unwrap_err();
    assert!(matches!(nan, IndexError::QueryNotFinite { query: 0, axis: 1, .. }), "{nan}");
    let targets = index.rank(&[0.0, 1.0], &[1, 1], Filter::ALL).unwrap_err();
    assert_eq!(targets.to_string(), "found 2 targets for 1 queries");
    let long = index.search(&[f32::MAX, 0.0], n(1), Filter::ALL).unwrap_err();
    assert!(matches!(long, IndexError::QueryTooLong { query: 0, .. }), "{long}");
}
