use crate::catalog::{Catalog, Users};
use crate::clock::NO_TIME;
use crate::column::ColumnData;
use crate::events::EventStore;
use crate::rows::{ItemRows, UserRows, gather};
use crate::samples::Chunk;
use crate::vocabulary::PADDING;

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
#[non_exhaustive]
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

impl<'a> BatchMaker<'a> {
    /// Slices batches with histories of `history_len` events as a server would: ages are 0 and no intervals are told.
    ///
    /// # Panics
    ///
    /// If `users` are not as many as the event store has.
    pub fn new(events: &'a EventStore, users: &'a Users, catalog: &'a Catalog, history_len: usize) -> Self {
        assert_eq!(users.ids().len(), events.n_users(), "expected the users of the event store");
        BatchMaker { events, users, catalog, history_len, newest_s: None, gap_edges_s: &[] }
    }

    /// The maker that counts example ages back from `newest_s`, as training does; from each target itself if `None`.
    #[must_use]
    pub fn with_newest_s(self, newest_s: Option<i64>) -> Self {
        BatchMaker { newest_s, ..self }
    }

    /// The maker that tells the time since an event by the intervals between these edges, in seconds.
    ///
    /// # Panics
    ///
    /// If the edges do not ascend.
    #[must_use]
    pub fn with_gap_edges_s(self, gap_edges_s: &'a [i64]) -> Self {
        assert!(gap_edges_s.is_sorted_by(|a, b| a < b), "expected edges that ascend, found {gap_edges_s:?}");
        BatchMaker { gap_edges_s, ..self }
    }
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

    /// [`users`](Self::users), where a target one past the end of the events of chunk `c` is asked for at the time `now(c)`.
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
    /// If an item is 0 or above the catalog.
    pub fn items(&self, items: &[u32]) -> ItemRows {
        ItemRows::new(self.catalog, items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column_rows::ColumnRows;

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
        BatchMaker::new(events, users, catalog, history_len)
    }

    #[test]
    fn a_chunk_is_the_sliding_window_of_its_targets() {
        let (events, users, catalog) = parts();
        let maker = maker(&events, &users, &catalog, 2).with_newest_s(Some(3 * 86_400));
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
    fn an_item_without_training_events_has_the_row_of_unknown_ids_where_there_is_one() {
        let (events, users, catalog) = parts();
        let catalog = catalog.with_unknown_row();
        assert_eq!((catalog.unknown_row(), catalog.n_id_rows()), (Some(4), 4));
        assert_eq!(ItemRows::new(&catalog, &[4, 1]).ids, [4, 1]);
        // A history shows what is known only.
        let maker = maker(&events, &users, &catalog, 2);
        assert_eq!(maker.users(&[Chunk { user: 1, first: 2, targets: 1 }]).history, [2, 0]);
    }

    /// Targets on the days 1 to 3 after the events of the days before, and a next one that is asked for on day 9.
    #[test]
    fn gaps_are_times_from_events_to_targets_in_intervals() {
        let (events, users, catalog) = parts();
        let day = 86_400;
        let edges = [day, 2 * day];
        let maker = maker(&events, &users, &catalog, 2).with_gap_edges_s(&edges);
        let chunks = [Chunk { user: 0, first: 1, targets: 3 }, Chunk { user: 1, first: 1, targets: 1 }];
        // A row for each of three targets of each chunk, a column for each of the four events of its window.
        let none = [0; 4];
        let wanted = [[0, 2, 0, 0], [0, 3, 2, 0], [0, 0, 3, 2], [0, 1, 0, 0], none, none].concat();
        assert_eq!(maker.users(&chunks).gaps, wanted);
        assert_eq!(maker.users(&[Chunk { user: 0, first: 4, targets: 1 }]).gaps, [0, 0]);
        let asked = |at_s| maker.asked_now(&[0, 1], &[at_s, None], &[]).unwrap().gaps;
        assert_eq!(asked(Some(9 * day)), [3, 3, 0, 0]);
        assert_eq!(asked(Some(4 * day - 1)), [2, 1, 0, 0]);
        assert_eq!(maker.with_gap_edges_s(&[]).users(&chunks).gaps, []);
        let unknown = EventStore::new(vec![0, 2], vec![1, 2], vec![NO_TIME, 5], vec![]).unwrap();
        let users = Users::new(vec!["a".into()], vec![]);
        let maker = BatchMaker::new(&unknown, &users, &catalog, 2).with_gap_edges_s(&edges);
        assert_eq!(maker.asked_now(&[0], &[Some(6)], &[]).unwrap().gaps, [0, 1]);
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

    #[test]
    #[should_panic(expected = "expected the users of the event store")]
    fn a_maker_is_of_the_users_of_its_events() {
        let (events, _, catalog) = parts();
        BatchMaker::new(&events, &Users::new(vec!["a".into()], vec![]), &catalog, 2);
    }

    #[test]
    #[should_panic(expected = "expected edges that ascend, found [5, 5]")]
    fn edges_of_intervals_ascend() {
        let (events, users, catalog) = parts();
        let _ = BatchMaker::new(&events, &users, &catalog, 2).with_gap_edges_s(&[5, 5]);
    }
}
