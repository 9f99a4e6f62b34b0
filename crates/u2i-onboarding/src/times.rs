//! How the times in a column are written, and whether that is sure.

use u2i_features::{ColumnProfile, PlausibleUnit, Stored, TimePattern, TimeUnit};

use crate::looked::for_shell;

/// What a column says of when events happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WhatTimes {
    /// Times, written so, for this reason.
    Sure { unit: TimeUnit, reason: String },
    /// They may be times, but not without doubt: this is why, and the units that decide.
    Doubted { reason: String, units: Vec<TimeUnit>, are_dates: bool },
    /// No times, for this reason.
    No { reason: String },
}

/// Before, there were no logs: smaller numbers are anything, or count from something else than 1970.
const YEAR_1980_S: i64 = 315_532_800;
const DAY_S: i64 = 86_400;

/// Tells how the times in a column are written by the years that each way would give.
pub(crate) fn what_times(column: &ColumnProfile, now_s: i64) -> WhatTimes {
    let n = column.n_values();
    let example = column.example.as_deref().unwrap_or_default();
    // A few broken rows do not make a column something else. Days of a spreadsheet are small numbers as any.
    let possible: Vec<PlausibleUnit> = column
        .plausible_units()
        .into_iter()
        .filter(|found| 10 * (n - found.n_values) <= n && found.unit != TimeUnit::ExcelDays)
        .collect();
    let latest_s = now_s.saturating_add(DAY_S);
    let is_sensible = |found: &&PlausibleUnit| {
        (are_dates(&found.unit) || found.first.s() >= YEAR_1980_S) && found.last.s() <= latest_s
    };
    // Moved on purpose, so that nobody is known by when they did something.
    let is_future = |found: &&PlausibleUnit| found.first.s() > latest_s;
    let sensible: Vec<&PlausibleUnit> = possible.iter().filter(is_sensible).collect();
    let future: Vec<&PlausibleUnit> = possible.iter().filter(is_future).collect();
    match (best(&sensible).as_slice(), best(&future).as_slice()) {
        ([only], _) => match rival(&possible, only) {
            None => sure(column, only, ""),
            Some(rival) => which_comes_first(example, &[*only, rival]),
        },
        ([], [only]) => sure(
            column,
            only,
            " Warning: all of them are in the future; they were moved on purpose, it seems.",
        ),
        (several @ [_, _, ..], _) | ([], several @ [_, _, ..]) => which_comes_first(example, several),
        ([], []) => match possible.first() {
            Some(_) => odd(column, &possible, latest_s),
            None => WhatTimes::No {
                reason: format!("values such as {example:?} are read by no unit of times that is known"),
            },
        },
    }
}

/// Whether a unit is one of text that says its year.
fn are_dates(unit: &TimeUnit) -> bool {
    matches!(unit, TimeUnit::Datetime | TimeUnit::Strftime(_))
}

/// The units that read most values.
fn best<'a>(units: &[&'a PlausibleUnit]) -> Vec<&'a PlausibleUnit> {
    let most = units.iter().map(|found| found.n_values).max();
    units.iter().filter(|found| Some(found.n_values) == most).copied().collect()
}

/// Another pattern that reads as many values as this one: that it gives times in the future proves little.
fn rival<'a>(possible: &'a [PlausibleUnit], found: &PlausibleUnit) -> Option<&'a PlausibleUnit> {
    let is_pattern = |unit: &TimeUnit| matches!(unit, TimeUnit::Strftime(_));
    possible.iter().find(|other| {
        is_pattern(&found.unit)
            && is_pattern(&other.unit)
            && other.unit != found.unit
            && other.n_values == found.n_values
    })
}

