use jiff::fmt::rfc2822;

use crate::unix_time::{NS_PER_S, UnixTime};

/// Unix time in seconds, rounded down, of a date with or without a time of day and an offset, as in ISO 8601 or RFC
/// 2822; UTC without an offset. `None` for any other text.
///
/// ```
/// use u2i_features::datetime;
/// for text in ["2001-02-03T04:05:06Z", "2001-02-03 04:05:06", "2001-02-03 05:05:06 +0100", "2001-02-03 04:05:06 UTC"] {
///     assert_eq!(datetime(text), Some(981_173_106));
/// }
/// assert_eq!(datetime("yesterday"), None);
/// ```
pub fn datetime(text: &str) -> Option<i64> {
    Some(parse(text).ok()?.s())
}

const DAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

fn is_one_of(names: &[&[u8; 3]], word: &[u8]) -> bool {
    names.iter().any(|name| word.eq_ignore_ascii_case(*name))
}

/// Whether a word is the English name of a month, and whether it is the short one.
pub(crate) fn is_month(word: &str) -> Option<bool> {
    let short = word.get(..3)?;
    is_one_of(&MONTHS, short.as_bytes()).then_some(word.len() == 3)
}

/// Why a text is no date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoDatetime {
    /// Of the form `01/02/2019`: day and month could be either.
    DayOrMonthFirst,
    /// A time on a clock of 12 hours.
    TwelveHours,
    /// With the name of a time zone, of which only an offset would say when it was.
    ZoneByName,
    /// Anything else.
    Other,
}

impl NoDatetime {
    /// What is wanted instead.
    pub(crate) fn wanted(self) -> &'static str {
        match self {
            NoDatetime::DayOrMonthFirst => {
                "a date that begins with its year, or day and month in an order that the config names, as in \
                 unit = { strftime = \"%d/%m/%Y\" } or \"%m/%d/%Y\" (key time.unit)"
            }
            NoDatetime::TwelveHours => {
                "a date and time such as 2000-12-31 22:12:40, or the pattern of a clock of 12 hours, as in \
                 unit = { strftime = \"%Y-%m-%d %I:%M:%S %p\" } (key time.unit)"
            }
            NoDatetime::ZoneByName => {
                "UTC or an offset such as +01:00 after the time, since a zone's name does not say which (key time.unit)"
            }
            NoDatetime::Other => "a date and time such as 2000-12-31 22:12:40 (key time.unit)",
        }
    }
}

/// The time that a text of ISO 8601, in any of the forms that are about, or of RFC 2822 or C's `ctime` says.
pub(crate) fn parse(text: &str) -> Result<UnixTime, NoDatetime> {
    let text = text.trim();
    match text.as_bytes() {
        [first, ..] if first.is_ascii_digit() => {
            let found = year_first(text.as_bytes());
            match found {
                Err(NoDatetime::Other) => with_names(text).ok_or_else(|| kind_of(text)),
                _ => found,
            }
        }
        [first, second, third, ..] if is_one_of(&DAYS, &[*first, *second, *third]) => {
            with_names(text).ok_or(NoDatetime::Other)
        }
        _ => Err(NoDatetime::Other),
    }
}

/// What a text that is no date and time looks like.
fn kind_of(text: &str) -> NoDatetime {
    let mut parts = text.split(|letter: char| !letter.is_ascii_digit());
    let lengths = [parts.next(), parts.next(), parts.next()].map(|part| part.map_or(0, str::len));
    let separators = text.bytes().filter(|byte| !byte.is_ascii_digit()).take(2).collect::<Vec<_>>();
    let is_date = matches!(lengths, [1 | 2, 1 | 2, 2 | 4])
        && matches!(separators[..], [a, b] if a == b && b"/.-".contains(&a));
    if is_date { NoDatetime::DayOrMonthFirst } else { NoDatetime::Other }
}

/// Texts with names of days or months whose order is fixed: RFC 2822, `ctime`, and what Java and Twitter make of it.
fn with_names(text: &str) -> Option<UnixTime> {
    // A longest one has 40 letters; whoever writes a novel means no time.
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if let Ok(time) = rfc2822::DateTimeParser::new().parse_timestamp(text) {
        return Some(UnixTime::from_s(time.as_second()));
    }
    // Tue Oct  1 10:15:00 2019, Tue Oct 01 10:15:00 UTC 2019, Tue Oct 01 10:15:00 +0000 2019
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (day_and_month, clock, zone, year) = match words[..] {
        [_, _, _, clock, year] => (&words[..3], clock, "UTC", year),
        [_, _, _, clock, zone, year] => (&words[..3], clock, zone, year),
        _ => return None,
    };
    let [weekday, month, day] = day_and_month else { return None };
    is_one_of(&DAYS, weekday.as_bytes()).then_some(())?;
    let month = MONTHS.iter().position(|name| month.as_bytes().eq_ignore_ascii_case(*name))? + 1;
    (year.len() == 4).then_some(())?;
    year_first(format!("{year}-{month}-{day} {clock} {zone}").as_bytes()).ok()
}

