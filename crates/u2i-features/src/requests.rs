use std::borrow::Cow;
use std::path::Path;

use crate::config::{AttributeConfig, TimeConfig};
use crate::error::{FeatureError, invalid};
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::raw::room;
use crate::table::{Table, how_cells_are_read};
use crate::table_attributes::{Value, bind, parse_all, rebind};
use crate::tally::Fate;
use crate::typed_cells::{TypedCells, Wanted};
use crate::whole_number;

/// How a file of users or histories, for whom recommendations are wanted, is read.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestsConfig {
    /// How the file is written.
    pub format: FileFormat,
    /// Column of user ids, if there is one.
    pub user: Option<String>,
    /// Column of histories, if there is one. There must be one of the two.
    pub history: Option<HistoryColumn>,
    /// Column of the times at which recommendations are wanted, if there is one.
    pub at: Option<TimeConfig>,
    /// Columns that are read just as attributes of the data are, and go by the attribute's name.
    pub attributes: Vec<AttributeConfig>,
    /// Columns that are not looked at, whatever they hold.
    pub ignored: Vec<String>,
    /// As [`TablesConfig::missing`](crate::TablesConfig::missing): what the data has for missing values.
    pub missing: Option<Vec<String>>,
    /// As [`TablesConfig::whole_number_ids`](crate::TablesConfig::whole_number_ids): whether `17.0` is `17` in the data.
    pub whole_number_ids: bool,
    /// How many bad rows are tolerated, and how long a row may be.
    pub limits: ReadLimits,
}

/// A column of histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryColumn {
    /// The column: item ids, oldest first.
    pub column: String,
    /// Between ids, unless the column is one of lists (Parquet).
    pub separator: char,
}

/// One row of a file of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRow {
    /// Raw id of the user.
    pub user: Option<String>,
    /// Raw ids of the items of the history, oldest first. `None` where the file has no such column, or where the field
    /// is blank and the row names a user.
    pub history: Option<Vec<String>>,
    /// Unix time in seconds.
    pub at_s: Option<i64>,
    /// Name and text of every other column, blank fields left out; attributes first.
    pub context: Vec<(String, String)>,
    /// Name and entries of every attribute that is a list, empty ones left out.
    pub lists: Vec<(String, Vec<String>)>,
}

/// Reads a file of requests.
///
/// # Errors
///
/// If the file cannot be read, lacks a column, holds one that cannot be text, or holds more bad rows than the limits
/// allow; a row that names neither a user nor an item is bad.
pub fn read_requests(path: &Path, config: &RequestsConfig) -> Result<Vec<RequestRow>, FeatureError> {
    Formats::built_in().read_requests(path, config)
}

impl Formats {
    /// [`read_requests`] of a file in one of these formats.
    ///
    /// # Errors
    ///
    /// As [`read_requests`].
    pub fn read_requests(
        &self,
        path: &Path,
        config: &RequestsConfig,
    ) -> Result<Vec<RequestRow>, FeatureError> {
        read(path, config, self)
    }
}

