use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::calendar_digits;
use crate::datetime;
use crate::time_pattern::TimePattern;
use crate::unix_time::{NS_PER_S, UnixTime};

/// Times from here on are not seconds: 2100-01-01 in UTC.
pub(crate) const YEAR_2100_S: i64 = 4_102_444_800;

/// How times are written. All are read to the nanosecond; features are made of them in whole seconds, rounded down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Numbers of seconds since 1970 in UTC, also as decimals: `978300760`, `978300760.25`, `9.7830076e8`.
    #[serde(rename = "s")]
    Seconds,
    /// Numbers of milliseconds since 1970 in UTC.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Numbers of microseconds since 1970 in UTC.
    #[serde(rename = "us")]
    Microseconds,
    /// Numbers of nanoseconds since 1970 in UTC; exact, and so never floating-point numbers.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Dates with or without a time of day as in ISO 8601, `2000-12-31 22:12:40` or `2000-12-31T22:12:40+01:00`, or as
    /// in RFC 2822, in UTC unless they say otherwise; or timestamps and dates of Parquet.
    #[serde(rename = "datetime")]
    Datetime,
    /// Dates in UTC as the digits of year, month and day, `20191001`, with or without those of hour, minute, second and
    /// milliseconds, `20191001101500`; as text or integers.
    #[serde(rename = "yyyymmdd")]
    CalendarDigits,
    /// Days since the end of 1899, as spreadsheets store them, in UTC: `43739.5` is noon on 1 October 2019. To the
    /// millisecond.
    #[serde(rename = "excel_days")]
    ExcelDays,
    /// Text by a pattern of `strftime`, such as `%d.%m.%Y %H:%M`, in UTC unless an offset stands there.
    #[serde(rename = "strftime")]
    Strftime(TimePattern),
}

impl TimeUnit {
    /// How many make a second, where they are counted since 1970.
    pub(crate) fn per_second(&self) -> Option<u32> {
        match self {
            TimeUnit::Seconds => Some(1),
            TimeUnit::Milliseconds => Some(1_000),
            TimeUnit::Microseconds => Some(1_000_000),
            TimeUnit::Nanoseconds => Some(NS_PER_S),
            _ => None,
        }
    }

    /// The time of a number of days, to the millisecond: a spreadsheet knows no less, and fractions of days are not exact.
    pub(crate) fn excel_days(days: f64) -> UnixTime {
        // 1970-01-01.
        const FIRST: i64 = 25_569;
        let milliseconds = (days * 86_400_000.0).round() as i64;
        UnixTime::from_ticks(milliseconds.saturating_sub(FIRST * 86_400_000), 1_000)
    }

    /// What a value is called in messages.
    fn noun(&self) -> &'static str {
        match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Milliseconds => "milliseconds",
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
            TimeUnit::ExcelDays => "days of a spreadsheet",
            TimeUnit::Datetime | TimeUnit::CalendarDigits | TimeUnit::Strftime(_) => "a date",
        }
    }

    /// What stands where something else was found.
    pub(crate) fn wanted(&self) -> String {
        match self {
            TimeUnit::Datetime => "a date and time".to_owned(),
            TimeUnit::CalendarDigits => "a date in digits such as 20191001 (key time.unit)".to_owned(),
            TimeUnit::Strftime(pattern) => format!("a time written as {} (key time.unit)", pattern.as_str()),
            _ => "a number".to_owned(),
        }
    }
}

/// The time that a field says, or what is wrong with it.
pub(crate) fn time(text: &str, unit: &TimeUnit) -> Result<UnixTime, String> {
    let wrong = |wanted: &str| format!("expected {wanted}, found {:?}", short(text));
    let found = match unit {
        TimeUnit::Datetime => datetime::parse(text).map_err(|no| wrong(no.wanted()))?,
        TimeUnit::Strftime(pattern) => pattern.read(text.trim()).ok_or_else(|| wrong(&unit.wanted()))?,
        TimeUnit::CalendarDigits => {
            let digits = text.strip_suffix(".0").unwrap_or(text);
            calendar_digits::read(digits).ok_or_else(|| wrong(&unit.wanted()))?
        }
        TimeUnit::ExcelDays => {
            let days = text.parse::<f64>().ok().filter(|days| days.is_finite());
            TimeUnit::excel_days(days.ok_or_else(|| wrong(&unit.wanted()))?)
        }
        TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Microseconds | TimeUnit::Nanoseconds => {
            if let Ok(number) = text.parse::<i64>() {
                return whole(number, unit);
            }
            match decimal(text, unit) {
                Some(found) => found,
                None => match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => return float(number, unit),
                    _ => return Err(wrong(&unit.wanted())),
                },
            }
        }
    };
    in_range(found, Short(text), unit)
}

