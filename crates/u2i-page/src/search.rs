//! Recall against latency of the index kinds.

use maud::{Markup, html};
use u2i_index::SearchQuality;

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::families::{families, in_words};
use crate::format::{count, microseconds, microseconds_of_tick};
use crate::ink::Ink;
use crate::names::Name;
use crate::parts::{Numbers, Table, figure_with};
use crate::pen::{LOOKS, Shape};
use crate::view::View;

pub(crate) fn figure_of(view: &View) -> Markup {
    html! {
        @if view.search.is_empty() {
            p { "No index was compared with exact search." }
        } @else {
            (chart(&view.search))
        }
    }
}

/// Those that no other index beats in both: none is as fast or faster with a higher recall, or faster with the same.
/// By latency.
fn front(index: &[SearchQuality]) -> Vec<&SearchQuality> {
    let mut sorted: Vec<&SearchQuality> = index.iter().collect();
    sorted.sort_by(|a, b| a.p50_us.total_cmp(&b.p50_us).then(b.recall.total_cmp(&a.recall)));
    let mut best = f64::NEG_INFINITY;
    sorted.retain(|line| {
        let better = line.recall > best;
        best = best.max(line.recall);
        better
    });
    sorted
}

fn chart(index: &[SearchQuality]) -> Markup {
    let k = index[0].k;
    let mut order: Vec<&SearchQuality> = index.iter().collect();
    order.sort_by(|a, b| point(a)[0].total_cmp(&point(b)[0]));
    let front = front(index);
    let mut chart = axes(index);
    draw_front(&mut chart, &front);
    draw_families(&mut chart, index);
    let unjoined = chart.names.clone();
    let named = chart.join_names();
    if !named {
        chart.names = unjoined;
        chart.number_names();
    }
    let on_front = |line: &SearchQuality| front.iter().any(|other| std::ptr::eq(*other, line));
    let mut table = Table::new(["Index", "recall", "median", "99 % within"]);
    for (i, line) in order.into_iter().enumerate() {
        let number = if named { String::new() } else { format!("{}. ", i + 1) };
        let front = if on_front(line) { " (front)" } else { "" };
        table.row([
            format!("{number}{}{front}", in_words(&line.kind)),
            format!("{:.4}", line.recall),
            microseconds(line.p50_us),
            microseconds(line.p99_us),
        ]);
    }
    let (fewest, most) = ends(index.iter().map(|line| line.n_queries as f64));
    let queries = if fewest == most {
        count(most as u64)
    } else {
        format!("{} to {}", count(fewest as u64), count(most as u64))
    };
    let note = format!(
        "Up and to the left is better. Recall is the share of the exact top {k} that is found; 0.9, 0.99 and 0.999 are equally \
         far apart. {queries} queries, timed one by one. The dashed line joins the front: the indexes that no other beats in \
         both.{}",
        if named { "" } else { " Numbers are those of the table." }
    );
    let numbers = if named { Numbers::Folded } else { Numbers::Open };
    figure_with("Recall against latency", &note, &chart, &table, numbers)
}

/// Times in microseconds, of which a clock may find none.
fn point(line: &SearchQuality) -> [f64; 2] {
    [line.p50_us.max(0.001), line.recall]
}

fn axes(index: &[SearchQuality]) -> Chart {
    let (low, high) = ends(index.iter().map(|line| point(line)[0]));
    let (worst, _) = ends(index.iter().map(|line| line.recall));
    // 1 lies a step above the best of the others, and no farther than the queries can tell.
    let (least, _) = ends(index.iter().map(|line| 0.5 / (line.n_queries as f64 * line.k as f64).max(1.0)));
    let misses = index.iter().map(|line| 1.0 - line.recall).filter(|miss| *miss > 1e-9);
    let least = misses.map(|miss| miss / 4.0).fold(f64::INFINITY, f64::min).max(least);
    Chart::new(
        Axis::log("median time of one query (logarithmic)", low, high, microseconds_of_tick),
        Axis::missed(format!("recall@{} against exact search", index[0].k), worst, least),
    )
}

/// A front is a staircase: between two of its points nothing is faster than the left one with a better recall.
fn draw_front(chart: &mut Chart, front: &[&SearchQuality]) {
    let mut stairs: Vec<[f64; 2]> = Vec::new();
    for line in front {
        if let Some(&[_, recall]) = stairs.last() {
            stairs.push([point(line)[0], recall]);
        }
        stairs.push(point(line));
    }
    chart.marks.push(Mark::Dashed { points: stairs, ink: Ink::Muted });
}

/// A colour for each kind of which there are several, with what tells them apart at their points.
fn draw_families(chart: &mut Chart, index: &[SearchQuality]) {
    let mut names: Vec<(usize, Name)> = Vec::new();
    let mut looks = LOOKS.into_iter().filter(|(ink, _)| *ink != Ink::Random).cycle();
    for family in families(index) {
        let is_alone = family.members.len() == 1;
        let (ink, shape) = match is_alone {
            true => (Ink::Random, Shape::Cross),
            false => looks.next().unwrap_or((Ink::Model, Shape::Disc)),
        };
        let points: Vec<[f64; 2]> = family.members.iter().map(|(i, _)| point(&index[*i])).collect();
        for (point, (i, label)) in points.iter().zip(&family.members) {
            let kind = index[*i].kind.split('(').next().unwrap_or_default();
            let text = if label.is_empty() { kind } else { label.as_str() };
            names.push((*i, Name { point: *point, lines: vec![text.to_owned()], ink }));
        }
        if family.is_curve {
            chart.marks.push(Mark::Line { points: points.clone(), ink, width: 1.4 });
        }
        chart.marks.push(Mark::Dots { points, ink, shape });
        if !is_alone {
            chart.keys.push((family.name, ink));
        }
    }
    // In the order of the table, from left to right.
    names.sort_by(|(i, a), (j, b)| a.point[0].total_cmp(&b.point[0]).then(i.cmp(j)));
    chart.names = names.into_iter().map(|(_, name)| name).collect();
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, p50_us: f64, recall: f64) -> SearchQuality {
        SearchQuality { kind: kind.to_owned(), k: 10, n_queries: 100, recall, p50_us, p99_us: 2.0 * p50_us }
    }

    #[test]
    fn the_front_holds_what_no_other_index_beats() {
        let index = [
            line("slow", 100.0, 1.0),
            line("slower", 200.0, 1.0),
            line("fast", 10.0, 0.8),
            line("worse", 20.0, 0.7),
            line("good", 30.0, 0.95),
            line("twin", 30.0, 0.9),
        ];
        let kinds: Vec<&str> = front(&index).iter().map(|line| line.kind.as_str()).collect();
        assert_eq!(kinds, ["fast", "good", "slow"]);
    }
}
