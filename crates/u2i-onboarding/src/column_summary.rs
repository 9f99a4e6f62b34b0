//! What became of the values of each feature column: rows of their own, missing, unknown.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use u2i::config::Experiment;
use u2i_features::{Prepared, RawColumn, RawData, RawValues};
use u2i_schema::{Column, ColumnData, Sample, Side, Transform, Vocabulary};

use crate::recipe::grouped;

/// A feature column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// Rows of its table, padding and unknown values included; `None` for a real number.
    pub n_rows: Option<usize>,
    /// Share of users, items or events without a value.
    pub missing_share: f64,
    /// Share without a row of their own: missing, or too rare; `None` for a real number.
    pub unknown_share: Option<f64>,
    /// Users, items or events without a value: it is blank, a mark of missing ones, or stands in no row of their file.
    pub missing: Counted,
    /// Values that training has not met, or not often enough, so that they share a row; `None` where values have no
    /// vocabulary.
    pub unknown: Option<Counted>,
    /// As `unknown_share`, of the validation targets: their users, items or events.
    pub validation_unknown_share: Option<f64>,
    /// As `unknown_share`, of the test targets.
    pub test_unknown_share: Option<f64>,
}

/// How many there are of something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// How many.
    pub n: usize,
    /// Among how many.
    pub of: usize,
    /// The first: a value, or whose value it is.
    pub example: Option<String>,
}

impl Counted {
    /// Counts one more, which is one of these if it has an example.
    fn add(&mut self, example: Option<&str>) {
        self.of += 1;
        if let Some(example) = example {
            self.n += 1;
            self.example.get_or_insert_with(|| example.to_owned());
        }
    }

    fn share(&self) -> f64 {
        self.n as f64 / self.of.max(1) as f64
    }
}

/// Row 1 of a table is for what is missing or unknown.
const UNKNOWN: u32 = 1;

pub(crate) fn columns(experiment: &Experiment, raw: &RawData, prepared: &Prepared) -> Vec<ColumnSummary> {
    let mut summaries = Vec::new();
    for side in [Side::User, Side::Item, Side::Request] {
        let (encoded, declared) = match side {
            Side::User => (prepared.users.columns(), &raw.users),
            Side::Item => (prepared.catalog.columns(), &raw.items),
            Side::Request => (prepared.events.request(), &raw.request),
        };
        let held_out = [&prepared.validation, &prepared.test].map(|targets| entries(side, prepared, targets));
        for (column, data) in prepared.columns(side).zip(encoded) {
            let config =
                experiment.features.column.iter().find(|config| config.names().contains(&column.name));
            let source = config.map_or(column.name.as_str(), |config| config.source());
            let values = declared.iter().find(|declared| declared.name == source);
            let missing = values.map_or_else(Counted::default, |values| missing(values, side, raw));
            let of = |entries: &[usize]| unknown_share(data, entries.iter().copied());
            summaries.push(ColumnSummary {
                name: column.name.clone(),
                side,
                n_rows: column.transform.n_rows(),
                missing_share: missing.share(),
                unknown_share: unknown_share(data, 0..data.len()),
                missing,
                unknown: unknown(column, values, side, raw),
                validation_unknown_share: of(&held_out[0]),
                test_unknown_share: of(&held_out[1]),
            });
        }
    }
    summaries
}

/// Where the users, items or events of some targets stand in encoded columns.
fn entries(side: Side, prepared: &Prepared, targets: &[Sample]) -> Vec<usize> {
    let events = &prepared.events;
    let entry = |target: &Sample| {
        let (user, position) = (target.user as usize, target.position as usize);
        match side {
            Side::User => user,
            Side::Item => events.items(user)[position] as usize - 1,
            Side::Request => events.start(user) + position,
        }
    };
    targets.iter().map(entry).collect()
}

/// Ids and times are never missing; other values may be.
fn missing(column: &RawColumn, side: Side, raw: &RawData) -> Counted {
    let mut counted = Counted::default();
    for entry in 0..column.values.len() {
        let is_missing = match &column.values {
            RawValues::Text(texts) => texts[entry].is_none(),
            RawValues::Number(numbers) => numbers[entry].is_nan(),
            RawValues::List(lists) => lists[entry].is_empty(),
        };
        counted.add(is_missing.then(|| whose(side, raw, entry)));
    }
    counted
}

