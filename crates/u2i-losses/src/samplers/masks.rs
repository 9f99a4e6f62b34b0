/// The items that each user has in training, for [`Hits`].
///
/// ```
/// # use u2i_losses::samplers::KnownItems;
/// let known = KnownItems::new([&[5, 2, 5][..], &[]]);
/// assert_eq!((known.of(0), known.of(1)), (&[2, 5][..], &[][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownItems {
    /// `[users + 1]`
    offsets: Vec<usize>,
    /// Ascending for each user, each once.
    items: Vec<u32>,
}

impl KnownItems {
    /// Of each user's items, in any order.
    pub fn new<'a>(users: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let (mut offsets, mut items, mut own) = (vec![0], Vec::new(), Vec::new());
        for user in users {
            own.clear();
            own.extend_from_slice(user);
            own.sort_unstable();
            own.dedup();
            items.extend_from_slice(&own);
            offsets.push(items.len());
        }
        KnownItems { offsets, items }
    }

    /// Of one user, ascending.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn of(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user]..self.offsets[user + 1]]
    }
}

/// Which negatives are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// `[rows, n]`: true where the negative is the row's positive, or is known to the row's user.
    pub marks: Vec<bool>,
    /// Rows with no negative left. Their loss is 0, and they teach nothing.
    pub rows_without_negatives: usize,
}

impl Hits {
    /// Among negatives that all rows share: `negatives` ascending, each once, `[n]`.
    ///
    /// `positives` are `[rows]`. With `known`, the user of each row as well: whatever that user has in training is no
    /// negative either.
    ///
    /// # Panics
    ///
    /// If `known` has not one user per row, or not those users.
    pub fn shared(positives: &[u32], negatives: &[u32], known: Option<(&KnownItems, &[u32])>) -> Self {
        check(positives, known);
        let n = negatives.len();
        let mut marks = vec![false; positives.len() * n];
        let mut without = 0;
        for (row, positive) in positives.iter().enumerate() {
            let own = &mut marks[row * n..(row + 1) * n];
            let of_user = known.map_or(&[][..], |(known, users)| known.of(users[row] as usize));
            // Whichever list is shorter is looked up in the other.
            let mut mark = |item: &u32| {
                if let Ok(place) = negatives.binary_search(item) {
                    own[place] = true;
                }
            };
            mark(positive);
            if of_user.len() <= n {
                of_user.iter().for_each(mark);
            } else {
                let known = negatives.iter().zip(own.iter_mut());
                known.for_each(|(item, mark)| *mark |= of_user.binary_search(item).is_ok());
            }
            without += usize::from(own.iter().all(|&mark| mark));
        }
        Hits { marks, rows_without_negatives: without }
    }

    /// Among the negatives of each row, in any order: `negatives` are `[rows, n]`.
    ///
    /// # Panics
    ///
    /// If there are not `n` negatives per row, or as [`shared`](Self::shared).
    pub fn per_row(
        positives: &[u32],
        negatives: &[u32],
        n: usize,
        known: Option<(&KnownItems, &[u32])>,
    ) -> Self {
        assert_eq!(negatives.len(), positives.len() * n, "{n} negatives per row");
        check(positives, known);
        let mut marks = vec![false; negatives.len()];
        let mut without = 0;
        for (row, positive) in positives.iter().enumerate() {
            let own = row * n..(row + 1) * n;
            let of_user = known.map_or(&[][..], |(known, users)| known.of(users[row] as usize));
            for (mark, item) in marks[own.clone()].iter_mut().zip(&negatives[own.clone()]) {
                *mark = item == positive || of_user.binary_search(item).is_ok();
            }
            without += usize::from(marks[own].iter().all(|&mark| mark));
        }
        Hits { marks, rows_without_negatives: without }
    }
}

fn check(positives: &[u32], known: Option<(&KnownItems, &[u32])>) {
    if let Some((_, users)) = known {
        assert_eq!(users.len(), positives.len(), "one user per row");
    }
}
