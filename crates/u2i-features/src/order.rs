use u2i_random::{Purpose, Stream};

use crate::config::{SplitConfig, Ties};
use crate::ids::id_order;
use crate::raw::RawData;

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
    pub(crate) fn new(raw: &RawData, split: &SplitConfig) -> Self {
        let mut order = Order::by_file(raw);
        match split {
            SplitConfig::LeaveLastOut { ties } | SplitConfig::TimeCut { ties, .. } => {
                order.sort_by_time(raw, *ties)
            }
            SplitConfig::Book { min_events } => order.drop_users_below(*min_events as usize),
        }
        order
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

    fn sort_by_time(&mut self, raw: &RawData, ties: Ties) {
        let mut item_rank = vec![0u32; raw.item_ids.len()];
        for (place, item) in id_order(&raw.item_ids).into_iter().enumerate() {
            item_rank[item as usize] = place as u32;
        }
        let item = |row: u32| item_rank[raw.events.item[row as usize] as usize];
        let mut sorter = Sorter { times_s: &raw.events.time_s, rows: Vec::new(), keys: Vec::new() };
        for user in 0..self.n_users() {
            // Rows are in file order: what is equal stays as in the file.
            let rows = &mut self.rows[self.offsets[user]..self.offsets[user + 1]];
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
    times_s: &'a [i64],
    rows: Vec<u32>,
    /// Time and place of each row.
    keys: Vec<i64>,
}

impl Sorter<'_> {
    /// What is equal stays where it was.
    fn sort(&mut self, rows: &mut [u32]) {
        let time_s = |&row: &u32| self.times_s[row as usize];
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
            rows.sort_by_key(time_s);
            return;
        }
        // No key is there twice, and the times stand beside each other: faster than a stable sort that looks them up.
        self.keys.sort_unstable();
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let place = |key: i64| (key & !(-1 << place_bits)) as usize;
        rows.iter_mut().zip(&self.keys).for_each(|(row, &key)| *row = self.rows[place(key)]);
    }

    /// Where times are equal by a number, and what is equal in both stays where it was.
    fn sort_by_time_and(&mut self, rows: &mut [u32], number: impl Fn(u32) -> u32) {
        self.sort(rows);
        let is_tie = |&a: &u32, &b: &u32| self.times_s[a as usize] == self.times_s[b as usize];
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
            let times_s = [latest, -1, 7, 7, 0, earliest, 7];
            let sorted = |mut rows: Vec<u32>, number: fn(u32) -> u32| {
                let mut sorter = Sorter { times_s: &times_s, rows: Vec::new(), keys: Vec::new() };
                sorter.sort_by_time_and(&mut rows, number);
                rows
            };
            assert_eq!(sorted(vec![0, 1, 2, 3, 4, 5, 6], |_| 0), [5, 1, 4, 2, 3, 6, 0]);
            assert_eq!(sorted(vec![6, 5, 3, 2, 0], |_| 0), [5, 6, 3, 2, 0]);
            assert_eq!(sorted(vec![0, 2, 3, 6], |row| u32::MAX - row), [6, 3, 2, 0]);
            assert_eq!(sorted(vec![5, 0], |_| 0), [5, 0]);
            assert!(sorted(vec![], |_| 0).is_empty());
        }
    }
}
