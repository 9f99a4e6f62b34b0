use u2i_random::Stream;

use crate::catalog::Catalog;
use crate::column::ColumnData;
use crate::column_rows::{ColumnRows, forget};

/// Which column of table rows in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// [`UserRows::history`].
    History,
    /// A user column, by its place in [`UserRows::user`].
    User(usize),
    /// A request column, by its place in [`UserRows::request`].
    Request(usize),
    /// [`ItemRows::ids`].
    ItemId,
    /// An item column, by its place in [`ItemRows::columns`].
    Item(usize),
}

/// The user side of a batch on the host. `batch` targets lie in `chunks` chunks of at most `targets`.
///
/// # Examples
///
/// Two users, of whom one has two earlier events and the other one:
///
/// ```
/// use u2i_schema::UserRows;
/// let rows = UserRows::new(2, 1, vec![0, 1]).with_history(2, vec![5, 7, 0, 7]);
/// assert_eq!((rows.batch(), &rows.history[2..]), (2, &[0, 7][..]));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UserRows {
    /// Number of chunks.
    pub chunks: usize,
    /// Places for targets per chunk.
    pub targets: usize,
    /// How many events before a target are its history.
    pub history_len: usize,
    /// `[chunks, history_len + targets - 1]` rows of the id table, oldest first; empty without history. Column
    /// `j` is the event at position `first - history_len + j`, so the event `lag` places before the newest of
    /// target `i` is column `history_len - 1 + i - lag`.
    pub history: Vec<u32>,
    /// `[chunks, targets, history_len + targets - 1]`: how long before each target each event of the row was, as the
    /// interval of [`BatchMaker::gap_edges_s`](crate::BatchMaker::gap_edges_s), counted from 1; 0 at padding, where the target is not later than the
    /// event in the user's order, and where a time is not known. Empty without edges.
    pub gaps: Vec<u32>,
    /// User columns, `[chunks]` each.
    pub user: Vec<ColumnRows>,
    /// Request columns of the targets, `[batch]` each.
    pub request: Vec<ColumnRows>,
    /// `[batch]`: `chunk * targets + i` of each target, ascending.
    pub places: Vec<u32>,
    /// `[batch]`: how many events the user has before the target.
    pub n_earlier: Vec<u32>,
    /// `[batch]`: days from the target to the newest training event; 0 when serving (Covington et al. 2016, §3.3).
    pub example_age_days: Vec<f32>,
}

/// The item side of a batch on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRows {
    /// `[items]` rows of the id table, [`Catalog::scored_row`]; padding for an item that has no id vector.
    pub ids: Vec<u32>,
    /// Item columns, `[items]` each.
    pub columns: Vec<ColumnRows>,
}

impl UserRows {
    /// The user side of `chunks` chunks of at most `targets` targets, which stand at `places`. It has no history and no
    /// columns, and for each target no earlier events and an age of 0: [`with_history`](Self::with_history) and so on
    /// add them.
    ///
    /// # Panics
    ///
    /// If the places do not ascend, or one is not below `chunks * targets`.
    pub fn new(chunks: usize, targets: usize, places: Vec<u32>) -> Self {
        assert!(places.is_sorted_by(|a, b| a < b), "expected places that ascend");
        let n_places = chunks * targets;
        let last = places.last().map_or(0, |&last| last as usize + 1);
        assert!(last <= n_places, "expected places below {n_places}, found {}", last - 1);
        let (history, gaps, user, request) = (vec![], vec![], vec![], vec![]);
        let (n_earlier, example_age_days) = (vec![0; places.len()], vec![0.0; places.len()]);
        UserRows {
            chunks,
            targets,
            history_len: 0,
            history,
            gaps,
            user,
            request,
            places,
            n_earlier,
            example_age_days,
        }
    }

    /// The rows with a history of `history_len` events before each target, `[chunks, history_len + targets - 1]`; empty
    /// if `history_len` is 0.
    ///
    /// # Panics
    ///
    /// If the shape is another.
    #[must_use]
    pub fn with_history(mut self, history_len: usize, history: Vec<u32>) -> Self {
        self.history_len = history_len;
        let width = self.window();
        assert_eq!(history.len(), self.chunks * width, "expected [{}, {width}] rows", self.chunks);
        self.history = history;
        self
    }

