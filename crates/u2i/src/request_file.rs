//! Files of users or histories that recommendations are wanted for, read as the files of the data were.

use std::path::Path;

use serde::{Deserialize, Serialize};
use u2i_bundle::{ColumnEntry, Manifest, TransformEntry};
use u2i_features::{
    AttributeConfig, AttributeKind, DataConfig, HistoryColumn, ReadLimits, RequestRow, RequestsConfig,
    TimeConfig, TimeUnit, profile_table, read_requests, table_format,
};
use u2i_schema::{Side, nearest_name};

use crate::Error;
use crate::config::DataSource;

/// Columns of user ids, besides what the data calls them.
const USER: [&str; 2] = ["user_id", "user"];
const HISTORY: &str = "history";
const AT: &str = "at";
/// Between the ids of a history, and between the values of a list that the data had in no file.
const BETWEEN_IDS: char = ',';
const BETWEEN_VALUES: char = '|';

/// How the files of the data were written: what a bundle keeps of it, [`Manifest::data`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataColumns {
    /// Column of user ids in the events.
    user: String,
    /// Column of item ids in the events.
    item: String,
    /// Column of times in the events.
    time: Option<TimeConfig>,
    /// Attributes of users and requests.
    attributes: Vec<AttributeConfig>,
    /// What stands for missing values, if it is not what usually does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
    /// Whether an id `17.0` is `17`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    whole_number_ids: bool,
}

impl DataColumns {
    /// Those of an experiment's data; `None` where its columns have no names of the user's own.
    pub(crate) fn of(data: &DataSource) -> Option<Self> {
        let (events, users, missing, whole_number_ids) = match data {
            DataSource::Files(DataConfig::Tables(tables)) => {
                (&tables.events, &tables.users, &tables.missing, tables.whole_number_ids)
            }
            // All files of events have the same request columns; the first gives the names of the others.
            DataSource::Files(DataConfig::Logs(logs)) => {
                (&logs.log.first()?.events, &logs.users, &logs.missing, logs.whole_number_ids)
            }
            _ => return None,
        };
        let of_users = users.iter().flat_map(|users| &users.attributes);
        Some(DataColumns {
            user: events.user.clone(),
            item: events.item.clone(),
            time: events.time.clone(),
            attributes: of_users.chain(&events.request).cloned().collect(),
            missing: missing.clone(),
            whole_number_ids,
        })
    }

    fn of_bundle(manifest: &Manifest) -> Result<Option<Self>, Error> {
        if manifest.data.is_null() {
            return Ok(None);
        }
        // Another program may have written something else there.
        let read = serde_json::from_value(manifest.data.clone());
        read.map(Some).map_err(|error| Error::Usage(format!("the bundle's manifest, key `data`: {error}")))
    }
}

/// What a file of requests holds for a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RequestFile {
    /// Its rows.
    pub(crate) rows: Vec<RequestRow>,
    /// What its reader should know: which column of several was taken, and which were not looked at.
    pub(crate) notes: Vec<String>,
    /// The columns that were not looked at.
    pub(crate) unused_columns: Vec<String>,
}

/// Reads a file for the model of a bundle. Columns that the model does not look at are passed over, with a note.
pub(crate) fn read_file(path: &Path, manifest: &Manifest) -> Result<RequestFile, Error> {
    let format = table_format(path)?;
    let limits = ReadLimits::STRICT;
    let profile = profile_table(path, &format, limits.max_line_bytes)?;
    let names: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    let data = DataColumns::of_bundle(manifest)?;
    let mut bound = Bound::new(&names, data.as_ref(), &manifest.columns);
    if bound.user.is_none() && bound.history.is_none() {
        return Err(Error::Usage(bound.nobody(path)));
    }
    if bound.at.as_ref().is_some_and(|at| at.column == AT) {
        let dates = profile.columns.iter().any(|own| own.name == AT && own.n_integers < own.n_values());
        let unit = if dates { TimeUnit::Datetime } else { TimeUnit::Seconds };
        bound.at = Some(TimeConfig { column: AT.to_owned(), unit });
    }
    let notes = bound.notes(path);
    let unused_columns = bound.ignored.clone();
    let Bound { user, history, at, attributes, ignored, .. } = bound;
    let (missing, whole_number_ids) =
        data.as_ref().map_or((None, false), |data| (data.missing.clone(), data.whole_number_ids));
    let rows = read_requests(
        path,
        &RequestsConfig { format, user, history, at, attributes, ignored, missing, whole_number_ids, limits },
    )?;
    Ok(RequestFile { rows, notes, unused_columns })
}

