use serde::{Deserialize, Serialize};

use super::tables::{AttributesConfig, EventsConfig};
use crate::limits::ReadLimits;

/// Events of several kinds, such as clicks, carts and purchases, that are joined by time into one order.
///
/// A history holds events of all kinds. Only those of the kinds in `targets` are predicted: they are what training,
/// validation and test targets are chosen from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsConfig {
    /// Kinds whose items are recommended. All if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The files. Of events at the same time those of an earlier file come first.
    pub log: Vec<LogConfig>,
    /// One row per user.
    pub users: Option<AttributesConfig>,
    /// One row per item. The text attribute `title`, if there is one, names items in reports.
    pub items: Option<AttributesConfig>,
    /// As in [`TablesConfig::missing`](super::TablesConfig::missing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// As in [`TablesConfig::whole_number_ids`](super::TablesConfig::whole_number_ids).
    #[serde(default, skip_serializing_if = "super::tables::is_exact")]
    pub whole_number_ids: bool,
    /// How many bad rows each file may have, and how long a row may be.
    pub limits: ReadLimits,
}

/// A file of events and of which kind they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The kind.
    pub kind: KindConfig,
    /// The events. All files have the same request columns.
    pub events: EventsConfig,
}

/// Of which kind the events of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindConfig {
    /// All of one kind, by its name.
    Name(String),
    /// Each of the kind that this column names, exact text.
    Column(String),
}
