use std::path::PathBuf;

use crate::unix_time::UnixTime;

/// Everything that was read, before anything is fitted: events in file order and attribute tables.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawData {
    /// Raw user ids, in the order of their first event.
    pub user_ids: Vec<String>,
    /// Raw item ids, in the order of their first event.
    pub item_ids: Vec<String>,
    /// Titles of the items, `[items]`, where the data has any.
    pub titles: Vec<Option<String>>,
    /// Events in file order.
    pub events: RawEvents,
    /// User attributes, `[users]` each.
    pub users: Vec<RawColumn>,
    /// Item attributes, `[items]` each.
    pub items: Vec<RawColumn>,
    /// Request attributes, `[events]` each.
    pub request: Vec<RawColumn>,
    /// Events of other kinds than those that are recommended.
    pub sequences: Vec<RawSequence>,
    /// Whether events say when they happened.
    pub times: Times,
    /// Of which kind each event is, where there are several.
    pub kinds: Option<RawKinds>,
    /// Where in `events` those of each file begin, where a split goes by files.
    pub parts: Option<EventParts>,
    /// What became of the rows of each file.
    pub files: Vec<FileCounts>,
    /// BLAKE3 over all files that were read.
    pub hash: String,
}

/// Events as read, one entry per kept row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawEvents {
    /// Index into [`RawData::user_ids`].
    pub user: Vec<u32>,
    /// Index into [`RawData::item_ids`].
    pub item: Vec<u32>,
    /// Unix time in seconds, rounded down; 0 throughout where [`RawData::times`] is [`Times::Unknown`].
    pub time_s: Vec<i64>,
    /// Nanoseconds since the beginning of each of these seconds, below a billion; empty where all are 0.
    pub subsec_ns: Vec<u32>,
}

/// Events of another kind than those that are recommended, in file order: searches, say, or ratings of at least 4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawSequence {
    /// Name that feature columns refer to.
    pub name: String,
    /// Index into [`RawData::user_ids`].
    pub user: Vec<u32>,
    /// Index into `values`.
    pub value: Vec<u32>,
    /// The values, exact text.
    pub values: Vec<String>,
    /// Unix time in seconds, rounded down.
    pub time_s: Vec<i64>,
    /// Nanoseconds since the beginning of each of these seconds, below a billion; empty where all are 0.
    pub subsec_ns: Vec<u32>,
    /// Index into [`RawData::events`] of the event that each is, where they are some of those; empty where they are
    /// not. `user`, `value` and `time_s` may then be empty: they are the event's user, item and time, and `values`
    /// are [`RawData::item_ids`].
    pub event: Vec<u32>,
}

/// Of which kind events are: clicks or purchases, for instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawKinds {
    /// Names of the kinds, in the order of their first event.
    pub names: Vec<String>,
    /// `[events]`: index into `names`.
    pub of_event: Vec<u16>,
    /// `[names]`: whether events of a kind are targets.
    pub is_target: Vec<bool>,
}

/// Where the events of validation and test files begin in [`RawData::events`]; those before are training events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventParts {
    /// The first event of the validation file, or where it would be.
    pub validation: usize,
    /// The first event of the test file.
    pub test: usize,
}

/// Whether events say when they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Times {
    /// They do, and a user's events are in the order of their times.
    #[default]
    Known,
    /// They do not: a user's events are in the order of the file.
    Unknown,
}

/// A raw attribute with one entry per user, item or event.
#[derive(Debug, Clone, PartialEq)]
pub struct RawColumn {
    /// Name in the config.
    pub name: String,
    /// The values.
    pub values: RawValues,
}

/// Values of a [`RawColumn`].
#[derive(Debug, Clone, PartialEq)]
pub enum RawValues {
    /// Categories or ids, exact text.
    Text(Vec<Option<String>>),
    /// Quantities; NaN is missing.
    Number(Vec<f64>),
    /// Several categories each.
    List(Vec<Vec<String>>),
}

/// What became of the rows of one file: `read = kept + rejected + filtered`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileCounts {
    /// The file.
    pub path: PathBuf,
    /// Data rows in the file, header and blank last line not counted.
    pub read: u64,
    /// Rows that were used.
    pub kept: u64,
    /// Rows that were left out on purpose: of users or items without events, or as `incomplete` says.
    pub filtered: u64,
    /// Those of `filtered` that have no user, item or time, where the config leaves such rows out.
    pub incomplete: u64,
    /// Rows that could not be used, with the reason; not more than `max_reject_ratio` allows.
    pub rejects: Vec<Reject>,
    /// Cells of the columns that were read which are missing by a mark such as `NULL`, whatever became of their rows.
    pub marked: Vec<MarkedCells>,
}

/// Cells of a column that are missing by one mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedCells {
    /// The column.
    pub column: String,
    /// The mark.
    pub mark: String,
    /// How many cells have it.
    pub n: u64,
}

/// A row that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line in the file, counted from 1; in Parquet the row, counted from 1.
    pub line: u64,
    /// The column that was wrong; empty if it was the whole row.
    pub column: String,
    /// What was found and what was wanted.
    pub reason: String,
}

