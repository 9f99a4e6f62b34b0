//! Numbers as people read them.

/// A metric: three digits behind the point, four where the first two are zeros.
pub(crate) fn metric(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.4}") } else { format!("{value:.3}") }
}

/// A metric with half the width of its interval, where there is one.
pub(crate) fn with_half_width(value: f64, half: Option<f64>) -> String {
    half.map_or_else(|| metric(value), |half| format!("{} ± {}", metric(value), metric(half)))
}

/// A share in per cent, with a decimal below 10 %.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent.abs() >= 9.95 {
        format!("{percent:.0} %")
    } else if percent.abs() < 0.05 {
        "< 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// A count with its thousands parted by commas.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds in the unit that suits them.
pub(crate) fn seconds(s: f64) -> String {
    match s {
        ..0.001 => format!("{:.0} µs", s * 1e6),
        ..1.0 => format!("{:.0} ms", s * 1e3),
        ..10.0 => format!("{s:.1} s"),
        ..60.0 => format!("{s:.0} s"),
        ..3600.0 => format!("{} min {:02} s", (s / 60.0) as u64, (s % 60.0) as u64),
        _ => format!("{} h {:02} min", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64),
    }
}

/// Microseconds in the unit that suits them, three digits.
pub(crate) fn microseconds(us: f64) -> String {
    let (value, unit) = match us {
        ..1e3 => (us, "µs"),
        ..1e6 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    };
    let decimals = if value < 10.0 { 1 } else { 0 };
    format!("{value:.decimals$} {unit}")
}

/// Memory in MiB or GiB.
pub(crate) fn mebibytes(mib: f64) -> String {
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_more_digits_than_they_are_worth() {
        let cases = [
            (metric(0.29437), "0.294"),
            (metric(0.0), "0.000"),
            (metric(0.00312), "0.0031"),
            (with_half_width(0.294, Some(0.0291)), "0.294 ± 0.029"),
            (with_half_width(0.294, None), "0.294"),
            (percent(0.5049), "50 %"),
            (percent(0.0312), "3.1 %"),
            (percent(0.0999), "10 %"),
            (percent(0.0001), "< 0.1 %"),
            (percent(0.0), "0 %"),
            (percent(1.0), "100 %"),
            (count(7), "7"),
            (count(943), "943"),
            (count(1_000_209), "1,000,209"),
            (seconds(0.0131), "13 ms"),
            (seconds(3.04), "3.0 s"),
            (seconds(59.2), "59 s"),
            (seconds(200.0), "3 min 20 s"),
            (seconds(7325.0), "2 h 02 min"),
            (microseconds(31.4), "31 µs"),
            (microseconds(1530.0), "1.5 ms"),
            (mebibytes(412.3), "412 MiB"),
            (mebibytes(2048.0), "2.0 GiB"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
