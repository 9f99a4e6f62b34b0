//! How training went.

use maud::{Markup, html};
use u2i::run::{EpochLine, RunFiles, StepLine};

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::format::{count, metric};
use crate::headline::spoken;
use crate::ink::Ink;
use crate::names::Name;
use crate::parts::{Table, figure, or_dash};
use crate::pen::Shape;
use crate::view::View;

/// Points of the loss curve: more cannot be seen.
const LOSS_POINTS: usize = 400;
/// The smoothed curve averages over so many parts of the run.
const SMOOTHED_PARTS: usize = 25;

pub(crate) fn section(view: &View, run: &RunFiles) -> Markup {
    html! {
        section id="training" {
            h2 { "Training" }
            div.charts {
                @if run.steps.iter().any(|step| step.loss.is_finite()) {
                    (loss(view, &run.steps, &run.epochs))
                } @else {
                    p { "There are no losses of steps in this folder." }
                }
                @if run.epochs.iter().any(|epoch| epoch.validation.is_some()) {
                    (validation(view, &run.epochs))
                } @else {
                    p { "There was no validation: the last epoch was kept." }
                }
            }
        }
    }
}

fn loss(view: &View, steps: &[StepLine], epochs: &[EpochLine]) -> Markup {
    let steps: Vec<[f64; 2]> =
        steps.iter().filter(|step| step.loss.is_finite()).map(|step| [step.step as f64, step.loss]).collect();
    let every = steps.len().div_ceil(LOSS_POINTS);
    let raw: Vec<[f64; 2]> = steps.chunks(every).map(mean).collect();
    let smoothed = smooth(&raw, raw.len() / SMOOTHED_PARTS / 2);
    let losses = || raw.iter().map(|point| point[1]);
    let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(f64::NEG_INFINITY, f64::max));
    let last = steps[steps.len() - 1][0];
    let mut chart = Chart::new(Axis::linear("step", 0.0, last), Axis::linear("loss per target", low, high));
    // Steps end where they end, not at the next round number.
    chart.x.range[1] = last.max(1.0);
    chart.x.ticks.retain(|(at, _)| *at <= last);
    chart.marks.push(Mark::Line { points: raw.clone(), ink: Ink::Pale, width: 1.2 });
    chart.marks.push(Mark::Line { points: smoothed, ink: Ink::Model, width: 2.0 });
    let kept = epochs.iter().find(|epoch| epoch.epoch == view.train.best_epoch);
    if let Some(kept) = kept.filter(|kept| kept.step as f64 <= last) {
        let x = kept.step as f64;
        let [bottom, top] = chart.y.range;
        chart.marks.push(Mark::Dashed { points: vec![[x, bottom], [x, top]], ink: Ink::Muted });
        let lines = vec![format!("kept: epoch {}", kept.epoch)];
        chart.names.push(Name { point: [x, top], lines, ink: Ink::Muted });
    }
    let each = if every == 1 { "logged step".to_owned() } else { format!("mean of {every} logged steps") };
    chart.keys = vec![(each, Ink::Pale), ("moving average".to_owned(), Ink::Model)];
    let mut table = Table::new(["Epoch", "last step", "mean loss"]);
    for epoch in epochs {
        let cells = [epoch.epoch.to_string(), count(epoch.step as u64), format!("{:.4}", epoch.loss)];
        table.row(cells);
    }
    let note = "Mean loss of a step's targets, on training data.";
    figure("Loss", note, &chart, &table)
}

fn mean(points: &[[f64; 2]]) -> [f64; 2] {
    let n = points.len() as f64;
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / n)
}

/// The mean of each point and up to `reach` neighbours on either side, as many on one as on the other.
///
/// At the ends, fewer: with neighbours on one side only, a falling curve would begin too low.
fn smooth(points: &[[f64; 2]], reach: usize) -> Vec<[f64; 2]> {
    let at = |i: usize| {
        let reach = reach.min(i).min(points.len() - 1 - i);
        [points[i][0], mean(&points[i - reach..=i + reach])[1]]
    };
    (0..points.len()).map(at).collect()
}

fn validation(view: &View, epochs: &[EpochLine]) -> Markup {
    let points: Vec<[f64; 2]> =
        epochs.iter().filter_map(|epoch| Some([epoch.epoch as f64, epoch.validation?])).collect();
    let name = epochs.first().map_or("", |epoch| epoch.metric.as_str());
    let values = || points.iter().map(|point| point[1]);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    // From zero unless that would hide the course.
    let low = if high - low > high / 3.0 { 0.0 } else { low };
    let n = epochs.len().max(1);
    let mut chart = Chart::new(
        Axis::numbers("epoch", n),
        Axis::linear(format!("{} on validation targets", spoken(name)), low, high),
    );
    // Places on the axis count from 0, epochs from 1.
    let points: Vec<[f64; 2]> = points.into_iter().map(|[epoch, value]| [epoch - 1.0, value]).collect();
    chart.marks.push(Mark::Line { points: points.clone(), ink: Ink::Model, width: 1.6 });
    chart.marks.push(Mark::Dots { points: points.clone(), ink: Ink::Model, shape: Shape::Disc });
    let best = view.train.best_epoch;
    if let Some(&kept) = points.iter().find(|point| point[0] + 1.0 == best as f64) {
        chart.marks.push(Mark::Dots { points: vec![kept], ink: Ink::Text, shape: Shape::Ring });
        let lines = vec![format!("kept: epoch {best}, {}", metric(kept[1]))];
        chart.names.push(Name { point: kept, lines, ink: Ink::Text });
    }
    let mut table = Table::new(["Epoch", &spoken(name), "kept"]);
    for epoch in epochs {
        let kept = if epoch.epoch == best { "kept" } else { "" };
        table.row([epoch.epoch.to_string(), or_dash(epoch.validation.map(metric)), kept.to_owned()]);
    }
    figure(
        "Validation",
        "After each epoch, on one held-out target per user that is older than the test target.",
        &chart,
        &table,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_a_straight_line() {
        let line: Vec<[f64; 2]> = (0..9).map(|x| [f64::from(x), 2.0 * f64::from(x)]).collect();
        for reach in [0, 1, 3, 50] {
            assert_eq!(smooth(&line, reach), line);
        }
    }

    #[test]
    fn smoothing_averages_neighbours() {
        let points = [0.0, 3.0, 0.0, 3.0, 0.0].map(|y| [0.0, y]);
        let smoothed: Vec<f64> = smooth(&points, 1).into_iter().map(|[_, y]| y).collect();
        assert_eq!(smoothed, [0.0, 1.0, 2.0, 1.0, 0.0]);
    }
}
