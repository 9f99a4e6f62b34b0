use u2i_random::Stream;

use crate::{Catalog, ColumnData, EventStore, NO_TIME, OUT_OF_VOCABULARY, PADDING, Sample, Users};

/// Consecutive targets of one user that share one window of history: the events at positions
/// `first..first + targets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Row of the event store.
    pub user: u32,
    /// Position of the first target.
    pub first: u32,
    /// Number of targets, at least 1.
    pub targets: u32,
}

impl From<Sample> for Chunk {
    fn from(sample: Sample) -> Self {
        Chunk { user: sample.user, first: sample.position, targets: 1 }
    }
}

/// A column in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnRows {
    /// `[n]` table rows.
    Rows(Vec<u32>),
    /// `[n, width]` table rows, filled up with [`PADDING`]: behind them, or before those of a sequence.
    Bags {
        /// Rows per entry, at least 1.
        width: usize,
        /// `n * width` rows.
        rows: Vec<u32>,
    },
    /// `[n]` real numbers.
    Values(Vec<f32>),
}

impl ColumnRows {
    /// Table rows, padding included; empty for real numbers.
    pub fn rows(&self) -> &[u32] {
        match self {
            ColumnRows::Rows(rows) | ColumnRows::Bags { rows, .. } => rows,
            ColumnRows::Values(_) => &[],
        }
    }

    /// Takes each known row for unknown with probability `share`.
    fn forget(&mut self, share: f64, stream: &mut Stream) {
        match self {
            ColumnRows::Rows(rows) | ColumnRows::Bags { rows, .. } => {
                forget(rows, OUT_OF_VOCABULARY, share, stream);
            }
            ColumnRows::Values(_) => {}
        }
    }
}

/// Replaces each row but padding with probability `share`. There is a draw for each, so what one is does not move others.
fn forget(rows: &mut [u32], unknown: u32, share: f64, stream: &mut Stream) {
    for row in rows {
        if stream.unit() < share && *row != PADDING {
            *row = unknown;
        }
    }
}

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
#[derive(Debug, Clone, PartialEq)]
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
    /// interval of [`BatchMaker::gap_edges_s`], counted from 1; 0 at padding, where the target is not later than the
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

/// Request columns that do not fit the event store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Every request column has to be given.
    #[error("expected {expected} request columns, found {found}")]
    Columns {
        /// Columns of the event store.
        expected: usize,
        /// Columns that were given.
        found: usize,
    },
    /// Rows, bags or numbers where the store holds another of them.
    #[error("request column {column} is of another kind than in the event store")]
    Kind {
        /// Which column, counted from 0.
        column: usize,
    },
    /// One entry per user.
    #[error("request column {column} has {found} entries for {expected} users")]
    Length {
        /// Which column, counted from 0.
        column: usize,
        /// Number of users.
        expected: usize,
        /// Number of entries.
        found: usize,
    },
}

/// Slices batches out of an event store: the one feature code path of training, evaluation and serving.
#[derive(Debug, Clone, Copy)]
pub struct BatchMaker<'a> {
    /// Where histories and targets come from.
    pub events: &'a EventStore,
    /// The users of the event store.
    pub users: &'a Users,
    /// The items.
    pub catalog: &'a Catalog,
    /// How many events before a target are its history. 0 for models without history.
    pub history_len: usize,
    /// The time that example ages are counted back from while training; `None` when serving.
    pub newest_s: Option<i64>,
    /// Ascending edges in seconds of the intervals that the time since an event is told by: `[0, e_0)`, `[e_0, e_1)`, …,
    /// `[e_n, ∞)`. None for models that do not look at it.
    pub gap_edges_s: &'a [i64],
}

