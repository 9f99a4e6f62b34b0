use jiff::Timestamp;

use crate::calendar_digits;
use crate::datetime::{self, is_month};
use crate::time::{TimeUnit, YEAR_2100_S};
use crate::time_pattern::TimePattern;
use crate::unix_time::UnixTime;

/// A unit in which values of a column are times from 1970 to 2099.
///
/// # Examples
///
/// ```
/// # use u2i_features::{FileFormat, profile_table};
/// use u2i_features::{PlausibleUnit, TimeUnit};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("events.csv");
/// std::fs::write(&path, "day\n20191001\n20200229\n").unwrap();
/// # let format: FileFormat = toml::from_str("csv = { separator = ',', encoding = 'utf-8' }").unwrap();
/// let profile = profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap();
/// let units = profile.columns[0].plausible_units();
/// let years = |unit| units.iter().find(|found| found.unit == unit).map(PlausibleUnit::years);
/// // Dates, or seconds of a single day in 1970.
/// assert_eq!(years(TimeUnit::CalendarDigits), Some((2019, 2020)));
/// assert_eq!(years(TimeUnit::Seconds), Some((1970, 1970)));
/// assert_eq!(years(TimeUnit::Datetime), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlausibleUnit {
    /// How the values would be written.
    pub unit: TimeUnit,
    /// How many values are such times.
    pub n_values: usize,
    /// The earliest of them.
    pub first: UnixTime,
    /// The latest of them.
    pub last: UnixTime,
}

impl PlausibleUnit {
    fn new(unit: TimeUnit) -> Self {
        let (first, last) = (UnixTime::from_s(YEAR_2100_S), UnixTime::from_s(0));
        PlausibleUnit { unit, n_values: 0, first, last }
    }

    /// The years of the earliest and the latest.
    pub fn years(&self) -> (i16, i16) {
        let year = |time: UnixTime| {
            let time = Timestamp::from_second(time.s()).unwrap_or(Timestamp::UNIX_EPOCH);
            jiff::tz::Offset::UTC.to_datetime(time).year()
        };
        (year(self.first), year(self.last))
    }

    fn add(&mut self, time: UnixTime) {
        if (0..YEAR_2100_S).contains(&time.s()) {
            self.n_values += 1;
            self.first = self.first.min(time);
            self.last = self.last.max(time);
        }
    }
}

/// How many values each unit reads, and the times that come of it.
#[derive(Debug, Clone)]
pub(crate) struct TimeGuess {
    counted: [PlausibleUnit; 4],
    digits: PlausibleUnit,
    excel_days: PlausibleUnit,
    datetime: PlausibleUnit,
    patterns: Vec<PlausibleUnit>,
}

/// A column of more kinds of dates than these holds something else.
const MAX_PATTERNS: usize = 12;

impl Default for TimeGuess {
    fn default() -> Self {
        use TimeUnit::*;
        TimeGuess {
            counted: [Seconds, Milliseconds, Microseconds, Nanoseconds].map(PlausibleUnit::new),
            digits: PlausibleUnit::new(CalendarDigits),
            excel_days: PlausibleUnit::new(ExcelDays),
            datetime: PlausibleUnit::new(Datetime),
            patterns: Vec::new(),
        }
    }
}

impl TimeGuess {
    /// The units that read a value at least, those that read most first.
    pub(crate) fn units(&self) -> Vec<PlausibleUnit> {
        let numbers = self.counted.iter().chain([&self.digits, &self.excel_days]);
        let all = numbers.chain([&self.datetime]).chain(&self.patterns);
        let mut units: Vec<_> = all.filter(|unit| unit.n_values > 0).cloned().collect();
        units.sort_by_key(|unit| std::cmp::Reverse(unit.n_values));
        units
    }

    /// Takes the first and the last time for two that a unit has read.
    pub(crate) fn widen(&mut self, unit: &TimeUnit, [first, last]: [UnixTime; 2]) {
        let counted = self.counted.iter_mut().chain([&mut self.digits, &mut self.excel_days]);
        let all = counted.chain([&mut self.datetime]).chain(&mut self.patterns);
        for known in all.filter(|known| known.unit == *unit) {
            (known.first, known.last) = (known.first.min(first), known.last.max(last));
        }
    }

    pub(crate) fn datetime(&mut self, time: UnixTime) {
        self.datetime.add(time);
    }

    pub(crate) fn integer(&mut self, number: i128) {
        let Ok(number) = i64::try_from(number) else { return };
        for counted in &mut self.counted {
            if let Some(per_second) = counted.unit.per_second() {
                counted.add(UnixTime::from_ticks(number, per_second));
            }
        }
        if let Some(time) = calendar_digits::of_integer(number) {
            self.digits.add(time);
        }
        self.excel_days.add(TimeUnit::excel_days(number as f64));
    }

