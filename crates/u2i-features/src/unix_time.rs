/// A point in time as events have it: Unix seconds, and what goes on within the second to the nanosecond.
///
/// # Examples
///
/// ```
/// use u2i_features::UnixTime;
/// let time = UnixTime::from_ticks(1_569_888_000_250, 1_000);
/// assert_eq!((time.s(), time.subsec_ns()), (1_569_888_000, 250_000_000));
/// assert!(UnixTime::from_s(1_569_888_000) < time && time < UnixTime::from_s(1_569_888_001));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime {
    // Seconds first: the order is that of time.
    s: i64,
    subsec_ns: u32,
}

pub(crate) const NS_PER_S: u32 = 1_000_000_000;

impl UnixTime {
    /// The beginning of a second.
    pub const fn from_s(s: i64) -> Self {
        UnixTime { s, subsec_ns: 0 }
    }

    /// `ticks` since 1970, of which a second has `per_second`.
    ///
    /// # Panics
    ///
    /// If `per_second` does not divide a billion.
    pub const fn from_ticks(ticks: i64, per_second: u32) -> Self {
        assert!(per_second > 0 && NS_PER_S.is_multiple_of(per_second), "ticks are whole nanoseconds");
        let rest = ticks.rem_euclid(per_second as i64) as u32;
        UnixTime { s: ticks.div_euclid(per_second as i64), subsec_ns: rest * (NS_PER_S / per_second) }
    }

    /// A second and the nanoseconds that have gone by since; less than a second.
    pub(crate) fn new(s: i64, subsec_ns: u32) -> Self {
        debug_assert!(subsec_ns < NS_PER_S, "{subsec_ns} ns are a second");
        UnixTime { s, subsec_ns }
    }

    /// The second: what is rounded down.
    pub const fn s(self) -> i64 {
        self.s
    }

    /// Nanoseconds since the beginning of the second; below a billion.
    pub const fn subsec_ns(self) -> u32 {
        self.subsec_ns
    }
}