    /// The rows with the interval from each event of the history to each target,
    /// `[chunks, targets, history_len + targets - 1]`.
    ///
    /// # Panics
    ///
    /// If the shape is another.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Vec<u32>) -> Self {
        let (chunks, targets, width) = (self.chunks, self.targets, self.window());
        assert_eq!(gaps.len(), chunks * targets * width, "expected [{chunks}, {targets}, {width}] intervals");
        self.gaps = gaps;
        self
    }

    /// The rows with user columns, `[chunks]` each, and request columns, `[batch]` each.
    ///
    /// # Panics
    ///
    /// If a column has another number of entries.
    #[must_use]
    pub fn with_columns(mut self, user: Vec<ColumnRows>, request: Vec<ColumnRows>) -> Self {
        for (column, n) in
            user.iter().map(|column| (column, self.chunks)).chain(request.iter().map(|c| (c, self.batch())))
        {
            assert_eq!(column.n_entries(), n, "expected a column of {n} entries");
        }
        (self.user, self.request) = (user, request);
        self
    }

    /// The rows with the number of events before each target, `[batch]`, and the days from it to the newest training
    /// event, `[batch]`.
    ///
    /// # Panics
    ///
    /// If there is not one of each per target.
    #[must_use]
    pub fn with_ages(mut self, n_earlier: Vec<u32>, example_age_days: Vec<f32>) -> Self {
        assert_eq!(n_earlier.len(), self.batch(), "expected a number of events per target");
        assert_eq!(example_age_days.len(), self.batch(), "expected an age per target");
        (self.n_earlier, self.example_age_days) = (n_earlier, example_age_days);
        self
    }

    /// Columns of [`history`](Self::history).
    fn window(&self) -> usize {
        if self.history_len == 0 { 0 } else { self.history_len + self.targets - 1 }
    }

    /// Number of targets.
    pub fn batch(&self) -> usize {
        self.places.len()
    }

    /// The table rows of a slot of the user side; `None` for a slot of the item side.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn rows(&self, slot: Slot) -> Option<&[u32]> {
        match slot {
            Slot::History => Some(&self.history),
            Slot::User(column) => Some(self.user[column].rows()),
            Slot::Request(column) => Some(self.request[column].rows()),
            Slot::ItemId | Slot::Item(_) => None,
        }
    }

    /// Takes each known value of a column of the user side for unknown with probability `share`, as training does, so
    /// that the row of unknown values is trained, too (Volkovs, Yu and Poutanen, "DropoutNet: Addressing Cold Start in
    /// Recommender Systems", NIPS 2017). Padding stays; other slots are left alone.
    pub fn forget(&mut self, slot: Slot, share: f64, stream: &mut Stream) {
        match slot {
            Slot::User(column) => self.user[column].forget(share, stream),
            Slot::Request(column) => self.request[column].forget(share, stream),
            Slot::History | Slot::ItemId | Slot::Item(_) => {}
        }
    }
}

impl ItemRows {
    /// Takes each known value of a column of the item side, or each item id, for unknown with probability `share`;
    /// `unknown` is the row of items whose ids say nothing.
    pub fn forget(&mut self, slot: Slot, unknown: Option<u32>, share: f64, stream: &mut Stream) {
        match (slot, unknown) {
            (Slot::ItemId, Some(unknown)) => forget(&mut self.ids, unknown, share, stream),
            (Slot::Item(column), _) => self.columns[column].forget(share, stream),
            _ => {}
        }
    }

    /// The table rows of a slot of the item side; `None` for a slot of the user side.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn rows(&self, slot: Slot) -> Option<&[u32]> {
        match slot {
            Slot::ItemId => Some(&self.ids),
            Slot::Item(column) => Some(self.columns[column].rows()),
            Slot::History | Slot::User(_) | Slot::Request(_) => None,
        }
    }

    /// The item side for `items`, each from 1 to the number of items.
    ///
    /// # Panics
    ///
    /// If an item is 0 or above the catalog.
    pub fn new(catalog: &Catalog, items: &[u32]) -> Self {
        let n_items = catalog.n_items() as u32;
        for &item in items {
            assert!((1..=n_items).contains(&item), "item {item} is not in 1..={n_items}");
        }
        let entries = items.iter().map(|&item| Some(item as usize - 1));
        ItemRows {
            ids: items.iter().map(|&item| catalog.scored_row(item)).collect(),
            columns: gather(catalog.columns(), entries),
        }
    }

    /// The item side of the whole catalog, `item_idx` 1 first.
    pub fn all(catalog: &Catalog) -> Self {
        Self::new(catalog, &(1..=catalog.n_items() as u32).collect::<Vec<_>>())
    }
}

