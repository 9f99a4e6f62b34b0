//! For whom, and for which items, the model works.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use maud::{Markup, html};
use u2i::config::Seen;
use u2i::run::{RunFiles, TargetRow};
use u2i_eval::{quantile_groups, wilson_95};

use crate::axis::Axis;
use crate::chart::{Anchor, Chart, Mark, Shape};
use crate::format::{count, metric, percent};
use crate::headline::headline_k;
use crate::ink::Ink;
use crate::parts::{Table, figure};
use crate::view::View;

/// Groups of users by activity: few enough that their intervals say something.
const ACTIVITY_GROUPS: usize = 4;
/// Groups with fewer users do not decide how far up a chart goes.
const ENOUGH_USERS: usize = 30;

/// How popular an item is in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Popularity {
    /// The most popular items, which make up the first half of all training events.
    Head,
    /// The next ones, up to nine tenths.
    Torso,
    /// The others that have training events.
    Tail,
    /// No training event.
    Cold,
}

impl Popularity {
    pub const ALL: [Popularity; 4] =
        [Popularity::Head, Popularity::Torso, Popularity::Tail, Popularity::Cold];

    pub fn name(self) -> &'static str {
        match self {
            Popularity::Head => "head",
            Popularity::Torso => "torso",
            Popularity::Tail => "tail",
            Popularity::Cold => "cold",
        }
    }
}

/// Where head, torso and tail begin, as training counts: a group depends on an item's count alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PopularityBounds {
    /// The lowest count in the head.
    head: u32,
    /// The lowest count in the torso.
    torso: u32,
}

impl PopularityBounds {
    /// From the training counts of the catalog. The head ends with the item at which half of the events is reached, the
    /// torso at nine tenths; items as popular as the last one belong to it.
    pub fn new(counts: impl IntoIterator<Item = u32>) -> Self {
        let mut counts: Vec<u32> = counts.into_iter().filter(|&count| count > 0).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let reached_at = |tenths: u64| {
            let mut sum = 0;
            let reaches = |&&count: &&u32| {
                sum += u64::from(count);
                10 * sum >= tenths * total
            };
            counts.iter().find(reaches).copied().unwrap_or(1)
        };
        PopularityBounds { head: reached_at(5), torso: reached_at(9) }
    }

    /// The group of an item with so many training events.
    pub fn group(self, n_train: u32) -> Popularity {
        match n_train {
            0 => Popularity::Cold,
            n if n >= self.head => Popularity::Head,
            n if n >= self.torso => Popularity::Torso,
            _ => Popularity::Tail,
        }
    }

    /// The counts of a group, in words.
    pub fn range(self, group: Popularity) -> String {
        let between = |low: u32, high: u32| match low.cmp(&high) {
            Ordering::Less => format!("{low}–{high}"),
            Ordering::Equal => low.to_string(),
            Ordering::Greater => "none".to_owned(),
        };
        match group {
            Popularity::Head => format!("≥ {}", self.head),
            Popularity::Torso => between(self.torso, self.head - 1),
            Popularity::Tail => between(1, self.torso - 1),
            Popularity::Cold => "0".to_owned(),
        }
    }
}

