use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// Times from here on are not seconds: 2100-01-01 in UTC.
pub(crate) const YEAR_2100_S: i64 = 4_102_444_800;

/// How times are written. All are rounded down to seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Numbers of seconds since 1970 in UTC, also as decimals: `978300760`, `978300760.0`, `9.7830076e8`.
    #[serde(rename = "s")]
    Seconds,
    /// Numbers of milliseconds since 1970 in UTC.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Dates with or without a time of day as in ISO 8601, `2000-12-31 22:12:40` or `2000-12-31T22:12:40+01:00`, in
    /// UTC unless they say otherwise; or timestamps and dates of Parquet.
    #[serde(rename = "datetime")]
    Datetime,
}

/// Unix time in seconds of a field, or what is wrong with it.
pub(crate) fn time_s(text: &str, unit: TimeUnit) -> Result<i64, String> {
    let wrong = |wanted| format!("expected {wanted}, found {:?}", short(text));
    match unit {
        TimeUnit::Datetime => {
            let wanted = "a date and time such as 2000-12-31 22:12:40 (key time.unit)";
            in_range(datetime(text).ok_or_else(|| wrong(wanted))?, text, "a date")
        }
        // A decimal number of at most 2^53 is exact but for its fraction, and one above is out of range.
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => whole(number, unit),
            (Err(_), Ok(number)) if number.is_finite() => decimal(number, unit),
            _ => Err(wrong("a number")),
        },
    }
}

/// Unix time in seconds of an integer, or what is wrong with it.
pub(crate) fn whole(number: i64, unit: TimeUnit) -> Result<i64, String> {
    let (time_s, name) = match unit {
        TimeUnit::Milliseconds => (number.div_euclid(1_000), "milliseconds"),
        TimeUnit::Seconds | TimeUnit::Datetime => (number, "seconds"),
    };
    in_range(time_s, number, name)
}

/// Unix time in seconds of a number, without its fraction, or what is wrong with it.
pub(crate) fn decimal(number: f64, unit: TimeUnit) -> Result<i64, String> {
    if !number.is_finite() {
        return Err(format!("expected a number, found {number}"));
    }
    // Saturates, and both ends are out of range.
    let whole_number = number.floor() as i64;
    whole(whole_number, unit).map_err(|reason| match reason.split_once(", found ") {
        Some((wanted, _)) => format!("{wanted}, found {number}"),
        None => reason,
    })
}

/// Refuses times before 1970 and from 2100 on.
pub(crate) fn in_range(time_s: i64, found: impl std::fmt::Display, name: &str) -> Result<i64, String> {
    if (0..YEAR_2100_S).contains(&time_s) {
        return Ok(time_s);
    }
    Err(format!("expected {name} from 1970 to 2099 (key time.unit), found {found}"))
}

/// Unix time in seconds of a date with or without a time of day and an offset, as in ISO 8601; UTC without one. `None`
/// for any other text.
///
/// ```
/// use u2i_features::datetime;
/// for text in ["2001-02-03T04:05:06Z", "2001-02-03 04:05:06", "2001-02-03T05:05:06+01:00"] {
///     assert_eq!(datetime(text), Some(981_173_106));
/// }
/// assert_eq!(datetime("yesterday"), None);
/// ```
pub fn datetime(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
    let offset = pieces.offset().map_or(Offset::UTC, |offset| offset.to_numeric_offset());
    let civil = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or(Time::midnight()));
    let time = offset.to_timestamp(civil).ok()?;
    Some(time.as_second() - i64::from(time.subsec_nanosecond() < 0))
}

/// Enough of a field to recognise it by.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_are_in_utc_unless_they_say_otherwise() {
        // date -u -d 2000-12-31T22:12:40 +%s is 978300760.
        let cases = [
            ("2000-12-31T22:12:40", Some(978_300_760)),
            ("2000-12-31 22:12:40", Some(978_300_760)),
            ("2000-12-31 22:12:40.999", Some(978_300_760)),
            ("2000-12-31T22:12:40Z", Some(978_300_760)),
            ("2000-12-31T23:12:40+01:00", Some(978_300_760)),
            ("2000-12-31 17:12:40-0500", Some(978_300_760)),
            ("2000-12-31 22:12", Some(978_300_720)),
            ("2000-12-31", Some(978_220_800)),
            ("1969-12-31T23:59:59.5", Some(-1)),
            ("2000-12-32", None),
            ("2000-12-31T25:00:00", None),
            ("2000-12-31T22:12:40[Europe/Berlin]", None),
            (" 2000-12-31", None),
            ("31.12.2000", None),
            ("978300760", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(datetime(text), wanted, "{text:?}");
        }
    }
}