pub(crate) fn gather(
    columns: &[ColumnData],
    entries: impl ExactSizeIterator<Item = Option<usize>> + Clone,
) -> Vec<ColumnRows> {
    columns.iter().map(|column| column.gather(entries.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{OUT_OF_VOCABULARY, PADDING};

    fn catalog() -> Catalog {
        let bags = ColumnData::Bags { offsets: vec![0, 2, 2, 3, 3], rows: vec![7, 8, 9] };
        let ids = ["w", "x", "y", "z"].map(String::from).to_vec();
        Catalog::new(ids, vec![None; 4], vec![0, 2, 2, 1, 0], vec![bags])
    }

    #[test]
    fn an_item_without_training_events_has_no_id_row() {
        let items = ItemRows::new(&catalog(), &[4, 1]);
        assert_eq!(items.ids, [0, 1]);
        assert_eq!(items.columns, [ColumnRows::Bags { width: 2, rows: vec![0, 0, 7, 8] }]);
    }

    #[test]
    fn known_values_are_forgotten_as_often_as_was_said_and_padding_never() {
        let n = 20_000;
        let rows = |share: f64, step: u64| {
            let mut items = ItemRows {
                ids: (0..n).collect(),
                columns: vec![ColumnRows::Bags { width: 2, rows: (0..n).map(|i| i % 2 * 7).collect() }],
            };
            let mut stream = Stream::new(1, u2i_random::Purpose::ID_DROPOUT, 0, step);
            items.forget(Slot::ItemId, Some(n), share, &mut stream);
            items.forget(Slot::Item(0), Some(n), share, &mut stream);
            items
        };
        let items = rows(0.1, 3);
        let forgotten = items.ids.iter().filter(|&&row| row == n).count() as f64 / f64::from(n);
        assert!((forgotten - 0.1).abs() < 0.01, "{forgotten}");
        let ColumnRows::Bags { rows: bags, .. } = &items.columns[0] else { unreachable!() };
        let of_known = bags.iter().filter(|&&row| row == OUT_OF_VOCABULARY).count() as f64;
        assert!((of_known / f64::from(n / 2) - 0.1).abs() < 0.01, "{of_known}");
        assert_eq!((items.ids[0], bags.iter().step_by(2).max()), (PADDING, Some(&PADDING)));
        assert_eq!(rows(0.1, 3), items);
        assert_ne!(rows(0.1, 4), items);
        assert_eq!(rows(0.0, 3).ids, (0..n).collect::<Vec<_>>());
    }

    /// Without columns nothing else would notice: an item that is not there looks like one without an id vector.
    #[test]
    #[should_panic(expected = "item 5 is not in 1..=4")]
    fn an_item_above_the_catalog_panics() {
        let ids = ["w", "x", "y", "z"].map(String::from).to_vec();
        ItemRows::new(&Catalog::new(ids, vec![None; 4], vec![0, 2, 2, 1, 0], vec![]), &[1, 5]);
    }

    #[test]
    fn parts_of_other_shapes_are_refused() {
        let rows = || UserRows::new(2, 2, vec![0, 1, 3]);
        let _ = rows().with_history(3, vec![0; 8]).with_gaps(vec![0; 16]).with_ages(vec![0; 3], vec![0.0; 3]);
        let _ =
            rows().with_columns(vec![ColumnRows::Rows(vec![2; 2])], vec![ColumnRows::Values(vec![0.0; 3])]);
        type Make = fn(UserRows);
        let refused: [(&str, Make); 6] = [
            ("history", |rows| drop(rows.with_history(3, vec![0; 7]))),
            ("gaps", |rows| drop(rows.with_history(3, vec![0; 8]).with_gaps(vec![0; 8]))),
            ("user", |rows| drop(rows.with_columns(vec![ColumnRows::Rows(vec![2; 3])], vec![]))),
            ("ages", |rows| drop(rows.with_ages(vec![0; 3], vec![0.0; 2]))),
            ("order", |_| drop(UserRows::new(2, 2, vec![1, 0]))),
            ("places", |_| drop(UserRows::new(2, 2, vec![4]))),
        ];
        for (part, make) in refused {
            assert!(std::panic::catch_unwind(|| make(rows())).is_err(), "{part}");
        }
    }
}