/// A text that is gone through from its beginning.
struct Letters<'a>(&'a [u8]);

impl Letters<'_> {
    /// The next letter, if it is one of these.
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        wanted.contains(&first).then(|| self.0 = rest)?;
        Some(first)
    }

    /// As many digits as there are, up to `most`: how many, and their number.
    fn digits(&mut self, most: usize) -> (usize, u32) {
        let n = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.0[..n].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        self.0 = &self.0[n..];
        (n, number)
    }

    /// Exactly `n` digits.
    fn exactly(&mut self, n: usize) -> Option<u32> {
        let (found, number) = self.digits(n);
        (found == n).then_some(number)
    }

    fn blanks(&mut self) -> bool {
        let n = self.0.iter().take_while(|&&byte| byte == b' ').count();
        self.0 = &self.0[n..];
        n > 0
    }

    /// Letters of the alphabet, as many as there are.
    fn word(&mut self) -> &[u8] {
        let n = self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = self.0.split_at(n);
        self.0 = rest;
        word
    }
}

fn year_first(text: &[u8]) -> Result<UnixTime, NoDatetime> {
    let mut letters = Letters(text);
    let (date, is_basic) = date(&mut letters).ok_or(NoDatetime::Other)?;
    let day = days_since_1970(date).ok_or(NoDatetime::Other)?;
    if letters.0.is_empty() {
        return Ok(UnixTime::from_s(day * 86_400));
    }
    if letters.one_of(b"Tt").is_none() && !letters.blanks() {
        return Err(NoDatetime::Other);
    }
    let (second, subsec_ns) = clock(&mut letters, is_basic).ok_or(NoDatetime::Other)?;
    let offset_s = zone(&mut letters)?;
    Ok(UnixTime::new(day * 86_400 + i64::from(second) - i64::from(offset_s), subsec_ns))
}

/// Year, month and day, and whether they stand without anything between them.
fn date(letters: &mut Letters<'_>) -> Option<([u32; 3], bool)> {
    let year = letters.exactly(4)?;
    let Some(separator) = letters.one_of(b"-/.") else {
        return Some(([year, letters.exactly(2)?, letters.exactly(2)?], true));
    };
    let month = letters.digits(2);
    letters.one_of(&[separator])?;
    let day = letters.digits(2);
    (month.0 > 0 && day.0 > 0).then_some(([year, month.1, day.1], false))
}

/// The day in the proleptic Gregorian calendar; `None` if there is no such day.
pub(crate) fn days_since_1970([year, month, day]: [u32; 3]) -> Option<i64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let in_month = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=in_month).contains(&day) {
        return None;
    }
    // Years begin in March, so that a leap day is the last of its year: Howard Hinnant, "chrono-compatible low-level
    // date algorithms", `days_from_civil`.
    let (year, month) = (i64::from(year) - i64::from(month <= 2), i64::from(month));
    let in_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    Some(365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468)
}

/// Seconds since midnight, and nanoseconds. A leap second is the first of the next minute, as Unix counts.
fn clock(letters: &mut Letters<'_>, is_basic: bool) -> Option<(u32, u32)> {
    let (n_digits, hour) = letters.digits(2);
    if n_digits == 0 || (is_basic && n_digits == 1) {
        return None;
    }
    let has_colons = letters.one_of(b":").is_some();
    let (mut minute, mut second, mut subsec_ns) = (0, 0, 0);
    if has_colons || letters.0.first().is_some_and(u8::is_ascii_digit) {
        minute = letters.exactly(2)?;
        let has_seconds = match has_colons {
            true => letters.one_of(b":").is_some(),
            false => letters.0.first().is_some_and(u8::is_ascii_digit),
        };
        if has_seconds {
            second = letters.exactly(2)?;
            if letters.one_of(b".,").is_some() {
                subsec_ns = fraction(letters)?;
            }
        }
    }
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 3_600 + minute * 60 + second, subsec_ns))
}

