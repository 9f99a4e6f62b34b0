//! What it took, and what exactly was run.

use maud::{Markup, html};
use u2i::config::Seen;

use crate::format::{count, mebibytes, seconds};
use crate::parts::{Table, or_dash};
use crate::view::{CostView, View};

pub(crate) fn costs(view: &View) -> Markup {
    let train = &view.train;
    let train_cost = CostView { wall_s: train.wall_s, cpu_s: train.cpu_s, peak_rss_mib: train.peak_rss_mib };
    let stages = [("Prepare", view.prepare), ("Train", Some(train_cost)), ("Evaluate", view.evaluate)];
    let mut table = Table::new(["Stage", "wall time", "CPU time", "peak memory"]);
    for (name, cost) in stages {
        let Some(cost) = cost else { continue };
        let memory = or_dash(cost.peak_rss_mib.map(mebibytes));
        table.row([name.to_owned(), seconds(cost.wall_s), seconds(cost.cpu_s), memory]);
    }
    html! {
        div.card {
            h3 { "Time and memory" }
            (table.html())
            @if let (Some(samples), Some(rate)) = (train.samples, train.samples_per_s) {
                p.fine {
                    (count(samples as u64)) " training targets per epoch; " (count(rate.round() as u64))
                    " targets per second of wall time, validation included."
                }
            }
        }
    }
}

pub(crate) fn stamp(view: &View) -> Markup {
    let cutoffs: Vec<String> = view.metrics.cutoffs().iter().map(usize::to_string).collect();
    let seen = match view.seen {
        Seen::Excluded => "left out; a target among them is a miss",
        Seen::Kept => "ranked like any other",
    };
    let ranked = view.n_items_ranked.map_or(String::new(), |n| format!(", {} ranked", count(n as u64)));
    let text = |value: &Option<String>| value.clone();
    let rows = [
        ("Model", Some(view.model.clone())),
        ("What the model is", text(&view.description)),
        ("Recipe", text(&view.recipe)),
        ("Data set", Some(view.dataset.clone())),
        ("Data hash", text(&view.data_hash)),
        ("Protocol", text(&view.protocol)),
        ("Split hash", text(&view.split_hash)),
        ("Order of ties", text(&view.ties)),
        ("Candidates", text(&view.candidates)),
        ("Catalogue", Some(format!("{} items{ranked}", count(view.n_items as u64)))),
        ("Seen items", Some(seen.to_owned())),
        ("k", Some(cutoffs.join(", "))),
        ("Seed", view.seed.map(|seed| seed.to_string())),
        ("Config hash", text(&view.config_hash)),
        ("Weights hash", text(&view.weights_hash)),
        ("Device", text(&view.device)),
        ("Adapter", text(&view.adapter)),
        ("Threads", view.threads.map(|threads| threads.to_string())),
        ("Processor", text(&view.cpu)),
        ("Build", text(&view.build)),
        ("Platform", text(&view.platform)),
        ("Version", view.version.as_ref().map(|version| format!("u2i {version}"))),
    ];
    html! {
        section id="stamp" {
            h2 { "Protocol and build" }
            dl.stamp {
                @for (name, value) in &rows {
                    @if let Some(value) = value {
                        dt { (name) }
                        @if name.ends_with("hash") { dd { code { (value) } } } @else { dd { (value) } }
                    }
                }
            }
        }
    }
}

pub(crate) fn config(text: &str) -> Markup {
    html! {
        section id="config" {
            h2 { "Config" }
            pre tabindex="0" { code { (text) } }
        }
    }
}
