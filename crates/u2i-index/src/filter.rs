use std::fmt;

/// A set of items by id, as the items that a filter leaves.
///
/// A bitmap in pages of 65,536 ids: 8 KiB for each page that holds an id, so that a catalog of 10⁷ items takes
/// 1.2 MiB and a stray id no more than a page.
///
/// ```
/// # use u2i_index::ItemSet;
/// let comedies = ItemSet::new([7, 3, 7]);
/// assert_eq!(comedies.len(), 2);
/// assert!(comedies.contains(3) && !comedies.contains(4));
/// assert!(comedies.iter().eq([3, 7]));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ItemSet {
    /// Up to the last page that holds an id.
    pages: Vec<Option<Box<Page>>>,
    len: usize,
}

const WORDS: usize = 1024;
const IDS: usize = 64 * WORDS;

type Page = [u64; WORDS];

impl ItemSet {
    /// The set of these ids, in any order; repeated ones count once.
    pub fn new(ids: impl IntoIterator<Item = u32>) -> Self {
        let mut set = ItemSet::default();
        for id in ids {
            let (page, word, bit) = place(id);
            if set.pages.len() <= page {
                set.pages.resize(page + 1, None);
            }
            let page = set.pages[page].get_or_insert_with(|| Box::new([0; WORDS]));
            set.len += usize::from(page[word] & bit == 0);
            page[word] |= bit;
        }
        set
    }

    /// Whether the item is in the set.
    pub fn contains(&self, id: u32) -> bool {
        let (page, word, bit) = place(id);
        matches!(self.pages.get(page), Some(Some(page)) if page[word] & bit != 0)
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at * IDS, page.as_ref()?)));
        let words = pages.flat_map(|(first, page)| (first..).step_by(64).zip(page.iter().copied()));
        words.filter(|&(_, word)| word != 0).flat_map(|(first, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                (bit < 64).then(|| {
                    word &= word - 1;
                    first as u32 + bit
                })
            })
        })
    }
}

/// Page, word and bit of an id.
fn place(id: u32) -> (usize, usize, u64) {
    let id = id as usize;
    (id / IDS, id % IDS / 64, 1 << (id % 64))
}

impl fmt::Debug for ItemSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemSet").field("len", &self.len).finish_non_exhaustive()
    }
}

impl FromIterator<u32> for ItemSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        ItemSet::new(ids)
    }
}

/// Which items a search may return: one set for all queries, as of the comedies, less one list for each query, as of
/// the items that a user has seen. Each may be missing.
///
/// Ids that are not in the index, and repeated ones, do no harm in either.
///
/// ```
/// # use u2i_index::{ExactIndex, Filter, Index, ItemSet, ItemVectors};
/// // One dimension, so that an item's score is its own number.
/// let index = ExactIndex::new(ItemVectors::new(vec![1, 2, 3, 4], 1, vec![4.0, 3.0, 2.0, 1.0])?);
/// let comedies = ItemSet::new([1, 3, 4]);
/// let seen = [vec![1, 2]];
/// let ids = |filter| index.search(&[1.0], 2.try_into().unwrap(), filter).map(|found| found.ids(0).to_vec());
/// assert_eq!(ids(Filter::ALL)?, [1, 2]);
/// assert_eq!(ids(Filter::among(&comedies))?, [1, 3]);
/// assert_eq!(ids(Filter::excluding(&seen))?, [3, 4]);
/// assert_eq!(ids(Filter::among(&ItemSet::new([1, 3])).and_excluding(&seen))?, [3]);
/// # Ok::<(), u2i_index::IndexError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    excluded: Option<&'a [Vec<u32>]>,
    among: Option<&'a ItemSet>,
}

impl<'a> Filter<'a> {
    /// Every item may be returned.
    pub const ALL: Filter<'static> = Filter { excluded: None, among: None };

    /// All items but one ascending list of ids per query.
    pub fn excluding(lists: &'a [Vec<u32>]) -> Self {
        Filter::ALL.and_excluding(lists)
    }

    /// The items of one set, whatever the query.
    pub fn among(items: &'a ItemSet) -> Self {
        Filter::ALL.and_among(items)
    }

    /// This filter without one ascending list of ids per query, which take the place of lists given before.
    #[must_use]
    pub fn and_excluding(self, lists: &'a [Vec<u32>]) -> Self {
        Filter { excluded: Some(lists), ..self }
    }

    /// This filter among the items of one set, which takes the place of a set given before.
    #[must_use]
    pub fn and_among(self, items: &'a ItemSet) -> Self {
        Filter { among: Some(items), ..self }
    }

    /// What is excluded for each query, if anything is.
    pub fn lists(&self) -> Option<&'a [Vec<u32>]> {
        self.excluded
    }

    /// The items that may be returned, unless all may.
    pub fn set(&self) -> Option<&'a ItemSet> {
        self.among
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_given_each_once_and_ascending() {
        let ids = [0, 1, 63, 64, 65_535, 65_536, 65_537, 200_000, u32::MAX - 1, u32::MAX];
        let set = ItemSet::new(ids.iter().rev().chain(&ids).copied());
        assert_eq!(set.len(), ids.len());
        assert!(set.iter().eq(ids));
        assert!(ids.iter().all(|&id| set.contains(id)));
        assert!([2, 62, 66, 65_534, 65_538, 131_072, u32::MAX - 2].iter().all(|&id| !set.contains(id)));
        assert_eq!(set, ids.into_iter().collect());
    }

    #[test]
    fn an_empty_set_holds_nothing() {
        let set = ItemSet::new([]);
        assert!(set.is_empty() && set.iter().next().is_none() && !set.contains(0) && !set.contains(u32::MAX));
        assert_eq!(set, ItemSet::default());
    }
}
