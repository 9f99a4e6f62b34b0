//! What came out, in words and in four figures.

use maud::{Markup, html};

use crate::format::{count, metric, percent, with_half_width};
use crate::parts::series;
use crate::view::View;

/// How the model stands against counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A baseline is better.
    Below,
    /// A baseline lies within the model's interval, or there is none.
    Level,
    /// The model's interval lies above all baselines.
    Above,
}

impl Standing {
    fn class(self) -> &'static str {
        match self {
            Standing::Below => "verdict below",
            Standing::Level => "verdict level",
            Standing::Above => "verdict above",
        }
    }
}

/// The list length of the figures that stand for the others: 10, or the shortest there is.
pub(crate) fn headline_k(view: &View) -> usize {
    let cutoffs = view.metrics.cutoffs();
    if cutoffs.contains(&10) { 10 } else { cutoffs.first().copied().unwrap_or(10) }
}

/// The metric that the verdict goes by, as in [`Report::below_markov_window`](u2i::report::Report): NDCG@10, or MRR
/// where the lists have other lengths.
fn deciding(view: &View) -> &'static str {
    if view.metrics.get("ndcg@10").is_some() { "ndcg@10" } else { "mrr" }
}

/// The metric's name as it is spoken.
pub(crate) fn spoken(metric: &str) -> String {
    match metric.split_once('@') {
        Some(("hit_rate", k)) => format!("Hit rate@{k}"),
        Some(("ndcg", k)) => format!("NDCG@{k}"),
        Some(("recall", k)) => format!("Recall@{k}"),
        Some(("precision", k)) => format!("Precision@{k}"),
        Some(("map", k)) => format!("MAP@{k}"),
        _ => metric.to_uppercase(),
    }
}

fn standing(view: &View) -> (Standing, &'static str, f64) {
    let metric = deciding(view);
    let baselines = &view.baselines;
    let mean = |means: &crate::view::Means| means.get(metric).unwrap_or(0.0);
    let (markov, popularity) = (mean(&baselines.markov_window), mean(&baselines.popularity));
    let (rival, best) =
        if popularity > markov { ("popularity", popularity) } else { ("Markov window", markov) };
    let model = view.metrics.get(metric).unwrap_or(0.0);
    let half = view.metrics_ci95.get(metric);
    if view.no_better_than_popularity {
        (Standing::Below, "popularity", popularity)
    } else if view.below_markov_window {
        (Standing::Below, "Markov window", markov)
    } else if model < best {
        (Standing::Below, rival, best)
    } else if half.is_none_or(|half| model - half <= best) {
        (Standing::Level, rival, best)
    } else {
        (Standing::Above, rival, best)
    }
}

/// A sentence that nobody can miss.
pub(crate) fn verdict(view: &View) -> Markup {
    let (standing, rival, best) = standing(view);
    let name = deciding(view);
    let model = view.metrics.get(name).unwrap_or(0.0);
    let half = view.metrics_ci95.get(name);
    let figures = format!(
        "{} is {} for the model and {} for the {rival}{}.",
        spoken(name),
        with_half_width(model, half),
        metric(best),
        match rival {
            "popularity" => " baseline",
            _ => ", which only counts what followed what",
        }
    );
    html! {
        div class=(standing.class()) role="note" {
            @match standing {
                Standing::Below => {
                    strong {
                        @if rival == "popularity" { "Worse than counting: no better than popularity." }
                        @else { "Worse than counting: below the Markov window." }
                    }
                    p {
                        (figures)
                        @if half.is_some_and(|half| model + half >= best) {
                            " The difference is within the model's 95 % interval."
                        }
                        " A model that does not beat counting is not worth its training."
                    }
                }
                Standing::Level => {
                    strong { "Not clearly better than counting." }
                    p { (figures) " The difference is within the model's 95 % interval." }
                }
                Standing::Above => {
                    strong { "Better than counting." }
                    p {
                        (figures)
                        @if best > 0.0 { " That is " (percent(model / best - 1.0)) " more." }
                        " The model's 95 % interval lies above it."
                    }
                }
            }
        }
    }
}

/// Four figures, each beside the baselines.
pub(crate) fn tiles(view: &View) -> Markup {
    let k = headline_k(view);
    let longest = view.metrics.cutoffs().last().copied().unwrap_or(k);
    let metrics =
        [format!("hit_rate@{k}"), format!("ndcg@{k}"), format!("recall@{longest}"), "mrr".to_owned()];
    html! {
        div.tiles {
            @for name in &metrics {
                @if let Some(mean) = view.metrics.get(name) {
                    div.tile {
                        p.name { (spoken(name)) }
                        p.figure {
                            (metric(mean))
                            @if let Some(half) = view.metrics_ci95.get(name) {
                                small { " ± " (metric(half)) }
                            }
                        }
                        dl {
                            @for baseline in series(view).iter().skip(1) {
                                @if let Some(mean) = baseline.means.get(name) {
                                    dt { (baseline.name) }
                                    dd { (metric(mean)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        p.fine {
            "Means over " (count(view.n_evaluated() as u64)) " test users, each with one held-out target; ± is half of a 95 % "
            "interval over users. Every figure is of the whole catalogue, ranked by exact search."
        }
        @if let Some(pruned) = &view.baselines.markov_window_pruned {
            p.fine {
                "The Markov window is made of the " (count(pruned.successors_per_item)) " heaviest successors of each item: "
                (count(pruned.kept)) " of " (count(pruned.pairs)) " pairs."
            }
        }
        @if view.n_evaluated() < view.n_users {
            p.fine {
                "These users are a sample of the " (count(view.n_users as u64)) " test users, the same for every run on "
                "this split."
                @if let Some(half) = view.metrics_sample_ci95.get(deciding(view)) {
                    " With 95 % confidence, all of them would have " (spoken(deciding(view))) " within ± " (metric(half))
                    " of that above."
                }
            }
        }
    }
}
