use std::collections::HashSet;
use std::hash::Hash;

/// How many different items are among the first `k` of all `lists`: a recommender that gives everyone the
/// same list covers `k`.
///
/// ```
/// # use u2i_eval::distinct_items;
/// assert_eq!(distinct_items([[1, 2, 3], [1, 4, 5]].iter().map(|list| &list[..]), 2), 3); // 1, 2 and 4
/// ```
pub fn distinct_items<'a, I: Eq + Hash + 'a>(lists: impl IntoIterator<Item = &'a [I]>, k: usize) -> usize {
    lists.into_iter().flat_map(|list| list.iter().take(k)).collect::<HashSet<_>>().len()
}
