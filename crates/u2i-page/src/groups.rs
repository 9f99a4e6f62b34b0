//! For whom, and for which items, the model works.

use maud::{Markup, html};
use u2i::config::Seen;
use u2i::run::{RunFiles, TargetRow};
use u2i_eval::{quantile_groups, wilson_95};

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::format::{compact, compact_range, count, metric, percent, range};
use crate::headline::headline_k;
use crate::ink::Ink;
use crate::names::Name;
use crate::parts::{Table, figure};
use crate::pen::Shape;
use crate::popularity::{Popularity, PopularityBounds};
use crate::view::View;

/// Groups of users by activity: few enough that their intervals say something.
const ACTIVITY_GROUPS: usize = 4;
/// Groups with fewer users do not decide how far up a chart goes.
const ENOUGH_USERS: usize = 30;

/// Hits among the users of a group.
struct Group {
    /// Its name in the table.
    name: String,
    /// Its name on the axis, where room is short; may have lines.
    label: String,
    hits: usize,
    n: usize,
}

/// The rank that the report's metrics go by.
pub(crate) fn rank(row: &TargetRow, seen: Seen) -> Option<f64> {
    match seen {
        Seen::Excluded => row.rank,
        Seen::Kept => row.rank_kept,
    }
}

fn group<'a>(
    rows: impl Iterator<Item = &'a TargetRow>,
    seen: Seen,
    k: usize,
    name: String,
    label: String,
) -> Group {
    let mut group = Group { name, label, hits: 0, n: 0 };
    for row in rows {
        group.n += 1;
        group.hits += usize::from(rank(row, seen).is_some_and(|rank| rank <= k as f64));
    }
    group
}

pub(crate) fn section(view: &View, run: &RunFiles, bounds: PopularityBounds) -> Markup {
    let k = headline_k(view);
    let rows = &run.ranks;
    // Of a set of targets, users are hit more often than each target is.
    let are_sets = view.n_relevant.is_some();
    let overall = view.metrics.get(&format!("hit_rate@{k}")).filter(|_| !are_sets);
    let n_earlier: Vec<u32> = rows.iter().map(|row| row.n_earlier).collect();
    let activity = quantile_groups(&n_earlier, ACTIVITY_GROUPS).into_iter().map(|bin| {
        let own = rows.iter().filter(|row| bin.contains(&row.n_earlier));
        let (low, high) = (u64::from(*bin.start()), u64::from(*bin.end()));
        group(own, view.seen, k, range(low, high), compact_range(low, high))
    });
    let activity: Vec<Group> = activity.collect();
    let popularity = Popularity::ALL.map(|own| {
        let rows = rows.iter().filter(|row| bounds.group(row.n_train) == own);
        let name = format!("{} ({})", own.name(), bounds.range(own));
        group(rows, view.seen, k, name, format!("{}\n{}", own.name(), bounds.short_range(own)))
    });
    let share = if are_sets { "share of targets" } else { "hit rate (share of users)" };
    let by_activity = Words {
        title: format!("Hit rate@{k} by user activity"),
        note: match are_sets {
            false => {
                "Users in groups of about equal size, by the number of events before their target. \
                      Whiskers are 95 % intervals (Wilson)."
            }
            true => {
                "Targets in groups of about equal size, by the number of events of their user before them. \
                     Whiskers are 95 % intervals (Wilson) that take targets for independent."
            }
        },
        axis: if are_sets {
            "events before the target; n targets"
        } else {
            "events before the target; n users"
        },
        column: "Earlier events",
        unit: if are_sets { "targets" } else { "users" },
        share,
    };
    let by_popularity = Words {
        title: format!("Hit rate@{k} by popularity of the target"),
        note: "Head: the items that make up the first half of all training events; torso: up to 90 %; \
               tail: the rest; cold: none. An interval without an upper cap goes on beyond the picture.",
        axis: "training events of the target; n targets",
        column: "Target",
        unit: "targets",
        share,
    };
    let found = group(rows.iter(), view.seen, k, "all".to_owned(), String::new());
    let disagrees = overall.filter(|mean| {
        found.n != view.n_evaluated() || (found.hits as f64 / found.n as f64 - mean).abs() > 1e-9
    });
    html! {
        section id="groups" {
            h2 { "For whom it works" }
            @if rows.is_empty() {
                p { "There are no ranks of single targets in this folder." }
            } @else {
                @if let Some(mean) = disagrees {
                    p.warning {
                        "The ranks do not add up to the report: " (count(found.hits as u64)) " hits@" (k) " of "
                        (count(found.n as u64)) " targets, where report.json has a hit rate of " (metric(mean)) " over "
                        (count(view.n_evaluated() as u64)) " users. The files of this folder may be of different runs."
                    }
                }
                (facts(view, rows.len(), &popularity[3]))
            }
            div.charts {
                @if !rows.is_empty() {
                    (chart(&by_activity, &activity, overall))
                    (chart(&by_popularity, &popularity, overall))
                }
                @if let Some(cold) = &view.cold { (crate::cold::cards(view, cold, k)) }
            }
        }
    }
}