fn sure(column: &ColumnProfile, found: &PlausibleUnit, warning: &str) -> WhatTimes {
    let example = column.example.as_deref().unwrap_or_default();
    let years = years(found);
    let what = match &found.unit {
        TimeUnit::Datetime if column.stored == Stored::Times => format!("Timestamps or dates, {years}"),
        TimeUnit::Datetime => format!("Dates such as {example:?}, in UTC unless they say otherwise, {years}"),
        TimeUnit::CalendarDigits => format!("Digits of dates such as {example:?}, {years}"),
        TimeUnit::Strftime(pattern) => {
            format!("Dates such as {example:?}, which are {}, {years}", pattern.as_str())
        }
        TimeUnit::Seconds => format!("Numbers from {} to {}: seconds, {years}", column.min, column.max),
        TimeUnit::Milliseconds => {
            format!("Numbers from {} to {}: milliseconds, {years}", column.min, column.max)
        }
        TimeUnit::Microseconds => {
            format!("Numbers from {} to {}: microseconds, {years}", column.min, column.max)
        }
        TimeUnit::Nanoseconds => {
            format!("Numbers from {} to {}: nanoseconds, {years}", column.min, column.max)
        }
        TimeUnit::ExcelDays => {
            format!("Numbers from {} to {}: days of a spreadsheet, {years}", column.min, column.max)
        }
    };
    WhatTimes::Sure { unit: found.unit.clone(), reason: format!("{what}.{warning}") }
}

fn years(found: &PlausibleUnit) -> String {
    match found.years() {
        (first, last) if first == last => format!("of {first}"),
        (first, last) => format!("from {first} to {last}"),
    }
}

/// Dates such as `01/02/2019`, of which nothing says whether the day or the month comes first.
fn which_comes_first(example: &str, several: &[&PlausibleUnit]) -> WhatTimes {
    WhatTimes::Doubted {
        reason: format!(
            "dates such as {example:?} can be read in several ways: nothing says which number is the month"
        ),
        units: several.iter().map(|found| found.unit.clone()).collect(),
        are_dates: true,
    }
}

/// Times of 1970, or some in the future.
fn odd(column: &ColumnProfile, possible: &[PlausibleUnit], latest_s: i64) -> WhatTimes {
    let mut told: Vec<&PlausibleUnit> = Vec::new();
    let excel: Vec<PlausibleUnit> = column
        .plausible_units()
        .into_iter()
        .filter(|found| {
            let is_sensible = found.first.s() >= YEAR_1980_S && found.last.s() <= latest_s;
            found.unit == TimeUnit::ExcelDays && found.n_values == column.n_values() && is_sensible
        })
        .collect();
    // Of units that give the same years the first one is enough.
    for found in possible.iter().chain(&excel) {
        if told.iter().all(|known| known.years() != found.years()) {
            told.push(found);
        }
    }
    let ways = told.iter().map(|found| format!("{} as {}", years(found), noun(&found.unit)));
    let are_dates = possible.iter().any(|found| are_dates(&found.unit));
    let reason = match column.n_numbers > 0 {
        true => format!(
            "numbers from {} to {} would be times {}",
            column.min,
            column.max,
            ways.collect::<Vec<_>>().join(", ")
        ),
        false => format!(
            "its values would be times {}, some of them in the future",
            ways.collect::<Vec<_>>().join(", ")
        ),
    };
    WhatTimes::Doubted { reason, units: told.iter().map(|found| found.unit.clone()).collect(), are_dates }
}

fn noun(unit: &TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Seconds => "seconds",
        TimeUnit::Milliseconds => "milliseconds",
        TimeUnit::Microseconds => "microseconds",
        TimeUnit::Nanoseconds => "nanoseconds",
        TimeUnit::CalendarDigits => "digits of dates",
        TimeUnit::ExcelDays => "days of a spreadsheet",
        TimeUnit::Datetime | TimeUnit::Strftime(_) => "dates",
    }
}

