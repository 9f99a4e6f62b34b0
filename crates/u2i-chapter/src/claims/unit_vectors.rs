//! Inner product and distance of unit vectors.

use std::num::NonZeroUsize;

use u2i::Error;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, Neighbors, same_lists};
use u2i_random::{Purpose, Stream};

use super::claim::{Claim, Finding, Verdict};
use super::lab::Lab;

pub(super) const CLAIM: Claim = Claim {
    id: "unit-vectors",
    title: "At unit length, inner product and distance find the same items",
    statement: "For vectors of unit length ‖u−v‖² = 2 − 2⟨u,v⟩, so that a model trained on inner products is served without loss \
                by an index that compares by Euclidean distance.",
    measured: "Drawn vectors, as they are and at unit length, 64 numbers each: the identity in 64 bits, and whether the ten best \
               by inner product (our exact search) are the ten nearest (all distances, in 64 bits; with the feature `faiss` also \
               its flat indexes by inner product and by L2, over unit vectors).",
    rule: "Holds if the two sides of the identity differ by at most 10⁻¹² and all lists of unit vectors are the same, but for \
           items whose scores differ by less than 10⁻⁶, relative; does not hold otherwise.",
    needs: &[],
    run,
};

const DIM: usize = 64;
const K: usize = 10;
/// Scores that are nearer than this, relative, may change places.
const TIE: f32 = 1e-6;

/// What the verdict follows from.
struct Lists {
    largest_difference: f64,
    queries: usize,
    /// Queries whose list is that of exact search, for each other way to find it.
    same: Vec<usize>,
}

impl Lists {
    fn verdict(&self) -> Verdict {
        let all = self.same.iter().all(|&same| same == self.queries);
        match self.largest_difference <= 1e-12 && all {
            true => Verdict::Holds,
            false => Verdict::DoesNotHoldHere,
        }
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let (n_items, n_queries) = lab.size((5_000, 500), (300, 40));
    let (items, queries) = (drawn(n_items, 0), drawn(n_queries, 1));
    let (unit_items, unit_queries) = (at_unit_length(&items), at_unit_length(&queries));
    let largest_difference = largest_difference(&unit_items, &unit_queries);

    let index = |data: &[f32]| -> Result<ExactIndex, Error> {
        Ok(ExactIndex::new(ItemVectors::new((1..=n_items as u32).collect(), DIM, data.to_vec())?))
    };
    let k = NonZeroUsize::new(K).expect("10 is not 0");
    let unit_index = index(&unit_items)?;
    let exact = unit_index.search(&unit_queries, k, Filter::ALL)?;
    let nearest = nearest(&unit_items, &unit_queries);
    let mut names = vec!["all distances"];
    let mut same = vec![same_lists(&nearest, &exact, TIE)];
    #[cfg(feature = "faiss")]
    for (name, metric) in [
        ("faiss, inner product", u2i_index::Similarity::InnerProduct),
        ("faiss, L2", u2i_index::Similarity::L2),
    ] {
        let other = u2i_index::FaissIndex::build(unit_index.vectors(), u2i_index::FaissSpec::Flat, metric)?;
        let found = other.search(&unit_queries, k, Filter::ALL)?;
        names.push(name);
        same.push(same_lists(&found, &exact, TIE));
    }
    // Items of unit length are enough, whatever the query; without it the lists differ.
    let raw_queries =
        same_lists(&self::nearest(&unit_items, &queries), &unit_index.search(&queries, k, Filter::ALL)?, TIE);
    let raw = index(&items)?.search(&queries, k, Filter::ALL)?;
    let raw_nearest = self::nearest(&items, &queries);
    let raw_overlap = u2i_index::recall(&raw_nearest, &raw);

    let mut rows: Vec<Vec<String>> = names
        .iter()
        .zip(&same)
        .map(|(name, same)| {
            vec![format!("{name}: unit items, unit queries"), format!("{same} of {n_queries}")]
        })
        .collect();
    rows.push(vec![
        "all distances: unit items, other queries".into(),
        format!("{raw_queries} of {n_queries}"),
    ]);
    let raw_same = same_lists(&raw_nearest, &raw, TIE);
    rows.push(vec!["all distances: items of any length".into(), format!("{raw_same} of {n_queries}")]);
    let lists = Lists { largest_difference, queries: n_queries, same };
    let mut finding = Finding::new(lists.verdict())
        .figure("largest_difference", largest_difference)
        .figure("queries", n_queries as f64);
    for (name, same) in ["same_lists_all_distances", "same_lists_faiss_inner_product", "same_lists_faiss_l2"]
        .into_iter()
        .zip(&lists.same)
    {
        finding = finding.figure(name, *same as f64);
    }
    Ok(finding
        .figure("same_lists_unit_items_only", raw_queries as f64)
        .figure("same_lists_any_length", raw_same as f64)
        .figure("overlap_any_length", raw_overlap)
        .table("Lists of ten that are those of exact search by inner product", &["found by", "same lists"], rows)
        .note(format!(
            "Unit length of the items is what it takes: ‖u−v‖² = ‖u‖² + ‖v‖² − 2⟨u,v⟩, and the length of the query is the same for \
             all items. Where items have lengths of their own, {:.0} % of the ten best by inner product are among the ten nearest.",
            100.0 * raw_overlap
        )))
}

/// Vectors whose lengths differ.
fn drawn(n: usize, which: u64) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 21, which);
    let mut all = Vec::with_capacity(n * DIM);
    for _ in 0..n {
        let length = (0.5 * stream.normal()).exp();
        all.extend((0..DIM).map(|_| (length * stream.normal()) as f32));
    }
    all
}