/// What the charts do not show.
fn facts(view: &View, n_targets: usize, cold: &Group) -> Markup {
    html! {
        dl.stamp.short {
            // A report that tells cold from warm has cards of both.
            @if view.cold.is_none() {
                dt { "Cold items" }
                dd {
                    @if cold.n == 0 {
                        "every target has training events"
                    } @else {
                        (count(cold.n as u64)) " of " (count(n_targets as u64)) " targets ("
                        (percent(cold.n as f64 / n_targets as f64)) ") have no training event; " (count(cold.hits as u64))
                        " of them are hits"
                    }
                }
            }
            dt { "Users without history" }
            dd {
                @if view.n_users_without_history == 0 {
                    "every test user has events before the target"
                } @else {
                    (count(view.n_users_without_history as u64))
                    " test users have no event before their target; they are in none of these figures"
                }
            }
            @if let Some(share) = view.targets_seen_share.filter(|share| *share > 0.0) {
                dt { "Seen before" }
                dd {
                    (percent(share)) " of the targets are in their user's history"
                    @if view.seen == Seen::Excluded { " and count as misses" }
                }
            }
        }
    }
}

/// What a chart of groups is called.
struct Words {
    title: String,
    note: &'static str,
    axis: &'static str,
    column: &'static str,
    /// What a group consists of.
    unit: &'static str,
    /// What is shown of it.
    share: &'static str,
}

fn chart(words: &Words, groups: &[Group], overall: Option<f64>) -> Markup {
    let intervals: Vec<Option<[f64; 2]>> =
        groups.iter().map(|group| wilson_95(group.hits, group.n)).collect();
    let share = |group: &Group| group.hits as f64 / group.n as f64;
    // A handful of users has an interval so wide that it would flatten all others.
    let many = |group: &&Group| group.n >= ENOUGH_USERS;
    let telling: Vec<&Group> = if groups.iter().any(|group| many(&group)) {
        groups.iter().filter(many).collect()
    } else {
        groups.iter().collect()
    };
    let highs = telling.iter().filter_map(|group| wilson_95(group.hits, group.n)).map(|[_, high]| high);
    let shares = groups.iter().filter(|group| group.n > 0).map(share);
    let high = highs.chain(shares).chain(overall).fold(0.05, f64::max);
    let label = |group: &Group| format!("{}\nn = {}", group.label, compact(group.n as u64));
    let mut picture = Chart::new(
        Axis::categories(words.axis, groups.iter().map(label)),
        Axis::linear(words.share, 0.0, high),
    );
    if let Some(overall) = overall {
        let [left, right] = picture.x.range;
        picture.marks.push(Mark::Dashed { points: vec![[left, overall], [right, overall]], ink: Ink::Muted });
        picture.ends.push((overall, format!("all {}", metric(overall)), Ink::Muted));
    }
    for (i, (group, interval)) in groups.iter().zip(&intervals).enumerate() {
        let Some(range) = *interval else { continue };
        let at = [i as f64, share(group)];
        let top = picture.y.range[1];
        let beyond = range[1] > top;
        let range = [range[0], range[1].min(top)];
        picture.marks.push(Mark::Interval { x: at[0], range, ink: Ink::Model, beyond });
        picture.marks.push(Mark::Dots { points: vec![at], ink: Ink::Model, shape: Shape::Disc });
        let text = if group.hits == 0 { "0".to_owned() } else { metric(at[1]) };
        picture.names.push(Name { point: at, lines: vec![text], ink: Ink::Text });
    }
    let mut table = Table::new([words.column, words.unit, "hits", "hit rate", "95 % interval"]);
    for (group, interval) in groups.iter().zip(&intervals) {
        let figures = interval.map_or(["–".to_owned(), "–".to_owned()], |[low, high]| {
            [metric(share(group)), format!("{} to {}", metric(low), metric(high))]
        });
        let [rate, interval] = figures;
        table.row([group.name.clone(), count(group.n as u64), count(group.hits as u64), rate, interval]);
    }
    figure(&words.title, words.note, &picture, &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_groups_of_any_size_do_not_meet() {
        let words = |unit| Words {
            title: String::new(),
            note: "",
            axis: "training events of the target; n targets",
            column: "Target",
            unit,
            share: "hit rate (share of users)",
        };
        for size in (0..=8).map(|power| 10usize.pow(power)) {
            let bounds = PopularityBounds { head: 10 * size as u32 + 7, torso: size as u32 };
            for (n, hits) in [(size, 0), (size, size), (4 * size + 3, size), (9_999 * size / 10_000, 0)] {
                let popularity = Popularity::ALL.map(|own| {
                    let label = format!("{}\n{}", own.name(), bounds.short_range(own));
                    Group { name: String::new(), label, hits, n }
                });
                let activity = (0..ACTIVITY_GROUPS as u64).map(|i| {
                    let label = compact_range(i * size as u64 + 1, (i + 1) * size as u64);
                    Group { name: String::new(), label, hits, n }
                });
                let page = chart(&words("targets"), &popularity, Some(0.5)).into_string()
                    + &chart(&words("users"), &activity.collect::<Vec<_>>(), None).into_string();
                let pictures = crate::tests::picture::pictures(&page);
                pictures
                    .iter()
                    .for_each(|picture| picture.check(&format!("{hits} of {n} in groups of {size}")));
            }
        }
    }

    #[test]
    fn the_table_has_in_full_what_the_axis_shortens() {
        let label = format!("torso\n{}", compact_range(1_234, 98_765));
        let group = Group { name: format!("torso ({})", range(1_234, 98_765)), label, hits: 5, n: 1_622 };
        let words = Words {
            title: String::new(),
            note: "",
            axis: "",
            column: "Target",
            unit: "targets",
            share: "hit rate",
        };
        let page = chart(&words, &[group], None).into_string();
        assert!(page.contains("1.2k–99k") && page.contains("n = 1.6k"), "{page}");
        assert!(page.contains("torso (1,234–98,765)</th><td>1,622</td>"), "{page}");
    }
}
