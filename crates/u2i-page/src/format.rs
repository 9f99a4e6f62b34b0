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

/// A count in two or three digits: 284, 1.6k, 12k, 20M.
pub(crate) fn compact(n: u64) -> String {
    let mut value = n as f64;
    let mut unit = "";
    for larger in ["k", "M", "B", "T"] {
        // 999.5 is written as 1000, which the larger unit writes as 1.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let decimals = usize::from(!unit.is_empty() && value < 9.95);
    format!("{}{unit}", format!("{value:.decimals$}").trim_end_matches(".0"))
}

/// A range of counts: 19–2,777.
pub(crate) fn range(low: u64, high: u64) -> String {
    if low == high { count(low) } else { format!("{}–{}", count(low), count(high)) }
}

/// A range of counts, short: 19–2.8k. One number where both are written alike.
pub(crate) fn compact_range(low: u64, high: u64) -> String {
    let [first, last] = [low, high].map(compact);
    match (low == high, first == last) {
        (true, _) => first,
        (false, true) => format!("≈ {first}"),
        (false, false) => format!("{first}–{last}"),
    }
}

/// Numbers that are multiples of a step, with as many decimals as it has, in a unit that keeps them short.
pub(crate) fn tick_labels(places: &[f64], step: f64) -> Vec<String> {
    let largest = places.iter().fold(0.0, |largest: f64, at| largest.max(at.abs()));
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    let (unit, suffix) = match largest {
        1e15.. | ..1e-4 => {
            let digits = usize::from(largest > 9.5 * step);
            let scientific = |at: &f64| match *at {
                0.0 => "0".to_owned(),
                at => format!("{at:.digits$e}"),
            };
            return places.iter().map(scientific).collect();
        }
        1e4.. => units.into_iter().find(|(unit, _)| largest >= *unit).unwrap_or((1.0, "")),
        _ => (1.0, ""),
    };
    let decimals = (-(step / unit).log10().floor()).max(0.0) as usize;
    let label = |at: &f64| match *at {
        0.0 if !suffix.is_empty() => "0".to_owned(),
        at => format!("{:.decimals$}{suffix}", at / unit),
    };
    places.iter().map(label).collect()
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
    let (value, unit) = in_unit(us);
    let decimals = if value < 10.0 { 1 } else { 0 };
    format!("{value:.decimals$} {unit}")
}

/// Microseconds at a round place, in as many digits as it has, up to three.
pub(crate) fn microseconds_of_tick(us: f64) -> String {
    let (value, unit) = in_unit(us);
    let text = match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

fn in_unit(us: f64) -> (f64, &'static str) {
    match us {
        ..1e3 => (us, "µs"),
        ..1e6 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    }
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
            (compact(284), "284"),
            (compact(999), "999"),
            (compact(1_000), "1k"),
            (compact(1_622), "1.6k"),
            (compact(9_960), "10k"),
            (compact(999_499), "999k"),
            (compact(999_500), "1M"),
            (compact(100_000_000), "100M"),
            (compact(u64::from(u32::MAX)), "4.3B"),
            (compact_range(19, 2_777), "19–2.8k"),
            (compact_range(1_201, 1_202), "≈ 1.2k"),
            (compact_range(7, 7), "7"),
            (range(19, 2_777), "19–2,777"),
            (range(7, 7), "7"),
            (seconds(0.0131), "13 ms"),
            (seconds(3.04), "3.0 s"),
            (seconds(59.2), "59 s"),
            (seconds(200.0), "3 min 20 s"),
            (seconds(7325.0), "2 h 02 min"),
            (microseconds(31.4), "31 µs"),
            (microseconds(1530.0), "1.5 ms"),
            (microseconds_of_tick(1000.0), "1 ms"),
            (microseconds_of_tick(1540.0), "1.54 ms"),
            (microseconds_of_tick(12_500.0), "12.5 ms"),
            (microseconds_of_tick(300.0), "300 µs"),
            (mebibytes(412.3), "412 MiB"),
            (mebibytes(2048.0), "2.0 GiB"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
