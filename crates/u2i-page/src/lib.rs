//! `report.html`: a run in pictures, in one file that needs no other.
//!
//! Text is escaped by construction ([`maud`]), charts are drawn with [`plotters`] and stand in the page as SVG. There is no
//! script. The same files give the same bytes.
//!
//! [`render`] draws the page of a run, [`svg`] a [`Picture`] of its own.
//!
//! ```toml
//! u2i-page = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/page_alone.rs")]
//! ```

mod axis;
mod catalog;
mod chart;
mod cold;
mod families;
mod format;
mod frame;
mod groups;
mod headline;
mod ink;
mod names;
mod parts;
mod pen;
mod picture;
mod place;
mod popularity;
mod provenance;
mod quality;
mod search;
mod spread;
mod standalone;
#[cfg(test)]
mod tests;
mod text;
mod training;
mod view;

use maud::{DOCTYPE, PreEscaped, html};
use serde::Deserialize as _;
use u2i::Error;
use u2i::run::{REPORT, RunFiles};

pub use picture::{Kind, Picture, Point, Scale, Series};
pub use standalone::svg;

use popularity::PopularityBounds;
use view::View;

/// Draws the page of a run.
///
/// # Errors
///
/// If the report lacks what the page is about.
pub fn render(run: &RunFiles) -> Result<String, Error> {
    let view = View::deserialize(&run.report)
        .map_err(|error| Error::RunFile { path: REPORT.into(), reason: error.to_string() })?;
    let bounds = PopularityBounds::new(run.recommended.iter().map(|item| item.n_train));
    let title = format!("{} on {}", view.model, view.dataset);
    let subtitle = [
        view.recipe.as_deref().map(|recipe| format!("recipe {recipe}")),
        view.protocol.as_deref().map(|protocol| format!("protocol {protocol}")),
        view.seed.map(|seed| format!("seed {seed}")),
    ];
    let sections = [
        ("quality", "Ranking quality"),
        ("groups", "For whom it works"),
        ("catalogue", "What is recommended"),
        ("training", "Training"),
        ("costs", "Search and costs"),
        ("stamp", "Protocol"),
        ("config", "Config"),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – u2i report" }
                // Both are our own text, without anything from the run.
                style { (PreEscaped(include_str!("style.css"))) (PreEscaped(ink::style_rules())) }
            }
            body {
                header {
                    p.kicker { "u2i report" }
                    h1 { (title) }
                    p.subtitle { (subtitle.into_iter().flatten().collect::<Vec<_>>().join(" · ")) }
                    nav aria-label="Sections" {
                        @for (id, name) in sections { a href=(format!("#{id}")) { (name) } }
                    }
                }
                main {
                    (headline::verdict(&view))
                    (headline::tiles(&view))
                    (quality::section(&view, run))
                    (groups::section(&view, run, bounds))
                    (catalog::section(&view, run, bounds))
                    (training::section(&view, run))
                    section id="costs" {
                        h2 { "Search and costs" }
                        div.charts { (search::figure_of(&view)) (provenance::costs(&view)) }
                    }
                    (provenance::stamp(&view))
                    (provenance::config(&run.config))
                }
            }
        }
    };
    Ok(page.into_string())
}
