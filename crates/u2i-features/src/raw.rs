use std::path::PathBuf;

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
    /// What became of the rows of each file.
    pub files: Vec<FileCounts>,
    /// SHA-256 over all files that were read.
    pub hash: String,
}

/// Events as read, one entry per kept row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawEvents {
    /// Index into [`RawData::user_ids`].
    pub user: Vec<u32>,
    /// Index into [`RawData::item_ids`].
    pub item: Vec<u32>,
    /// Unix time in seconds; 0 throughout where [`RawData::times`] is [`Times::Unknown`].
    pub time_s: Vec<i64>,
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
    /// Unix time in seconds.
    pub time_s: Vec<i64>,
    /// Index into [`RawData::events`] of the event that each is, where they are some of those; empty where they are not.
    pub event: Vec<u32>,
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
    /// Rows that were left out on purpose: of users or items without events.
    pub filtered: u64,
    /// Rows that could not be used, with the reason; not more than `max_reject_ratio` allows.
    pub rejects: Vec<Reject>,
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