impl RawData {
    /// Number of events.
    pub fn n_events(&self) -> usize {
        self.events.user.len()
    }

    /// Whether an event may be a target; all may where there are no kinds.
    pub(crate) fn is_target(&self, row: u32) -> bool {
        let of = |kinds: &RawKinds| kinds.is_target[usize::from(kinds.of_event[row as usize])];
        self.kinds.as_ref().is_none_or(of)
    }
}

impl RawEvents {
    /// Makes room for one more event at least, and as [`room`] says if there is none.
    #[inline(always)]
    pub(crate) fn make_room(&mut self, expected: usize) {
        let n = self.user.len();
        if n == self.user.capacity() {
            let more = room(n, expected);
            self.user.reserve_exact(more);
            self.item.reserve_exact(more);
            self.time_s.reserve_exact(more);
            if !self.subsec_ns.is_empty() {
                self.subsec_ns.reserve_exact(more);
            }
        }
    }

    /// Adds an event.
    pub fn push(&mut self, user: u32, item: u32, time: UnixTime) {
        self.user.push(user);
        self.item.push(item);
        self.time_s.push(time.s());
        push_subsec(&mut self.subsec_ns, self.time_s.len(), self.time_s.capacity(), time);
    }

    /// When an event happened.
    ///
    /// # Panics
    ///
    /// If there is no such event.
    pub fn time(&self, event: usize) -> UnixTime {
        UnixTime::new(self.time_s[event], self.subsec_ns.get(event).copied().unwrap_or(0))
    }
}

/// Keeps the rest of the last of `n` times, and makes place for those before it once there is one that is not 0.
fn push_subsec(subsec_ns: &mut Vec<u32>, n: usize, capacity: usize, time: UnixTime) {
    if subsec_ns.is_empty() && time.subsec_ns() > 0 {
        subsec_ns.reserve_exact(capacity);
        subsec_ns.resize(n - 1, 0);
    }
    if !subsec_ns.is_empty() || time.subsec_ns() > 0 {
        subsec_ns.push(time.subsec_ns());
    }
}

/// Where there are `n` rows, room for how many more to make: for `expected` in all and a few more, or for some if that
/// is not known. A file can make one expect what it does not have, so the room for that is bounded by what it has had.
pub(crate) fn room(n: usize, expected: usize) -> usize {
    let more = (expected + expected / 64).saturating_sub(n).min((4 * n).max(1 << 20));
    more.max(n / 8).max(1 << 14)
}

impl RawSequence {
    /// Number of events.
    pub(crate) fn len(&self) -> usize {
        self.event.len().max(self.user.len())
    }

    /// Adds an event.
    pub fn push(&mut self, user: u32, value: u32, time: UnixTime) {
        self.user.push(user);
        self.value.push(value);
        self.time_s.push(time.s());
        push_subsec(&mut self.subsec_ns, self.time_s.len(), self.time_s.capacity(), time);
    }

    /// User, value and time of an event.
    pub(crate) fn entry(&self, row: usize, events: &RawEvents) -> (u32, u32, UnixTime) {
        match self.user.is_empty() {
            true => {
                let event = self.event[row] as usize;
                (events.user[event], events.item[event], events.time(event))
            }
            false => {
                let subsec_ns = self.subsec_ns.get(row).copied().unwrap_or(0);
                (self.user[row], self.value[row], UnixTime::new(self.time_s[row], subsec_ns))
            }
        }
    }
}

impl RawValues {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            RawValues::Text(values) => values.len(),
            RawValues::Number(values) => values.len(),
            RawValues::List(values) => values.len(),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_for_as_many_rows_as_are_expected_within_what_the_rows_so_far_bear_out() {
        let cases = [
            // Nothing is known, or there are more rows already.
            (0, 0, 16_384),
            (1_000_000, 900_000, 125_000),
            // 1,000,000 rows and a 64th, less those that there are.
            (16_384, 1_000_000, 999_241),
            // A first part of blank lines, before a file of ten billion bytes.
            (16_384, 10_000_000_000, 1_048_576),
            (1_000_000, 10_000_000_000, 4_000_000),
        ];
        for (n, expected, wanted) in cases {
            assert_eq!(room(n, expected), wanted, "{n} of {expected}");
        }
    }

    #[test]
    fn what_goes_on_within_seconds_takes_no_memory_until_something_does() {
        let times = [7_000, 5_000, 5_250, 6_000, 5_001].map(|ms| UnixTime::from_ticks(ms, 1_000));
        let mut events = RawEvents::default();
        for (n, (&time, wanted)) in times.iter().zip([0, 0, 3, 4, 5]).enumerate() {
            events.push(0, n as u32, time);
            assert_eq!((events.time_s.len(), events.subsec_ns.len()), (n + 1, wanted));
        }
        assert_eq!((0..5).map(|event| events.time(event)).collect::<Vec<_>>(), times);
        let mut sequence = RawSequence::default();
        times.iter().for_each(|&time| sequence.push(0, 0, time));
        assert_eq!((0..5).map(|row| sequence.entry(row, &events).2).collect::<Vec<_>>(), times);
    }
}
