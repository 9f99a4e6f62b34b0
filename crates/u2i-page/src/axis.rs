//! Scales and the ticks on them.

use crate::format::tick_labels;

/// One axis of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What is on it, with its unit.
    pub title: String,
    /// Where the data lies, in the axis' own coordinate.
    pub range: [f64; 2],
    /// Labelled places; a label may have several lines. A picture shows as many as it has room for.
    pub ticks: Vec<(f64, String)>,
    /// True if the ticks are names, each of them needed, not numbers on a scale.
    pub names: bool,
    scale: Scale,
}

/// From values to the axis' own coordinate.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Linear,
    /// The natural logarithm.
    Log,
    /// The decimal logarithm of what is missed of 1, turned round. Less than `least` cannot be told from nothing.
    Missed {
        least: f64,
    },
}

impl Axis {
    /// From `low` to `high`, rounded outwards to ticks at multiples of 1, 2 or 5 times a power of ten.
    pub fn linear(title: impl Into<String>, low: f64, high: f64) -> Self {
        let ticks = linear_ticks(low, high);
        let range = [ticks[0].0, ticks[ticks.len() - 1].0];
        Axis { title: title.into(), range, ticks, names: false, scale: Scale::Linear }
    }

    /// Shares from 0 to at least `high`, labelled in per cent.
    pub fn percent(title: impl Into<String>, high: f64) -> Self {
        let mut axis = Axis::linear(title, 0.0, (high * 100.0).max(1.0));
        for (at, label) in &mut axis.ticks {
            *at /= 100.0;
            label.push_str(" %");
        }
        axis.range = axis.range.map(|end| end / 100.0);
        axis
    }

    /// Logarithmic, from `low` to `high`, ticks at powers of ten and, where those are few, at multiples of them.
    pub fn log(title: impl Into<String>, low: f64, high: f64, label: impl Fn(f64) -> String) -> Self {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let low = if low > 0.0 && low <= high { low } else { high / 1000.0 };
        let (low, high) = (low.ln(), high.ln());
        let margin = (0.04 * (high - low)).max(0.1);
        let range = [low - margin, high + margin];
        let places = |steps: &[f64]| -> Vec<f64> {
            let powers = (range[0] / 10f64.ln()).floor() as i32..=(range[1] / 10f64.ln()).ceil() as i32;
            let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
            all.filter(|at| (range[0]..=range[1]).contains(&at.ln())).collect()
        };
        let candidates = [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]];
        let enough = candidates.iter().map(|steps| places(steps)).find(|places| places.len() >= 3);
        // On less than a third of a decade, a logarithmic axis looks like a linear one.
        let ticks = enough.unwrap_or_else(|| {
            let linear = linear_ticks(range[0].exp(), range[1].exp()).into_iter().map(|(at, _)| at);
            linear.filter(|at| *at > 0.0 && (range[0]..=range[1]).contains(&at.ln())).collect()
        });
        let ticks = ticks.into_iter().map(|at| (at.ln(), label(at))).collect();
        Axis { title: title.into(), range, ticks, names: false, scale: Scale::Log }
    }

    /// Logarithmic, with ticks where they are asked for.
    pub fn log_at(title: impl Into<String>, ticks: &[usize]) -> Self {
        let ticks: Vec<(f64, String)> = ticks.iter().map(|&k| ((k as f64).ln(), k.to_string())).collect();
        let (low, high) = (ticks.first().map_or(0.0, |tick| tick.0), ticks.last().map_or(1.0, |tick| tick.0));
        let margin = 0.05 * (high - low).max(1.0);
        let range = [low - margin, high + margin];
        Axis { title: title.into(), range, ticks, names: false, scale: Scale::Log }
    }

    /// Shares up to 1, evenly by the logarithm of what is missed: .9, .99 and .999 are equally far apart.
    ///
    /// `worst` is the lowest share, `least` the smallest miss that can be told from none: the place of 1.
    pub fn missed(title: impl Into<String>, worst: f64, least: f64) -> Self {
        let scale = Scale::Missed { least: least.clamp(1e-9, 0.01) };
        let (worst, top) = (scale.place(worst.min(0.9)), scale.place(1.0));
        let steps: &[f64] = if top - worst > 2.3 { &[1.0] } else { &[1.0, 0.5, 0.2] };
        let decades = (0..=9).flat_map(|decade| steps.iter().map(move |step| (decade, *step)));
        let mut misses: Vec<(f64, usize)> = decades
            .map(|(decade, step)| (step * 10f64.powi(-decade), decade as usize + usize::from(step < 1.0)))
            .collect();
        // A half is a mark that everybody knows.
        misses.insert(1, (0.5, 1));
        misses.dedup();
        let ticks =
            misses.into_iter().map(|(miss, decimals)| (-miss.log10(), format!("{:.decimals$}", 1.0 - miss)));
        let mut ticks: Vec<(f64, String)> = ticks.filter(|(at, _)| *at < top - 0.2).collect();
        let first = ticks.iter().rposition(|(at, _)| *at <= worst + 1e-9).unwrap_or(0);
        ticks.drain(..first);
        ticks.push((top, "1".to_owned()));
        let bottom = ticks[0].0;
        // Room above, for points at 1 and their names.
        let range = [bottom, top + 0.13 * (top - bottom)];
        Axis { title: title.into(), range, ticks, names: false, scale }
    }

    /// One place per label, at 0, 1, ….
    pub fn categories(title: impl Into<String>, labels: impl IntoIterator<Item = String>) -> Self {
        let ticks: Vec<(f64, String)> =
            labels.into_iter().enumerate().map(|(i, label)| (i as f64, label)).collect();
        let range = [-0.5, ticks.len().max(1) as f64 - 0.5];
        Axis { title: title.into(), range, ticks, names: true, scale: Scale::Linear }
    }

    /// Numbers from 1 to `n`, at 0, 1, ….
    pub fn numbers(title: impl Into<String>, n: usize) -> Self {
        Axis { names: false, ..Axis::categories(title, (1..=n).map(|i| i.to_string())) }
    }

    /// Where a value lies in the axis' own coordinate.
    pub fn place(&self, value: f64) -> f64 {
        self.scale.place(value)
    }
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.ln(),
            Scale::Missed { least } => -(1.0 - value).max(least).log10(),
        }
    }
}