/// What is odd about the times of a column in a unit that was named; empty if nothing is.
pub(crate) fn warning(column: &ColumnProfile, unit: &TimeUnit, now_s: i64) -> Result<String, String> {
    let units = column.plausible_units();
    let Some(found) = units.iter().find(|found| found.unit == *unit) else {
        return match unit {
            // Of patterns only those are known that were guessed.
            TimeUnit::Strftime(_) => Ok(String::new()),
            _ => Err(format!(
                "none of its values, such as {:?}, is a time from 1970 to 2099 in that unit",
                column.example.as_deref().unwrap_or_default()
            )),
        };
    };
    let is_odd =
        found.first.s() < YEAR_1980_S && !are_dates(unit) || found.last.s() > now_s.saturating_add(DAY_S);
    Ok(if is_odd { format!(" Warning: the times are {}.", years(found)) } else { String::new() })
}

/// The word for a unit, as `--time-unit` takes it.
pub(crate) fn unit_word(unit: &TimeUnit) -> String {
    for_shell(unit_name(unit))
}

/// What a unit is called, or the pattern of one that has a pattern.
pub(crate) fn unit_name(unit: &TimeUnit) -> &str {
    match unit {
        TimeUnit::Seconds => "s",
        TimeUnit::Milliseconds => "ms",
        TimeUnit::Microseconds => "us",
        TimeUnit::Nanoseconds => "ns",
        TimeUnit::Datetime => "datetime",
        TimeUnit::CalendarDigits => "yyyymmdd",
        TimeUnit::ExcelDays => "excel_days",
        TimeUnit::Strftime(pattern) => pattern.as_str(),
    }
}

/// A unit of times by its word, or a pattern of `strftime`.
///
/// # Errors
///
/// What was wanted and what was found.
///
/// # Examples
///
/// ```
/// use u2i_features::TimeUnit;
/// use u2i_onboarding::parse_time_unit;
/// assert_eq!(parse_time_unit("ms"), Ok(TimeUnit::Milliseconds));
/// assert!(matches!(parse_time_unit("%d.%m.%Y"), Ok(TimeUnit::Strftime(_))));
/// assert!(parse_time_unit("minutes").unwrap_err().starts_with("expected s, ms, us, ns, "));
/// ```
pub fn parse_time_unit(text: &str) -> Result<TimeUnit, String> {
    match text {
        "s" => Ok(TimeUnit::Seconds),
        "ms" => Ok(TimeUnit::Milliseconds),
        "us" => Ok(TimeUnit::Microseconds),
        "ns" => Ok(TimeUnit::Nanoseconds),
        "datetime" => Ok(TimeUnit::Datetime),
        "yyyymmdd" => Ok(TimeUnit::CalendarDigits),
        "excel_days" => Ok(TimeUnit::ExcelDays),
        pattern if pattern.contains('%') => pattern.parse::<TimePattern>().map(TimeUnit::Strftime),
        _ => Err(format!("expected {UNITS}, found {text:?}")),
    }
}

/// All that [`parse_time_unit`] takes.
pub(crate) const UNITS: &str =
    "s, ms, us, ns, datetime, yyyymmdd, excel_days or a pattern of strftime such as %d.%m.%Y";

#[cfg(test)]
mod tests {
    use u2i_features::Encoding;
    use u2i_features::formats::Csv;

    use super::*;

    /// 2023-11-14.
    const NOW_S: i64 = 1_700_000_000;

