use crate::filter::Filter;
use crate::vectors::row_of;

/// The rows of an index that the set of a filter leaves, made once for all queries of a call.
///
/// A *place* is a position among these rows; both ascend with the ids.
pub(crate) struct Eligible {
    /// `None` is every row.
    rows: Option<Vec<u32>>,
    n_rows: usize,
}

impl Eligible {
    pub(crate) fn new(filter: Filter<'_>, ids: &[u32]) -> Self {
        let rows = filter.set().map(|items| rows_of(items.iter(), ids));
        // A set that leaves everything is no filter.
        Eligible { rows: rows.filter(|rows| rows.len() < ids.len()), n_rows: ids.len() }
    }

    /// Number of rows left.
    pub(crate) fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.n_rows, Vec::len)
    }

    /// Ascending; `None` if all are left.
    #[cfg(any(feature = "faiss", test))]
    pub(crate) fn rows(&self) -> Option<&[u32]> {
        self.rows.as_deref()
    }

    pub(crate) fn row(&self, place: usize) -> usize {
        self.rows.as_ref().map_or(place, |rows| rows[place] as usize)
    }

    pub(crate) fn place(&self, row: usize) -> Option<usize> {
        match &self.rows {
            None => Some(row),
            Some(rows) => rows.binary_search(&(row as u32)).ok(),
        }
    }

    /// Ascending places to leave out for one query, each once.
    pub(crate) fn excluded(&self, filter: Filter<'_>, query: usize, ids: &[u32]) -> Vec<u32> {
        let Some(lists) = filter.lists() else { return Vec::new() };
        let mut places = rows_of(lists[query].iter().copied(), ids);
        if self.rows.is_some() {
            places = places.into_iter().filter_map(|row| Some(self.place(row as usize)? as u32)).collect();
        }
        places
    }

    /// One bit per row, the lowest bit of the first byte first: whether the row is left.
    #[cfg(feature = "faiss")]
    pub(crate) fn bitmap(&self) -> Vec<u8> {
        let Some(rows) = &self.rows else { return vec![0xff; self.n_rows.div_ceil(8)] };
        let mut bitmap = vec![0; self.n_rows.div_ceil(8)];
        rows.iter().for_each(|&row| bitmap[row as usize / 8] |= 1 << (row % 8));
        bitmap
    }
}

/// The rows of ascending ids, each once; ids that no row has are left out.
fn rows_of(items: impl Iterator<Item = u32>, ids: &[u32]) -> Vec<u32> {
    let mut rows: Vec<u32> = items.filter_map(|id| row_of(ids, id)).map(|row| row as u32).collect();
    rows.dedup();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemSet;

    const IDS: [u32; 5] = [1, 2, 3, 5, 8];

    #[test]
    fn repeated_and_unknown_ids_are_excluded_once_and_never() {
        let lists = [vec![0, 1, 3, 3, 5, 9]];
        let filter = Filter::excluding(&lists);
        let all = Eligible::new(filter, &IDS);
        assert_eq!(all.excluded(filter, 0, &IDS), [0, 2, 3]);
        assert_eq!((all.len(), all.rows(), all.row(4), all.place(4)), (5, None, 4, Some(4)));
    }

    #[test]
    fn a_set_leaves_its_rows_and_lists_take_places_among_them() {
        let (items, lists) = (ItemSet::new([2, 4, 5, 8, 90_000]), [vec![1, 5, 5, 8]]);
        let filter = Filter::among(&items).and_excluding(&lists);
        let some = Eligible::new(filter, &IDS);
        assert_eq!(some.rows(), Some(&[1, 3, 4][..]));
        assert_eq!((some.len(), some.row(1), some.place(3), some.place(2)), (3, 3, Some(1), None));
        assert_eq!(some.excluded(filter, 0, &IDS), [1, 2]);
    }

    #[test]
    fn a_set_of_everything_is_no_filter_and_an_empty_one_leaves_nothing() {
        assert!(Eligible::new(Filter::among(&(0..9).collect()), &IDS).rows().is_none());
        assert_eq!(Eligible::new(Filter::among(&ItemSet::default()), &IDS).len(), 0);
    }

    #[cfg(feature = "faiss")]
    #[test]
    fn a_bitmap_has_the_bits_of_the_rows_that_are_left() {
        let ids: Vec<u32> = (1..=11).collect();
        let bits = |items: &[u32]| {
            let bitmap = Eligible::new(Filter::among(&items.iter().copied().collect()), &ids).bitmap();
            (0..11u32).filter(|row| bitmap[*row as usize / 8] >> (row % 8) & 1 == 1).collect::<Vec<_>>()
        };
        assert_eq!(bits(&[1, 8, 9, 11]), [0, 7, 8, 10]);
        assert_eq!(bits(&ids), (0..11).collect::<Vec<_>>());
        assert!(bits(&[]).is_empty());
    }
}
