use std::sync::OnceLock;

use crate::filter::Filter;
use crate::vectors::row_of;

/// The rows of an index that the set of a filter leaves, made once for all queries of a call.
///
/// A *place* is a position among these rows; both ascend with the ids.
pub(crate) struct Eligible {
    /// A bit for each row, the lowest of the first word first; `None` is every row.
    bits: Option<Vec<u64>>,
    /// The rows, where somebody asks for them.
    rows: OnceLock<Vec<u32>>,
    n_rows: usize,
    len: usize,
}

impl Eligible {
    pub(crate) fn new(filter: Filter<'_>, ids: &[u32]) -> Self {
        let n_rows = ids.len();
        let is_whole_catalog = ids.last().is_some_and(|&last| last as usize == n_rows);
        let bits = filter.set().map(|items| match is_whole_catalog {
            // Ids ascend from 1, so they are the rows plus one.
            true => items.bits_from_1(n_rows),
            false => bits_of(&rows_of(items.iter(), ids), n_rows),
        });
        let len =
            bits.as_ref().map_or(n_rows, |bits| bits.iter().map(|word| word.count_ones() as usize).sum());
        // A set that leaves everything is no filter.
        Eligible { bits: bits.filter(|_| len < n_rows), rows: OnceLock::new(), n_rows, len }
    }

    /// Number of rows left.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Ascending; `None` if all are left.
    pub(crate) fn rows(&self) -> Option<&[u32]> {
        let bits = self.bits.as_ref()?;
        Some(self.rows.get_or_init(|| {
            let words = bits.iter().enumerate().filter(|(_, word)| **word != 0);
            let mut rows = Vec::with_capacity(self.len);
            for (at, &word) in words {
                let mut word = word;
                while word != 0 {
                    rows.push(64 * at as u32 + word.trailing_zeros());
                    word &= word - 1;
                }
            }
            rows
        }))
    }

    pub(crate) fn row(&self, place: usize) -> usize {
        self.rows().map_or(place, |rows| rows[place] as usize)
    }

    pub(crate) fn place(&self, row: usize) -> Option<usize> {
        match self.rows() {
            None => Some(row),
            Some(rows) => rows.binary_search(&(row as u32)).ok(),
        }
    }

    /// Ascending rows to leave out for one query, each once and among those that are left.
    #[cfg(feature = "faiss")]
    pub(crate) fn excluded_rows(&self, filter: Filter<'_>, query: usize, ids: &[u32]) -> Vec<u32> {
        let Some(lists) = filter.lists() else { return Vec::new() };
        let mut rows = rows_of(lists[query].iter().copied(), ids);
        if let Some(bits) = &self.bits {
            rows.retain(|row| bits[*row as usize / 64] >> (row % 64) & 1 == 1);
        }
        rows
    }

    /// Ascending places to leave out for one query, each once.
    pub(crate) fn excluded(&self, filter: Filter<'_>, query: usize, ids: &[u32]) -> Vec<u32> {
        let Some(lists) = filter.lists() else { return Vec::new() };
        let places = rows_of(lists[query].iter().copied(), ids);
        match &self.bits {
            None => places,
            Some(_) => places.into_iter().filter_map(|row| Some(self.place(row as usize)? as u32)).collect(),
        }
    }

    /// One bit per row, the lowest bit of the first byte first: whether the row is left.
    #[cfg(feature = "faiss")]
    pub(crate) fn bitmap(&self) -> Vec<u8> {
        let n = self.n_rows.div_ceil(8);
        let Some(bits) = &self.bits else { return vec![0xff; n] };
        let mut bitmap = Vec::with_capacity(n + 8);
        bits.iter().for_each(|word| bitmap.extend_from_slice(&word.to_le_bytes()));
        bitmap.truncate(n);
        bitmap
    }
}

/// One bit per row.
fn bits_of(rows: &[u32], n_rows: usize) -> Vec<u64> {
    let mut bits = vec![0; n_rows.div_ceil(64)];
    rows.iter().for_each(|&row| bits[row as usize / 64] |= 1 << (row % 64));
    bits
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

    /// As those of which rows are looked up one by one.
    #[test]
    fn a_whole_catalog_leaves_the_same_rows() {
        let ids: Vec<u32> = (1..=200).collect();
        let items: ItemSet = (0..260).filter(|id| id % 3 == 0 || *id == 65).collect();
        let filter = Filter::among(&items);
        let wanted: Vec<u32> = rows_of(items.iter(), &ids);
        let some = Eligible::new(filter, &ids);
        assert_eq!((some.rows(), some.len()), (Some(&wanted[..]), wanted.len()));
        assert!(Eligible::new(Filter::among(&(1..=200).collect()), &ids).rows().is_none());
    }

    #[cfg(feature = "faiss")]
    #[test]
    fn rows_to_leave_out_are_among_those_that_are_left() {
        let (items, lists) = (ItemSet::new([2, 4, 5, 8, 90_000]), [vec![1, 5, 5, 8]]);
        let filter = Filter::among(&items).and_excluding(&lists);
        assert_eq!(Eligible::new(filter, &IDS).excluded_rows(filter, 0, &IDS), [3, 4]);
        let filter = Filter::excluding(&lists);
        assert_eq!(Eligible::new(filter, &IDS).excluded_rows(filter, 0, &IDS), [0, 3, 4]);
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
