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

    /// The ids that are not in `other`.
    ///
    /// ```
    /// # use u2i_index::ItemSet;
    /// assert!(ItemSet::new([3, 7, 9]).without(&ItemSet::new([1, 7])).iter().eq([3, 9]));
    /// ```
    #[must_use]
    pub fn without(&self, other: &ItemSet) -> ItemSet {
        let mut left = self.clone();
        for (page, other) in left.pages.iter_mut().zip(&other.pages) {
            if let (Some(page), Some(other)) = (page, other) {
                let removed = page.iter_mut().zip(other.iter()).map(|(word, &other)| {
                    let both = *word & other;
                    *word ^= both;
                    both.count_ones() as usize
                });
                left.len -= removed.sum::<usize>();
            }
        }
        left
    }

    /// The ids from 1 to `n` as bits: id 1 is the lowest of the first word.
    pub(crate) fn bits_from_1(&self, n: usize) -> Vec<u64> {
        let empty: &Page = &[0; WORDS];
        let words = n / 64 + 1;
        // Bit 0 is no item, so all move down by one.
        let mut bits = Vec::with_capacity(words + WORDS);
        let pages = self.pages.iter().map(|page| page.as_deref().unwrap_or(empty));
        for page in pages.chain(std::iter::repeat(empty)).take(words.div_ceil(WORDS)) {
            if let Some(last) = bits.last_mut() {
                *last |= page[0] << 63;
            }
            bits.extend(page.windows(2).map(|pair| pair[0] >> 1 | pair[1] << 63));
            bits.push(page[WORDS - 1] >> 1);
        }
        bits.truncate(n.div_ceil(64));
        if let Some(last) = bits.last_mut()
            && !n.is_multiple_of(64)
        {
            *last &= (1 << (n % 64)) - 1;
        }
        bits
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
    fn what_is_left_without_another_set_is_in_the_one_alone() {
        let set = ItemSet::new([1, 2, 64, 65_536, 200_000, u32::MAX]);
        let left = set.without(&ItemSet::new([2, 3, 65_536, 65_537]));
        assert_eq!(left.len(), 4);
        assert!(left.iter().eq([1, 64, 200_000, u32::MAX]));
        assert!(set.without(&set).is_empty() && ItemSet::default().without(&set).is_empty());
        assert_eq!(set.without(&ItemSet::default()), set);
    }

    /// At the edges of words and pages, and beyond the last page.
    #[test]
    fn bits_from_1_are_the_ids_less_one() {
        let ids = [0, 1, 2, 63, 64, 65, 128, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073];
        let set = ItemSet::new(ids);
        for n in [1, 2, 63, 64, 65, 127, 128, 129, 65_535, 65_536, 65_537, 131_072, 140_000, 300_000] {
            let bits = set.bits_from_1(n);
            let found = (0..64 * bits.len()).filter(|bit| bits[bit / 64] >> (bit % 64) & 1 == 1);
            let wanted = ids.iter().filter(|&&id| (1..=n as u32).contains(&id)).map(|&id| id as usize - 1);
            assert!(found.eq(wanted), "{n}");
            assert_eq!(bits.len(), n.div_ceil(64));
        }
    }

    #[test]
    fn an_empty_set_holds_nothing() {
        let set = ItemSet::new([]);
        assert!(set.is_empty() && set.iter().next().is_none() && !set.contains(0) && !set.contains(u32::MAX));
        assert_eq!(set, ItemSet::default());
    }
}