fn fraction(letters: &mut Letters<'_>) -> Option<u32> {
    let (n, number) = letters.digits(9);
    let is_whole = n > 0 && !letters.0.first().is_some_and(u8::is_ascii_digit);
    is_whole.then(|| (n..9).fold(number, |number, _| number * 10)).filter(|&ns| ns < NS_PER_S)
}

/// Seconds that the clock is ahead of UTC; nothing may follow.
fn zone(letters: &mut Letters<'_>) -> Result<i32, NoDatetime> {
    letters.blanks();
    let is_named = match letters.word().to_ascii_uppercase().as_slice() {
        b"" => false,
        b"Z" | b"UTC" | b"GMT" | b"UT" => true,
        b"AM" | b"PM" => return Err(NoDatetime::TwelveHours),
        _ => return Err(NoDatetime::ZoneByName),
    };
    letters.blanks();
    let offset_s = match letters.one_of(b"+-") {
        Some(sign) => Some(offset(letters).ok_or(NoDatetime::Other)? * if sign == b'-' { -1 } else { 1 }),
        None => is_named.then_some(0),
    };
    // Where an offset stands, what the zone is called decides nothing: `+08:00[Asia/Shanghai]`, `+0000 UTC`.
    let is_rest_a_name = match letters.0 {
        [] => true,
        [b'[', name @ .., b']'] => {
            name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-:".contains(byte))
        }
        [b' ', b'(', name @ .., b')'] => name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b' '),
        [b' ', name @ ..] => name.iter().all(u8::is_ascii_uppercase),
        _ => return Err(NoDatetime::Other),
    };
    match offset_s {
        _ if !is_rest_a_name => Err(NoDatetime::Other),
        Some(offset_s) => Ok(offset_s),
        None if letters.0.is_empty() => Ok(0),
        None => Err(NoDatetime::ZoneByName),
    }
}

