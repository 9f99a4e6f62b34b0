use crate::column::ColumnData;
use crate::hash::Digest;
use crate::vocabulary::PADDING;

/// Every user's events in their total order, as one CSR: offsets, items, times.
///
/// The order is *(time, row in file)* unless the split says otherwise. A history is a slice of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventStore {
    offsets: Vec<u64>,
    items: Vec<u32>,
    times_s: Vec<i64>,
    request: Vec<ColumnData>,
}

/// Parts that do not make an [`EventStore`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventStoreError {
    /// Offsets must ascend from 0 to the number of events.
    #[error("offsets must ascend from 0 to {events}, found {found} at user {user}")]
    Offsets {
        /// Number of events.
        events: usize,
        /// Where the rule is broken.
        user: usize,
        /// The offset there.
        found: u64,
    },
    /// Columns must have one entry per event.
    #[error("`{column}` has {found} entries for {events} events")]
    Length {
        /// `times_s` or `request`.
        column: &'static str,
        /// Number of events.
        events: usize,
        /// Number of entries.
        found: usize,
    },
    /// Item 0 is padding.
    #[error("event {event} is of item 0, which is padding")]
    Padding {
        /// Which event.
        event: usize,
    },
}

impl EventStore {
    /// An event store from its parts: `[users + 1]` offsets and, `[events]` each, items, times in Unix seconds
    /// and one column per request column.
    ///
    /// # Errors
    ///
    /// If the lengths do not agree, the offsets do not ascend, or an item is [`PADDING`].
    pub fn new(
        offsets: Vec<u64>,
        items: Vec<u32>,
        times_s: Vec<i64>,
        request: Vec<ColumnData>,
    ) -> Result<Self, EventStoreError> {
        let events = items.len();
        let lengths =
            std::iter::once(("times_s", times_s.len())).chain(request.iter().map(|c| ("request", c.len())));
        for (column, found) in lengths {
            if found != events {
                return Err(EventStoreError::Length { column, events, found });
            }
        }
        if offsets.first() != Some(&0) {
            let found = offsets.first().copied().unwrap_or_default();
            return Err(EventStoreError::Offsets { events, user: 0, found });
        }
        if let Some(user) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(EventStoreError::Offsets { events, user, found: offsets[user + 1] });
        }
        let last = offsets[offsets.len() - 1];
        if last != events as u64 {
            return Err(EventStoreError::Offsets { events, user: offsets.len() - 1, found: last });
        }
        if let Some(event) = items.iter().position(|&item| item == PADDING) {
            return Err(EventStoreError::Padding { event });
        }
        Ok(EventStore { offsets, items, times_s, request })
    }

    /// Number of users, those without events included.
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of events.
    pub fn n_events(&self) -> usize {
        self.items.len()
    }

    /// Where the events of `user` begin in the whole store.
    pub fn start(&self, user: usize) -> usize {
        self.offsets[user] as usize
    }

    /// Items of `user`, oldest first.
    pub fn items(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user] as usize..self.offsets[user + 1] as usize]
    }

    /// Times of the events of `user` in Unix seconds, oldest first.
    pub fn times_s(&self, user: usize) -> &[i64] {
        &self.times_s[self.offsets[user] as usize..self.offsets[user + 1] as usize]
    }

    /// All items, user by user.
    pub fn all_items(&self) -> &[u32] {
        &self.items
    }

    /// All times in Unix seconds, user by user.
    pub fn all_times_s(&self) -> &[i64] {
        &self.times_s
    }

    /// `[users + 1]` offsets of the users' events.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Request columns, `[events]` each.
    pub fn request(&self) -> &[ColumnData] {
        &self.request
    }

    /// BLAKE3 of everything in the store.
    pub fn digest(&self) -> String {
        let digest = Digest::new()
            .numbers("offsets", &self.offsets)
            .numbers("items", &self.items)
            .numbers("times_s", &self.times_s);
        self.request.iter().fold(digest, |digest, column| column.digest("request", digest)).finish()
    }

    /// Keeps the first `lengths[user]` events of each user.
    fn prefixes(&self, lengths: &[u32]) -> EventStore {
        assert_eq!(lengths.len(), self.n_users(), "one length per user");
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        let n = lengths.iter().map(|&length| length as usize).sum();
        let mut kept = Vec::new();
        let (mut items, mut times_s) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for (user, &length) in lengths.iter().enumerate() {
            items.extend_from_slice(&self.items(user)[..length as usize]);
            times_s.extend_from_slice(&self.times_s(user)[..length as usize]);
            if !self.request.is_empty() {
                kept.extend(self.start(user)..self.start(user) + length as usize);
            }
            offsets.push(items.len() as u64);
        }
        let request = self.request.iter().map(|column| column.select(&kept)).collect();
        EventStore { offsets, items, times_s, request }
    }
}

impl ColumnData {
    /// The entries at `indices`, in that order.
    ///
    /// # Panics
    ///
    /// If an index is not below [`len`](Self::len).
    pub fn select(&self, indices: &[usize]) -> ColumnData {
        match self {
            ColumnData::Rows(rows) => ColumnData::Rows(indices.iter().map(|&i| rows[i]).collect()),
            ColumnData::Values(values) => ColumnData::Values(indices.iter().map(|&i| values[i]).collect()),
            ColumnData::Bags { offsets, rows } => {
                let mut selected = (vec![0], Vec::new());
                for &i in indices {
                    selected.1.extend_from_slice(&rows[offsets[i] as usize..offsets[i + 1] as usize]);
                    selected.0.push(selected.1.len() as u32);
                }
                ColumnData::Bags { offsets: selected.0, rows: selected.1 }
            }
            ColumnData::Windows { from, to, rows } => {
                let pick = |places: &[u32]| indices.iter().map(|&i| places[i]).collect::<Vec<u32>>();
                let (from, to) = (pick(from), pick(to));
                // What no entry shows is gone.
                let mut shown = vec![PADDING; rows.len()];
                for (&from, &to) in from.iter().zip(&to) {
                    let own = from as usize..to as usize;
                    shown[own.clone()].copy_from_slice(&rows[own]);
                }
                ColumnData::Windows { from, to, rows: shown }
            }
        }
    }
}

