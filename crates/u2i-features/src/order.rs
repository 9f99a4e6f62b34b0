use u2i_random::{Purpose, Stream};

use crate::RawData;
use crate::config::{SplitConfig, Ties};
use crate::ids::id_order;

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
        let mut offsets = vec![0usize; users.len() + 1];
        for &user in &raw.events.user {
            offsets[rank[user as usize] + 1] += 1;
        }
        for user in 0..users.len() {
            offsets[user + 1] += offsets[user];
        }
        let mut next = offsets.clone();
        let mut rows = vec![0; raw.n_events()];
        for (row, &user) in raw.events.user.iter().enumerate() {
            let place = &mut next[rank[user as usize]];
            rows[*place] = row as u32;
            *place += 1;
        }
        Order { users, offsets, rows }
    }

    fn sort_by_time(&mut self, raw: &RawData, ties: Ties) {
        let time = |row: u32| raw.events.time_s[row as usize];
        let mut item_rank = vec![0u32; raw.item_ids.len()];
        for (place, item) in id_order(&raw.item_ids).into_iter().enumerate() {
            item_rank[item as usize] = place as u32;
        }
        let item = |row: u32| item_rank[raw.events.item[row as usize] as usize];
        for user in 0..self.n_users() {
            // Stable, and rows are in file order: what is equal stays as in the file.
            let rows = &mut self.rows[self.offsets[user]..self.offsets[user + 1]];
            match ties {
                Ties::File if u2i_bug::planted("ties_reverse_the_file") => {
                    rows.sort_by_key(|&row| (time(row), std::cmp::Reverse(row)));
                }
                Ties::ItemId if u2i_bug::planted("ties_ignore_the_item_id") => {
                    rows.sort_by_key(|&row| time(row))
                }
                Ties::File => rows.sort_by_key(|&row| time(row)),
                Ties::ItemId => rows.sort_by_key(|&row| (time(row), item(row))),
                Ties::Shuffled { seed } => {
                    // Whatever the file says goes first.
                    if !u2i_bug::planted("shuffled_ties_follow_the_file") {
                        rows.sort_by_key(|&row| (time(row), item(row)));
                    }
                    if !u2i_bug::planted("ties_are_not_shuffled") {
                        Stream::new(seed, Purpose::TIES, 0, user as u64).shuffle(rows);
                    }
                    rows.sort_by_key(|&row| time(row));
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
