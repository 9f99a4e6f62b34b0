/// For each query at most `k` items, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbors {
    k: usize,
    offsets: Vec<usize>,
    ids: Vec<u32>,
    scores: Vec<f32>,
}

impl Neighbors {
    /// One list of `(id, score)` per query, each best first; what an [`Index`](crate::Index) of one's own
    /// returns.
    ///
    /// # Panics
    ///
    /// If a list is longer than `k`.
    pub fn from_lists(k: usize, lists: impl IntoIterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut neighbors = Neighbors { k, offsets: vec![0], ids: Vec::new(), scores: Vec::new() };
        for list in lists {
            assert!(list.len() <= k, "a list of {} neighbours is longer than k, {k}", list.len());
            neighbors.ids.extend(list.iter().map(|(id, _)| id));
            neighbors.scores.extend(list.iter().map(|(_, score)| score));
            neighbors.offsets.push(neighbors.ids.len());
        }
        neighbors
    }

    /// How many items were asked for.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of queries.
    pub fn n_queries(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ids found for a query, best first.
    ///
    /// # Panics
    ///
    /// If there is no such query.
    pub fn ids(&self, query: usize) -> &[u32] {
        &self.ids[self.offsets[query]..self.offsets[query + 1]]
    }

    /// Scores of [`ids`](Self::ids), higher is better.
    ///
    /// # Panics
    ///
    /// If there is no such query.
    pub fn scores(&self, query: usize) -> &[f32] {
        &self.scores[self.offsets[query]..self.offsets[query + 1]]
    }

    /// The ids of each query in turn.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.n_queries()).map(|query| self.ids(query))
    }
}

/// Mean share of each query's exact neighbours that the approximate search found: recall@k.
///
/// A query without exact neighbours counts as found. Of two items that tie at place `k`, only the one that
/// exact search returned counts.
///
/// # Panics
///
/// If the two answer different numbers of queries.
///
/// # Examples
///
/// ```
/// # use u2i_index::{Neighbors, recall};
/// let exact = Neighbors::from_lists(2, [vec![(1, 0.9), (2, 0.8)], vec![(3, 0.7), (1, 0.1)]]);
/// let approximate = Neighbors::from_lists(2, [vec![(2, 0.8), (1, 0.9)], vec![(3, 0.7), (4, 0.0)]]);
/// assert_eq!(recall(&approximate, &exact), 0.75); // all, then one of two
/// ```
pub fn recall(approximate: &Neighbors, exact: &Neighbors) -> f64 {
    let n = exact.n_queries();
    assert_eq!(approximate.n_queries(), n, "both must answer the same queries");
    let share = |(found, wanted): (&[u32], &[u32])| match wanted.len() {
        0 => 1.0,
        n => wanted.iter().filter(|id| found.contains(id)).count() as f64 / n as f64,
    };
    if n == 0 { 1.0 } else { approximate.iter().zip(exact.iter()).map(share).sum::<f64>() / n as f64 }
}

/// Number of queries that both answer with the same items in the same places; two items may change places if their
/// scores differ by less than `tolerance`, relative to the exact score.
///
/// # Panics
///
/// If the two answer different numbers of queries.
///
/// # Examples
///
/// ```
/// # use u2i_index::{Neighbors, same_lists};
/// let exact = Neighbors::from_lists(2, [vec![(1, 0.9), (2, 0.8)], vec![(3, 0.7), (1, 0.7)]]);
/// let found = Neighbors::from_lists(2, [vec![(2, 0.8), (1, 0.9)], vec![(1, 0.7), (3, 0.7)]]);
/// assert_eq!(same_lists(&found, &exact, 1e-6), 1); // the second: its items tie
/// ```
pub fn same_lists(found: &Neighbors, exact: &Neighbors, tolerance: f32) -> usize {
    let n = exact.n_queries();
    assert_eq!(found.n_queries(), n, "both must answer the same queries");
    let same = |&query: &usize| {
        let scores = found.scores(query).iter().zip(exact.scores(query));
        let close = scores.map(|(found, exact)| (found - exact).abs() < tolerance * exact.abs());
        let equal = found.ids(query).iter().zip(exact.ids(query)).map(|(found, exact)| found == exact);
        found.ids(query).len() == exact.ids(query).len()
            && equal.zip(close).all(|(equal, close)| equal || close)
    };
    (0..n).filter(same).count()
}

/// A neighbour as one number that is smaller the better it is: higher scores first, ties to the lower row.
/// Numbers are selected and sorted several times faster than pairs. Scores are never NaN.
pub(crate) fn key(score: f32, row: u32) -> u64 {
    // Adding zero makes -0 the zero that it equals. Then the bits of positive floats ascend with their value,
    // and those of negative ones descend.
    let bits = (score + 0.0).to_bits();
    let descending = if bits >> 31 == 0 { !bits & 0x7fff_ffff } else { bits };
    (u64::from(descending) << 32) | u64::from(row)
}

/// Score and row of a [`key`].
pub(crate) fn from_key(key: u64) -> (f32, u32) {
    let descending = (key >> 32) as u32;
    let bits = if descending >> 31 == 0 { !descending & 0x7fff_ffff } else { descending };
    (f32::from_bits(bits), key as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_from_the_best_neighbour() {
        let scores = [f32::MAX, 2.5, f32::MIN_POSITIVE, 0.0, -1e-40, -2.5, -3.0, f32::MIN];
        let keys: Vec<u64> = scores.iter().flat_map(|&score| [key(score, 3), key(score, u32::MAX)]).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert!(keys.iter().all(|&k| key(from_key(k).0, from_key(k).1) == k));
        assert_eq!(scores.map(|score| from_key(key(score, 7))), scores.map(|score| (score, 7)));
        assert_eq!(key(-0.0, 1), key(0.0, 1));
    }

    #[test]
    fn queries_without_neighbours_miss_nothing() {
        let none = Neighbors::from_lists(3, [vec![]]);
        assert_eq!(recall(&none, &none), 1.0);
        let nobody = Neighbors::from_lists(3, []);
        assert_eq!(recall(&nobody, &nobody), 1.0);
        assert_eq!((same_lists(&none, &none, 0.0), same_lists(&nobody, &nobody, 0.0)), (1, 0));
        assert_eq!((nobody.n_queries(), nobody.k(), none.ids(0).len(), none.scores(0).len()), (0, 3, 0, 0));
    }
}
