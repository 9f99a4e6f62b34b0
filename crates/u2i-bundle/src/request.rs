use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use u2i_index::Seen;

use crate::Where;

/// Whom to recommend items to: a user of the bundle, or anybody by what they did or by what is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Raw id. Of a known user the columns are used and, unless [`history`](Self::history) is given, the events.
    pub user: Option<String>,
    /// Raw ids of items, oldest first, in place of the user's events.
    pub history: Option<Vec<String>>,
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
}

/// What to recommend. No `Default`: [`top`](Self::top) says how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many items, or all that are eligible where there are fewer.
    pub k: NonZeroUsize,
    /// Whether items of the history may come back; `None` for what the evaluation did, which the bundle knows
    /// ([`Manifest::seen`](crate::Manifest::seen)).
    pub seen: Option<Seen>,
    /// Which items may come back; `None` for all.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// By the bundle's index where there is one, else exactly.
    Index,
    /// By comparing all items.
    Exact,
}

/// What is recommended for one [`Request`]. Ids and titles are the recommender's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer<'a> {
    /// What the items were chosen by.
    pub strategy: Strategy,
    /// What became of the items of the history.
    pub seen: Seen,
    /// Ids of the given history that are no items; they were skipped.
    pub unknown_items: Vec<String>,
    /// Events of the user at or after the moment that was asked about; they were left out.
    pub n_later_events: usize,
    /// Whether a user was named whom the bundle does not know.
    pub unknown_user: bool,
    /// Best first.
    pub items: Vec<Recommended<'a>>,
}

/// What items were chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The model.
    Model,
    /// Their number of training events, since the model looks at the history and nothing is known of it.
    Popular,
}

/// An item that is recommended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommended<'a> {
    /// Its row in the bundle.
    pub item_idx: u32,
    /// Its raw id.
    pub item_id: &'a str,
    /// Its title, where the data has one.
    pub title: Option<&'a str>,
    /// Inner product of the user's vector and the item's; for a popular item its number of training events; for a
    /// similar item the cosine.
    pub score: f32,
    /// The items of the history that are most similar to it, as far as [`Options::explain`] asks for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Because<'a>>,
}

/// An item of the history that is similar to a recommended one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Because<'a> {
    /// Its raw id.
    pub item_id: &'a str,
    /// Its title, where the data has one.
    pub title: Option<&'a str>,
    /// Cosine of the two items' vectors.
    pub similarity: f32,
}
