//! Cold items and cold users beside warm ones.

use maud::{Markup, html};
use u2i_eval::wilson_95;

use crate::format::{count, metric, with_half_width};
use crate::parts::{Table, or_dash};
use crate::view::{AmongView, ColdView, GroupView, Means, View};

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
    none: "every target has training events.",
};

const USERS: Words = Words {
    title: "Cold users",
    cold: "test users have no training event; they are known from later events and from their attributes",
    cold_of_sets: "targets are of test users without a training event; they are known from later events and from their \
                   attributes",
    none: "every test user has training events.",
};

pub(crate) fn tables(view: &View, cold: &ColdView, k: usize) -> Markup {
    html! {
        (table(view, &ITEMS, [&cold.cold_items, &cold.warm_items], k))
        @if cold.cold_items.n_targets > 0 { (among(&cold.among_cold_items, k)) }
        (table(view, &USERS, [&cold.cold_users, &cold.warm_users], k))
    }
}

fn table(view: &View, words: &Words, [cold, warm]: [&GroupView; 2], k: usize) -> Markup {
    if cold.n_targets == 0 {
        return html! { ul.facts { li { strong { (words.title) ": " } (words.none) } } };
    }
    let [hit_rate, ndcg] = [format!("hit_rate@{k}"), format!("ndcg@{k}")];
    let header = [
        "Group".to_owned(),
        "targets".to_owned(),
        "not ranked".to_owned(),
        format!("hit rate@{k}"),
        "95 % interval".to_owned(),
        format!("NDCG@{k}"),
        format!("hit rate@{k}: Markov window"),
        "popularity".to_owned(),
        "random".to_owned(),
    ];
    let mut table = Table { header: header.to_vec(), rows: Vec::new() };
    for (name, group) in [("cold", cold), ("warm", warm)] {
        let of = |means: &Option<Means>, name: &str| means.as_ref().and_then(|means| means.get(name));
        let own = |name: &str| of(&group.metrics, name);
        let unranked = group.n_targets > 0 && group.n_not_ranked == group.n_targets;
        let hits = own(&hit_rate)
            .map(|share| ((share * group.n_targets as f64).round() as usize).min(group.n_targets));
        // A user of a set is hit once, however many targets are.
        let counts_users = view.n_relevant.is_none() && !unranked;
        let interval = hits.and_then(|hits| wilson_95(hits, group.n_targets)).filter(|_| counts_users);
        let figure = |text: Option<String>| match unranked {
            true => "not ranked".to_owned(),
            false => or_dash(text),
        };
        let counted = |pick: fn(&crate::view::BaselineMeans) -> &Means| {
            or_dash(group.baselines.as_ref().and_then(|all| pick(all).get(&hit_rate)).map(metric))
        };
        table.rows.push(vec![
            name.to_owned(),
            count(group.n_targets as u64),
            count(group.n_not_ranked as u64),
            figure(own(&hit_rate).map(metric)),
            or_dash(interval.map(|[low, high]| format!("{} to {}", metric(low), metric(high)))),
            figure(own(&ndcg).map(|mean| with_half_width(mean, group.metrics_ci95.get(&ndcg)))),
            counted(|all| &all.markov_window),
            counted(|all| &all.popularity),
            counted(|all| &all.random),
        ]);
    }
    html! {
        h3 { (words.title) }
        p {
            (count(cold.n_targets as u64)) " of " (count(view.n_relevant.unwrap_or(view.n_users) as u64)) " "
            (if view.n_relevant.is_some() { words.cold_of_sets } else { words.cold }) "."
            @if cold.n_not_ranked > 0 { " A target that the model cannot rank is a miss." }
        }
        (table.html())
    }
}

/// How the model orders the items that it has not met.
fn among(among: &AmongView, k: usize) -> Markup {
    let name = format!("hit_rate@{k}");
    let own = among.metrics.as_ref().and_then(|means| means.get(&name));
    let chance = among.chance.as_ref().and_then(|means| means.get(&name));
    html! {
        p {
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