/// What each column of a file is read as.
struct Bound<'a> {
    names: &'a [&'a str],
    user: Option<String>,
    history: Option<HistoryColumn>,
    at: Option<TimeConfig>,
    attributes: Vec<AttributeConfig>,
    ignored: Vec<String>,
    /// Of two columns for one thing, the one that was taken, the other, and what for.
    chosen: Vec<(String, String, &'static str)>,
    /// All names of columns that would be looked at.
    known: Vec<&'a str>,
    /// The data's own name for the times of events, if moments are taken from it.
    moments_as_in_data: bool,
}

impl<'a> Bound<'a> {
    fn new(names: &'a [&'a str], data: Option<&'a DataColumns>, columns: &'a [ColumnEntry]) -> Self {
        let mut bound = Bound {
            names,
            user: None,
            history: None,
            at: None,
            attributes: Vec::new(),
            ignored: Vec::new(),
            chosen: Vec::new(),
            known: Vec::new(),
            moments_as_in_data: false,
        };
        let of_user = data.map(|data| data.user.as_str()).into_iter().chain(USER);
        bound.user = bound.first(of_user, "the ids of users");
        bound.history = bound
            .first([HISTORY], "histories")
            .map(|column| HistoryColumn { column, separator: BETWEEN_IDS });
        let time = data.and_then(|data| data.time.as_ref());
        let at = bound.first(std::iter::once(AT).chain(time.map(|time| time.column.as_str())), "moments");
        bound.moments_as_in_data = at.as_deref().is_some_and(|at| at != AT);
        bound.at = at.map(|column| match time {
            Some(time) if time.column == column => time.clone(),
            _ => TimeConfig { column, unit: TimeUnit::Seconds },
        });
        let looked_at: Vec<&ColumnEntry> =
            columns.iter().filter(|entry| matches!(entry.side, Side::User | Side::Request)).collect();
        let mut sources: Vec<&str> = Vec::new();
        for entry in &looked_at {
            if sources.contains(&entry.source.as_str()) {
                continue;
            }
            sources.push(&entry.source);
            let declared =
                data.and_then(|data| data.attributes.iter().find(|attribute| attribute.name == entry.source));
            let of_source: Vec<&str> = looked_at
                .iter()
                .filter(|other| other.source == entry.source)
                .map(|other| other.name.as_str())
                .collect();
            let in_data = declared.map(|attribute| attribute.column.as_ref().unwrap_or(&attribute.name));
            let candidates =
                in_data.map(String::as_str).into_iter().chain([entry.source.as_str()]).chain(of_source);
            let Some(column) = bound.first(candidates, "an attribute") else { continue };
            let kind =
                declared.map_or_else(|| kind(&entry.transform), |attribute| Some(attribute.kind.clone()));
            if let Some(kind) = kind {
                let name = entry.source.clone();
                bound.attributes.push(AttributeConfig { name, column: Some(column), kind });
            }
        }
        let ignored = names.iter().filter(|name| !bound.known.contains(name) || bound.is_second(name));
        bound.ignored = ignored.map(|name| (*name).to_owned()).collect();
        bound
    }

    /// The first of some columns that the file has.
    fn first(
        &mut self,
        candidates: impl IntoIterator<Item = &'a str>,
        holds: &'static str,
    ) -> Option<String> {
        let mut found: Vec<&str> = Vec::new();
        for name in candidates {
            if self.names.contains(&name) && !self.known.contains(&name) {
                found.push(name);
            }
            if !self.known.contains(&name) {
                self.known.push(name);
            }
        }
        let (first, others) = found.split_first()?;
        for other in others {
            self.chosen.push(((*first).to_owned(), (*other).to_owned(), holds));
        }
        Some((*first).to_owned())
    }

    fn is_second(&self, name: &str) -> bool {
        self.chosen.iter().any(|(_, other, _)| other == name)
    }

    /// The name that may have been meant by one that is not known, of those that the file does not have.
    fn meant(&self, name: &str) -> Option<&str> {
        nearest_name(name, self.known.iter().copied().filter(|known| !self.names.contains(known)))
    }

    fn notes(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let mut notes = Vec::new();
        for (taken, other, holds) in &self.chosen {
            notes.push(format!("{path}: `{taken}` is taken for {holds}; `{other}` is not looked at"));
        }
        if let Some(at) = self.at.as_ref().filter(|_| self.moments_as_in_data) {
            notes.push(format!(
                "{path}: `{}` is taken for the moments of the requests, as it holds the times of events in the data",
                at.column
            ));
        }
        let (mut far, mut misspelt) = (Vec::new(), Vec::new());
        for name in self.ignored.iter().filter(|name| !self.is_second(name)) {
            match self.meant(name) {
                Some(meant) => misspelt.push(format!(
                    "{path}: the model does not look at a column `{name}`; did you mean `{meant}`?"
                )),
                None => far.push(format!("`{name}`")),
            }
        }
        if !far.is_empty() {
            notes.push(format!("{path}: the model does not look at {}", far.join(", ")));
        }
        notes.extend(misspelt);
        notes
    }

    fn nobody(&self, path: &Path) -> String {
        let users: Vec<&str> = self.known.iter().copied().take_while(|&name| name != HISTORY).collect();
        let mut message = format!(
            "{}: there is no column of users ({}) or of histories ({HISTORY}), only {}",
            path.display(),
            users.join(", "),
            self.names.join(", ")
        );
        if let Some(meant) = self.names.iter().find_map(|name| self.meant(name)) {
            message += &format!("; did you mean `{meant}`?");
        }
        message
    }
}

