use serde::{Deserialize, Serialize};
use u2i_index::Seen;

/// What is recommended for one [`Request`](crate::Request). Ids and titles are the recommender's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer<'a> {
    /// What the items were chosen by.
    pub strategy: Strategy,
    /// What became of the items of the history.
    pub seen: Seen,
    /// Ids of the given history and of live events that are no items; they were skipped.
    pub unknown_items: Vec<String>,
    /// Ids of [`allow`](crate::Request::allow) that are no items.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_allowed: Vec<String>,
    /// Ids of [`deny`](crate::Request::deny) that are no items.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_denied: Vec<String>,
    /// Events at or after the moment that was asked about; they were left out.
    pub n_later_events: usize,
    /// Live events that were counted in: of known items, before the moment, and not in the bundle already.
    pub n_live_events: usize,
    /// Whether a user was named whom the bundle does not know, or was to forget.
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
    /// What is popular now, then the number of training events, since the model looks at the history and nothing is known
    /// of it.
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
    /// Inner product of the user's vector and the item's; for a popular item what [`Now`](crate::Now) says of it, or its
    /// number of training events; for a similar item the cosine.
    pub score: f32,
    /// The items of the history that are most similar to it, as far as [`Options::explain`](crate::Options::explain) asks
    /// for them.
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
