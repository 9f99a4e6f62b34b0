use crate::vectors::norm;
use crate::{Filter, IndexError};

/// Number of queries, once they are known to be whole, finite and short enough for 32-bit scores.
pub(crate) fn check(
    queries: &[f32],
    dim: usize,
    longest: f64,
    filter: Filter<'_>,
) -> Result<usize, IndexError> {
    if !queries.len().is_multiple_of(dim) {
        return Err(IndexError::QueryLength { found: queries.len(), dim });
    }
    for (query, vector) in queries.chunks_exact(dim).enumerate() {
        // Squares of 32-bit numbers do not overflow 64 bits.
        let length = norm(vector);
        if !length.is_finite()
            && let Some(axis) = vector.iter().position(|value| !value.is_finite())
        {
            return Err(IndexError::QueryNotFinite { query, axis, value: vector[axis] });
        }
        check_length(query, length, longest)?;
    }
    let n = queries.len() / dim;
    if let Some(lists) = filter.lists() {
        per_query("exclusion lists", lists.len(), n)?;
        for (query, list) in lists.iter().enumerate() {
            if let Some(pair) = list.windows(2).find(|pair| pair[0] > pair[1]) {
                return Err(IndexError::ExcludeNotSorted { query, previous: pair[0], id: pair[1] });
            }
        }
    }
    Ok(n)
}

/// Bounds the inner product, every part of its sum, and the squared distance; so no score is infinite or NaN.
pub(crate) fn check_length(query: usize, length: f64, longest_item: f64) -> Result<(), IndexError> {
    if (length + longest_item).powi(2) > f64::from(f32::MAX) / 4.0 {
        return Err(IndexError::QueryTooLong { query, length, longest_item });
    }
    Ok(())
}

pub(crate) fn per_query(what: &'static str, found: usize, queries: usize) -> Result<(), IndexError> {
    if found == queries { Ok(()) } else { Err(IndexError::PerQuery { what, found, queries }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_queries_are_refused() {
        let lists = |lists: &[&[u32]]| lists.iter().map(|list| list.to_vec()).collect::<Vec<_>>();
        let cases = [
            (vec![1.0; 3], lists(&[]), "3 numbers are not queries of 2 dimensions"),
            (
                vec![1.0, 1.0, f32::INFINITY, 0.0],
                lists(&[]),
                "query 1 holds inf on axis 0, wanted a finite number",
            ),
            (
                vec![3e19, 0.0],
                lists(&[]),
                "query 0 of length 3.0e19 is too long for 32-bit scores with items up to 1.0e0",
            ),
            (vec![1.0, 0.0], lists(&[&[], &[]]), "found 2 exclusion lists for 1 queries"),
            (
                vec![1.0, 0.0],
                lists(&[&[1, 5, 4]]),
                "the exclusion list of query 0 must ascend, found 4 after 5",
            ),
        ];
        for (queries, lists, message) in cases {
            assert_eq!(check(&queries, 2, 1.0, Filter::excluding(&lists)).unwrap_err().to_string(), message);
        }
    }
}