/// Hours, minutes if there are any, and seconds if there are any.
fn offset(letters: &mut Letters<'_>) -> Option<i32> {
    let (n_digits, hours) = letters.digits(2);
    let mut parts = [hours, 0, 0];
    for part in &mut parts[1..] {
        let has_colon = letters.one_of(b":").is_some();
        if !has_colon && (n_digits < 2 || !letters.0.first().is_some_and(u8::is_ascii_digit)) {
            break;
        }
        *part = letters.exactly(2)?;
    }
    let [hours, minutes, seconds] = parts;
    let is_offset = n_digits > 0 && hours < 24 && minutes < 60 && seconds < 60;
    is_offset.then_some((hours * 3_600 + minutes * 60 + seconds) as i32)
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
            ("31.12.2000", None),
            ("978300760", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(datetime(text), wanted, "{text:?}");
        }
    }

    /// 2000-12-31 22:12:40 in every form that is about.
    #[test]
    fn one_time_has_many_forms() {
        let forms = [
            "2000-12-31T22:12:40z",
            "2000-12-31t22:12:40",
            "  2000-12-31 22:12:40 ",
            "2000-12-31  22:12:40",
            "2000-12-31 22:12:40 UTC",
            "2000-12-31 22:12:40UTC",
            "2000-12-31 22:12:40 utc",
            "2000-12-31 22:12:40 GMT",
            "2000-12-31 22:12:40 Z",
            "2000-12-31 22:12:40+00",
            "2000-12-31 22:12:40 +0000",
            "2000-12-31 22:12:40 +0000 UTC",
            "2000-12-31 22:12:40-00:00",
            "2001-01-01 06:12:40+08",
            "2001-01-01 06:12:40+8",
            "2001-01-01 06:12:40 +0800",
            "2001-01-01T06:12:40 +08:00",
            "2001-01-01 06:12:40 +08:00:00",
            "2001-01-01 06:12:40 UTC+8",
            "2001-01-01 06:12:40 GMT+0800",
            "2001-01-01T06:12:40+08:00[Asia/Shanghai]",
            "2001-01-01 06:12:40 +0800 CST",
            "2000-12-31T22:12:40Z[UTC]",
            "2000-12-31 16:42:40-05:30",
            "2000-12-31 22:12:40.0",
            "2000-12-31T22:12:40,000000000Z",
            "2000-12-31 22:12:40.0000000 +00:00",
            "2000/12/31 22:12:40",
            "2000.12.31 22:12:40",
            "20001231T221240Z",
            "20001231T221240",
            "2000-12-31T221240",
            "20001231 22:12:40",
            "Sun, 31 Dec 2000 22:12:40 GMT",
            "Sun, 31 Dec 2000 22:12:40 +0000",
            "31 Dec 2000 17:12:40 -0500",
            "Sun Dec 31 22:12:40 2000",
            "Sun Dec 31 22:12:40 UTC 2000",
            "Sun Dec 31 22:12:40 +0000 2000",
        ];
        for text in forms {
            assert_eq!(parse(text), Ok(UnixTime::from_s(978_300_760)), "{text:?}");
        }
        // An hour alone, days without leading zeros, a leap second, and a day that there is every four years.
        for (text, wanted) in [
            ("2000-12-31 22", 978_300_000),
            ("2000-12-31T22Z", 978_300_000),
            ("2001-1-2", 978_393_600),
            ("2001/1/2 3:04", 978_404_640),
            ("20010102", 978_393_600),
            ("1998-12-31T23:59:60Z", 915_148_800),
            ("2000-02-29", 951_782_400),
            ("1970-01-01", 0),
            ("0000-01-01", -62_167_219_200),
            ("9999-12-31", 253_402_214_400),
            ("Thu Feb  1 00:00:00 2001", 980_985_600),
        ] {
            assert_eq!(parse(text), Ok(UnixTime::from_s(wanted)), "{text:?}");
        }
    }

    #[test]
    fn fractions_are_read_to_the_nanosecond() {
        for (fraction, ns) in [
            (".5", 500_000_000),
            (",25", 250_000_000),
            (".001", 1_000_000),
            (".123456", 123_456_000),
            (".1234567", 123_456_700),
            (".000000001", 1),
            (".999999999", 999_999_999),
        ] {
            for zone in ["", "Z", " UTC", "+00:00"] {
                let text = format!("2000-12-31 22:12:40{fraction}{zone}");
                assert_eq!(parse(&text), Ok(UnixTime::new(978_300_760, ns)), "{text}");
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        use NoDatetime::*;
        for (text, wanted) in [
            ("01/10/2019", DayOrMonthFirst),
            ("1/10/2019 10:00", DayOrMonthFirst),
            ("31.12.2000", DayOrMonthFirst),
            ("31-12-2000", DayOrMonthFirst),
            ("01/10/19", DayOrMonthFirst),
            ("2019-10-01 10:15:00 PM", TwelveHours),
            ("2019-10-01 10:15 am", TwelveHours),
            ("2019-10-01 10:15:00 EST", ZoneByName),
            ("2019-10-01 10:15:00 CEST", ZoneByName),
            ("2019-10-01 10:15:00 America/New_York", ZoneByName),
            ("2019-10-01T10:15:00[Europe/Berlin]", ZoneByName),
            ("Tue Oct 01 00:00:00 CST 2019", Other),
            ("2019-02-29", Other),
            ("2019-13-01", Other),
            ("2019-10-00", Other),
            ("2019-10-01T24:00:00", Other),
            ("2019-10-01 10:60", Other),
            ("2019-10-01 10:15:61", Other),
            ("2019-10-01 10:15:00.", Other),
            ("2019-10-01 10:15:00.1234567890", Other),
            ("2019-10-01 10:15:00+", Other),
            ("2019-10-01 10:15:00+24:00", Other),
            ("2019-10-01 10:15:00+08:00 now", Other),
            ("2019-10-01 10:15:00 Z]", Other),
            ("2019-10-01/2019-10-02", Other),
            ("2019-10/01", Other),
            ("2019-10", Other),
            ("2019", Other),
            ("2019-W40-2", Other),
            ("2019-274", Other),
            ("2019-10-01T", Other),
            ("20191001101500", Other),
            ("Tuesday", Other),
            ("Sunday, Bloody Sunday", Other),
            ("-2019-10-01", Other),
            ("٢٠١٩-١٠-٠١", Other),
            ("2019-10-01\u{a0}10:15", Other),
            ("1e5", Other),
        ] {
            assert_eq!(parse(text), Err(wanted), "{text:?}");
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let mut expected = days_since_1970([1968, 1, 1]).unwrap();
        assert_eq!(expected, -731);
        for (year, month, day) in (1968..2105)
            .flat_map(|year| (1..=12).flat_map(move |month| (1..=31).map(move |day| (year, month, day))))
        {
            let wanted = jiff::civil::Date::new(year as i16, month as i8, day as i8).ok().map(|_| expected);
            assert_eq!(days_since_1970([year, month, day]), wanted, "{year}-{month}-{day}");
            expected += i64::from(wanted.is_some());
        }
    }
}
