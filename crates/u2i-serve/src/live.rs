//! What happens while the service runs: events of users, items that are hidden, and what is popular today.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use u2i_live::{ForgottenUsers, LiveError, LiveEvent, LiveStore, NewEvent};

/// The newest events of a user that are looked at.
pub(crate) const RECENT: usize = 2000;
/// Items that the popular list of the day can begin with.
const POPULAR: usize = 4096;
const HOUR_S: i64 = 3600;
/// Popularity of the day is that of so many hours, the one that runs included.
const HOURS: i64 = 24;

/// The store of events, and what is derived from it and kept in memory.
pub(crate) struct Live {
    store: Option<Arc<dyn LiveStore>>,
    /// Kinds of events that count in histories; `None` for all.
    kinds: Option<HashSet<String>>,
    hidden: Mutex<Arc<Hidden>>,
    /// Users whose history in a bundle is not to be used; `None` without a store.
    forgotten: Mutex<Option<Arc<ForgottenUsers>>>,
    day: Mutex<Day>,
    /// Goes up with each change of `hidden` or `day`.
    version: AtomicU64,
}

/// Items that must not be recommended, by their raw ids.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    pub version: u64,
    pub items: Vec<String>,
}

/// Events of each item in the hours of the day, and their order.
#[derive(Default)]
struct Day {
    version: u64,
    of_item: HashMap<Arc<str>, Hours>,
    /// Most events first.
    order: BTreeSet<(std::cmp::Reverse<u64>, Arc<str>)>,
    /// The newest hour that was counted to.
    newest: i64,
    /// What is counted while the store is read.
    meanwhile: Option<Vec<(String, i64)>>,
}

#[derive(Default)]
struct Hours {
    total: u64,
    /// Hour and number of events; few, since old ones are dropped.
    counts: Vec<(i64, u64)>,
}

/// What the clock says, in Unix seconds.
pub(crate) fn now_s() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs().cast_signed()
}

/// A lock whose holder panicked guards plain data all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Reads what is kept over restarts.
    pub fn new(store: Option<Arc<dyn LiveStore>>, kinds: Option<Vec<String>>) -> Result<Self, LiveError> {
        let live = Live {
            store,
            kinds: kinds.map(HashSet::from_iter),
            hidden: Mutex::default(),
            forgotten: Mutex::default(),
            day: Mutex::default(),
            version: AtomicU64::new(1),
        };
        live.refresh()?;
        Ok(live)
    }

    pub fn store(&self) -> Option<Arc<dyn LiveStore>> {
        self.store.clone()
    }

    /// Reads hidden items and the day's counts anew: other services may have changed them.
    pub fn refresh(&self) -> Result<(), LiveError> {
        let Some(store) = &self.store else { return Ok(()) };
        self.hide(store.hidden()?);
        self.read_forgotten()?;
        self.read_day()
    }

    /// Counts the day anew from the store, which other services may write to, too.
    pub fn read_day(&self) -> Result<(), LiveError> {
        let Some(store) = &self.store else { return Ok(()) };
        let newest = hour_of(now_s());
        lock(&self.day).meanwhile = Some(Vec::new());
        let counts = store.counts_since((newest - HOURS + 1) * HOUR_S);
        let mut day = lock(&self.day);
        // Some of these may have been read, too: rather twice until the next time than not at all.
        let meanwhile = day.meanwhile.take().unwrap_or_default();
        let mut new = Day { newest, ..Day::default() };
        for count in counts?.iter().filter(|count| self.counts(count.kind.as_deref())) {
            new.count(&count.item, count.hour, count.n);
        }
        for (item, hour) in meanwhile {
            new.count(&item, hour, 1);
        }
        new.version = self.next_version();
        *day = new;
        Ok(())
    }

    fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The items that are hidden from now on.
    pub fn hide(&self, items: Vec<String>) {
        let version = self.next_version();
        let mut hidden = lock(&self.hidden);
        if hidden.items != items {
            *hidden = Arc::new(Hidden { version, items });
        }
    }

    pub fn hidden(&self) -> Arc<Hidden> {
        Arc::clone(&lock(&self.hidden))
    }

    /// Counts events that were just written.
    pub fn count(&self, events: &[NewEvent]) {
        let now = hour_of(now_s());
        let mut day = lock(&self.day);
        day.forward(now);
        for event in events.iter().filter(|event| self.counts(event.kind.as_deref())) {
            let hour = hour_of(event.time_s);
            day.count(&event.item, hour, 1);
            if let Some(meanwhile) = &mut day.meanwhile {
                meanwhile.push((event.item.clone(), hour));
            }
        }
        day.version = self.next_version();
    }

    /// The version of what [`popular`](Self::popular) says.
    pub fn day_version(&self) -> u64 {
        let mut day = lock(&self.day);
        if day.forward(hour_of(now_s())) {
            day.version = self.next_version();
        }
        day.version
    }

    /// The items with most events in the last 24 hours, as rows of a bundle, most events first; between equals the lower
    /// row.
    pub fn popular(&self, row_of: impl Fn(&str) -> Option<u32>) -> Vec<(u32, f32)> {
        let day = lock(&self.day);
        let known = day.order.iter().filter_map(|(n, item)| Some((row_of(item)?, n.0 as f32)));
        let mut popular: Vec<(u32, f32)> = known.take(POPULAR).collect();
        popular.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        popular
    }

    /// Whether events of a kind count. Those of no kind are the usual ones.
    fn counts(&self, kind: Option<&str>) -> bool {
        match (&self.kinds, kind) {
            (Some(kinds), Some(kind)) => kinds.contains(kind),
            _ => true,
        }
    }

    /// The newest events of each user that count in histories, oldest first; none without a store.
    pub fn recent(&self, users: &[&str]) -> Result<Vec<Vec<LiveEvent>>, LiveError> {
        let Some(store) = &self.store else { return Ok(users.iter().map(|_| Vec::new()).collect()) };
        let mut all = store.recent(users, RECENT)?;
        if self.kinds.is_some() {
            for events in &mut all {
                events.retain(|event| self.counts(event.kind.as_deref()));
            }
        }
        Ok(all)
    }

    /// Whether a user was forgotten: what the bundle holds of them is not used.
    pub fn is_forgotten(&self, user: &str) -> bool {
        lock(&self.forgotten).as_ref().is_some_and(|users| users.contains(user))
    }

    /// How many users were forgotten.
    pub fn n_forgotten(&self) -> usize {
        lock(&self.forgotten).as_ref().map_or(0, |users| users.len())
    }

    /// Takes over from the store who was forgotten.
    pub fn read_forgotten(&self) -> Result<(), LiveError> {
        if let Some(store) = &self.store {
            let users = store.forgotten()?;
            *lock(&self.forgotten) = Some(Arc::new(users));
        }
        Ok(())
    }
}