impl BatchMaker<'_> {
    /// The user side of `chunks`.
    ///
    /// Only events strictly before a target are in its window. A target may lie one past the end of a user's
    /// events, which asks for the next item: what the request columns are then is not in the store, so they are
    /// missing here, and [`asked_now`](Self::asked_now) takes them from the caller.
    ///
    /// # Panics
    ///
    /// If a chunk reaches beyond its user's events.
    pub fn users(&self, chunks: &[Chunk]) -> UserRows {
        self.users_at(chunks, &|_| None)
    }

    /// The same where a target one past the end of the events of chunk `c` is asked for at the time `now(c)`.
    fn users_at(&self, chunks: &[Chunk], now: &dyn Fn(usize) -> Option<i64>) -> UserRows {
        let targets = chunks.iter().map(|chunk| chunk.targets).max().unwrap_or(1).max(1) as usize;
        let width = if self.history_len == 0 { 0 } else { self.history_len + targets - 1 };
        let batch = chunks.iter().map(|chunk| chunk.targets as usize).sum();
        let mut history = vec![PADDING; chunks.len() * width];
        let mut places = Vec::with_capacity(batch);
        let mut n_earlier = Vec::with_capacity(batch);
        let mut example_age_days = Vec::with_capacity(batch);
        let mut targets_at = Vec::with_capacity(batch);
        let n_gaps = if self.gap_edges_s.is_empty() { 0 } else { chunks.len() * targets * width };
        let mut gaps = vec![0; n_gaps];
        for (c, chunk) in chunks.iter().enumerate() {
            let (user, first, n) = (chunk.user as usize, chunk.first as usize, chunk.targets as usize);
            let items = self.events.items(user);
            assert!(
                first + n <= items.len() + 1,
                "user {user} has {} events, no target {}",
                items.len(),
                first + n - 1
            );
            if width > 0 {
                // Everything before the last target; the first targets of the chunk see less of it.
                let from = first.saturating_sub(self.history_len);
                let to = first + n - 1;
                let row = &mut history[c * width..][..width];
                for (place, &item) in row[from + self.history_len - first..].iter_mut().zip(&items[from..to])
                {
                    *place = self.catalog.id_row(item);
                }
            }
            let times_s = self.events.times_s(user);
            for i in 0..n {
                let at = first + i;
                if n_gaps > 0 {
                    let at_s = times_s.get(at).copied().or_else(|| now(c)).unwrap_or(NO_TIME);
                    let row = &mut gaps[(c * targets + i) * width..][..width];
                    self.gaps(&times_s[..at], at_s, &mut row[i..i + self.history_len]);
                }
                places.push((c * targets + i) as u32);
                n_earlier.push(at as u32);
                let age_s = match (self.newest_s, times_s.get(at)) {
                    (Some(newest_s), Some(time_s)) => newest_s.saturating_sub(*time_s).max(0),
                    _ => 0,
                };
                example_age_days.push((age_s as f64 / 86_400.0) as f32);
                targets_at.push((at < items.len()).then(|| self.events.start(user) + at));
            }
        }
        let user = chunks.iter().map(|chunk| Some(chunk.user as usize));
        UserRows {
            chunks: chunks.len(),
            targets,
            history_len: self.history_len,
            history,
            gaps,
            user: gather(self.users.columns(), user),
            request: gather(self.events.request(), targets_at.into_iter()),
            places,
            n_earlier,
            example_age_days,
        }
    }

    /// The intervals from the newest of `times_s` to `at_s`, the newest last.
    fn gaps(&self, times_s: &[i64], at_s: i64, row: &mut [u32]) {
        let newest = &times_s[times_s.len() - times_s.len().min(row.len())..];
        let at = row.len() - newest.len();
        for (gap, &time_s) in row[at..].iter_mut().zip(newest) {
            if time_s != NO_TIME && at_s != NO_TIME {
                let gap_s = at_s.saturating_sub(time_s);
                *gap = self.gap_edges_s.partition_point(|&edge_s| edge_s <= gap_s) as u32 + 1;
            }
        }
    }

    /// What each of `users` is asked for next, as a server does: the history is all that is in the store, `at_s` the
    /// moment, `[users]` where it is known, and `request` holds the request columns of the moment, `[users]` entries
    /// each in the order of the schema.
    ///
    /// # Errors
    ///
    /// If the columns are not as many, of the same kind and as long as those that the store holds per event.
    ///
    /// # Panics
    ///
    /// If a user is not in the store.
    pub fn asked_now(
        &self,
        users: &[u32],
        at_s: &[Option<i64>],
        request: &[ColumnData],
    ) -> Result<UserRows, RequestError> {
        let stored = self.events.request();
        if request.len() != stored.len() {
            return Err(RequestError::Columns { expected: stored.len(), found: request.len() });
        }
        for (column, (given, stored)) in request.iter().zip(stored).enumerate() {
            if std::mem::discriminant(given) != std::mem::discriminant(stored) {
                return Err(RequestError::Kind { column });
            }
            if given.len() != users.len() {
                return Err(RequestError::Length { column, expected: users.len(), found: given.len() });
            }
        }
        let next =
            |&user: &u32| Chunk { user, first: self.events.items(user as usize).len() as u32, targets: 1 };
        let now = |user: usize| at_s.get(user).copied().flatten();
        let rows = self.users_at(&users.iter().map(next).collect::<Vec<_>>(), &now);
        Ok(UserRows { request: gather(request, (0..users.len()).map(Some)), ..rows })
    }

    /// The targets of `chunks`, `[batch]` item indices in the order of [`UserRows::places`].
    ///
    /// # Panics
    ///
    /// If a chunk reaches beyond its user's events.
    pub fn targets(&self, chunks: &[Chunk]) -> Vec<u32> {
        let own = |chunk: &Chunk| {
            let first = chunk.first as usize;
            &self.events.items(chunk.user as usize)[first..first + chunk.targets as usize]
        };
        chunks.iter().flat_map(|chunk| own(chunk).iter().copied()).collect()
    }

    /// The item side for `items`, each from 1 to the number of items.
    ///
    /// # Panics
    ///
    /// If an item is 0 or above the catalogue.
    pub fn items(&self, items: &[u32]) -> ItemRows {
        ItemRows::new(self.catalog, items)
    }
}

