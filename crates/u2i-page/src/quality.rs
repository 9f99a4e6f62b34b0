//! Metrics by length of the list.

use maud::{Markup, html};
use u2i::run::RunFiles;

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::format::{compact, count, metric, percent, with_half_width};
use crate::groups::rank;
use crate::ink::Ink;
use crate::names::Name;
use crate::parts::{Table, figure, or_dash, series};
use crate::pen::Shape;
use crate::view::View;

pub(crate) fn section(view: &View, run: &RunFiles) -> Markup {
    let cutoffs = view.metrics.cutoffs();
    // With one target per user the two are the same number, and two equal charts would only be in the way.
    let one_target = view.n_relevant.is_none()
        && cutoffs
            .iter()
            .all(|k| view.metrics.get(&format!("recall@{k}")) == view.metrics.get(&format!("hit_rate@{k}")));
    let mut charts = vec![
        if one_target {
            (
                "hit_rate",
                "Hit rate and recall",
                "Share of users whose target is among the first k. Each user has one target, so recall is the same.",
                "share of users",
            )
        } else {
            ("hit_rate", "Hit rate", "Share of users with a target among the first k.", "share of users")
        },
        ("ndcg", "NDCG", "The nearer to the top, the more a hit counts.", "NDCG"),
        (
            "precision",
            "Precision",
            if one_target {
                "Share of the first k that is a target. With one target per user, 1/k is the most there can be."
            } else {
                "Share of the first k that is a target."
            },
            "share of the list",
        ),
    ];
    if !one_target {
        charts.insert(
            1,
            ("recall", "Recall", "Share of a user's targets among the first k.", "share of targets"),
        );
    }
    if view.n_relevant.is_some() {
        charts.push(("map", "MAP", "Mean of the precision at each target among the first k.", "MAP"));
    }
    html! {
        section id="quality" {
            h2 { "Ranking quality" }
            div.charts {
                @for (name, title, note, unit) in &charts {
                    (by_k(view, &cutoffs, name, title, note, unit))
                }
                @if !run.ranks.is_empty() { (reach(view, run)) }
            }
        }
    }
}

fn by_k(view: &View, cutoffs: &[usize], name: &str, title: &str, note: &str, unit: &str) -> Markup {
    let series = series(view);
    let of = |k: &usize| format!("{name}@{k}");
    let interval = |k: &usize| {
        let (mean, half) = (view.metrics.get(&of(k))?, view.metrics_ci95.get(&of(k))?);
        Some([(mean - half).max(0.0), (mean + half).min(1.0)])
    };
    let means = series.iter().flat_map(|series| cutoffs.iter().filter_map(|k| series.means.get(&of(k))));
    let high =
        means.chain(cutoffs.iter().filter_map(|k| interval(k).map(|[_, high]| high))).fold(0.0, f64::max);
    let mut chart = Chart::new(
        Axis::log_at("k, items in the list (logarithmic)", cutoffs),
        Axis::linear(unit, 0.0, high),
    );
    // The model comes last, on top.
    for series in series.iter().rev() {
        let points: Vec<[f64; 2]> =
            cutoffs.iter().filter_map(|k| Some([*k as f64, series.means.get(&of(k))?])).collect();
        if let Some(&[_, end]) = points.last() {
            chart.ends.push((end, series.name.to_owned(), series.ink));
        }
        chart.marks.push(Mark::Line { points: points.clone(), ink: series.ink, width: 1.6 });
        chart.marks.push(Mark::Dots { points, ink: series.ink, shape: series.shape });
    }
    for k in cutoffs {
        if let Some(range) = interval(k) {
            chart.marks.push(Mark::Interval { x: *k as f64, range, ink: series[0].ink, beyond: false });
        }
    }
    // A row for each k: there may be many of them, and a phone is narrow.
    let header = std::iter::once("k").chain(series.iter().map(|series| series.name)).map(str::to_owned);
    let mut table = Table { header: header.collect(), rows: Vec::new() };
    let with_seen_kept = cutoffs.iter().any(|k| view.metrics_seen_kept.get(&of(k)).is_some());
    if with_seen_kept {
        table.header.push(format!("{}, seen items kept", view.model));
    }
    for k in cutoffs {
        let cells = series.iter().enumerate().map(|(i, series)| {
            let half = view.metrics_ci95.get(&of(k)).filter(|_| i == 0);
            or_dash(series.means.get(&of(k)).map(|mean| with_half_width(mean, half)))
        });
        let mut row: Vec<String> = std::iter::once(count(*k as u64)).chain(cells).collect();
        if with_seen_kept {
            row.push(or_dash(view.metrics_seen_kept.get(&of(k)).map(metric)));
        }
        table.rows.push(row);
    }
    figure(&format!("{title} by length of the list"), note, &chart, &table)
}

/// Points of a curve: more cannot be seen.
const CURVE_POINTS: usize = 300;

/// The share of targets within the first k, for every k: how many items a recall stage has to pass on.
fn reach(view: &View, run: &RunFiles) -> Markup {
    let mut ranks: Vec<f64> = run.ranks.iter().filter_map(|row| rank(row, view.seen)).collect();
    ranks.sort_by(f64::total_cmp);
    let n = run.ranks.len() as f64;
    let last = view.n_items_ranked.unwrap_or(view.n_items).max(2) as f64;
    let within = |k: f64| ranks.partition_point(|&rank| rank <= k) as f64 / n;
    let points = (0..=CURVE_POINTS).map(|i| last.powf(i as f64 / CURVE_POINTS as f64).round());
    let mut points: Vec<[f64; 2]> = points.map(|k| [k, within(k)]).collect();
    points.dedup();
    let mut chart = Chart::new(
        Axis::log("k, items in the list (logarithmic)", 1.0, last, |k| compact(k as u64)),
        Axis::percent("share of targets", 1.0),
    );
    chart.marks.push(Mark::Line { points, ink: Ink::Model, width: 2.0 });
    let needed = |share: f64| -> Option<f64> {
        let target = (share * n).ceil() as usize;
        ranks.get(target.max(1) - 1).map(|rank| rank.ceil())
    };
    let mut table = Table::new(["Share of targets", "needs k"]);
    for share in [0.1, 0.25, 0.5, 0.75, 0.9, 0.95] {
        let k = needed(share);
        table.row([percent(share), or_dash(k.map(|k| count(k as u64)))]);
        if let Some(k) = k.filter(|_| share == 0.5 || share == 0.9) {
            let at = [k, within(k)];
            chart.marks.push(Mark::Dots { points: vec![at], ink: Ink::Model, shape: Shape::Disc });
            let lines = vec![format!("{} in the first {}", percent(share), count(k as u64))];
            chart.names.push(Name { point: at, lines, ink: Ink::Text });
        }
    }
    let missed = 1.0 - ranks.len() as f64 / n;
    let found = match missed {
        0.0 => "Every target is ranked.".to_owned(),
        _ => format!("{} of the targets are not ranked at all: no k finds them.", percent(missed)),
    };
    let note = format!("How many items a later stage has to look at. {found}");
    figure("Share of targets within the first k", &note, &chart, &table)
}
