//! Recall against latency of the index kinds.

use maud::{Markup, html};
use u2i_index::SearchQuality;

use crate::axis::Axis;
use crate::chart::{Chart, Mark, Shape};
use crate::format::{count, microseconds};
use crate::ink::Ink;
use crate::parts::{Table, figure};
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
    let point = |line: &SearchQuality| [line.p50_us, line.recall];
    let (low, high) = ends(index.iter().map(|line| line.p50_us));
    let (worst, _) = ends(index.iter().map(|line| line.recall));
    let k = index[0].k;
    let mut chart = Chart::new(
        Axis::log("median time of one query (logarithmic)", low, high, microseconds),
        Axis::linear(format!("recall@{k} against exact search"), worst.min(0.95), 1.0),
    );
    // Room above, for points at 1 and their names.
    let [floor, top] = chart.y.range;
    chart.y.range[1] = top + 0.12 * (top - floor);
    let front = front(index);
    // A front is a staircase: between two of its points nothing is faster than the left one with a better recall.
    let mut stairs: Vec<[f64; 2]> = Vec::new();
    for line in &front {
        if let Some(&[_, recall]) = stairs.last() {
            stairs.push([line.p50_us, recall]);
        }
        stairs.push(point(line));
    }
    chart.marks.push(Mark::Dashed { points: stairs, ink: Ink::Muted });
    let on_front = |line: &SearchQuality| front.iter().any(|other| std::ptr::eq(*other, line));
    for line in index {
        let (ink, shape) =
            if on_front(line) { (Ink::Model, Shape::Disc) } else { (Ink::Random, Shape::Square) };
        chart.marks.push(Mark::Dots { points: vec![point(line)], ink, shape });
        chart.names.push((point(line), name(&line.kind, index), ink));
    }
    let mut table = Table::new(["Index", "recall", "median", "99 % within", "queries", "on the front"]);
    for line in index {
        table.row([
            line.kind.clone(),
            format!("{:.4}", line.recall),
            microseconds(line.p50_us),
            microseconds(line.p99_us),
            count(line.n_queries as u64),
            if on_front(line) { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let note = format!(
        "Up and to the left is better: recall is the share of the exact top {k} that is found, single queries are timed one \
         by one. The dashed line joins the indexes that no other beats in both."
    );
    figure("Recall against latency", &note, &chart, &table)
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// The kind without its settings where no other index is of that kind; else its settings on further lines, not too wide.
fn name(kind: &str, index: &[SearchQuality]) -> Vec<String> {
    let family = |kind: &str| kind.split('(').next().map(str::to_owned);
    let twice = index.iter().filter(|line| family(&line.kind) == family(kind)).count() > 1;
    let Some((family, settings)) = kind.split_once('(').filter(|_| twice) else {
        return family(kind).into_iter().collect();
    };
    let mut lines = vec![family.to_owned()];
    let mut line = String::new();
    for setting in settings.trim_end_matches(')').split(',') {
        if !line.is_empty() && line.len() + setting.len() > 24 {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(setting);
    }
    lines.push(line);
    lines
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

    #[test]
    fn settings_are_named_where_they_tell_indexes_apart() {
        let hnsw = "hnsw_ip(m=32,ef_construction=200,ef_search=256)";
        let one = [line("flat_ip", 1.0, 1.0), line(hnsw, 1.0, 1.0)];
        assert_eq!(name("flat_ip", &one), ["flat_ip"]);
        assert_eq!(name(hnsw, &one), ["hnsw_ip"]);
        let two = [line(hnsw, 1.0, 1.0), line("hnsw_ip(m=8,ef_construction=40,ef_search=16)", 1.0, 1.0)];
        assert_eq!(name(hnsw, &two), ["hnsw_ip", "m=32, ef_construction=200", "ef_search=256"]);
    }
}
