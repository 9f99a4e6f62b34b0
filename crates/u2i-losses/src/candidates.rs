use crate::samplers::Hits;

/// The negatives of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// `item_idx`: `[negatives]` where the rows share them, `[batch * negatives]` where each row has its own. None, where
    /// a loss compares the positives of a step with each other.
    pub items: Vec<u32>,
    /// Corrections, of as many items as the loss says; empty where it needs none.
    pub log_expected: Vec<f32>,
    /// Which negatives are none, where that is more than that they are the row's positive.
    pub hits: Option<Hits>,
}

/// The items that a step compares: vectors are needed of `items`, of each once.
///
/// ```
/// # use u2i_losses::{Candidates, Drawn};
/// let drawn = Drawn { items: vec![2, 9], ..Drawn::default() };
/// let candidates = Candidates::new(vec![5, 2, 5], drawn);
/// assert_eq!(candidates.items, [2, 5, 9]);
/// assert_eq!((&candidates.positives[..], &candidates.negatives[..]), (&[1, 0, 1][..], &[0, 2][..]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    /// `item_idx`, ascending, each once.
    pub items: Vec<u32>,
    /// `[batch]`: `item_idx` of each row's positive.
    pub targets: Vec<u32>,
    /// `[batch]`: their places among `items`.
    pub positives: Vec<u32>,
    /// `item_idx` of the negatives, [as drawn](Drawn::items).
    pub drawn: Vec<u32>,
    /// Their places among `items`.
    pub negatives: Vec<u32>,
    /// [`Drawn::log_expected`].
    pub log_expected: Vec<f32>,
    /// [`Drawn::hits`].
    pub hits: Option<Hits>,
}

impl Candidates {
    /// Of a step with these targets.
    pub fn new(targets: Vec<u32>, drawn: Drawn) -> Self {
        let Drawn { items: drawn, log_expected, hits } = drawn;
        let mut items: Vec<u32> = targets.iter().chain(&drawn).copied().collect();
        items.sort_unstable();
        items.dedup();
        let places = |wanted: &[u32]| -> Vec<u32> {
            let place = |item| items.binary_search(item).expect("every wanted item is a candidate");
            wanted.iter().map(|item| place(item) as u32).collect()
        };
        Candidates {
            positives: places(&targets),
            negatives: places(&drawn),
            targets,
            drawn,
            log_expected,
            hits,
            items,
        }
    }

    /// Rows whose positive is all there is among `others`, which all rows share: they have no negative.
    ///
    /// ```
    /// # use u2i_losses::{Candidates, Drawn};
    /// let candidates = Candidates::new(vec![5, 2], Drawn { items: vec![5, 5], ..Drawn::default() });
    /// assert_eq!(candidates.rows_without(&[&candidates.negatives]), 1);
    /// assert_eq!(candidates.rows_without(&[&candidates.negatives, &candidates.positives]), 0);
    /// ```
    pub fn rows_without(&self, others: &[&[u32]]) -> usize {
        let mut others = others.iter().copied().flatten();
        let Some(first) = others.next() else { return self.positives.len() };
        // Whoever differs from the first has that one as a negative, so only copies of it can have none.
        if others.any(|other| other != first) {
            return 0;
        }
        self.positives.iter().filter(|&positive| positive == first).count()
    }
}
