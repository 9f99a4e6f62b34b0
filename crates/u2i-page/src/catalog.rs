//! What is recommended, against what is in the data.

use maud::{Markup, html};
use u2i::run::{ItemRow, RunFiles};
use u2i_eval::{gini, lorenz};

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::format::{compact, count, percent};
use crate::ink::Ink;
use crate::names::Name;
use crate::parts::{Table, figure};
use crate::popularity::{Popularity, PopularityBounds};
use crate::view::View;

/// Rows of the table of items.
const TOP_ITEMS: usize = 20;
/// Points of a curve: more cannot be seen.
const CURVE_POINTS: usize = 200;
/// Places in a list of recommendations.
const PLACES: u64 = 10;

pub(crate) fn section(view: &View, run: &RunFiles, bounds: PopularityBounds) -> Markup {
    let items = &run.recommended;
    let events = Use::of(items, |item| item.n_train);
    let lists = Use::of(items, |item| item.n_lists);
    html! {
        section id="catalogue" {
            h2 { "What is recommended" }
            @if lists.total == 0 {
                p { "There are no recommendations in this folder." }
            } @else {
                (facts(view, items, &events, &lists))
                div.charts {
                    (by_popularity(run, bounds, &events, &lists))
                    (concentration(&events, &lists))
                }
                (top_items(view, items, &lists))
            }
        }
    }
}

/// How often each item occurs.
struct Use {
    counts: Vec<u64>,
    total: u64,
}

impl Use {
    fn of(items: &[ItemRow], count: impl Fn(&ItemRow) -> u32) -> Self {
        let counts: Vec<u64> = items.iter().map(|item| u64::from(count(item))).collect();
        let total = counts.iter().sum();
        Use { counts, total }
    }

    /// Share of all occurrences that the most frequent `share` of the items make up.
    fn of_top(&self, share: f64) -> f64 {
        let mut counts = self.counts.clone();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let n = (share * counts.len() as f64).round() as usize;
        counts[..n].iter().sum::<u64>() as f64 / self.total.max(1) as f64
    }

    /// Mean training events of what occurs.
    fn mean_popularity(&self, events: &Use) -> f64 {
        let weighted: f64 =
            self.counts.iter().zip(&events.counts).map(|(&n, &train)| n as f64 * train as f64).sum();
        weighted / self.total.max(1) as f64
    }

    fn gini(&self) -> String {
        gini(&self.counts).map_or_else(|| "–".to_owned(), |gini| format!("{gini:.2}"))
    }
}

fn facts(view: &View, items: &[ItemRow], events: &Use, lists: &Use) -> Markup {
    let distinct = items.iter().filter(|item| item.n_lists > 0).count();
    html! {
        dl.stamp.short {
            dt { "Items recommended" }
            dd {
                (count(distinct as u64)) " of " (count(view.n_items as u64)) " (" (percent(distinct as f64 / view.n_items as f64))
                " of the catalogue) are in the top " (PLACES) " of at least one test user"
            }
            dt { "Gini coefficient" }
            dd {
                (lists.gini()) " for recommendations, " (events.gini())
                " for training events (0: all items alike, 1: one item only)"
            }
            dt { "Mean popularity" }
            dd {
                "a recommended item has " (count(lists.mean_popularity(events).round() as u64))
                " training events; the item of a training event has " (count(events.mean_popularity(events).round() as u64))
            }
        }
    }
}

fn by_popularity(run: &RunFiles, bounds: PopularityBounds, events: &Use, lists: &Use) -> Markup {
    let items = &run.recommended;
    let share = |own: Popularity, of: &Use| {
        let group = items.iter().zip(&of.counts).filter(|(item, _)| bounds.group(item.n_train) == own);
        group.map(|(_, count)| *count).sum::<u64>() as f64 / of.total.max(1) as f64
    };
    let n_targets = run.ranks.len().max(1) as f64;
    let targets = |own: Popularity| {
        run.ranks.iter().filter(|row| bounds.group(row.n_train) == own).count() as f64 / n_targets
    };
    let shares = Popularity::ALL.map(|own| [share(own, events), targets(own), share(own, lists)]);
    let names = ["training", "targets", "recommended"];
    let inks = [Ink::Random, Ink::Popularity, Ink::Model];
    let n_items = |own: Popularity| items.iter().filter(|item| bounds.group(item.n_train) == own).count();
    let label = |own: Popularity| {
        let n = n_items(own);
        format!("{}\n{} item{}", own.name(), compact(n as u64), if n == 1 { "" } else { "s" })
    };
    let high = shares.as_flattened().iter().copied().fold(0.0, f64::max);
    let mut chart = Chart::new(
        Axis::categories("popularity of the item in training", Popularity::ALL.map(label)),
        Axis::percent("share of all", high),
    );
    for (i, group) in shares.iter().enumerate() {
        for (j, (&height, ink)) in group.iter().zip(inks).enumerate() {
            let left = i as f64 - 0.42 + 0.28 * j as f64;
            chart.marks.push(Mark::Bar { x: [left, left + 0.26], height, ink, label: bar_label(height) });
        }
    }
    let mut table = Table::new(["Items", "number", "training events", "test targets", "recommended"]);
    for (own, group) in Popularity::ALL.into_iter().zip(shares) {
        let [events, targets, recommended] = group.map(percent);
        let name = format!("{} ({} training events)", own.name(), bounds.range(own));
        table.row([name, count(n_items(own) as u64), events, targets, recommended]);
    }
    chart.keys = names.into_iter().zip(inks).map(|(name, ink)| (name.to_owned(), ink)).collect();
    figure(
        "Popularity of what is recommended",
        "Where training events, test targets and recommendations fall. A model that leans on popular items recommends the head more often than targets lie in it.",
        &chart,
        &table,
    )
}