fn read(path: &Path, config: &RequestsConfig, formats: &Formats) -> Result<Vec<RequestRow>, FeatureError> {
    let RequestsConfig { format, user, history, at, attributes, ignored, limits, .. } = config;
    if user.is_none() && history.is_none() {
        return Err(invalid("requests", "a column of users or of histories", "neither"));
    }
    let (missing, id) = how_cells_are_read(config.missing.as_deref(), config.whole_number_ids);
    let mut table = Table::open(path, format, formats, limits, "requests")?.with_missing(missing);
    let bound =
        [user.as_ref(), history.as_ref().map(|history| &history.column), at.as_ref().map(|at| &at.column)];
    let is_attribute = |name: &String| {
        attributes.iter().any(|attribute| attribute.column.as_ref().unwrap_or(&attribute.name) == name)
    };
    let is_other =
        |name: &&String| !bound.contains(&Some(name)) && !is_attribute(name) && !ignored.contains(name);
    let others: Vec<String> = table.names().iter().filter(is_other).cloned().collect();
    let mut attributes = bind(&table, attributes, "attributes")?;
    let mut rows = Vec::new();
    loop {
        let users = user.as_ref().map(|column| table.cells(column, "user", id)).transpose()?;
        let histories = history
            .as_ref()
            .map(|history| table.cells(&history.column, "history", Wanted::List))
            .transpose()?;
        let times =
            at.as_ref().map(|at| table.cells(&at.column, "at", Wanted::Time(&at.unit))).transpose()?;
        let context = others
            .iter()
            .map(|name| Ok((name, table.cells(name, "context", Wanted::Context)?)))
            .collect::<Result<Vec<_>, FeatureError>>()?;
        for row in 0..table.n_rows() {
            let named = users.as_ref().filter(|cells| !cells.is_blank(row));
            let user_id = named.map(|cells| cells.id(row).map(Cow::into_owned)).transpose();
            let items = histories
                .as_ref()
                .zip(history.as_ref())
                .map(|(cells, history)| {
                    item_ids(&cells.list(row, history.separator), config.whole_number_ids)
                })
                .transpose();
            let at_s = match (&times, at) {
                (Some(cells), Some(at)) if !cells.is_blank(row) => {
                    cells.time(row, &at.unit).map(|at| Some(at.s()))
                }
                _ => Ok(None),
            };
            let values = match parse_all(&attributes, row) {
                Ok(values) => values,
                Err((column, reason)) => {
                    table.reject(row, column, reason);
                    continue;
                }
            };
            let (user_id, items) = match (user_id, items, user, history) {
                (Err(reason), _, Some(column), _) => {
                    table.reject(row, column, reason);
                    continue;
                }
                (_, Err(reason), _, Some(history)) => {
                    table.reject(row, &history.column, reason);
                    continue;
                }
                (user_id, items, ..) => {
                    let items = items.unwrap_or_default().filter(|items| !items.is_empty());
                    (user_id.unwrap_or_default(), items)
                }
            };
            match (at_s, at) {
                (Err(reason), Some(at)) => table.reject(row, &at.column, reason),
                _ if user_id.is_none() && items.is_none() => {
                    table.reject(row, "", "expected a user or a history, found neither".to_owned());
                }
                (at_s, _) => {
                    let text =
                        |(name, cells): &(&String, TypedCells)| Some(((*name).clone(), cells.shown(row)?));
                    let (mut shown, mut lists) = (Vec::new(), Vec::new());
                    for (attribute, value) in attributes.iter().zip(values) {
                        let name = || attribute.name().clone();
                        match value {
                            Value::Text(text) => shown.extend(text.map(|text| (name(), text))),
                            Value::Number(number) if number.is_nan() => {}
                            Value::Number(number) => shown.push((name(), number.to_string())),
                            Value::List(list) if list.is_empty() => {}
                            Value::List(list) => lists.push((name(), list)),
                        }
                    }
                    shown.extend(context.iter().filter_map(text));
                    if rows.len() == rows.capacity() {
                        rows.reserve_exact(room(rows.len(), table.expected()));
                    }
                    rows.push(RequestRow {
                        user: user_id,
                        history: items,
                        at_s: at_s.unwrap_or_default(),
                        context: shown,
                        lists,
                    });
                    table.tally.settle(Fate::Kept);
                }
            }
        }
        if !table.next_part()? {
            break;
        }
        rebind(&mut attributes, &table, "attributes")?;
    }
    table.counts()?;
    Ok(rows)
}

/// Ids without white space around them, as people write lists; none that is blank.
fn item_ids(entries: &[String], whole_number_ids: bool) -> Result<Vec<String>, String> {
    let entries = entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty());
    let id = |entry| if whole_number_ids { whole_number::id(entry) } else { Ok(entry) };
    entries.map(|entry| id(entry).map(str::to_owned)).collect()
}
