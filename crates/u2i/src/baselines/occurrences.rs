use std::ops::Range;

use u2i_schema::EventStore;

/// Positions over which one item is said to follow another.
pub(super) const MAX_GAP: usize = 10;

/// Where some items occur in a store, in 8 bytes each: the events after each occurrence are a slice of the user's.
#[derive(Debug)]
pub(super) struct Occurrences<'a> {
    events: &'a EventStore,
    first: usize,
    /// Occurrences of item `first + i` are `places[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
    places: Vec<Place>,
}

/// A place in the whole store, and how many events of the user come after it, up to [`MAX_GAP`], in the lowest four bits.
#[derive(Debug, Clone, Copy)]
struct Place(u64);

impl Place {
    fn new(at: usize, n_after: usize) -> Self {
        Place((at as u64) << 4 | n_after.min(MAX_GAP) as u64)
    }

    fn after(self) -> Range<usize> {
        let at = (self.0 >> 4) as usize;
        at + 1..at + 1 + (self.0 & 15) as usize
    }
}

impl<'a> Occurrences<'a> {
    /// Those of `items`, of which `counts` has the numbers of events.
    pub fn of(events: &'a EventStore, counts: &[u32], items: Range<usize>) -> Self {
        let mut offsets = vec![0];
        offsets.extend(counts[items.clone()].iter().scan(0, |sum, &count| {
            *sum += count as usize;
            Some(*sum)
        }));
        let mut next = offsets.clone();
        let mut places = vec![Place(0); offsets[items.len()]];
        for user in 0..events.n_users() {
            let (start, own) = (events.start(user), events.items(user));
            for (i, &item) in own.iter().enumerate() {
                if items.contains(&(item as usize)) {
                    let next = &mut next[item as usize - items.start];
                    places[*next] = Place::new(start + i, own.len() - 1 - i);
                    *next += 1;
                }
            }
        }
        Occurrences { events, first: items.start, offsets, places }
    }

    /// What came after each occurrence of `item` by the same user, at most [`MAX_GAP`] events.
    pub fn followers(&self, item: usize) -> impl Iterator<Item = &'a [u32]> {
        let all = self.events.all_items();
        let own = self.offsets[item - self.first]..self.offsets[item - self.first + 1];
        self.places[own].iter().map(|place| &all[place.after()])
    }
}
