use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::formats::FileFormat;
use crate::limits::ReadLimits;
use crate::time::TimeUnit;

/// Events and attributes in files of one's own, columns bound by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablesConfig {
    /// One row per event.
    pub events: EventsConfig,
    /// One row per user.
    pub users: Option<AttributesConfig>,
    /// One row per item. The text attribute `title`, if there is one, names items in reports.
    pub items: Option<AttributesConfig>,
    /// Events of other kinds than those that are recommended, each in a file of its own. None if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequenceFileConfig>,
    /// What stands for a missing value in files of text, instead of [`MISSING_MARKS`](crate::MISSING_MARKS); an empty
    /// cell does in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Whether ids that are written or stored as decimals, `17.0`, are those of the integer, `17`. If left out, text is
    /// exact, and columns of floating-point numbers hold no ids.
    #[serde(default, skip_serializing_if = "is_exact")]
    pub whole_number_ids: bool,
    /// How many bad rows each file may have, and how long a row may be.
    pub limits: ReadLimits,
}

/// The file of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of user ids: text or integers, never floats.
    pub user: String,
    /// Column of item ids: text or integers, never floats.
    pub item: String,
    /// Column of times; the events have none, and are in the order of the file, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeConfig>,
    /// What becomes of rows without a user. Rejected if left out.
    #[serde(default, skip_serializing_if = "Incomplete::is_rejected")]
    pub without_user: Incomplete,
    /// What becomes of rows without an item. Rejected if left out.
    #[serde(default, skip_serializing_if = "Incomplete::is_rejected")]
    pub without_item: Incomplete,
    /// What becomes of rows without a time. Rejected if left out.
    #[serde(default, skip_serializing_if = "Incomplete::is_rejected")]
    pub without_time: Incomplete,
    /// Further columns, known when recommendations are asked for. None if left out.
    #[serde(default)]
    pub request: Vec<AttributeConfig>,
}

pub(super) fn is_exact(whole_number_ids: &bool) -> bool {
    !whole_number_ids
}

/// What becomes of a row of events that lacks what makes it one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incomplete {
    /// It is a reject, of which [`ReadLimits`] tolerates so many.
    #[default]
    Rejected,
    /// It is left out on purpose, and counted as filtered: a visitor who is not logged in, say.
    LeftOut,
}

impl Incomplete {
    fn is_rejected(&self) -> bool {
        *self == Incomplete::Rejected
    }
}

/// A file of events of another kind than those that are recommended, such as searches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceFileConfig {
    /// Name that feature columns refer to.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of user ids: text or integers, never floats. Rows of users without events are left out.
    pub user: String,
    /// Column of values: what was searched for, for instance. Text or integers, never floats.
    pub value: String,
    /// Column of times.
    pub time: TimeConfig,
}

/// The column of event times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// The column. Times before 1970 or from 2100 on are rejected.
    pub column: String,
    /// How times are written.
    pub unit: TimeUnit,
}

/// A file of attributes of users or items. Users and items that it lacks have missing values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributesConfig {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of ids: text or integers, never floats.
    pub id: String,
    /// The attributes. None if left out.
    #[serde(default)]
    pub attributes: Vec<AttributeConfig>,
}

/// One column of a table that becomes an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// Name of the attribute; feature columns refer to it.
    pub name: String,
    /// Column in the file; the attribute's name if left out.
    pub column: Option<String>,
    /// What it holds.
    pub kind: AttributeKind,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AttributeKind {
    /// One category, exact text.
    Text {},
    /// A quantity. Infinities and text that is no number are rejected; an empty field, a mark such as `NaN` or null is
    /// missing.
    Number {},
    /// Several categories in one field.
    List {
        /// Between categories, unless the column is one of lists (Parquet) or the cell is a list in brackets, as Python,
        /// JSON and PostgreSQL write them. Blanks around categories do not count.
        separator: char,
    },
}
