use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use u2i_index::{ItemSet, Seen};

use crate::Where;

/// Whom to recommend items to: a user of the bundle, or anybody by what they did or by what is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Raw id. Of a known user the columns are used and, unless [`history`](Self::history) is given, the events.
    pub user: Option<String>,
    /// Raw ids of items, oldest first, in place of the user's events.
    pub history: Option<Vec<String>>,
    /// When each entry of [`history`](Self::history) happened, in Unix seconds, as far as it is known. Entries at or after
    /// [`at_s`](Self::at_s) are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_s: Option<Vec<Option<i64>>>,
    /// Events that the bundle may not know yet. They join those of the bundle, or of the given history, in the order of
    /// time, behind what is of the same second or of no known time; those at or after [`at_s`](Self::at_s) are left out. One
    /// of the same item and second as an event there is that event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<Happened>,
    /// Whether the user was forgotten: whatever the bundle holds of them is left alone, events and columns, as if it did not
    /// know them. What the request says still counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
    /// The moment that is asked about, in Unix seconds: only the user's events before it count, and the columns made
    /// of time are its own. Without it all events count, whatever the time is.
    pub at_s: Option<i64>,
    /// What the caller's clock says, in Unix seconds. Where no moment is asked about, the columns made of time are taken
    /// from it; it leaves out no event, since clocks and the dates of data need not agree. Without either, those columns
    /// are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now_s: Option<i64>,
    /// Values of request columns, and of user columns for a user who is not known, by the name of the column or of
    /// its source. Several values of one column are separated by `|`, with or without blanks. What is blank or not given
    /// is missing.
    pub context: BTreeMap<String, String>,
    /// Several values of one column each, as they are, in place of a text in [`context`](Self::context).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Raw ids of the only items that may come back; `None` for all. They are compared one by one, exactly, and no others
    /// are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// Raw ids of items that must not come back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// An event: somebody met an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// Raw id of the item.
    pub item: String,
    /// When, in Unix seconds.
    pub at_s: i64,
}

/// What to recommend. No `Default`: [`top`](Self::top) says how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many items, or all that are eligible where there are fewer.
    pub k: NonZeroUsize,
    /// Whether items of the history may come back; `None` for what the evaluation did, which the bundle knows
    /// ([`Manifest::seen`](crate::Manifest::seen)).
    pub seen: Option<Seen>,
    /// Which items may come back; `None` for all. The last few dozen conditions are remembered, so one that is asked again
    /// costs nothing.
    pub only: Option<Where>,
    /// How the items are found.
    pub search: Search,
    /// How many items of the history each result is explained by; 0 for none.
    pub explain: usize,
}

impl Options {
    /// The best `k` items, as they were evaluated: those that the user has seen are left out or kept.
    pub fn top(k: NonZeroUsize) -> Self {
        Options { k, seen: None, only: None, search: Search::Index, explain: 0 }
    }
}

/// How the items are found. Scores do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// By the bundle's index where there is one, else exactly.
    Index,
    /// By comparing all items.
    Exact,
}

/// What holds for all requests at this moment. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now<'a> {
    /// Rows (`item_idx`) of items that nobody gets, by whatever strategy; `None` for none.
    pub hidden: Option<&'a ItemSet>,
    /// Items that are popular now. They go before the order of training events where nothing is known of somebody; those
    /// without a vector are passed over.
    pub popular: Option<&'a dyn PopularNow>,
}

/// Items that are popular at a moment. Nobody asks for them unless a request needs them, so they may be counted then.
pub trait PopularNow: fmt::Debug + Sync {
    /// Rows (`item_idx`) of items with how popular they are, best first.
    fn items(&self) -> &[(u32, f32)];
}

impl PopularNow for Vec<(u32, f32)> {
    fn items(&self) -> &[(u32, f32)] {
        self
    }
}
