use std::borrow::Cow;

use u2i_schema::{Raw, Side, hour, weekday};

use crate::config::ColumnConfig;
use crate::error::FeatureError;
use crate::raw::{RawColumn, RawData, RawValues};

/// The raw values that a feature column is made from, `[users]`, `[items]` or `[events]` of the raw data.
pub(crate) fn find<'a>(raw: &'a RawData, config: &ColumnConfig) -> Result<Cow<'a, RawValues>, FeatureError> {
    if let Some(values) = attribute(raw, config.side, config.source()) {
        return Ok(values);
    }
    let (column, side, source_name) = (config.name.clone(), config.side, config.source().to_owned());
    let known = |side| {
        let declared = declared(raw, side).iter().map(|column| column.name.clone());
        declared.chain(built_in(side).iter().map(|name| name.to_string())).collect::<Vec<_>>()
    };
    match [Side::User, Side::Item, Side::Request]
        .into_iter()
        .find(|&other| known(other).contains(&source_name))
    {
        Some(found) => Err(FeatureError::SideMismatch { column, side, source_name, found }),
        None => Err(FeatureError::UnknownSource { column, side, source_name, known: known(side) }),
    }
}

/// One raw value, as transforms take it.
pub(crate) fn value(values: &RawValues, index: usize) -> Raw<'_> {
    match values {
        RawValues::Text(values) => values[index].as_deref().map_or(Raw::Missing, Raw::Text),
        RawValues::Number(values) => Raw::Number(values[index]),
        RawValues::List(values) => Raw::List(&values[index]),
    }
}

fn declared(raw: &RawData, side: Side) -> &[RawColumn] {
    match side {
        Side::User => &raw.users,
        Side::Item => &raw.items,
        Side::Request => &raw.request,
    }
}

/// Attributes that every data set has.
pub(crate) fn built_in(side: Side) -> &'static [&'static str] {
    match side {
        Side::User => &["user_id"],
        Side::Item => &["item_id"],
        Side::Request => &["time_s", "hour", "weekday"],
    }
}

fn attribute<'a>(raw: &'a RawData, side: Side, name: &str) -> Option<Cow<'a, RawValues>> {
    if let Some(column) = declared(raw, side).iter().find(|column| column.name == name) {
        return Some(Cow::Borrowed(&column.values));
    }
    let ids = |ids: &[String]| RawValues::Text(ids.iter().cloned().map(Some).collect());
    let times =
        |f: fn(i64) -> i64| RawValues::Number(raw.events.time_s.iter().map(|&t| f(t) as f64).collect());
    let values = match (side, name) {
        (Side::User, "user_id") => ids(&raw.user_ids),
        (Side::Item, "item_id") => ids(&raw.item_ids),
        (Side::Request, "time_s") => times(|time_s| time_s),
        (Side::Request, "hour") => times(hour),
        (Side::Request, "weekday") => times(weekday),
        _ => return None,
    };
    Some(Cow::Owned(values))
}
