use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use u2i_schema::PADDING;

/// Memory that ranking for one user needs, kept for the next one.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) seen: SeenItems,
    /// `[items + 1]`; 0 between users.
    pub(super) scores: Vec<f64>,
    /// `[items + 1]`; means nothing between users.
    pub(super) scored: Vec<u32>,
}

/// The different items of a history.
#[derive(Debug, Default)]
pub(super) struct SeenItems {
    marked: Vec<bool>,
    items: Vec<u32>,
}

impl SeenItems {
    /// Takes the items of `history` in place of those of another user. `len` is items + 1.
    ///
    /// # Panics
    ///
    /// If an item is not below `len`.
    pub fn take(&mut self, history: &[u32], len: usize) {
        for item in self.items.drain(..) {
            self.marked[item as usize] = false;
        }
        self.marked.resize(len, false);
        for &item in history.iter().filter(|&&item| item != PADDING) {
            if !std::mem::replace(&mut self.marked[item as usize], true) {
                self.items.push(item);
            }
        }
    }

    /// Each item once, in the order of its first event.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// `[items + 1]`: whether an item is one of them.
    pub fn marked(&self) -> &[bool] {
        &self.marked
    }

    pub fn contains(&self, item: u32) -> bool {
        self.marked[item as usize]
    }
}

/// Values that workers borrow and give back, so that there are no more of them than workers.
#[derive(Debug, Default)]
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    pub fn lend(&self) -> Lent<'_, T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent { value: kept.unwrap_or_default(), pool: self }
    }
}

/// A value that goes back to its pool when it is dropped.
#[derive(Debug)]
pub(super) struct Lent<'a, T: Default> {
    value: T,
    pool: &'a Pool<T>,
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let value = std::mem::take(&mut self.value);
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    }
}

impl<T: Default> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