fn hour_of(time_s: i64) -> i64 {
    time_s.div_euclid(HOUR_S)
}

impl Day {
    fn count(&mut self, item: &str, hour: i64, n: u64) {
        // What lies ahead of the clock counts once it has come, from the store.
        if hour > self.newest || hour <= self.newest - HOURS {
            return;
        }
        let (item, mut hours) = match self.of_item.remove_entry(item) {
            Some(known) => known,
            None => (Arc::from(item), Hours::default()),
        };
        self.order.remove(&(std::cmp::Reverse(hours.total), Arc::clone(&item)));
        hours.total += n;
        match hours.counts.iter_mut().find(|(of, _)| *of == hour) {
            Some((_, count)) => *count += n,
            None => hours.counts.push((hour, n)),
        }
        self.order.insert((std::cmp::Reverse(hours.total), Arc::clone(&item)));
        self.of_item.insert(item, hours);
    }

    /// Drops hours that are over by `hour`, and says whether there were any.
    fn forward(&mut self, hour: i64) -> bool {
        if hour <= self.newest {
            return false;
        }
        self.newest = hour;
        let order = &mut self.order;
        self.of_item.retain(|item, hours| {
            let old: u64 = hours.counts.iter().filter(|(of, _)| *of <= hour - HOURS).map(|(_, n)| n).sum();
            if old > 0 {
                order.remove(&(std::cmp::Reverse(hours.total), Arc::clone(item)));
                hours.counts.retain(|(of, _)| *of > hour - HOURS);
                hours.total -= old;
                if hours.total > 0 {
                    order.insert((std::cmp::Reverse(hours.total), Arc::clone(item)));
                }
            }
            hours.total > 0
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(item: &str, time_s: i64, kind: Option<&str>) -> NewEvent {
        NewEvent {
            event_id: String::new(),
            user: "u".to_owned(),
            item: item.to_owned(),
            time_s,
            kind: kind.map(str::to_owned),
        }
    }

    fn popular(live: &Live) -> Vec<(u32, f32)> {
        live.popular(|item| item.parse().ok())
    }

    #[test]
    fn popularity_is_of_the_last_24_hours() {
        let live = Live::new(None, None).unwrap();
        let now = now_s();
        live.count(&[event("1", now, None), event("2", now, None), event("2", now - 3 * HOUR_S, None)]);
        live.count(&[
            event("3", now - 25 * HOUR_S, None),
            event("3", now + 2 * HOUR_S, None),
            event("no row", now, None),
        ]);
        assert_eq!(popular(&live), [(2, 2.0), (1, 1.0)]);
    }

    #[test]
    fn hours_that_are_over_are_dropped() {
        let mut day = Day { newest: 100, ..Day::default() };
        day.count("a", 100, 2);
        day.count("b", 78, 5);
        assert!(day.forward(101) && !day.forward(101));
        assert_eq!(
            day.order.iter().map(|(n, item)| (n.0, &**item)).collect::<Vec<_>>(),
            [(5, "b"), (2, "a")]
        );
        assert!(day.forward(102));
        assert_eq!(day.order.iter().map(|(n, item)| (n.0, &**item)).collect::<Vec<_>>(), [(2, "a")]);
        assert_eq!(day.of_item.len(), 1);
        day.forward(1000);
        assert!(day.of_item.is_empty() && day.order.is_empty());
    }

    #[test]
    fn only_the_kinds_that_count_are_counted() {
        let live = Live::new(None, Some(vec!["buy".to_owned()])).unwrap();
        let now = now_s();
        live.count(&[event("1", now, Some("buy")), event("2", now, Some("view")), event("3", now, None)]);
        assert_eq!(popular(&live), [(1, 1.0), (3, 1.0)]);
    }

    #[test]
    fn versions_change_with_what_they_are_of() {
        let live = Live::new(None, None).unwrap();
        let before = live.day_version();
        assert_eq!(live.day_version(), before);
        live.count(&[event("1", now_s(), None)]);
        assert_ne!(live.day_version(), before);
        let before = live.hidden().version;
        live.hide(vec!["1".to_owned()]);
        assert_ne!(live.hidden().version, before);
        assert_eq!(live.hidden().items, ["1"]);
    }
}
