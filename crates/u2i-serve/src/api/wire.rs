//! Values of requests as clients write them: ids as text or integers, moments as text or seconds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::de::{self, Expected, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The id of a user or an item: text, or an integer, which is taken for its digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Id(pub String);

impl Id {
    /// Longer ids than this are no ids.
    const BYTES: usize = u2i_live::MAX_TEXT_BYTES;

    pub fn new<E: de::Error>(text: &str) -> Result<Self, E> {
        match text.len() {
            0 => Err(E::custom("an id is not empty")),
            n if n > Self::BYTES => {
                Err(E::custom(format!("an id has at most {} bytes, found {n}", Self::BYTES)))
            }
            _ if text.contains('\0') => Err(E::custom("an id has no character NUL")),
            _ => Ok(Id(text.to_owned())),
        }
    }
}

/// The integer that a number with a point is, as `7.0` is 7 to some writers of JSON.
fn whole<E: de::Error>(number: f64, wanted: &impl Expected) -> Result<i128, E> {
    // Beyond, serde gives no integers either.
    let is_whole = number.fract() == 0.0 && number >= i64::MIN as f64 && number <= u64::MAX as f64;
    if is_whole { Ok(number as i128) } else { Err(E::invalid_type(Unexpected::Float(number), wanted)) }
}

/// How many, which a number with a point may say, too.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    struct Count;

    impl Visitor<'_> for Count {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("how many, as an integer from 0")
        }

        fn visit_u64<E: de::Error>(self, n: u64) -> Result<usize, E> {
            usize::try_from(n).map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
        }

        fn visit_f64<E: de::Error>(self, n: f64) -> Result<usize, E> {
            usize::try_from(whole::<E>(n, &self)?).map_err(|_| E::invalid_value(Unexpected::Float(n), &self))
        }
    }

    struct OrNone;

    impl<'de> Visitor<'de> for OrNone {
        type Value = Option<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Count.expecting(f)
        }

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(Count).map(Some)
        }
    }

    deserializer.deserialize_option(OrNone)
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id, as text or as an integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        Id::new(text)
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }

    fn visit_f64<E: de::Error>(self, id: f64) -> Result<Id, E> {
        whole(id, &self).map(|id| Id(id.to_string()))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

fn object(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(kind))
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        let text = object(Type::String)
            .min_length(Some(1))
            .max_length(Some(Self::BYTES))
            .pattern(Some(r"^[^\x00]+$"));
        let integer = object(Type::Integer).minimum(Some(i64::MIN)).maximum(Some(u64::MAX as usize));
        let either = OneOfBuilder::new().item(text).item(integer);
        either.description(Some("Text, or an integer, which is taken for its digits.")).into()
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        "Id".into()
    }
}

/// A moment in Unix seconds, given so or as text: `2001-02-03T04:05:06Z`, or without a zone, which is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub i64);

impl Moment {
    /// The years 1 to 9999.
    const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let seconds = text.parse::<i64>().ok();
        let instant = || text.parse::<Timestamp>().ok();
        let civil =
            || text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)));
        let utc = || TimeZone::UTC.to_timestamp(civil()?).ok();
        let found = seconds.or_else(|| Some(instant().or_else(utc)?.as_second()));
        let wanted = "expected 2001-02-03, 2001-02-03T04:05:06Z or Unix seconds";
        let seconds = found.ok_or_else(|| format!("`{text}` is no moment, {wanted}"))?;
        Moment::at(seconds)
    }

    fn at(seconds: i64) -> Result<Self, String> {
        if Self::RANGE.contains(&seconds) {
            return Ok(Moment(seconds));
        }
        Err(format!("{seconds} is no moment: expected Unix seconds of the years 1 to 9999"))
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment: Unix seconds as an integer, or text as 2001-02-03T04:05:06Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Moment, E> {
        Moment::at(seconds).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Moment, E> {
        Moment::at(i64::try_from(seconds).unwrap_or(i64::MAX)).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Moment, E> {
        let seconds = whole::<E>(seconds, &self)?;
        Moment::at(i64::try_from(seconds).unwrap_or(i64::MAX)).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let seconds =
            object(Type::Integer).minimum(Some(*Self::RANGE.start())).maximum(Some(*Self::RANGE.end()));
        let format = |format| object(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
        let (instant, day) = (format(KnownFormat::DateTime), format(KnownFormat::Date));
        let digits = object(Type::String).pattern(Some("^-?[0-9]{1,10}$"));
        let either = AnyOfBuilder::new().item(seconds).item(instant).item(day).item(digits);
        either
            .description(Some("Unix seconds, or text as 2001-02-03T04:05:06Z, of the years 1 to 9999."))
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "Moment".into()
    }
}

/// An item of a history: its id, or its id and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happened {
    pub item: Id,
    pub time: Option<Moment>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemAndTime {
    item: Id,
    time: Option<Moment>,
}

struct HappenedVisitor;

impl<'de> Visitor<'de> for HappenedVisitor {
    type Value = Happened;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of an item, or {\"item\": ID, \"time\": MOMENT}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Happened, E> {
        Ok(Happened { item: Id::new(text)?, time: None })
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Happened, E> {
        Ok(Happened { item: Id(id.to_string()), time: None })
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Happened, E> {
        Ok(Happened { item: Id(id.to_string()), time: None })
    }

    fn visit_f64<E: de::Error>(self, id: f64) -> Result<Happened, E> {
        whole(id, &self).map(|id| Happened { item: Id(id.to_string()), time: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Happened, A::Error> {
        let ItemAndTime { item, time } =
            ItemAndTime::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Happened { item, time })
    }
}

impl<'de> Deserialize<'de> for Happened {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HappenedVisitor)
    }
}

impl PartialSchema for Happened {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new().item(Id::schema()).item(ItemAndTime::schema()).into()
    }
}

impl ToSchema for Happened {
    fn name() -> Cow<'static, str> {
        "Happened".into()
    }
}

/// The value of a column of users or requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnValue {
    Missing,
    One(String),
    Several(Vec<String>),
}

/// By the name of the column.
pub(crate) type ColumnValues = BTreeMap<String, ColumnValue>;

impl<'de> Deserialize<'de> for ColumnValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value;
        let one = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            other => {
                Err(de::Error::custom(format!("expected text, a number or a truth value, found `{other}`")))
            }
        };
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(ColumnValue::Missing),
            Value::Array(values) => {
                values.into_iter().map(one).collect::<Result<_, _>>().map(ColumnValue::Several)
            }
            value => one(value).map(ColumnValue::One),
        }
    }
}

