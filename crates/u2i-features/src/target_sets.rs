use std::collections::HashSet;
use std::ops::Range;

use u2i_schema::{EventStore, Sample};

/// What is relevant of each held-out user: the one target, or the different items of all events from it on.
///
/// # Examples
///
/// ```
/// use u2i_features::TargetSets;
/// use u2i_schema::{EventStore, Sample};
/// let events = EventStore::new(vec![0, 5], vec![1, 2, 3, 2, 3], vec![0; 5], vec![])?;
/// let targets = [Sample { user: 0, position: 1 }];
/// assert_eq!(TargetSets::of_one(&events, &targets).items(), [2]);
/// assert_eq!(TargetSets::of_many(&events, &targets, &[4]).of(0), [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSets {
    items: Vec<u32>,
    /// `[targets + 1]`: where in `items` each set begins; `None` where each is one.
    offsets: Option<Vec<usize>>,
}

impl TargetSets {
    /// Each target is the one relevant item.
    ///
    /// # Panics
    ///
    /// If a target lies beyond its user's events.
    pub fn of_one(events: &EventStore, targets: &[Sample]) -> Self {
        let item = |target: &Sample| events.items(target.user as usize)[target.position as usize];
        TargetSets { items: targets.iter().map(item).collect(), offsets: None }
    }

    /// From each target on so many events are relevant, each item once.
    ///
    /// # Panics
    ///
    /// If events lie beyond those of their user, or there is not one length for each target.
    pub fn of_many(events: &EventStore, targets: &[Sample], lengths: &[u32]) -> Self {
        assert_eq!(targets.len(), lengths.len(), "one length per target");
        let (mut items, mut offsets) = (Vec::new(), vec![0]);
        let mut met = HashSet::new();
        for (&Sample { user, position }, &length) in targets.iter().zip(lengths) {
            met.clear();
            let own = &events.items(user as usize)[position as usize..(position + length) as usize];
            items.extend(own.iter().filter(|&&item| met.insert(item)));
            offsets.push(items.len());
        }
        TargetSets { items, offsets: Some(offsets) }
    }

    /// Relevant items, set after set.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// Number of sets.
    pub fn len(&self) -> usize {
        self.offsets.as_ref().map_or(self.items.len(), |offsets| offsets.len() - 1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a set may have more than one item, so that metrics are those of sets.
    pub fn are_sets(&self) -> bool {
        self.offsets.is_some()
    }

    /// Where in [`items`](Self::items) a set stands.
    pub fn range(&self, set: usize) -> Range<usize> {
        match &self.offsets {
            None => set..set + 1,
            Some(offsets) => offsets[set]..offsets[set + 1],
        }
    }

    /// The relevant items of a set.
    pub fn of(&self, set: usize) -> &[u32] {
        &self.items[self.range(set)]
    }

    /// The set that an item stands in, by its place in [`items`](Self::items).
    pub fn set_of(&self, place: usize) -> usize {
        match &self.offsets {
            None => place,
            Some(offsets) => offsets.partition_point(|&begin| begin <= place) - 1,
        }
    }
}
