use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use u2i_index::ItemSet;

use crate::{BundleError, Where};

/// Conditions that are remembered. Each takes a bit for each item.
const REMEMBERED: usize = 48;

/// The items that meet the conditions asked for last, so that one that is asked again is not looked through all items for.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    items: HashMap<Where, (Arc<ItemSet>, u64)>,
    /// Counts what was asked.
    asked: u64,
}

impl Conditions {
    /// The items that meet a condition, found by `find` if they are not known.
    pub fn items(
        &self,
        condition: &Where,
        find: impl FnOnce() -> Result<ItemSet, BundleError>,
    ) -> Result<Arc<ItemSet>, BundleError> {
        if let Some(known) = self.remembered(|remembered| remembered.find(condition)) {
            return Ok(known);
        }
        // Without the lock: others need not wait for it.
        let found = Arc::new(find()?);
        self.remembered(|remembered| remembered.keep(condition.clone(), Arc::clone(&found)));
        Ok(found)
    }

    fn remembered<T>(&self, work: impl FnOnce(&mut Remembered) -> T) -> T {
        // Each change is one step of a map, so whoever panicked left it whole.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Remembered {
    fn find(&mut self, condition: &Where) -> Option<Arc<ItemSet>> {
        self.asked += 1;
        let (items, asked) = self.items.get_mut(condition)?;
        *asked = self.asked;
        Some(Arc::clone(items))
    }

    fn keep(&mut self, condition: Where, items: Arc<ItemSet>) {
        if self.items.len() >= REMEMBERED && !self.items.contains_key(&condition) {
            let oldest = self.items.iter().min_by_key(|(_, (_, asked))| *asked);
            if let Some(oldest) = oldest.map(|(condition, _)| condition.clone()) {
                self.items.remove(&oldest);
            }
        }
        self.items.insert(condition, (items, self.asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(n: usize) -> Where {
        format!("year = {n}").parse().expect("it is a condition")
    }

    #[test]
    fn the_condition_that_was_not_asked_for_longest_is_looked_for_anew() {
        let conditions = Conditions::default();
        let is_new = |n: usize| {
            let mut is_new = false;
            let found = conditions.items(&year(n), || {
                is_new = true;
                Ok(ItemSet::new([n as u32]))
            });
            assert!(found.expect("nothing fails").iter().eq([n as u32]));
            is_new
        };
        assert!((0..REMEMBERED).all(is_new));
        assert!(!(0..REMEMBERED).any(is_new));
        assert!(!is_new(0) && is_new(REMEMBERED), "one more than is remembered");
        assert!(!is_new(0) && is_new(1), "1 was the oldest");
        assert_eq!(conditions.remembered(|remembered| remembered.items.len()), REMEMBERED);
    }

    #[test]
    fn a_condition_that_fails_is_not_remembered() {
        let conditions = Conditions::default();
        let fails = || Err(BundleError::Condition("no".into()));
        assert!(conditions.items(&year(1), fails).is_err());
        assert_eq!(conditions.items(&year(1), || Ok(ItemSet::default())).expect("it is found").len(), 0);
    }
}
