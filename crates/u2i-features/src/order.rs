use std::ops::Range;

use u2i_random::{Purpose, Stream};

use crate::config::{FilesSplit, SplitConfig, Ties};
use crate::error::FeatureError;
use crate::ids::id_order;
use crate::raw::{EventParts, RawData, RawEvents};
use crate::read_progress::ReadProgress;
use crate::unix_time::UnixTime;

/// The total order of events: users by raw id, each one's rows as the split says.
pub(crate) struct Order {
    /// Index into [`RawData::user_ids`] of each user.
    pub(crate) users: Vec<u32>,
    /// `[users + 1]`: where each user's rows begin.
    pub(crate) offsets: Vec<usize>,
    /// `[events]`: rows of [`RawData::events`].
    pub(crate) rows: Vec<u32>,
}

impl Order {
    pub(crate) fn new(
        raw: &RawData,
        split: &SplitConfig,
        progress: &mut ReadProgress<'_>,
    ) -> Result<Self, FeatureError> {
        let mut order = Order::by_file(raw);
        match split {
            SplitConfig::LeaveLastOut { ties } | SplitConfig::TimeCut { ties, .. } => {
                order.sort_by_time(raw, *ties, None, progress)?
            }
            // Of each file: those of the one follow those of the other, whatever their times.
            SplitConfig::Files(FilesSplit { ties, .. }) => {
                order.sort_by_time(raw, *ties, raw.parts, progress)?
            }
            SplitConfig::Book { min_events } => order.drop_users_below(*min_events as usize),
        }
        Ok(order)
    }

    pub(crate) fn n_users(&self) -> usize {
        self.users.len()
    }

    /// Rows of a user in order.
    pub(crate) fn of(&self, user: usize) -> &[u32] {
        &self.rows[self.offsets[user]..self.offsets[user + 1]]
    }

    fn by_file(raw: &RawData) -> Self {
        let users = id_order(&raw.user_ids);
        let mut rank = vec![0usize; users.len()];
        users.iter().enumerate().for_each(|(place, &user)| rank[user as usize] = place);
        // Files often have a user's rows together, so that adding one for each would wait for the one before.
        let runs = || raw.events.user.chunk_by(|a, b| a == b);
        let mut offsets = vec![0usize; users.len() + 1];
        for run in runs() {
            offsets[rank[run[0] as usize] + 1] += run.len();
        }
        for user in 0..users.len() {
            offsets[user + 1] += offsets[user];
        }
        let mut next = offsets.clone();
        let mut rows = vec![0; raw.n_events()];
        let mut row = 0;
        for run in runs() {
            let place = &mut next[rank[run[0] as usize]];
            rows[*place..*place + run.len()].iter_mut().zip(row..).for_each(|(of_run, row)| *of_run = row);
            *place += run.len();
            row += run.len() as u32;
        }
        Order { users, offsets, rows }
    }

    fn sort_by_time(
        &mut self,
        raw: &RawData,
        ties: Ties,
        parts: Option<EventParts>,
        progress: &mut ReadProgress<'_>,
    ) -> Result<(), FeatureError> {
        let mut item_rank = vec![0u32; raw.item_ids.len()];
        for (place, item) in id_order(&raw.item_ids).into_iter().enumerate() {
            item_rank[item as usize] = place as u32;
        }
        let item = |row: u32| item_rank[raw.events.item[row as usize] as usize];
        let mut sorter = Sorter::new(&raw.events);
        for (user, range) in self.in_parts(parts) {
            progress.step(|| range.start as u64 / 2)?;
            // Rows are in file order: what is equal stays as in the file.
            let rows = &mut self.rows[range];
            match ties {
                Ties::File => sorter.sort(rows),
                Ties::ItemId => sorter.sort_by_time_and(rows, item),
                Ties::Shuffled { seed } => {
                    // Whatever the file says goes first.
                    sorter.sort_by_time_and(rows, item);
                    Stream::new(seed, Purpose::TIES, 0, user as u64).shuffle(rows);
                    sorter.sort(rows);
                }
            }
        }
        Ok(())
    }

    /// Each user and where the rows of each part of the split are, which are in file order; one part where there are none.
    fn in_parts(&self, parts: Option<EventParts>) -> Vec<(usize, Range<usize>)> {
        let mut ranges = Vec::with_capacity(self.n_users());
        for user in 0..self.n_users() {
            let [from, to] = [self.offsets[user], self.offsets[user + 1]];
            let before =
                |bound: usize| from + self.rows[from..to].partition_point(|&row| (row as usize) < bound);
            match parts.map(|parts| [before(parts.validation), before(parts.test)]) {
                None => ranges.push((user, from..to)),
                Some([validation, test]) => {
                    ranges.extend([from..validation, validation..test, test..to].map(|part| (user, part)))
                }
            }
        }
        ranges
    }