/// Whole per cent, without the sign: there are many bars.
fn bar_label(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0".to_owned(),
        ..0.5 => "< 1".to_owned(),
        percent => format!("{percent:.0}"),
    }
}

fn concentration(events: &Use, lists: &Use) -> Markup {
    let mut chart = Chart::new(
        Axis::percent("share of the catalogue, most frequent items first", 1.0),
        Axis::percent("share of all", 1.0),
    );
    chart.marks.push(Mark::Dashed { points: vec![[0.0, 0.0], [1.0, 1.0]], ink: Ink::Muted });
    let lines = vec!["all items alike".to_owned()];
    chart.names.push(Name { point: [0.62, 0.62], lines, ink: Ink::Muted });
    let curves = [("training events", events, Ink::Random), ("recommendations", lists, Ink::Model)];
    let mut table = Table::new(["Most frequent items", "of training events", "of recommendations"]);
    for (_, of, ink) in curves {
        // Lorenz' curve begins with the rarest item; seen from the other end it answers what the top makes up.
        let curve = lorenz(&of.counts);
        let every = curve.len().div_ceil(CURVE_POINTS).max(1);
        let mut points: Vec<[f64; 2]> =
            curve.iter().rev().step_by(every).map(|[items, share]| [1.0 - items, 1.0 - share]).collect();
        points.push([1.0, 1.0]);
        chart.marks.push(Mark::Line { points, ink, width: 2.0 });
    }
    chart.keys = curves.iter().map(|&(name, _, ink)| (name.to_owned(), ink)).collect();
    for share in [0.01, 0.05, 0.1, 0.2, 0.5] {
        table.row([
            format!("top {}", percent(share)),
            percent(events.of_top(share)),
            percent(lists.of_top(share)),
        ]);
    }
    let note = format!(
        "The most frequent 10 % of the items make up {} of the training events and {} of the recommendations.",
        percent(events.of_top(0.1)),
        percent(lists.of_top(0.1))
    );
    figure("Concentration", &note, &chart, &table)
}

fn top_items(view: &View, items: &[ItemRow], lists: &Use) -> Markup {
    let mut order: Vec<usize> = (0..items.len()).filter(|&i| items[i].n_lists > 0).collect();
    // By lists, then in the order of the catalog.
    order.sort_by(|&a, &b| items[b].n_lists.cmp(&items[a].n_lists));
    let mut by_events: Vec<u32> = items.iter().map(|item| item.n_train).collect();
    by_events.sort_unstable_by(|a, b| b.cmp(a));
    let place = |n_train: u32| by_events.partition_point(|&other| other > n_train) + 1;
    let n_users = view.n_evaluated() as f64;
    let shown = order.len().min(TOP_ITEMS);
    html! {
        h3.apart { "Most recommended items" }
        p.fine {
            "The " (shown) " items that are in most lists fill "
            (percent(order[..shown].iter().map(|&i| lists.counts[i]).sum::<u64>() as f64 / lists.total as f64))
            " of all places."
        }
        div.scroll role="region" aria-label="Table" tabindex="0" {
            table.items {
                thead {
                    tr {
                        th scope="col" { "Item, id" }
                        th scope="col" { "In lists of" }
                        th scope="col" { "Training events" }
                        th scope="col" { "Place by events" }
                    }
                }
                tbody {
                    @for &i in &order[..shown] {
                        tr {
                            th scope="row" {
                                @match &items[i].title {
                                    Some(title) => { (title) " " small { (items[i].item_id) } }
                                    None => (items[i].item_id),
                                }
                            }
                            td { (percent(f64::from(items[i].n_lists) / n_users)) }
                            td { (count(u64::from(items[i].n_train))) }
                            td { (count(place(items[i].n_train) as u64)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(counts: &[(u32, u32)]) -> Vec<ItemRow> {
        let item = |(i, &(n_train, n_lists)): (usize, &(u32, u32))| ItemRow {
            item_id: i.to_string(),
            title: None,
            n_train,
            n_lists,
        };
        counts.iter().enumerate().map(item).collect()
    }

    /// By hand: the two most recommended of four have 6 + 3 of 10 places; (6·10 + 3·2 + 1·0 + 0·8) / 10 = 6.6.
    #[test]
    fn figures_of_recommendations_are_weighted_by_lists() {
        let items = items(&[(10, 6), (2, 3), (0, 1), (8, 0)]);
        let (events, lists) = (Use::of(&items, |item| item.n_train), Use::of(&items, |item| item.n_lists));
        assert_eq!(lists.of_top(0.5), 0.9);
        assert_eq!(lists.mean_popularity(&events), 6.6);
        assert_eq!(lists.of_top(0.0), 0.0);
    }
}
