use u2i_schema::NO_TIME;

use super::Recommender;
use crate::Item;

impl Recommender {
    /// An item by its row, counted from 1.
    pub fn item_at(&self, item_idx: u32) -> Option<Item<'_>> {
        let is_item = item_idx >= 1 && item_idx as usize <= self.catalog.n_items();
        is_item.then(|| Item {
            item_idx,
            item_id: self.catalog.item_id(item_idx),
            title: self.catalog.title(item_idx),
            train_count: self.train_count(item_idx),
        })
    }

    /// Number of training events of an item; 0 for a row that is none.
    pub fn train_count(&self, item_idx: u32) -> u32 {
        self.catalog.counts().get(item_idx as usize).copied().unwrap_or(0)
    }

    /// Rows of the items that can be recommended, those with most training events first.
    pub fn by_popularity(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.by_count.iter().copied()
    }

    /// Time of the newest event of any user, in Unix seconds; `None` where the events have no times.
    pub fn newest_event_s(&self) -> Option<i64> {
        self.events.all_times_s().iter().copied().filter(|&time_s| time_s != NO_TIME).max()
    }
}
