use std::sync::Arc;

use crate::IndexError;

/// How far from 1 the length of a vector of "unit length" may be.
///
/// Normalising in 32 bits leaves about 10⁻⁶, half-precision storage more than this. A length that is off by
/// `ε` can only swap pairs whose scores are closer than about `ε` under L2.
const UNIT_TOLERANCE: f64 = 1e-4;

/// Item vectors `[items, dim]` with the ids they are returned under: all finite, ids ascending and above 0.
///
/// Ascending ids are unique, and a tie in score goes to the lower row and the lower id alike. A clone shares the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVectors {
    ids: Arc<Vec<u32>>,
    dim: usize,
    data: Arc<Vec<f32>>,
}

impl ItemVectors {
    /// Item vectors from their ids and `[items, dim]` numbers.
    ///
    /// # Errors
    ///
    /// [`Empty`](IndexError::Empty), [`DataLength`](IndexError::DataLength),
    /// [`PaddingId`](IndexError::PaddingId), [`IdsNotAscending`](IndexError::IdsNotAscending) or
    /// [`ItemNotFinite`](IndexError::ItemNotFinite).
    pub fn new(ids: Vec<u32>, dim: usize, data: Vec<f32>) -> Result<Self, IndexError> {
        if ids.is_empty() || dim == 0 {
            return Err(IndexError::Empty { items: ids.len(), dim });
        }
        if ids.len().checked_mul(dim) != Some(data.len()) {
            return Err(IndexError::DataLength { items: ids.len(), dim, data: data.len() });
        }
        check_ids(&ids)?;
        check_finite(&ids, dim, &data)?;
        Ok(ItemVectors { ids: Arc::new(ids), dim, data: Arc::new(data) })
    }

    /// Ids, in the order of the rows.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Numbers per vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All vectors, `[items, dim]`.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The row of an id.
    pub fn row(&self, id: u32) -> Option<usize> {
        row_of(&self.ids, id)
    }

    /// The vector in a row, `[dim]`.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.data[row * self.dim..][..self.dim]
    }

    /// Euclidean lengths, `[items]`.
    pub fn norms(&self) -> Vec<f64> {
        self.data.chunks_exact(self.dim).map(norm).collect()
    }

    /// Whether every vector has length 1 to within 10⁻⁴, so that L2 and inner product rank alike.
    pub fn is_unit_length(&self) -> bool {
        self.first_not_unit().is_none()
    }

    /// The first item whose length is not 1, with its length.
    pub(crate) fn first_not_unit(&self) -> Option<(u32, f64)> {
        let lengths = self.ids.iter().copied().zip(self.data.chunks_exact(self.dim).map(norm));
        { lengths }.find(|(_, length)| (length - 1.0).abs() > UNIT_TOLERANCE)
    }

    /// These items with one more coordinate, `sqrt(max ‖v‖² - ‖v‖²)`, that gives all the same length.
    ///
    /// A query that gets a 0 there keeps its inner products, and L2, cosine and inner product now rank alike:
    /// Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
    /// Inner-Product Spaces", RecSys 2014. Whether it helps a search is another question: see
    /// [`Similarity::AugmentedInnerProduct`](crate::Similarity::AugmentedInnerProduct).
    ///
    /// ```
    /// # use u2i_index::ItemVectors;
    /// let items = ItemVectors::new(vec![1, 2], 1, vec![3.0, 5.0])?;
    /// assert_eq!(items.augmented().data(), [3.0, 4.0, 5.0, 0.0]); // 3² + 4² = 5²
    /// # Ok::<(), u2i_index::IndexError>(())
    /// ```
    #[must_use]
    pub fn augmented(&self) -> Self {
        let norms = self.norms();
        let longest = norms.iter().copied().fold(0.0, f64::max);
        let mut data = Vec::with_capacity(self.data.len() + norms.len());
        for (vector, norm) in self.data.chunks_exact(self.dim).zip(norms) {
            data.extend_from_slice(vector);
            data.push(((longest - norm) * (longest + norm)).sqrt() as f32);
        }
        ItemVectors { ids: Arc::clone(&self.ids), dim: self.dim + 1, data: Arc::new(data) }
    }

    pub(crate) fn longest(&self) -> f64 {
        self.data.chunks_exact(self.dim).map(norm).fold(0.0, f64::max)
    }
}

/// Whether ids ascend, above 0.
pub(crate) fn check_ids(ids: &[u32]) -> Result<(), IndexError> {
    if ids.first() == Some(&0) {
        return Err(IndexError::PaddingId);
    }
    match (1..ids.len()).find(|&row| ids[row - 1] >= ids[row]) {
        None => Ok(()),
        Some(row) => Err(IndexError::IdsNotAscending { row, previous: ids[row - 1], id: ids[row] }),
    }
}

/// Whether all of `[items, dim]` numbers are finite.
pub(crate) fn check_finite(ids: &[u32], dim: usize, data: &[f32]) -> Result<(), IndexError> {
    match data.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(IndexError::ItemNotFinite { id: ids[at / dim], axis: at % dim, value: data[at] }),
    }
}

/// Position of an id among ascending ids.
pub(crate) fn row_of(ids: &[u32], id: u32) -> Option<usize> {
    // Ids of a whole catalog are 1..=n, so the guess is nearly always right.
    let guess = (id as usize).wrapping_sub(1);
    if ids.get(guess) == Some(&id) { Some(guess) } else { ids.binary_search(&id).ok() }
}

/// Euclidean length in 64 bits.
pub(crate) fn norm(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_vectors_are_refused() {
        let cases = [
            (
                vec![],
                2,
                vec![],
                "an index needs at least one item of at least one dimension, found 0 items of 2 dimensions",
            ),
            (
                vec![1],
                0,
                vec![],
                "an index needs at least one item of at least one dimension, found 1 items of 0 dimensions",
            ),
            (vec![1, 2], 2, vec![0.0; 3], "2 items of 2 dimensions do not fit 3 numbers"),
            (
                vec![1, 2],
                usize::MAX,
                vec![0.0; 3],
                "2 items of 18446744073709551615 dimensions do not fit 3 numbers",
            ),
            (vec![0, 1], 1, vec![0.0; 2], "id 0 is padding, not an item"),
            (vec![1, 3, 3], 1, vec![0.0; 3], "ids must ascend, found 3 after 3 in row 2"),
            (
                vec![4, 9],
                2,
                vec![0.0, 0.0, 0.0, f32::NAN],
                "the vector of item 9 holds NaN on axis 1, wanted a finite number",
            ),
        ];
        for (ids, dim, data, message) in cases {
            assert_eq!(ItemVectors::new(ids, dim, data).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn unit_length_is_to_one_in_ten_thousand() {
        for (length, unit) in
            [(1.0, true), (1.000_09, true), (0.999_8, false), (1.000_2, false), (0.0, false)]
        {
            let vectors = ItemVectors::new(vec![1, 7], 2, vec![0.6, 0.8, 0.0, length]).unwrap();
            assert_eq!(vectors.is_unit_length(), unit, "{length}");
        }
    }

    #[test]
    fn ids_with_gaps_are_found() {
        let vectors = ItemVectors::new(vec![1, 3, 4], 1, vec![0.0; 3]).unwrap();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|id| vectors.row(id)),
            [None, Some(0), None, Some(1), Some(2), None]
        );
    }
}