/// The time that an integer says, or what is wrong with it.
pub(crate) fn whole(number: i64, unit: &TimeUnit) -> Result<UnixTime, String> {
    let found = match (unit.per_second(), unit) {
        (Some(1), _) => UnixTime::from_s(number),
        (Some(per_second), _) => UnixTime::from_ticks(number, per_second),
        (None, TimeUnit::ExcelDays) => TimeUnit::excel_days(number as f64),
        (None, _) => return time(&number.to_string(), unit),
    };
    in_range(found, number, unit)
}

/// The time that a floating-point number says, or what is wrong with it.
pub(crate) fn float(number: f64, unit: &TimeUnit) -> Result<UnixTime, String> {
    if !number.is_finite() {
        return Err(format!("expected {}, found {number}", unit.wanted()));
    }
    if *unit == TimeUnit::ExcelDays {
        return in_range(TimeUnit::excel_days(number), number, unit);
    }
    // Above, not every integer is a floating-point number: what was meant is lost.
    const EXACT: f64 = (1u64 << 53) as f64;
    if *unit == TimeUnit::Nanoseconds && number.abs() > EXACT {
        return Err(format!(
            "expected an integer of nanoseconds (key time.unit), found the rounded {number}"
        ));
    }
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return whole(number as i64, unit);
    }
    // The shortest decimals that are this number: what stood there, and the same time whether it stands in a text or in
    // a column of floating-point numbers.
    let mut written = Stack::default();
    let text = match write!(written, "{number}") {
        Ok(()) => written.as_str(),
        Err(fmt::Error) => return in_range(UnixTime::from_s(i64::MAX), number, unit),
    };
    match decimal(text, unit) {
        Some(found) => in_range(found, number, unit),
        None => Err(format!("expected {}, found {number}", unit.wanted())),
    }
}

/// Text of bounded length without a place in memory of its own.
struct Stack {
    bytes: [u8; 48],
    len: usize,
}

impl Default for Stack {
    fn default() -> Self {
        Stack { bytes: [0; 48], len: 0 }
    }
}

impl Stack {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Stack {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// The time of a decimal number without an exponent, exactly, rounded down to the nanosecond; `None` for another text
/// or unit. A number of too many digits is a time beyond all that are read.
fn decimal(text: &str, unit: &TimeUnit) -> Option<UnixTime> {
    let per_second = unit.per_second()?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits == "." || digits.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let is_negative = text.starts_with('-') && digits.bytes().any(|byte| !b"0.".contains(&byte));
    let whole = whole.trim_start_matches('0');
    if is_negative || whole.len() > 19 {
        return Some(UnixTime::from_s(if is_negative { -1 } else { i64::MAX }));
    }
    let number =
        |digits: &str| digits.bytes().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let ticks = number(whole);
    let billionths = number(&fraction[..fraction.len().min(9)]) * 10u64.pow(9 - fraction.len().min(9) as u32);
    let (s, rest) = (ticks / u64::from(per_second), ticks % u64::from(per_second));
    let subsec_ns = rest * u64::from(NS_PER_S / per_second) + billionths / u64::from(per_second);
    Some(UnixTime::new(i64::try_from(s).unwrap_or(i64::MAX), subsec_ns as u32))
}

/// Refuses times before 1970 and from 2100 on.
pub(crate) fn in_range(
    time: UnixTime,
    found: impl fmt::Display,
    unit: &TimeUnit,
) -> Result<UnixTime, String> {
    let time_s = time.s();
    if (0..YEAR_2100_S).contains(&time_s) {
        return Ok(time);
    }
    Err(format!("expected {} from 1970 to 2099 (key time.unit), found {found}", unit.noun()))
}

/// Written as [`short`], and only if it is.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&short(self.0))
    }
}