/// Hits among the users of a group.
struct Group {
    name: String,
    range: String,
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
    range: String,
) -> Group {
    let mut group = Group { name, range, hits: 0, n: 0 };
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
    let activity = quantile_groups(&n_earlier, ACTIVITY_GROUPS).into_iter().map(|range| {
        let own = rows.iter().filter(|row| range.contains(&row.n_earlier));
        group(own, view.seen, k, in_words(&range), String::new())
    });
    let activity: Vec<Group> = activity.collect();
    let popularity = Popularity::ALL.map(|own| {
        let rows = rows.iter().filter(|row| bounds.group(row.n_train) == own);
        group(rows, view.seen, k, own.name().to_owned(), bounds.range(own))
    });
    let cold = &popularity[3];
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
        axis: "events before the target",
        column: "Earlier events",
        unit: if are_sets { "targets" } else { "users" },
        share,
    };
    let by_popularity = Words {
        title: format!("Hit rate@{k} by popularity of the target"),
        note: "Head: the items that make up the first half of all training events; torso: up to 90 %; \
               tail: the rest; cold: none. An interval without an upper cap goes on beyond the picture.",
        axis: "training events of the target",
        column: "Target",
        unit: "targets",
        share,
    };
    let found = group(rows.iter(), view.seen, k, "all".to_owned(), String::new());
    let disagrees = overall
        .filter(|mean| found.n != view.n_users || (found.hits as f64 / found.n as f64 - mean).abs() > 1e-9);
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
                        (count(view.n_users as u64)) " users. The files of this folder may be of different runs."
                    }
                }
                div.charts {
                    (chart(&by_activity, &activity, overall))
                    (chart(&by_popularity, &popularity, overall))
                }
                ul.facts {
                    // A report that tells cold from warm has tables of both.
                    @if view.cold.is_none() {
                        li {
                            strong { "Cold items: " }
                            @if cold.n == 0 {
                                "every target has training events."
                            } @else {
                                (count(cold.n as u64)) " of " (count(rows.len() as u64)) " targets (" (percent(cold.n as f64 / rows.len() as f64))
                                ") have no training event; " (count(cold.hits as u64)) " of them are hits."
                            }
                        }
                    }
                    li {
                        strong { "Users without history: " }
                        @if view.n_users_without_history == 0 {
                            "every test user has events before the target."
                        } @else {
                            (count(view.n_users_without_history as u64)) " test users have no event before their target; they are in none of these figures."
                        }
                    }
                    @if let Some(share) = view.targets_seen_share.filter(|share| *share > 0.0) {
                        li {
                            strong { "Seen before: " }
                            (percent(share)) " of the targets are in their user's history"
                            @if view.seen == Seen::Excluded { " and count as misses" } "."
                        }
                    }
                }
            }
            @if let Some(cold) = &view.cold { (crate::cold::tables(view, cold, k)) }
        }
    }
}

fn in_words(range: &RangeInclusive<u32>) -> String {
    let (low, high) = (range.start(), range.end());
    if low == high {
        count(u64::from(*low))
    } else {
        format!("{}–{}", count(u64::from(*low)), count(u64::from(*high)))
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
    let label = |group: &Group| {
        let range = if group.range.is_empty() { String::new() } else { format!("\n{}", group.range) };
        format!("{}{range}\n{} {}", group.name, count(group.n as u64), words.unit)
    };
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
        let text = metric(at[1]);
        // The axis would strike a zero through.
        let by = [8.0, if group.hits == 0 { -8.0 } else { 0.0 }];
        picture.marks.push(Mark::Text { at, by, text, ink: Ink::Text, anchor: Anchor::Start });
    }
    let mut table = Table::new([words.column, words.unit, "hits", "hit rate", "95 % interval"]);
    for (group, interval) in groups.iter().zip(&intervals) {
        let name = if group.range.is_empty() {
            group.name.clone()
        } else {
            format!("{} ({})", group.name, group.range)
        };
        let figures = interval.map_or(["–".to_owned(), "–".to_owned()], |[low, high]| {
            [metric(share(group)), format!("{} to {}", metric(low), metric(high))]
        });
        let [rate, interval] = figures;
        table.row([name, count(group.n as u64), count(group.hits as u64), rate, interval]);
    }
    figure(&words.title, words.note, &picture, &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 20 events; 6 + 4 reach 10, half of them; 6 + 4 + 4 + 2 + 2 reach 18, nine tenths.
    #[test]
    fn popularity_groups_follow_the_share_of_events() {
        let counts = [1, 2, 4, 0, 6, 4, 1, 2];
        let bounds = PopularityBounds::new(counts);
        assert_eq!(bounds, PopularityBounds { head: 4, torso: 2 });
        let groups = counts.map(|count| bounds.group(count));
        use Popularity::{Cold, Head, Tail, Torso};
        assert_eq!(groups, [Tail, Torso, Head, Cold, Head, Head, Tail, Torso]);
        assert_eq!(Popularity::ALL.map(|group| bounds.range(group)), ["≥ 4", "2–3", "1", "0"]);
    }

    #[test]
    fn without_training_events_everything_is_cold() {
        assert_eq!(PopularityBounds::new([0, 0]).group(0), Popularity::Cold);
        assert_eq!(PopularityBounds::new([]).group(1), Popularity::Head);
    }

    #[test]
    fn a_group_without_items_says_so() {
        let bounds = PopularityBounds::new([3, 3]);
        assert_eq!(Popularity::ALL.map(|group| bounds.range(group)), ["≥ 3", "none", "1–2", "0"]);
    }
}
