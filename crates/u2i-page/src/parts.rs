//! Building blocks of the page.

use maud::{Markup, html};

use crate::chart::Chart;
use crate::ink::Ink;
use crate::pen::Shape;
use crate::view::{Means, View};

/// A model or a baseline, the same wherever it is drawn.
pub(crate) struct Series<'a> {
    pub name: &'a str,
    pub means: &'a Means,
    pub ink: Ink,
    pub shape: Shape,
}

/// The model, then the baselines from the strongest idea to the weakest.
pub(crate) fn series(view: &View) -> [Series<'_>; 4] {
    let baselines = &view.baselines;
    [
        Series { name: &view.model, means: &view.metrics, ink: Ink::Model, shape: Shape::Disc },
        Series {
            name: "Markov window",
            means: &baselines.markov_window,
            ink: Ink::Markov,
            shape: Shape::Square,
        },
        Series {
            name: "popularity",
            means: &baselines.popularity,
            ink: Ink::Popularity,
            shape: Shape::Triangle,
        },
        Series { name: "random", means: &baselines.random, ink: Ink::Random, shape: Shape::Cross },
    ]
}

/// How the numbers of a chart stand below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// A reader unfolds them.
    Folded,
    /// The chart cannot be read without them.
    Open,
}

/// A chart with its title, what it shows in a sentence, and its numbers, folded.
pub(crate) fn figure(title: &str, note: &str, chart: &Chart, numbers: &Table) -> Markup {
    figure_with(title, note, chart, numbers, Numbers::Folded)
}

/// A chart with its title, what it shows in a sentence, and its numbers.
pub(crate) fn figure_with(title: &str, note: &str, chart: &Chart, table: &Table, numbers: Numbers) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (title) }
                p { (note) }
            }
            @if !chart.keys.is_empty() {
                ul.keys {
                    @for (name, ink) in &chart.keys { li style=(format!("--key:{}", ink.variable())) { (name) } }
                }
            }
            (chart.svg(&format!("{title}. {note} The numbers are in the table below.")))
            @match numbers {
                Numbers::Folded => details {
                    summary { "Numbers" }
                    (table.html())
                },
                Numbers::Open => (table.html()),
            }
        }
    }
}

/// A table; its first column is text, the others are figures.
#[derive(Debug)]
pub(crate) struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    pub fn html(&self) -> Markup {
        html! {
            div.scroll role="region" aria-label="Table" tabindex="0" {
                table {
                    thead { tr { @for cell in &self.header { th scope="col" { (cell) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (i, cell) in row.iter().enumerate() {
                                    @if i == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A word or two in place of a missing figure.
pub(crate) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
