/// The time of an event that is known by its place in a history only.
pub const NO_TIME: i64 = i64::MIN;

/// The hour of a Unix time, 0 to 23, in UTC.
///
/// ```
/// assert_eq!(u2i_schema::hour(1_000_000_000), 1); // 2001-09-09 01:46:40
/// assert_eq!(u2i_schema::hour(-1), 23);
/// ```
pub fn hour(time_s: i64) -> i64 {
    time_s.div_euclid(3_600).rem_euclid(24)
}

/// The day of the week of a Unix time in UTC; 0 is Monday.
///
/// ```
/// assert_eq!(u2i_schema::weekday(1_000_000_000), 6); // 2001-09-09 was a Sunday
/// assert_eq!(u2i_schema::weekday(-1), 2);
/// ```
pub fn weekday(time_s: i64) -> i64 {
    // 1970-01-01 was a Thursday, day 3 from Monday.
    (time_s.div_euclid(86_400) + 3).rem_euclid(7)
}
