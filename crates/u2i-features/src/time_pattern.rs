use jiff::civil::{self, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::unix_time::UnixTime;

/// How times are written, as a pattern of `strftime` such as `%d.%m.%Y %H:%M`, which says at least which day it is.
///
/// # Examples
///
/// ```
/// use u2i_features::TimePattern;
/// assert!("%d.%m.%Y %H:%M".parse::<TimePattern>().is_ok());
/// let error = "%d.%m.".parse::<TimePattern>().unwrap_err();
/// assert_eq!(error, "expected a pattern with year, month and day, such as %d.%m.%Y, found \"%d.%m.\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimePattern(String);

impl TimePattern {
    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time that a text says; UTC unless an offset stands there, midnight unless a time of day does.
    pub(crate) fn read(&self, text: &str) -> Option<UnixTime> {
        let parsed = BrokenDownTime::parse(&self.0, text).ok()?;
        let time = match parsed.timestamp() {
            Some(time) => time,
            None => {
                let date = parsed.to_date().ok()?;
                let time = match parsed.hour() {
                    Some(_) => parsed.to_time().ok()?,
                    None => Time::midnight(),
                };
                parsed.offset().unwrap_or(Offset::UTC).to_timestamp(date.to_datetime(time)).ok()?
            }
        };
        UnixTime::of(time)
    }
}

impl UnixTime {
    fn of(time: jiff::Timestamp) -> Option<Self> {
        let ns = time.as_nanosecond();
        let s = i64::try_from(ns.div_euclid(1_000_000_000)).ok()?;
        Some(UnixTime::new(s, ns.rem_euclid(1_000_000_000) as u32))
    }
}

impl std::str::FromStr for TimePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |wanted: &str| Err(format!("expected {wanted}, found {text:?}"));
        let has = |directives: [char; 2]| directives.iter().any(|letter| names(text, *letter));
        if has(['I', 'l']) && !has(['p', 'P']) {
            return wrong("%p beside an hour of a clock of 12 hours, or %H");
        }
        if has(['Q', 'Z']) {
            return wrong("%z, since the name of a zone does not say how far it is from UTC");
        }
        // Whatever it says of a time, it must be able to say which day that is.
        let example = civil::date(2004, 12, 30).at(16, 58, 47, 0);
        let mut written = BrokenDownTime::from(example);
        written.set_offset(Some(Offset::UTC));
        if let Ok(time) = Offset::UTC.to_timestamp(example) {
            written.set_timestamp(Some(time));
        }
        let Ok(written) = written.to_string(text) else {
            return wrong("a pattern of strftime such as %d.%m.%Y");
        };
        let pattern = TimePattern(text.to_owned());
        const MIDNIGHT_S: i64 = 1_104_364_800;
        match pattern.read(&written) {
            Some(time) if time.s().div_euclid(86_400) == MIDNIGHT_S / 86_400 => Ok(pattern),
            _ => wrong("a pattern with year, month and day, such as %d.%m.%Y"),
        }
    }
}

/// Whether a pattern has a directive, whatever flags stand before its letter.
fn names(pattern: &str, letter: char) -> bool {
    let mut letters = pattern.chars();
    while let Some(first) = letters.next() {
        if first == '%' {
            let is_flag = |letter: &char| "_-0123456789^#:.".contains(*letter);
            if letters.by_ref().find(|letter| !is_flag(letter)) == Some(letter) {
                return true;
            }
        }
    }
    false
}

impl TryFrom<String> for TimePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimePattern> for String {
    fn from(pattern: TimePattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_reads_what_it_says_in_utc_unless_it_says_an_offset() {
        // date -u -d '2019-10-01 16:05' +%s is 1569945900.
        let cases = [
            ("%d.%m.%Y %H:%M", "01.10.2019 16:05", Some(1_569_945_900)),
            ("%d.%m.%Y %H:%M", "1.10.2019 16:05", Some(1_569_945_900)),
            ("%m/%d/%Y %I:%M %p", "10/01/2019 04:05 PM", Some(1_569_945_900)),
            ("%m/%d/%y %H:%M", "10/01/19 16:05", Some(1_569_945_900)),
            ("%d %B %Y %H:%M:%S", "1 October 2019 16:05:00", Some(1_569_945_900)),
            ("%d-%b-%Y %T %z", "01-OCT-2019 18:05:00 +0200", Some(1_569_945_900)),
            ("%Y-%m-%dT%H:%M%:z", "2019-10-01T18:05+02:00", Some(1_569_945_900)),
            ("%s", "1569945900", Some(1_569_945_900)),
            ("%Y %j", "2019 274", Some(1_569_888_000)),
            ("%d/%m/%Y", "01/10/2019", Some(1_569_888_000)),
            ("%d/%m/%Y", "10/13/2019", None),
            ("%d/%m/%Y", "01/10/2019 16:05", None),
            ("%d/%m/%Y %H:%M", "01/10/2019", None),
            ("%d/%m/%Y", "31/02/2019", None),
        ];
        for (pattern, text, wanted) in cases {
            let pattern: TimePattern = pattern.parse().unwrap();
            assert_eq!(pattern.read(text).map(UnixTime::s), wanted, "{pattern:?} {text}");
        }
        let fractions: TimePattern = "%Y%m%d %H:%M:%S%.f".parse().unwrap();
        let time = fractions.read("20191001 16:05:00.000000001").unwrap();
        assert_eq!((time.s(), time.subsec_ns()), (1_569_945_900, 1));
    }

    #[test]
    fn a_pattern_that_does_not_say_which_day_it_is_is_refused() {
        for (pattern, wanted) in [
            ("%H:%M", "a pattern with year, month and day"),
            ("%d/%m", "a pattern with year, month and day"),
            ("", "a pattern with year, month and day"),
            ("dd/mm/yyyy", "a pattern with year, month and day"),
            ("%Y-%m-%d %I:%M", "%p beside an hour"),
            ("%Y-%m-%d %H:%M %Z", "%z, since the name of a zone"),
            ("%Y-%m-%d %H:%M %Q", "%z, since the name of a zone"),
            ("%Y-%m-%d %?", "a pattern of strftime"),
            ("%Y-%m-%d %", "a pattern of strftime"),
        ] {
            let error = pattern.parse::<TimePattern>().unwrap_err();
            assert!(error.starts_with(&format!("expected {wanted}")), "{pattern:?}: {error}");
        }
    }
}
