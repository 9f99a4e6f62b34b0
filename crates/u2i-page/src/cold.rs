//! Cold items and cold users beside warm ones.

use maud::{Markup, html};
use u2i_eval::wilson_95;

use crate::format::{count, metric, with_half_width};
use crate::parts::{Table, or_dash};
use crate::view::{AmongView, BaselineMeans, ColdView, GroupView, Means, View};

/// What is cold or warm.
struct Words {
    title: &'static str,
    /// What a cold target has not.
    cold: &'static str,
    /// What a cold target has not, where users have several.
    cold_of_sets: &'static str,
    none: &'static str,
}

const ITEMS: Words = Words {
    title: "Cold items",
    cold: "targets have no training event",
    cold_of_sets: "targets have no training event",
    none: "Every target has training events.",
};

const USERS: Words = Words {
    title: "Cold users",
    cold: "test users have no training event; they are known from later events and from their attributes",
    cold_of_sets: "targets are of test users without a training event; they are known from later events and from their \
                   attributes",
    none: "Every test user has training events.",
};

/// A card of items and one of users.
pub(crate) fn cards(view: &View, cold: &ColdView, k: usize) -> Markup {
    let among = (cold.cold_items.n_targets > 0).then(|| among(&cold.among_cold_items, k));
    html! {
        (card(view, &ITEMS, [&cold.cold_items, &cold.warm_items], k, among))
        (card(view, &USERS, [&cold.cold_users, &cold.warm_users], k, None))
    }
}

fn card(view: &View, words: &Words, groups: [&GroupView; 2], k: usize, more: Option<Markup>) -> Markup {
    let cold = groups[0];
    html! {
        div.card {
            h3 { (words.title) }
            @if cold.n_targets == 0 {
                p { (words.none) }
            } @else {
                p {
                    (count(cold.n_targets as u64)) " of " (count(view.n_relevant.unwrap_or(view.n_evaluated()) as u64)) " "
                    (if view.n_relevant.is_some() { words.cold_of_sets } else { words.cold }) "."
                    @if cold.n_not_ranked > 0 { " A target that the model cannot rank is a miss." }
                }
                (table(view, groups, k).html())
                @if let Some(more) = more { (more) }
            }
        }
    }
}

/// A row for each figure: with a column for each, it would be wider than a phone.
fn table(view: &View, groups: [&GroupView; 2], k: usize) -> Table {
    let [hit_rate, ndcg] = [format!("hit_rate@{k}"), format!("ndcg@{k}")];
    let mut table = Table::new(["Measure", "cold", "warm"]);
    let mut row = |name: String, cell: &dyn Fn(&GroupView) -> String| {
        table.row([name, cell(groups[0]), cell(groups[1])])
    };
    let unranked = |group: &GroupView| group.n_targets > 0 && group.n_not_ranked == group.n_targets;
    let figure = |group: &GroupView, text: Option<String>| match unranked(group) {
        true => "not ranked".to_owned(),
        false => or_dash(text),
    };
    let own = |group: &GroupView, name: &str| group.metrics.as_ref().and_then(|means| means.get(name));
    row("Targets".to_owned(), &|group| count(group.n_targets as u64));
    row("Not ranked".to_owned(), &|group| count(group.n_not_ranked as u64));
    row(format!("Hit rate@{k}"), &|group| figure(group, own(group, &hit_rate).map(metric)));
    row("95 % interval".to_owned(), &|group| {
        let hits = own(group, &hit_rate)
            .map(|share| ((share * group.n_targets as f64).round() as usize).min(group.n_targets));
        // A user of a set is hit once, however many targets are.
        let counts_users = view.n_relevant.is_none() && !unranked(group);
        let interval = hits.and_then(|hits| wilson_95(hits, group.n_targets)).filter(|_| counts_users);
        or_dash(interval.map(|[low, high]| format!("{} to {}", metric(low), metric(high))))
    });
    type Pick = fn(&BaselineMeans) -> &Means;
    let baselines: [(&str, Pick); 3] = [
        ("Markov window", |all| &all.markov_window),
        ("popularity", |all| &all.popularity),
        ("random", |all| &all.random),
    ];
    for (name, pick) in baselines {
        row(format!("– {name}"), &|group| {
            or_dash(group.baselines.as_ref().and_then(|all| pick(all).get(&hit_rate)).map(metric))
        });
    }
    row(format!("NDCG@{k}"), &|group| {
        figure(group, own(group, &ndcg).map(|mean| with_half_width(mean, group.metrics_ci95.get(&ndcg))))
    });
    table
}

/// How the model orders the items that it has not met.
fn among(among: &AmongView, k: usize) -> Markup {
    let name = format!("hit_rate@{k}");
    let own = among.metrics.as_ref().and_then(|means| means.get(&name));
    let chance = among.chance.as_ref().and_then(|means| means.get(&name));
    html! {
        p.fine {
            @match own.zip(chance) {
                Some((own, chance)) => {
                    "Among the " (count(among.n_candidates as u64)) " cold items alone, hit rate@" (k) " is "
                    (metric(own)) "; chance is " (metric(chance)) "."
                }
                None => {
                    "The model ranks " (count(among.n_candidates as u64)) " of the " (count(among.n_items as u64))
                    " cold items of the catalogue."
                }
            }
        }
    }
}