    fn drop_users_below(&mut self, min_events: usize) {
        let kept: Vec<usize> =
            (0..self.n_users()).filter(|&user| self.of(user).len() >= min_events).collect();
        let (mut offsets, mut rows) = (vec![0], Vec::with_capacity(self.rows.len()));
        for &user in &kept {
            rows.extend_from_slice(self.of(user));
            offsets.push(rows.len());
        }
        *self = Order { users: kept.into_iter().map(|user| self.users[user]).collect(), offsets, rows };
    }
}

/// Sorts rows by time.
struct Sorter<'a> {
    events: &'a RawEvents,
    rows: Vec<u32>,
    /// Time and place of each row, where seconds are all that there is of a time and both have room.
    keys: Vec<i64>,
    /// Time and place of each row.
    wide_keys: Vec<(UnixTime, u32)>,
}

impl<'a> Sorter<'a> {
    fn new(events: &'a RawEvents) -> Self {
        Sorter { events, rows: Vec::new(), keys: Vec::new(), wide_keys: Vec::new() }
    }

    /// What is equal stays where it was.
    fn sort(&mut self, rows: &mut [u32]) {
        if !self.events.subsec_ns.is_empty() {
            return self.sort_wide(rows);
        }
        let time_s = |&row: &u32| self.events.time_s[row as usize];
        let place_bits = usize::BITS - rows.len().leading_zeros();
        let mut lost = 0;
        let key = |(row, place)| {
            let time_s = time_s(row);
            let shifted = time_s << place_bits;
            lost |= (shifted >> place_bits) ^ time_s;
            shifted | place
        };
        self.keys.clear();
        self.keys.extend(rows.iter().zip(0..rows.len() as i64).map(key));
        if lost != 0 {
            // Millions of years away: no data has such a time, but a file may.
            return self.sort_wide(rows);
        }
        // No key is there twice, and the times stand beside each other: faster than a stable sort that looks them up.
        self.keys.sort_unstable();
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let place = |key: i64| (key & !(-1 << place_bits)) as usize;
        rows.iter_mut().zip(&self.keys).for_each(|(row, &key)| *row = self.rows[place(key)]);
    }

    fn sort_wide(&mut self, rows: &mut [u32]) {
        self.wide_keys.clear();
        self.wide_keys.extend(rows.iter().map(|&row| self.events.time(row as usize)).zip(0..));
        self.wide_keys.sort_unstable();
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let places = self.wide_keys.iter().map(|&(_, place)| place as usize);
        rows.iter_mut().zip(places).for_each(|(row, place)| *row = self.rows[place]);
    }

    /// Where times are equal by a number, and what is equal in both stays where it was.
    fn sort_by_time_and(&mut self, rows: &mut [u32], number: impl Fn(u32) -> u32) {
        self.sort(rows);
        let is_tie = |&a: &u32, &b: &u32| self.events.time(a as usize) == self.events.time(b as usize);
        rows.chunk_by_mut(is_tie).for_each(|ties| ties.sort_by_key(|&row| number(row)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_time_then_number_then_place() {
        // Times that stand in a key with a place, and times that are too far from each other.
        for [earliest, latest] in [[-5, 9], [i64::MIN, i64::MAX]] {
            let time_s = vec![latest, -1, 7, 7, 0, earliest, 7];
            let events = RawEvents { time_s, ..RawEvents::default() };
            let sorted = |mut rows: Vec<u32>, number: fn(u32) -> u32| {
                Sorter::new(&events).sort_by_time_and(&mut rows, number);
                rows
            };
            assert_eq!(sorted(vec![0, 1, 2, 3, 4, 5, 6], |_| 0), [5, 1, 4, 2, 3, 6, 0]);
            assert_eq!(sorted(vec![6, 5, 3, 2, 0], |_| 0), [5, 6, 3, 2, 0]);
            assert_eq!(sorted(vec![0, 2, 3, 6], |row| u32::MAX - row), [6, 3, 2, 0]);
            assert_eq!(sorted(vec![5, 0], |_| 0), [5, 0]);
            assert!(sorted(vec![], |_| 0).is_empty());
        }
    }

    #[test]
    fn within_a_second_rows_are_in_the_order_of_time_too() {
        let events = RawEvents {
            time_s: vec![5, 5, 4, 5, 5],
            subsec_ns: vec![900_000_000, 1, 999_999_999, 0, 1],
            ..RawEvents::default()
        };
        let mut rows = vec![0, 1, 2, 3, 4];
        Sorter::new(&events).sort(&mut rows);
        assert_eq!(rows, [2, 3, 1, 4, 0]);
        Sorter::new(&events).sort_by_time_and(&mut rows, |row| 9 - row);
        assert_eq!(rows, [2, 3, 4, 1, 0]);
    }
}
