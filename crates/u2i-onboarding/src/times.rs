//! How the times in a column are written, and whether that is sure.

use u2i_features::{ColumnProfile, Stored, TimeUnit};

/// What a column says of when events happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WhatTimes {
    /// Times, written so, for this reason.
    Sure { unit: TimeUnit, reason: String },
    /// They may be times, and taken for such they would be odd: this is why, and what to do.
    Doubted { reason: String },
    /// No times, for this reason.
    No { reason: String },
}

/// Before, there were no logs; numbers that small are anything.
const YEAR_1980_S: f64 = 315_532_800.0;
const DAY_S: f64 = 86_400.0;

/// Tells how the times in a column are written by the years that each way would give.
pub(crate) fn what_times(column: &ColumnProfile, now_s: i64) -> WhatTimes {
    const YEAR_2100_S: f64 = 4_102_444_800.0;
    let no = |reason: String| WhatTimes::No { reason };
    let n = column.n_values();
    if n == 0 {
        return no("it is empty".to_owned());
    }
    // A few broken rows do not make a column something else.
    let nearly_all = |count: usize| 10 * (n - count) <= n;
    if column.stored == Stored::Times {
        return WhatTimes::Sure {
            unit: TimeUnit::Datetime,
            reason: "Timestamps or dates of Parquet.".to_owned(),
        };
    }
    if nearly_all(column.n_datetimes) {
        let example = column.example.as_deref().unwrap_or_default();
        return WhatTimes::Sure {
            unit: TimeUnit::Datetime,
            reason: format!("Dates such as {example:?}, in UTC unless they say otherwise."),
        };
    }
    if !nearly_all(column.n_numbers) || column.min < 0.0 {
        return no(format!("{:?} is no time", column.example.as_deref().unwrap_or_default()));
    }
    let (min, max) = (column.min, column.max);
    let latest_s = now_s as f64 + DAY_S;
    let is_sensible = |per_second: f64| min >= YEAR_1980_S * per_second && max <= latest_s * per_second;
    for (unit, per_second, word) in
        [(TimeUnit::Seconds, 1.0, "seconds"), (TimeUnit::Milliseconds, 1e3, "milliseconds")]
    {
        if is_sensible(per_second) {
            return WhatTimes::Sure { unit, reason: format!("Numbers from {min} to {max}: {word}.") };
        }
    }
    if max < YEAR_2100_S {
        let reason =
            format!("numbers from {min} to {max}, as seconds, are not of the years from 1980 to today");
        return WhatTimes::Doubted { reason };
    }
    no(format!("numbers from {min} to {max} are no times"))
}