/// How the values of a column are read that stood in no file of the data; `None` for text or numbers, as they are.
fn kind(transform: &TransformEntry) -> Option<AttributeKind> {
    match transform {
        TransformEntry::Categorical { .. } | TransformEntry::Hashed { .. } => None,
        TransformEntry::MultiCategorical { .. } | TransformEntry::Sequence { .. } => {
            Some(AttributeKind::List { separator: BETWEEN_VALUES })
        }
        _ => Some(AttributeKind::Number {}),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use u2i_features::TimeUnit;

    use super::*;

    fn data() -> DataColumns {
        serde_json::from_value(json!({
            "user": "client", "item": "sku", "time": { "column": "when", "unit": "ms" },
            "attributes": [
                { "name": "gender", "column": "sex", "kind": { "text": {} } },
                { "name": "tags", "column": null, "kind": { "list": { "separator": ";" } } },
                { "name": "shoe_size", "column": null, "kind": { "number": {} } },
            ],
        }))
        .unwrap()
    }

    fn columns() -> Vec<ColumnEntry> {
        let column = |name: &str, side, source: &str, transform: serde_json::Value| ColumnEntry {
            name: name.into(),
            side,
            source: source.into(),
            transform: serde_json::from_value(transform).unwrap(),
        };
        vec![
            column("gender", Side::User, "gender", json!({ "categorical": { "values": 2 } })),
            column("likes", Side::User, "tags", json!({ "multi_categorical": { "values": 9 } })),
            column("income", Side::User, "income", json!({ "standardized": { "mean": "1", "sd": "2" } })),
            column("age", Side::User, "age", json!({ "categorical": { "values": 7 } })),
            column("moods", Side::User, "moods", json!({ "multi_categorical": { "values": 7 } })),
            column("genre", Side::Item, "genre", json!({ "categorical": { "values": 3 } })),
            column("device", Side::Request, "device", json!({ "hashed": { "buckets": 3 } })),
        ]
    }

    #[test]
    fn columns_go_by_the_names_of_the_data_then_by_those_of_the_model() {
        let (data, columns) = (data(), columns());
        // Header, column of users, moments, attributes with their columns, columns that are not looked at.
        type Case<'a> =
            (&'a [&'a str], Option<&'a str>, Option<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: [Case<'_>; 7] = [
            (&["client", "sex", "zip"], Some("client"), None, &[("gender", "sex")], &["zip"]),
            (&["user_id", "client", "user"], Some("client"), None, &[], &["user_id", "user"]),
            (&["user", "gender"], Some("user"), None, &[("gender", "gender")], &[]),
            (&["user", "gender", "sex"], Some("user"), None, &[("gender", "sex")], &["gender"]),
            (&["user", "when"], Some("user"), Some("when"), &[], &[]),
            (&["history", "when", "at", "age", "device"], None, Some("at"), &[], &["when"]),
            (
                &["user", "likes", "income", "moods", "genre", "shoe_size", "sku"],
                Some("user"),
                None,
                // The item's genre, and what no column of the model is made from, are not looked at.
                &[("tags", "likes"), ("income", "income"), ("moods", "moods")],
                &["genre", "shoe_size", "sku"],
            ),
        ];
        for (names, user, at, attributes, ignored) in cases {
            let bound = Bound::new(names, Some(&data), &columns);
            assert_eq!(bound.user.as_deref(), user, "{names:?}");
            assert_eq!(bound.at.as_ref().map(|at| at.column.as_str()), at, "{names:?}");
            let found = bound.attributes.iter();
            let found: Vec<_> =
                found.map(|own| (own.name.as_str(), own.column.as_deref().unwrap_or_default())).collect();
            assert_eq!(found, attributes, "{names:?}");
            assert_eq!(bound.ignored, ignored, "{names:?}");
        }
        let bound = Bound::new(&["user", "when", "tags", "moods", "income"], Some(&data), &columns);
        // As in the data, or as the model takes them.
        assert_eq!(bound.at, Some(TimeConfig { column: "when".into(), unit: TimeUnit::Milliseconds }));
        let kinds: Vec<_> =
            bound.attributes.iter().map(|own| (own.name.as_str(), own.kind.clone())).collect();
        let list = |separator| AttributeKind::List { separator };
        let wanted = [("tags", list(';')), ("income", AttributeKind::Number {}), ("moods", list('|'))];
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn a_name_that_is_near_one_that_is_missing_is_asked_about() {
        let (data, columns) = (data(), columns());
        let notes = |names: &[&str]| Bound::new(names, Some(&data), &columns).notes(Path::new("f"));
        let meant = |name: &str, meant: &str| {
            format!("f: the model does not look at a column `{name}`; did you mean `{meant}`?")
        };
        assert_eq!(notes(&["user", "Sex"]), [meant("Sex", "sex")]);
        assert_eq!(
            notes(&["user", "gendre", "incom"]),
            [meant("gendre", "gender"), meant("incom", "income")]
        );
        assert_eq!(notes(&["user", "histroy"]), [meant("histroy", "history")]);
        // The one that could be meant is there.
        assert_eq!(notes(&["user", "gender", "gender2"]), ["f: the model does not look at `gender2`"]);
        assert_eq!(notes(&["user", "zip", "street"]), ["f: the model does not look at `zip`, `street`"]);
        let nobody = Bound::new(&["Client", "sex"], Some(&data), &columns).nobody(Path::new("f"));
        let wanted = "f: there is no column of users (client, user_id, user) or of histories (history), only Client, sex; \
                      did you mean `client`?";
        assert_eq!(nobody, wanted);
    }

    #[test]
    fn bundles_without_names_of_the_data_take_those_that_are_always_known() {
        let columns = columns();
        let bound = Bound::new(&["user", "when", "sex", "gender"], None, &columns);
        assert_eq!((bound.user.as_deref(), bound.at.is_none()), (Some("user"), true));
        assert_eq!(bound.ignored, ["when", "sex"]);
    }
}