    /// A number that is stored as a floating-point number, or has a fraction or an exponent.
    pub(crate) fn decimal(&mut self, number: f64) {
        for counted in &mut self.counted {
            match counted.unit.per_second() {
                Some(per_second) if counted.unit != TimeUnit::Nanoseconds => {
                    counted.add(UnixTime::from_s((number / f64::from(per_second)).floor() as i64));
                }
                _ => {}
            }
        }
        self.excel_days.add(TimeUnit::excel_days(number));
    }

    /// Text that is no number; says whether it is one of `datetime`.
    pub(crate) fn text(&mut self, text: &str) -> bool {
        if let Ok(time) = datetime::parse(text) {
            self.datetime.add(time);
            return true;
        }
        let text = text.trim();
        if text.len() <= 64 && !self.by_patterns(text) && self.patterns.len() < MAX_PATTERNS {
            let of_text =
                patterns(text).into_iter().filter_map(|pattern| pattern.parse::<TimePattern>().ok());
            let is_new = |pattern: &TimePattern, known: &[PlausibleUnit]| {
                known.iter().all(|known| known.unit != TimeUnit::Strftime(pattern.clone()))
            };
            let before = self.patterns.len();
            for pattern in of_text {
                if is_new(&pattern, &self.patterns) {
                    self.patterns.push(PlausibleUnit::new(TimeUnit::Strftime(pattern)));
                }
            }
            if self.patterns.len() > before {
                self.by_patterns(text);
            }
        }
        false
    }

    /// Whether one of the patterns that were met reads a text.
    fn by_patterns(&mut self, text: &str) -> bool {
        let mut is_read = false;
        for known in &mut self.patterns {
            let TimeUnit::Strftime(pattern) = &known.unit else { continue };
            if let Some(time) = pattern.read(text) {
                known.add(time);
                is_read = true;
            }
        }
        is_read
    }
}

/// Patterns that may be those of a date that does not begin with a year of four digits.
fn patterns(text: &str) -> Vec<String> {
    let Some((dates, rest)) = date(text) else { return Vec::new() };
    let Some(clock) = clock(rest) else { return Vec::new() };
    dates.into_iter().map(|date| format!("{date}{clock}")).collect()
}

/// Patterns of the date that a text begins with, and what follows it.
fn date(text: &str) -> Option<(Vec<String>, &str)> {
    let (first, rest) = part(text)?;
    let (between, rest) = separator(rest)?;
    let (second, rest) = part(rest)?;
    let (then, rest) = separator(rest)?;
    let (third, rest) = part(rest)?;
    let year = match third {
        Part::Digits(4) => "%Y",
        Part::Digits(2) => "%y",
        _ => return None,
    };
    let month = |is_short: bool| if is_short { "%b" } else { "%B" };
    let orders = match (first, second) {
        (Part::Digits(1 | 2), Part::Digits(1 | 2)) => {
            let mut orders = vec![["%d", "%m", year], ["%m", "%d", year]];
            if year == "%y" {
                orders.push(["%y", "%m", "%d"]);
            }
            orders
        }
        (Part::Digits(1 | 2), Part::Month { is_short }) => vec![["%d", month(is_short), year]],
        (Part::Month { is_short }, Part::Digits(1 | 2)) => vec![[month(is_short), "%d", year]],
        _ => return None,
    };
    Some((orders.into_iter().map(|[a, b, c]| format!("{a}{between}{b}{then}{c}")).collect(), rest))
}

enum Part {
    Digits(usize),
    Month { is_short: bool },
}

/// The digits or the word that a text begins with.
fn part(text: &str) -> Option<(Part, &str)> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if n_digits > 0 {
        return Some((Part::Digits(n_digits), &text[n_digits..]));
    }
    let n_letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let is_short = is_month(&text[..n_letters])?;
    Some((Part::Month { is_short }, &text[n_letters..]))
}

/// What stands between the parts of a date.
fn separator(text: &str) -> Option<(&str, &str)> {
    let n = text.bytes().take_while(|byte| b"/.-, ".contains(byte)).count();
    (1..=2).contains(&n).then(|| text.split_at(n))
}