/// Enough of a field to recognise it by.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, unit: &TimeUnit) -> Option<(i64, u32)> {
        time(text, unit).ok().map(|time| (time.s(), time.subsec_ns()))
    }

    #[test]
    fn numbers_are_read_to_the_nanosecond_in_every_unit() {
        use TimeUnit::*;
        let cases = [
            (Seconds, "1569888000", Some((1_569_888_000, 0))),
            (Seconds, "+1569888000", Some((1_569_888_000, 0))),
            (Seconds, "1569888000.", Some((1_569_888_000, 0))),
            (Seconds, ".5", Some((0, 500_000_000))),
            (Seconds, "1569888000.123456789", Some((1_569_888_000, 123_456_789))),
            (Seconds, "1569888000.1234567899", Some((1_569_888_000, 123_456_789))),
            (Seconds, "0001569888000.1", Some((1_569_888_000, 100_000_000))),
            (Seconds, "1.5698880001e9", Some((1_569_888_000, 100_000_000))),
            (Seconds, "-0", Some((0, 0))),
            (Seconds, "-0.0", Some((0, 0))),
            (Seconds, "-0.0000000001", None),
            (Seconds, "4102444799.999999999", Some((4_102_444_799, 999_999_999))),
            (Seconds, "4102444800.0", None),
            (Seconds, "99999999999999999999999999999999999999999.5", None),
            (Seconds, ".", None),
            (Seconds, "", None),
            (Seconds, "1,5", None),
            (Milliseconds, "1569888000001", Some((1_569_888_000, 1_000_000))),
            (Milliseconds, "1569888000001.25", Some((1_569_888_000, 1_250_000))),
            (Milliseconds, "1.569888000001e12", Some((1_569_888_000, 1_000_000))),
            (Microseconds, "1569888000000001", Some((1_569_888_000, 1_000))),
            (Microseconds, "1569888000000001.5", Some((1_569_888_000, 1_500))),
            (Nanoseconds, "1569888000000000001", Some((1_569_888_000, 1))),
            (Nanoseconds, "1569888000000000001.9", Some((1_569_888_000, 1))),
            (Nanoseconds, "1.569888e18", None),
            (Nanoseconds, "18446744073709551615", None),
            (CalendarDigits, "20191001", Some((1_569_888_000, 0))),
            (CalendarDigits, "20191001.0", Some((1_569_888_000, 0))),
            (CalendarDigits, "20191001.5", None),
            (CalendarDigits, "20191032", None),
            (CalendarDigits, "19691231", None),
            (ExcelDays, "43739", Some((1_569_888_000, 0))),
            (ExcelDays, "43739.4270833333", Some((1_569_924_900, 0))),
            (ExcelDays, "43739.42708333334", Some((1_569_924_900, 0))),
            (ExcelDays, "25568", None),
            (ExcelDays, "1569888000", None),
            (ExcelDays, "2019-10-01", None),
        ];
        for (unit, text, wanted) in cases {
            assert_eq!(read(text, &unit), wanted, "{unit:?} {text:?}");
        }
    }

    #[test]
    fn a_floating_point_number_is_the_time_of_its_shortest_decimals() {
        for (number, unit) in [
            (1_569_888_000.123, TimeUnit::Seconds),
            (1_569_888_000.999_999, TimeUnit::Seconds),
            (0.1, TimeUnit::Seconds),
            (1_569_888_000_001.1, TimeUnit::Milliseconds),
            (1_569_888_000_000_001.0, TimeUnit::Microseconds),
            (43_739.427, TimeUnit::ExcelDays),
            (978_300_760.0, TimeUnit::Seconds),
            (5.0, TimeUnit::Nanoseconds),
        ] {
            assert_eq!(float(number, &unit), time(&number.to_string(), &unit), "{number} {unit:?}");
        }
        let rounded = float(1_569_888_000_000_000_001.0, &TimeUnit::Nanoseconds).unwrap_err();
        assert!(rounded.starts_with("expected an integer of nanoseconds"), "{rounded}");
        let far = float(1e300, &TimeUnit::Seconds).unwrap_err();
        assert!(far.starts_with("expected seconds from 1970 to 2099 (key time.unit), found 1"), "{far}");
        assert!(
            float(f64::NAN, &TimeUnit::Seconds).is_err()
                && float(f64::INFINITY, &TimeUnit::ExcelDays).is_err()
        );
    }
}
