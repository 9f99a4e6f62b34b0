//! Scales and the ticks on them.

/// One axis of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What is on it, with its unit.
    pub title: String,
    /// Where the data lies, in the axis' own coordinate (the logarithm on a logarithmic axis).
    pub range: [f64; 2],
    /// Labelled places; a label may have several lines.
    pub ticks: Vec<(f64, String)>,
    log: bool,
}

impl Axis {
    /// From `low` to `high`, rounded outwards to ticks at multiples of 1, 2 or 5 times a power of ten.
    pub fn linear(title: impl Into<String>, low: f64, high: f64) -> Self {
        let step = step(high - low);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let n = (last - first).max(1.0) as usize;
        let tick = |i: usize| {
            let at = (first + i as f64) * step;
            // No "-0".
            (at, format!("{:.decimals$}", if at.abs() < step / 2.0 { 0.0 } else { at }))
        };
        let ticks: Vec<(f64, String)> = (0..=n).map(tick).collect();
        Axis { title: title.into(), range: [ticks[0].0, ticks[n].0], ticks, log: false }
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
            let linear = Axis::linear("", range[0].exp(), range[1].exp()).ticks.into_iter().map(|(at, _)| at);
            linear.filter(|at| *at > 0.0 && (range[0]..=range[1]).contains(&at.ln())).collect()
        });
        let ticks = ticks.into_iter().map(|at| (at.ln(), label(at))).collect();
        Axis { title: title.into(), range, ticks, log: true }
    }

    /// Logarithmic, with ticks where they are asked for.
    pub fn log_at(title: impl Into<String>, ticks: &[usize]) -> Self {
        let ticks: Vec<(f64, String)> = ticks.iter().map(|&k| ((k as f64).ln(), k.to_string())).collect();
        let (low, high) = (ticks.first().map_or(0.0, |tick| tick.0), ticks.last().map_or(1.0, |tick| tick.0));
        let margin = 0.05 * (high - low).max(1.0);
        Axis { title: title.into(), range: [low - margin, high + margin], ticks, log: true }
    }

    /// One place per label, at 0, 1, ….
    pub fn categories(title: impl Into<String>, labels: impl IntoIterator<Item = String>) -> Self {
        let ticks: Vec<(f64, String)> =
            labels.into_iter().enumerate().map(|(i, label)| (i as f64, label)).collect();
        Axis { title: title.into(), range: [-0.5, ticks.len() as f64 - 0.5], ticks, log: false }
    }

    /// Keeps every second tick, every third, …, until at most `n` are left.
    pub fn thinned(mut self, n: usize) -> Self {
        let every = self.ticks.len().div_ceil(n.max(1)).max(1);
        let mut i = 0;
        self.ticks.retain(|_| {
            i += 1;
            (i - 1) % every == 0
        });
        self
    }

    /// Where a value lies in the axis' own coordinate.
    pub fn place(&self, value: f64) -> f64 {
        if self.log { value.ln() } else { value }
    }
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
    fn thinning_keeps_the_first_tick() {
        let axis = Axis::categories("", (1..=25).map(|i| i.to_string())).thinned(9);
        assert_eq!(labels(&axis), ["1", "4", "7", "10", "13", "16", "19", "22", "25"]);
    }
}