impl PartialSchema for ColumnValue {
    fn schema() -> RefOr<Schema> {
        let plain = || {
            let text = OneOfBuilder::new().item(object(Type::String));
            text.item(object(Type::Number)).item(object(Type::Boolean))
        };
        let list = utoipa::openapi::schema::ArrayBuilder::new().items(plain());
        plain().item(list).item(object(Type::Null)).into()
    }
}

impl ToSchema for ColumnValue {
    fn name() -> Cow<'static, str> {
        "ColumnValue".into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn ids_are_text_or_integers() {
        for (value, id) in [
            (json!("a b"), "a b"),
            (json!(7.0), "7"),
            (json!(-1e16), "-10000000000000000"),
            (json!(7), "7"),
            (json!(-7), "-7"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(from_value::<Id>(value).unwrap().0, id);
        }
        for value in [
            json!(""),
            json!(1.5),
            json!(null),
            json!(true),
            json!(["7"]),
            json!("a\0"),
            json!("x".repeat(513)),
        ] {
            assert!(from_value::<Id>(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn moments_are_read_as_utc() {
        let all = [
            json!(981_173_106),
            json!("981173106"),
            json!("2001-02-03T04:05:06Z"),
            json!("2001-02-03 04:05:06"),
            json!("2001-02-03T05:05:06+01:00"),
        ];
        for value in all {
            assert_eq!(from_value::<Moment>(value.clone()).unwrap().0, 981_173_106, "{value}");
        }
        assert_eq!(from_value::<Moment>(json!("2001-02-03")).unwrap().0, 981_158_400);
        for value in [
            json!("yesterday"),
            json!(1.5),
            json!(i64::MAX),
            json!(u64::MAX),
            json!("99999999999999999999"),
            Value::Null,
        ] {
            assert!(from_value::<Moment>(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn histories_have_times_where_they_are_given() {
        let history: Vec<Happened> =
            from_value(json!(["a", 7, { "item": 8, "time": 5 }, { "item": "9" }])).unwrap();
        let found: Vec<_> =
            history.iter().map(|one| (one.item.0.as_str(), one.time.map(|time| time.0))).collect();
        assert_eq!(found, [("a", None), ("7", None), ("8", Some(5)), ("9", None)]);
        assert!(
            from_value::<Happened>(json!({ "item": 1, "when": 2 })).unwrap_err().to_string().contains("when")
        );
    }

    #[test]
    fn columns_take_text_numbers_and_lists_of_them() {
        let one = |text: &str| ColumnValue::One(text.to_owned());
        for (value, wanted) in [
            (json!("a"), one("a")),
            (json!(2.5), one("2.5")),
            (json!(true), one("true")),
            (json!(null), ColumnValue::Missing),
            (json!(["a", 1]), ColumnValue::Several(vec!["a".into(), "1".into()])),
        ] {
            assert_eq!(from_value::<ColumnValue>(value).unwrap(), wanted);
        }
        assert!(
            from_value::<ColumnValue>(json!({ "a": 1 })).is_err()
                && from_value::<ColumnValue>(json!([[1]])).is_err()
        );
    }
}
