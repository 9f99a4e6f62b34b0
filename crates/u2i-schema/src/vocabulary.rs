use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Row 0 of every embedding table: "nothing here". Never an item, never trained, never returned.
pub const PADDING: u32 = 0;

/// The row of values that a [`Vocabulary`] does not know.
pub const OUT_OF_VOCABULARY: u32 = 1;

/// Which row of an embedding table each value has: 0 is padding, 1 is out of vocabulary, values follow.
///
/// ```
/// use u2i_schema::Vocabulary;
/// let genres = Vocabulary::new(["Comedy", "Drama"]);
/// assert_eq!(genres.row("Drama"), 3);
/// assert_eq!(genres.row("Western"), 1);
/// assert_eq!(genres.n_rows(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Vocabulary {
    values: Vec<String>,
    rows: HashMap<String, u32>,
}

impl Vocabulary {
    /// Gives rows 2, 3, … to `values` in their order; a repeated value keeps its first row.
    pub fn new<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        let mut vocabulary = Vocabulary { values: Vec::new(), rows: HashMap::new() };
        for value in values {
            let value = value.into();
            if !vocabulary.rows.contains_key(&value) {
                vocabulary.rows.insert(value.clone(), vocabulary.values.len() as u32 + 2);
                vocabulary.values.push(value);
            }
        }
        vocabulary
    }

    /// The row of `value`, or [`OUT_OF_VOCABULARY`].
    pub fn row(&self, value: &str) -> u32 {
        self.rows.get(value).copied().unwrap_or(OUT_OF_VOCABULARY)
    }

    /// Known values in the order of their rows.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Rows that a table needs: known values, padding and out of vocabulary.
    pub fn n_rows(&self) -> usize {
        self.values.len() + 2
    }
}

impl From<Vec<String>> for Vocabulary {
    fn from(values: Vec<String>) -> Self {
        Vocabulary::new(values)
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.values
    }
}