/// The pattern of a time of day with what stands before it; empty if there is none.
fn clock(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let n_before = text.bytes().take_while(|byte| b"T, ".contains(byte)).count();
    let (before, text) = text.split_at(n_before);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let n_hour = digits(text);
    let rest = text[n_hour..].strip_prefix(':')?;
    if n_before == 0 || !(1..=2).contains(&n_hour) || digits(rest) != 2 {
        return None;
    }
    let (mut pattern, mut rest) = (String::from(":%M"), &rest[2..]);
    if let Some(seconds) = rest.strip_prefix(':').filter(|rest| digits(rest) == 2) {
        pattern += ":%S";
        rest = &seconds[2..];
        for (mark, fraction) in [('.', "%.f"), (',', ",%f")] {
            if let Some(found) = rest.strip_prefix(mark).filter(|rest| digits(rest) > 0) {
                pattern += fraction;
                rest = &found[digits(found)..];
            }
        }
    }
    let mut hour = "%H";
    let after = rest.trim_start_matches(' ');
    if after.get(..2).is_some_and(|word| ["AM", "PM"].iter().any(|name| word.eq_ignore_ascii_case(name))) {
        pattern += if after.len() < rest.len() { " %p" } else { "%p" };
        hour = "%I";
        rest = &after[2..];
    }
    let after = rest.trim_start_matches(' ');
    let blank = if after.len() < rest.len() { " " } else { "" };
    let zone = match after.strip_prefix(['+', '-']) {
        Some(offset) if offset.contains(':') => "%:z",
        Some(_) => "%z",
        None if ["", "Z", "UTC", "GMT"].contains(&after) => after,
        None => return None,
    };
    Some(format!("{before}{hour}{pattern}{blank}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(texts: &[&str]) -> Vec<(String, usize, (i16, i16))> {
        let mut guess = TimeGuess::default();
        for text in texts {
            match (text.parse::<i128>(), text.parse::<f64>()) {
                (Ok(integer), _) => guess.integer(integer),
                (_, Ok(number)) => guess.decimal(number),
                _ => drop(guess.text(text)),
            }
        }
        let name = |unit: &TimeUnit| match unit {
            TimeUnit::Strftime(pattern) => pattern.as_str().to_owned(),
            unit => format!("{unit:?}"),
        };
        guess.units().iter().map(|unit| (name(&unit.unit), unit.n_values, unit.years())).collect()
    }

    #[test]
    fn every_unit_that_reads_a_value_is_named_with_its_years() {
        type Found = (&'static str, usize, (i16, i16));
        let cases: [(&[&str], &[Found]); 17] = [
            (
                &["1569888000", "1577836800"],
                &[
                    ("Seconds", 2, (2019, 2020)),
                    ("Milliseconds", 2, (1970, 1970)),
                    ("Microseconds", 2, (1970, 1970)),
                    ("Nanoseconds", 2, (1970, 1970)),
                ],
            ),
            (
                &["20191001"],
                &[
                    ("Seconds", 1, (1970, 1970)),
                    ("Milliseconds", 1, (1970, 1970)),
                    ("Microseconds", 1, (1970, 1970)),
                    ("Nanoseconds", 1, (1970, 1970)),
                    ("CalendarDigits", 1, (2019, 2019)),
                ],
            ),
            (&["1569888000000000000"], &[("Nanoseconds", 1, (2019, 2019))]),
            (&["1569888000000000"], &[("Microseconds", 1, (2019, 2019)), ("Nanoseconds", 1, (1970, 1970))]),
            (&["18446744073709551615"], &[]),
            (&["-5"], &[]),
            (
                &["43739.25"],
                &[
                    ("Seconds", 1, (1970, 1970)),
                    ("Milliseconds", 1, (1970, 1970)),
                    ("Microseconds", 1, (1970, 1970)),
                    ("ExcelDays", 1, (2019, 2019)),
                ],
            ),
            (&["2019-10-01 10:00:00 UTC", "2020-01-01"], &[("Datetime", 2, (2019, 2020))]),
            (&["01/02/2019"], &[("%d/%m/%Y", 1, (2019, 2019)), ("%m/%d/%Y", 1, (2019, 2019))]),
            (&["01/02/2019", "13/02/2019"], &[("%d/%m/%Y", 2, (2019, 2019)), ("%m/%d/%Y", 1, (2019, 2019))]),
            (
                &["1.2.2019 08:00", "13.2.2019 08:00"],
                &[("%d.%m.%Y %H:%M", 2, (2019, 2019)), ("%m.%d.%Y %H:%M", 1, (2019, 2019))],
            ),
            (&["10/25/2019 08:00:01 PM"], &[("%m/%d/%Y %I:%M:%S %p", 1, (2019, 2019))]),
            (&["09 13, 2009"], &[("%m %d, %Y", 1, (2009, 2009))]),
            (&["01-Oct-2019 10:15:00.250 +0200"], &[("%d-%b-%Y %H:%M:%S%.f %z", 1, (2019, 2019))]),
            (&["October 1, 2019"], &[("%B %d, %Y", 1, (2019, 2019))]),
            (&["31/12/99"], &[("%d/%m/%y", 1, (1999, 1999))]),
            (&["1234-AB", "Mayonnaise", "1-2-3-4", "10:15", "", "a/b/c", "1.2.3 beta"], &[]),
        ];
        for (texts, wanted) in cases {
            let wanted: Vec<_> = wanted.iter().map(|&(unit, n, years)| (unit.to_owned(), n, years)).collect();
            assert_eq!(guess(texts), wanted, "{texts:?}");
        }
    }
}
