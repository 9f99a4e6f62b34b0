use serde::{Deserialize, Serialize};

/// What becomes of items that a user has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// They are left out inside the search: all of them, not only those that a model looks at.
    Excluded,
    /// They are ranked like any other.
    Kept,
}

impl Seen {
    /// `excluded` or `kept`.
    pub fn word(self) -> &'static str {
        match self {
            Seen::Excluded => "excluded",
            Seen::Kept => "kept",
        }
    }
}