impl UserRows {
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
    /// The same on the item side; `unknown` is the row of items whose ids say nothing.
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
    /// If an item is 0 or above the catalogue.
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

    /// The item side of the whole catalogue, `item_idx` 1 first.
    pub fn all(catalog: &Catalog) -> Self {
        Self::new(catalog, &(1..=catalog.n_items() as u32).collect::<Vec<_>>())
    }
}

fn gather(
    columns: &[ColumnData],
    entries: impl ExactSizeIterator<Item = Option<usize>> + Clone,
) -> Vec<ColumnRows> {
    columns.iter().map(|column| column.gather(entries.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (EventStore, Users, Catalog) {
        let times = vec![0, 86_400, 2 * 86_400, 3 * 86_400, 7, 8];
        let events = EventStore::new(vec![0, 4, 6], vec![1, 2, 3, 1, 2, 4], times, vec![]).unwrap();
        let users = Users::new(vec!["a".into(), "b".into()], vec![ColumnData::Rows(vec![5, 6])]);
        let bags = ColumnData::Bags { offsets: vec![0, 2, 2, 3, 3], rows: vec![7, 8, 9] };
        let ids = ["w", "x", "y", "z"].map(String::from).to_vec();
        let catalog = Catalog::new(ids, vec![None; 4], vec![0, 2, 2, 1, 0], vec![bags]);
        (events, users, catalog)
    }

    fn maker<'a>(
        events: &'a EventStore,
        users: &'a Users,
        catalog: &'a Catalog,
        history_len: usize,
    ) -> BatchMaker<'a> {
        BatchMaker { events, users, catalog, history_len, newest_s: None, gap_edges_s: &[] }
    }

    #[test]
    fn a_chunk_is_the_sliding_window_of_its_targets() {
        let (events, users, catalog) = parts();
        let maker = BatchMaker { newest_s: Some(3 * 86_400), ..maker(&events, &users, &catalog, 2) };
        let chunks = [Chunk { user: 0, first: 1, targets: 3 }, Chunk { user: 1, first: 1, targets: 1 }];
        let batch = maker.users(&chunks);
        assert_eq!(batch.history, [0, 1, 2, 3, 0, 2, 0, 0]);
        assert_eq!(batch.places, [0, 1, 2, 3]);
        assert_eq!(batch.n_earlier, [1, 2, 3, 1]);
        assert_eq!(batch.example_age_days[..3], [2.0, 1.0, 0.0]);
        assert_eq!(batch.user, [ColumnRows::Rows(vec![5, 6])]);
        assert_eq!(maker.targets(&chunks), [2, 3, 1, 4]);
        // Target i sees columns i..i + history_len: exactly the two events before it.
        for (i, target) in [1usize, 2, 3].into_iter().enumerate() {
            let window: Vec<u32> =
                batch.history[i..i + 2].iter().copied().filter(|&item| item != 0).collect();
            assert_eq!(window, events.items(0)[target.saturating_sub(2)..target]);
        }
    }

    #[test]
    fn an_item_without_training_events_has_no_id_row() {
        let (_, _, catalog) = parts();
        let items = ItemRows::new(&catalog, &[4, 1]);
        assert_eq!(items.ids, [0, 1]);
        assert_eq!(items.columns, [ColumnRows::Bags { width: 2, rows: vec![0, 0, 7, 8] }]);
    }

    #[test]
    fn an_item_without_training_events_has_the_row_of_unknown_ids_where_there_is_one() {
        let (events, users, catalog) = parts();
        let catalog = catalog.with_unknown_row();
        assert_eq!((catalog.unknown_row(), catalog.n_id_rows()), (Some(4), 4));
        assert_eq!(ItemRows::new(&catalog, &[4, 1]).ids, [4, 1]);
        // A history shows what is known only.
        let maker = maker(&events, &users, &catalog, 2);
        assert_eq!(maker.users(&[Chunk { user: 1, first: 2, targets: 1 }]).history, [2, 0]);
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

    /// Targets on the days 1 to 3 after the events of the days before, and a next one that is asked for on day 9.
    #[test]
    fn gaps_are_times_from_events_to_targets_in_intervals() {
        let (events, users, catalog) = parts();
        let day = 86_400;
        let edges = [day, 2 * day];
        let maker = BatchMaker { gap_edges_s: &edges, ..maker(&events, &users, &catalog, 2) };
        let chunks = [Chunk { user: 0, first: 1, targets: 3 }, Chunk { user: 1, first: 1, targets: 1 }];
        // A row for each of three targets of each chunk, a column for each of the four events of its window.
        let none = [0; 4];
        let wanted = [[0, 2, 0, 0], [0, 3, 2, 0], [0, 0, 3, 2], [0, 1, 0, 0], none, none].concat();
        assert_eq!(maker.users(&chunks).gaps, wanted);
        assert_eq!(maker.users(&[Chunk { user: 0, first: 4, targets: 1 }]).gaps, [0, 0]);
        let asked = |at_s| maker.asked_now(&[0, 1], &[at_s, None], &[]).unwrap().gaps;
        assert_eq!(asked(Some(9 * day)), [3, 3, 0, 0]);
        assert_eq!(asked(Some(4 * day - 1)), [2, 1, 0, 0]);
        assert_eq!(BatchMaker { gap_edges_s: &[], ..maker }.users(&chunks).gaps, []);
        let unknown = EventStore::new(vec![0, 2], vec![1, 2], vec![NO_TIME, 5], vec![]).unwrap();
        let users = Users::new(vec!["a".into()], vec![]);
        let maker = BatchMaker { events: &unknown, users: &users, ..maker };
        assert_eq!(maker.asked_now(&[0], &[Some(6)], &[]).unwrap().gaps, [0, 1]);
    }

    /// Without columns nothing else would notice: an item that is not there looks like one without an id vector.
    #[test]
    #[should_panic(expected = "item 5 is not in 1..=4")]
    fn an_item_above_the_catalogue_panics() {
        let ids = ["w", "x", "y", "z"].map(String::from).to_vec();
        ItemRows::new(&Catalog::new(ids, vec![None; 4], vec![0, 2, 2, 1, 0], vec![]), &[1, 5]);
    }

    #[test]
    fn ages_are_zero_when_serving() {
        let (events, users, catalog) = parts();
        let maker = maker(&events, &users, &catalog, 0);
        let next = maker.users(&[Chunk { user: 0, first: 4, targets: 1 }]);
        assert_eq!((next.example_age_days, next.n_earlier, next.history), (vec![0.0], vec![4], vec![]));
    }

    /// The store's request columns are those of events; the moment of asking has its own, and a user's next event
    /// is not the first one of the user behind.
    #[test]
    fn request_columns_of_a_next_item_come_from_the_caller() {
        let (plain, users, catalog) = parts();
        let request = vec![ColumnData::Rows(vec![2, 3, 4, 5, 6, 7])];
        let items = plain.all_items().to_vec();
        let events =
            EventStore::new(plain.offsets().to_vec(), items, plain.all_times_s().to_vec(), request).unwrap();
        let maker = maker(&events, &users, &catalog, 2);
        let chunks = [Chunk { user: 0, first: 3, targets: 2 }, Chunk { user: 1, first: 2, targets: 1 }];
        assert_eq!(maker.users(&chunks).request, [ColumnRows::Rows(vec![5, PADDING, PADDING])]);

        let now = maker.asked_now(&[1, 0], &[], &[ColumnData::Rows(vec![8, 9])]).unwrap();
        assert_eq!(now.request, [ColumnRows::Rows(vec![8, 9])]);
        assert_eq!((now.history, now.n_earlier), (vec![2, 0, 3, 1], vec![2, 4]));
        let refused = [
            (vec![], "expected 1 request columns, found 0"),
            (
                vec![ColumnData::Values(vec![0.0; 2])],
                "request column 0 is of another kind than in the event store",
            ),
            (vec![ColumnData::Rows(vec![8])], "request column 0 has 1 entries for 2 users"),
        ];
        for (request, message) in refused {
            assert_eq!(maker.asked_now(&[1, 0], &[], &request).unwrap_err().to_string(), message);
        }
    }
}
