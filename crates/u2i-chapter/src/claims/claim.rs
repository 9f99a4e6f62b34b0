use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_page::Picture;

use super::lab::Lab;

/// A statement of the chapter, and the experiment that looks at it.
pub struct Claim {
    /// Its name in commands and rows.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What the chapter says, in our words.
    pub statement: &'static str,
    /// What is measured, and on what.
    pub measured: &'static str,
    /// How the verdict follows from the figures.
    pub rule: &'static str,
    /// The data sets that it reads; none are needed where sizes are tiny.
    pub needs: &'static [DatasetName],
    pub(super) run: fn(&mut Lab<'_>) -> Result<Finding, Error>,
}

/// What an experiment found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Named numbers, which the verdict follows from.
    pub figures: Vec<Figure>,
    /// More numbers, for people.
    pub tables: Vec<Table>,
    /// What they look like.
    pub pictures: Vec<Picture>,
    /// Whether the statement holds.
    pub verdict: Verdict,
    /// What else there is to know, a paragraph each.
    pub notes: Vec<String>,
}

/// A named number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// In `snake_case`, with its unit.
    pub name: String,
    /// The number.
    pub value: f64,
}

/// A table: the first row is the header, the first column is text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Header and rows.
    pub cells: Vec<Vec<String>>,
}

/// Whether a statement holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it is said.
    Holds,
    /// Where this is so, too.
    HoldsUnderACondition(String),
    /// Not in what was measured.
    DoesNotHoldHere,
}

impl Verdict {
    /// `holds`, `holds_under_a_condition` or `does_not_hold_here`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsUnderACondition(_) => "holds_under_a_condition",
            Verdict::DoesNotHoldHere => "does_not_hold_here",
        }
    }

    /// The verdict in words, without its condition.
    pub fn words(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsUnderACondition(_) => "holds under a condition",
            Verdict::DoesNotHoldHere => "does not hold here",
        }
    }

    pub(super) fn under(condition: impl Into<String>) -> Self {
        Verdict::HoldsUnderACondition(condition.into())
    }
}

impl Finding {
    pub(super) fn new(verdict: Verdict) -> Self {
        let (figures, tables, pictures, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Finding { figures, tables, pictures, verdict, notes }
    }

    #[must_use]
    pub(super) fn figure(mut self, name: impl Into<String>, value: f64) -> Self {
        self.figures.push(Figure { name: name.into(), value });
        self
    }

    /// A mean, and its standard error under the same name with `_se`.
    #[must_use]
    pub(super) fn estimate(self, name: &str, estimate: super::noise::Estimate) -> Self {
        self.figure(name, estimate.mean).figure(format!("{name}_se"), estimate.standard_error)
    }

    #[must_use]
    pub(super) fn table(mut self, title: &str, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        let header = header.iter().map(|&cell| cell.to_owned()).collect();
        let cells = std::iter::once(header).chain(rows).collect();
        self.tables.push(Table { title: title.to_owned(), cells });
        self
    }

    #[must_use]
    pub(super) fn picture(mut self, picture: Picture) -> Self {
        self.pictures.push(picture);
        self
    }

    #[must_use]
    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// `{id, verdict, figures}`, as tools read it. A figure that is no number is null.
    pub fn row(&self, id: &str) -> Value {
        let figures: Map<String, Value> =
            self.figures.iter().map(|figure| (figure.name.clone(), json!(figure.value))).collect();
        json!({"id": id, "verdict": self.verdict.word(), "figures": figures})
    }
}