fn at_unit_length(vectors: &[f32]) -> Vec<f32> {
    let unit = |vector: &[f32]| {
        let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        vector.iter().map(|&x| (f64::from(x) / length) as f32).collect::<Vec<_>>()
    };
    vectors.chunks_exact(DIM).flat_map(unit).collect()
}

/// Of ‖u−v‖² and 2 − 2⟨u,v⟩, where both are brought to unit length in 64 bits.
fn largest_difference(items: &[f32], queries: &[f32]) -> f64 {
    let exact = |vector: &[f32]| {
        let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        vector.iter().map(|&x| f64::from(x) / length).collect::<Vec<_>>()
    };
    let items: Vec<Vec<f64>> = items.chunks_exact(DIM).map(exact).collect();
    let mut largest = 0.0f64;
    for query in queries.chunks_exact(DIM).map(exact) {
        for item in &items {
            let (mut distance, mut product) = (0.0, 0.0);
            for (a, b) in query.iter().zip(item) {
                distance += (a - b) * (a - b);
                product += a * b;
            }
            largest = largest.max((distance - (2.0 - 2.0 * product)).abs());
        }
    }
    largest
}

/// The nearest items by Euclidean distance, with their inner products as scores.
fn nearest(items: &[f32], queries: &[f32]) -> Neighbors {
    let list = |query: &[f32]| {
        let of_item = |(row, item): (usize, &[f32])| {
            let (mut distance, mut product) = (0.0f64, 0.0f64);
            for (&a, &b) in query.iter().zip(item) {
                let (a, b) = (f64::from(a), f64::from(b));
                distance += (a - b) * (a - b);
                product += a * b;
            }
            (distance, row as u32 + 1, product as f32)
        };
        let mut all: Vec<(f64, u32, f32)> = items.chunks_exact(DIM).enumerate().map(of_item).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().take(K).map(|(_, id, product)| (id, product)).collect()
    };
    Neighbors::from_lists(K, queries.chunks_exact(DIM).map(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_list_that_differs_is_one_too_many() {
        let good = || Lists { largest_difference: 1e-15, queries: 10, same: vec![10, 10] };
        assert_eq!(good().verdict(), Verdict::Holds);
        assert_eq!(Lists { same: vec![10, 9], ..good() }.verdict(), Verdict::DoesNotHoldHere);
        assert_eq!(Lists { largest_difference: 1e-9, ..good() }.verdict(), Verdict::DoesNotHoldHere);
    }
}
