use crate::datetime::days_since_1970;
use crate::unix_time::UnixTime;

/// The time in UTC that is written as the digits of year, month and day, with or without those of hour, minute, second
/// and millisecond: 8, 10, 12, 14 or 17 of them.
pub(crate) fn read(text: &str) -> Option<UnixTime> {
    let is_digits = text.len() <= 17 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten().and_then(of_integer)
}

/// [`read`] of the digits of an integer.
pub(crate) fn of_integer(number: i64) -> Option<UnixTime> {
    let number = u64::try_from(number).ok().filter(|&number| number > 0)?;
    // How many digits follow those of the day.
    let n_digits = number.ilog10() + 1;
    if !matches!(n_digits, 8 | 10 | 12 | 14 | 17) {
        return None;
    }
    let digits = |from: u32, n: u32| match n_digits.checked_sub(from + n) {
        Some(after) => (number / 10u64.pow(after) % 10u64.pow(n)) as u32,
        None => 0,
    };
    let day = days_since_1970([digits(0, 4), digits(4, 2), digits(6, 2)])?;
    let (hour, minute, second) = (digits(8, 2), digits(10, 2), digits(12, 2));
    let is_time = hour < 24 && minute < 60 && second <= 60;
    let time_s = day * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    is_time.then_some(UnixTime::new(time_s, digits(14, 3) * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_date_and_as_much_of_a_time_as_there_is() {
        // date -u -d '2019-10-01 10:15:07' +%s is 1569924907.
        let cases = [
            ("20191001", Some((1_569_888_000, 0))),
            ("2019100110", Some((1_569_924_000, 0))),
            ("201910011015", Some((1_569_924_900, 0))),
            ("20191001101507", Some((1_569_924_907, 0))),
            ("20191001101507250", Some((1_569_924_907, 250_000_000))),
            ("20200229", Some((1_582_934_400, 0))),
            ("20190229", None),
            ("20191301", None),
            ("20191000", None),
            ("2019100124", None),
            ("201910011060", None),
            ("2019101", None),
            ("191001", None),
            ("1569888000", None),
            ("2019-10-01", None),
            ("٢٠١٩١٠٠١", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text).map(|time| (time.s(), time.subsec_ns())), wanted, "{text:?}");
        }
    }
}