/// The id of the user or item of an entry; of an event, its user's.
fn whose(side: Side, raw: &RawData, entry: usize) -> &str {
    match side {
        Side::User => &raw.user_ids[entry],
        Side::Item => &raw.item_ids[entry],
        Side::Request => &raw.user_ids[raw.events.user[entry] as usize],
    }
}

/// The values that the vocabulary of a column lacks, entries of lists one by one.
fn unknown(column: &Column, values: Option<&RawColumn>, side: Side, raw: &RawData) -> Option<Counted> {
    let (Transform::Categorical(vocabulary) | Transform::MultiCategorical(vocabulary)) = &column.transform
    else {
        return None;
    };
    let mut counted = Counted::default();
    let mut look_up = |vocabulary: &Vocabulary, value: &str| {
        counted.add((vocabulary.row(value) == UNKNOWN).then_some(value));
    };
    match values.map(|column| &column.values) {
        Some(RawValues::Text(texts)) => texts.iter().flatten().for_each(|text| look_up(vocabulary, text)),
        // As fitting makes categories of numbers.
        Some(RawValues::Number(numbers)) => {
            let numbers = numbers.iter().filter(|number| !number.is_nan());
            numbers.for_each(|number| look_up(vocabulary, &number.to_string()));
        }
        Some(RawValues::List(lists)) => lists.iter().flatten().for_each(|text| look_up(vocabulary, text)),
        None => match side {
            Side::User => raw.user_ids.iter().for_each(|id| look_up(vocabulary, id)),
            Side::Item => raw.item_ids.iter().for_each(|id| look_up(vocabulary, id)),
            Side::Request => return None,
        },
    }
    Some(counted)
}

fn unknown_share(data: &ColumnData, entries: impl ExactSizeIterator<Item = usize>) -> Option<f64> {
    let n = entries.len().max(1) as f64;
    let unknown = match data {
        ColumnData::Rows(rows) => entries.filter(|&entry| rows[entry] == UNKNOWN).count(),
        ColumnData::Bags { offsets, rows } => {
            let bag = |entry: usize| &rows[offsets[entry] as usize..offsets[entry + 1] as usize];
            entries.filter(|&entry| bag(entry).iter().all(|&row| row == UNKNOWN)).count()
        }
        ColumnData::Values(_) | ColumnData::Windows { .. } => return None,
    };
    Some(unknown as f64 / n)
}

/// One line, without examples and shares of what there is none of.
impl fmt::Display for ColumnSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let quoted = |of: &str, counted: &Counted| {
            let example = counted.example.as_ref();
            example.map_or(Cow::Borrowed(""), |example| format!("{of} `{example}`").into())
        };
        let side = format!("{:?}", self.side).to_lowercase();
        write!(f, "column {} ({side}): ", self.name)?;
        match (self.n_rows, self.unknown_share) {
            (Some(n), Some(unknown)) => {
                write!(f, "{} rows, {} without one of their own, ", grouped(n), percent(unknown))?;
            }
            (Some(n), None) => write!(f, "{} rows, ", grouped(n))?,
            _ => write!(f, "a number, ")?,
        }
        let whose = match self.side {
            Side::User => ", as of user",
            Side::Item => ", as of item",
            Side::Request => ", as of an event of user",
        };
        write!(f, "{} missing{}", percent(self.missing_share), quoted(whose, &self.missing))?;
        if let Some(unknown) = self.unknown.as_ref().filter(|unknown| unknown.n > 0) {
            let (n, share) = (grouped(unknown.n), percent(unknown.share()));
            write!(f, "; {n} values ({share}) unknown{}", quoted(", such as", unknown))?;
        }
        if let (Some(validation), Some(test)) = (self.validation_unknown_share, self.test_unknown_share)
            && validation + test > 0.0
        {
            let (validation, test) = (percent(validation), percent(test));
            write!(f, "; {validation} of validation and {test} of test targets without a row of their own")?;
        }
        Ok(())
    }
}
