use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::{ExactIndex, Filter, Index, IndexError, recall};

/// What an index finds of what is there, and how long one search takes. See [`measure`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuality {
    /// The index, as [`Index::kind`] names it.
    pub kind: String,
    /// Items asked for.
    pub k: usize,
    /// Queries that were asked.
    pub n_queries: usize,
    /// Mean share of each query's exact neighbours that were found: [`recall`].
    pub recall: f64,
    /// Median time of one search, in microseconds.
    pub p50_us: f64,
    /// Time within which 99 % of the searches ended, in microseconds.
    pub p99_us: f64,
}

/// Recall of an index against exact search over the same items, and the time of single searches: each query is asked by
/// itself, one after the other, after a first one that warms up.
///
/// # Shapes
///
/// - `queries`: `[batch, dim]`
///
/// # Errors
///
/// [`NoQueries`](IndexError::NoQueries), since a recall that nothing was asked for says nothing, and as
/// [`search`](Index::search).
///
/// # Examples
///
/// ```
/// # use u2i_index::{ExactIndex, ItemVectors, measure};
/// let index = ExactIndex::new(ItemVectors::new(vec![1, 2], 1, vec![2.0, 1.0])?);
/// let quality = measure(&index, &index, &[1.0, -1.0], 1.try_into().unwrap())?;
/// assert_eq!((quality.kind.as_str(), quality.n_queries, quality.recall), ("exact", 2, 1.0));
/// # Ok::<(), u2i_index::IndexError>(())
/// ```
pub fn measure(
    index: &dyn Index,
    exact: &ExactIndex,
    queries: &[f32],
    k: NonZeroUsize,
) -> Result<SearchQuality, IndexError> {
    measure_following(index, exact, queries, k, &mut |_| ControlFlow::Continue(()))
}

/// [`measure`], while `tell` hears how many queries were asked by themselves, and may break to stop.
///
/// # Errors
///
/// As [`measure`], and [`Stopped`](IndexError::Stopped).
pub fn measure_following(
    index: &dyn Index,
    exact: &ExactIndex,
    queries: &[f32],
    k: NonZeroUsize,
    tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<SearchQuality, IndexError> {
    let mut tell = |n_asked: usize| match tell(n_asked as u64) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(IndexError::Stopped),
    };
    tell(0)?;
    // This also refuses queries that are not whole.
    let wanted = exact.search(queries, k, Filter::ALL)?;
    let n_queries = wanted.n_queries();
    if n_queries == 0 {
        return Err(IndexError::NoQueries);
    }
    tell(0)?;
    let found = index.search(queries, k, Filter::ALL)?;
    tell(0)?;
    index.search(&queries[..exact.dim()], k, Filter::ALL)?;
    let mut times_us = Vec::with_capacity(n_queries);
    for query in queries.chunks_exact(exact.dim()) {
        let start = Instant::now();
        index.search(query, k, Filter::ALL)?;
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
        tell(times_us.len())?;
    }
    times_us.sort_unstable_by(f64::total_cmp);
    Ok(SearchQuality {
        kind: index.kind(),
        k: k.get(),
        n_queries,
        recall: recall(&found, &wanted),
        p50_us: within(&times_us, 50),
        p99_us: within(&times_us, 99),
    })
}

/// The least of ascending values that so many of a hundred are not above.
fn within(ascending: &[f64], percent: usize) -> f64 {
    ascending[(ascending.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_what_was_measured() {
        let text = r#"{"kind":"flat_ip","k":10,"n_queries":4,"recall":0.5,"p50_us":1.5,"p99_us":8.25}"#;
        let quality: SearchQuality = serde_json::from_str(text).unwrap();
        assert_eq!((quality.k, quality.recall, quality.p50_us, quality.p99_us), (10, 0.5, 1.5, 8.25));
        assert_eq!(serde_json::to_string(&quality).unwrap(), text);
        assert!(serde_json::from_str::<SearchQuality>(&text.replace("recall", "precision")).is_err());
    }

    #[test]
    fn so_many_of_a_hundred_end_within_a_percentile() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!((within(&values, 50), within(&values, 99)), (100.0, 198.0));
        assert_eq!((within(&[3.0], 50), within(&[3.0], 99)), (3.0, 3.0));
        assert_eq!(within(&[1.0, 2.0, 3.0], 50), 2.0);
    }
}