/// Four to eight ticks at round numbers that enclose the range.
fn linear_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (low, high) =
        if low.is_finite() && high.is_finite() && low <= high { (low, high) } else { (0.0, 1.0) };
    // What is nearer to each other than numbers can tell is one value, and one value has an axis around it.
    let largest = low.abs().max(high.abs());
    let span = if high - low > 1e-9 * largest { high - low } else { largest };
    let step = step(span);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let n = (last - first).max(1.0) as usize;
    // No "-0".
    let places =
        (0..=n).map(|i| (first + i as f64) * step).map(|at| if at.abs() < step / 2.0 { 0.0 } else { at });
    let places: Vec<f64> = places.collect();
    let labels = tick_labels(&places, step);
    places.into_iter().zip(labels).collect()
}

/// A step of 1, 2 or 5 times a power of ten that gives four to eight ticks.
fn step(span: f64) -> f64 {
    let span = if span > 0.0 && span.is_finite() { span } else { 1.0 };
    let rough = span / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let times = match rough / power {
        ..1.5 => 1.0,
        ..3.5 => 2.0,
        ..7.5 => 5.0,
        _ => 10.0,
    };
    times * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_data() {
        assert_eq!(labels(&Axis::linear("", 0.0, 0.87)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear("", 3.98, 6.3)), ["3.5", "4.0", "4.5", "5.0", "5.5", "6.0", "6.5"]);
        assert_eq!(labels(&Axis::linear("", 0.0, 1034.0)), ["0", "200", "400", "600", "800", "1000", "1200"]);
        assert_eq!(labels(&Axis::percent("", 0.47)), ["0 %", "10 %", "20 %", "30 %", "40 %", "50 %"]);
        assert_eq!(labels(&Axis::linear("", -0.1, 0.3)), ["-0.1", "0.0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn a_single_value_still_has_an_axis() {
        let axis = Axis::linear("", 2.0, 2.0);
        assert!(axis.range[0] <= 2.0 && 2.0 < axis.range[1], "{:?}", axis.range);
    }

    #[test]
    fn a_logarithmic_axis_has_at_least_three_ticks_inside_its_range() {
        for (low, high) in [(1.0, 1e6), (31.0, 340.0), (80.0, 120.0), (20.0, 20.0)] {
            let axis = Axis::log("", low, high, |at| format!("{at}"));
            let inside = |(at, _): &(f64, String)| (axis.range[0]..=axis.range[1]).contains(at);
            assert!(axis.ticks.iter().all(inside), "{low} to {high}");
            assert!(axis.ticks.len() >= 3, "{low} to {high}: {:?}", axis.ticks);
        }
    }

    #[test]
    fn labels_are_short_whatever_the_range() {
        assert_eq!(labels(&Axis::linear("", 0.0, 43_000.0)), ["0", "10k", "20k", "30k", "40k", "50k"]);
        assert_eq!(
            labels(&Axis::linear("", 0.0, 1.1e9)),
            ["0", "0.2B", "0.4B", "0.6B", "0.8B", "1.0B", "1.2B"]
        );
        assert_eq!(labels(&Axis::linear("", 0.0, 4.1e-7)), ["0", "1e-7", "2e-7", "3e-7", "4e-7", "5e-7"]);
        for (low, high) in
            [(1e-300, 1e-299), (-1e300, 1e300), (f64::NAN, 1.0), (2.0, f64::INFINITY), (1e6, 1e6)]
        {
            let axis = Axis::linear("", low, high);
            assert!((2..=12).contains(&axis.ticks.len()), "{low} to {high}: {:?}", labels(&axis));
            assert!(axis.range[0] < axis.range[1], "{low} to {high}: {:?}", axis.range);
            assert!(
                labels(&axis).iter().all(|label| label.len() <= 12),
                "{low} to {high}: {:?}",
                labels(&axis)
            );
        }
    }

    #[test]
    fn a_logarithmic_axis_of_no_positive_values_is_one_all_the_same() {
        for (low, high) in [(0.0, 100.0), (0.0, 0.0), (f64::INFINITY, f64::NEG_INFINITY), (-1.0, f64::NAN)] {
            let axis = Axis::log("", low, high, |at| format!("{at}"));
            assert!(
                axis.range.iter().all(|end| end.is_finite()) && axis.ticks.len() >= 3,
                "{low} to {high}: {axis:?}"
            );
        }
    }

    #[test]
    fn what_is_missed_has_ticks_up_to_1() {
        assert_eq!(labels(&Axis::missed("", 0.74, 1e-4)), ["0.5", "0.9", "0.99", "0.999", "1"]);
        assert_eq!(labels(&Axis::missed("", 0.0, 1e-3)), ["0", "0.5", "0.9", "0.99", "1"]);
        assert_eq!(
            labels(&Axis::missed("", 1.0, 1e-3)),
            ["0.9", "0.95", "0.98", "0.99", "0.995", "0.998", "1"]
        );
        let axis = Axis::missed("", 0.5, 1e-4);
        let apart = [0.9, 0.99, 0.999, 1.0].map(|share| axis.place(share));
        for (found, expected) in apart.into_iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
    }
}