/// Training events and nothing else: a copy of each user's training prefix.
///
/// Popularity, negatives and baselines are made from this type only, so what happened at or after a validation or
/// test target cannot reach them.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainEvents(EventStore);

impl TrainEvents {
    /// The first `lengths[user]` events of each user.
    ///
    /// # Panics
    ///
    /// If there is not one length per user, or a length exceeds the user's events.
    pub fn prefixes(all: &EventStore, lengths: &[u32]) -> Self {
        TrainEvents(all.prefixes(lengths))
    }

    /// The events, in the same form as any other.
    pub fn events(&self) -> &EventStore {
        &self.0
    }

    /// Number of events of each of `n_items` items; entry 0 is padding and 0.
    ///
    /// # Panics
    ///
    /// If an event's item is above `n_items`.
    pub fn counts(&self, n_items: usize) -> Vec<u32> {
        let mut counts = vec![0; n_items + 1];
        for &item in self.0.all_items() {
            counts[item as usize] += 1;
        }
        counts
    }

    /// Time of the newest event in Unix seconds; `None` without events.
    pub fn newest_s(&self) -> Option<i64> {
        self.0.all_times_s().iter().copied().max()
    }

    /// Training events with those of each user rearranged: event `i` of `user` becomes the one at
    /// `order(user, n)[i]`, while the times stay where they were. For guards and ablations that destroy order.
    ///
    /// # Panics
    ///
    /// If `order` does not return `n` indices below `n`.
    pub fn rearranged(&self, mut order: impl FnMut(usize, usize) -> Vec<usize>) -> Self {
        let mut items = Vec::with_capacity(self.0.n_events());
        let mut moved = Vec::with_capacity(self.0.n_events());
        for user in 0..self.0.n_users() {
            let own = self.0.items(user);
            let order = order(user, own.len());
            assert_eq!(order.len(), own.len(), "one index per event");
            items.extend(order.iter().map(|&i| own[i]));
            moved.extend(order.iter().map(|&i| self.0.start(user) + i));
        }
        let request = self.0.request.iter().map(|column| column.select(&moved)).collect();
        TrainEvents(EventStore { items, request, ..self.0.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> EventStore {
        let request = vec![ColumnData::Rows(vec![2, 3, 4, 5, 6])];
        EventStore::new(vec![0, 3, 3, 5], vec![1, 2, 3, 2, 1], vec![10, 20, 30, 5, 6], request).unwrap()
    }

    #[test]
    fn windows_that_are_not_selected_leave_nothing_behind() {
        let windows = ColumnData::Windows { from: vec![0, 0, 1], to: vec![1, 2, 3], rows: vec![7, 8, 9] };
        let picked = windows.select(&[1, 0]);
        assert_eq!(
            picked,
            ColumnData::Windows { from: vec![0, 0], to: vec![2, 1], rows: vec![7, 8, PADDING] }
        );
        let rows =
            |column: &ColumnData, entries: &[Option<usize>]| match column.gather(entries.iter().copied()) {
                crate::ColumnRows::Bags { width, rows } => (width, rows),
                other => panic!("{other:?}"),
            };
        assert_eq!(rows(&windows, &[Some(2), None, Some(0)]), (2, vec![8, 9, 0, 0, 0, 7]));
        assert_eq!(rows(&picked, &[None]), (1, vec![0]));
    }

    #[test]
    fn train_events_hold_only_the_prefixes() {
        let train = TrainEvents::prefixes(&store(), &[2, 0, 1]);
        assert_eq!(train.events().all_items(), [1, 2, 2]);
        assert_eq!(train.events().all_times_s(), [10, 20, 5]);
        assert_eq!(train.events().request(), [ColumnData::Rows(vec![2, 3, 5])]);
        assert_eq!(train.counts(3), [0, 1, 2, 0]);
        assert_eq!(train.newest_s(), Some(20));
    }

    #[test]
    fn broken_parts_are_refused() {
        let cases = [
            (vec![0, 2], vec![1], vec![1], "offsets must ascend from 0 to 1, found 2 at user 1"),
            (vec![1, 1], vec![1], vec![1], "offsets must ascend from 0 to 1, found 1 at user 0"),
            (vec![0, 1], vec![0], vec![1], "event 0 is of item 0, which is padding"),
            (vec![0, 1], vec![1], vec![], "`times_s` has 0 entries for 1 events"),
            (vec![0, 1, 0, 1], vec![1], vec![1], "offsets must ascend from 0 to 1, found 0 at user 1"),
        ];
        for (offsets, items, times, message) in cases {
            assert_eq!(EventStore::new(offsets, items, times, vec![]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn rearranging_keeps_each_users_events() {
        let train = TrainEvents::prefixes(&store(), &[3, 0, 2]);
        let reversed = train.rearranged(|_, n| (0..n).rev().collect());
        assert_eq!(reversed.events().all_items(), [3, 2, 1, 1, 2]);
        assert_eq!(reversed.events().all_times_s(), train.events().all_times_s());
        assert_eq!(reversed.events().request(), [ColumnData::Rows(vec![4, 3, 2, 6, 5])]);
    }
}