    fn column(values: &[&str]) -> ColumnProfile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, format!("x|y\n{}|\n", values.join("|\n"))).unwrap();
        let format = Csv::new('|', Encoding::Utf8).into();
        let table = u2i_features::profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap();
        table.columns.into_iter().next().unwrap()
    }

    #[test]
    fn units_are_told_from_the_years_that_they_give() {
        let cases: [(&[&str], Result<&str, &str>); 24] = [
            (&["978300760", "1600000000"], Ok("s")),
            (&["978300760.0", "1.6e9"], Ok("s")),
            (&["978300760000", "1600000000000"], Ok("ms")),
            (&["978300760000000", "1600000000000000"], Ok("us")),
            (&["978300760000000000", "1600000000000000000"], Ok("ns")),
            (&["20191001", "20200229"], Ok("yyyymmdd")),
            (&["20191001101500", "20200229000000"], Ok("yyyymmdd")),
            (&["2000-12-31", "2001-01-01 10:00"], Ok("datetime")),
            (&["2000-12-31T10:00:00Z", "2001-01-01"], Ok("datetime")),
            (&["1975-12-31", "2001-01-01"], Ok("datetime")),
            (&["31.12.2000", "01.01.2001"], Ok("%d.%m.%Y")),
            (&["01/02/2019", "13/02/2019"], Ok("%d/%m/%Y")),
            (&["01/02/2019", "02/13/2019"], Ok("%m/%d/%Y")),
            // Wholly in the future: said, not refused.
            (&["3900000000", "3900003600"], Ok("s")),
            (&["01/02/2019", "03/04/2019"], Err("nothing says which number is the month")),
            // Only one of the two is not in the future, which proves little.
            (&["10/09/2023", "12/10/2023"], Err("nothing says which number is the month")),
            (&["0", "12"], Err("numbers from 0 to 12 would be times of 1970 as seconds")),
            (&["1", "365"], Err("numbers from 1 to 365 would be times of 1970 as seconds")),
            (
                &["43739", "43740.5"],
                Err(
                    "numbers from 43739 to 43740.5 would be times of 1970 as seconds, of 2019 as days of a spreadsheet",
                ),
            ),
            (&["978300760", "3900003600"], Err("would be times from 2000 to 2093 as seconds")),
            (
                &["2023-01-01", "2043-01-01"],
                Err("its values would be times from 2023 to 2043 as dates, some of them"),
            ),
            (&["-5", "-7"], Err("values such as \"-5\" are read by no unit")),
            (&["soon", "later"], Err("values such as \"soon\" are read by no unit")),
            (&["18446744073709551615", "18446744073709551614"], Err("are read by no unit")),
        ];
        for (values, wanted) in cases {
            match (what_times(&column(values), NOW_S), wanted) {
                (WhatTimes::Sure { unit, .. }, Ok(wanted)) => {
                    assert_eq!(unit_word(&unit), wanted, "{values:?}")
                }
                (WhatTimes::Doubted { reason, .. } | WhatTimes::No { reason }, Err(wanted)) => {
                    assert!(reason.contains(wanted), "{values:?}: {reason}");
                }
                (found, wanted) => panic!("{values:?}: {found:?}, wanted {wanted:?}"),
            }
        }
    }

    #[test]
    fn what_is_odd_about_a_unit_that_was_named_is_said() {
        let check =
            |values: &[&str], unit: &str| warning(&column(values), &parse_time_unit(unit).unwrap(), NOW_S);
        assert_eq!(check(&["0", "12"], "s"), Ok(" Warning: the times are of 1970.".to_owned()));
        assert_eq!(
            check(&["978300760", "3900003600"], "s"),
            Ok(" Warning: the times are from 2000 to 2093.".to_owned())
        );
        assert_eq!(check(&["43739", "43740"], "excel_days"), Ok(String::new()));
        assert_eq!(check(&["31.12.2000"], "%d.%m.%Y"), Ok(String::new()));
        assert!(check(&["31.12.2000"], "s").is_err());
    }

    #[test]
    fn all_units_future_or_not_are_named_by_their_words() {
        for word in ["s", "ms", "us", "ns", "datetime", "yyyymmdd", "excel_days", "%d.%m.%Y"] {
            assert_eq!(unit_word(&parse_time_unit(word).unwrap()), word);
        }
        for wrong in ["minutes", "", "S", "%d.%m."] {
            assert!(parse_time_unit(wrong).is_err(), "{wrong}");
        }
    }
}
