use u2i::report::Report;
use u2i::table::{COLUMNS, grid, markdown, metric_cells};
use u2i_eval::{Metrics, Spread};

use crate::chapter::NOTES;
use crate::cold_tables::cold_tables;
use crate::row::Row;
use crate::{CHAPTER, Protocol};

/// All runs of one protocol.
#[derive(Debug, Clone)]
pub struct ProtocolTable {
    /// What it was made on.
    pub dataset: String,
    /// How it was measured.
    pub protocol: Protocol,
    pub(crate) rows: Vec<Row>,
}

impl ProtocolTable {
    /// All reports.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.rows.iter().flat_map(|row| &row.reports)
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        self.render(grid)
    }

    /// For `docs/results.md`.
    pub fn markdown(&self) -> String {
        let text = self.render(markdown);
        let (title, rest) = text.split_once('\n').unwrap_or((&text, ""));
        format!("## {title}\n{rest}")
    }

    fn render(&self, layout: fn(&[Vec<String>]) -> String) -> String {
        let first = &self.rows[0].reports[0];
        let ties = match &*first.ties {
            _ if self.protocol == Protocol::Book => String::new(),
            "row in file" => String::new(),
            other => format!(", ties by {other}"),
        };
        let mut text = format!("{}: {}{ties}\n\n", self.dataset, self.protocol.describe());
        text += &layout(&self.metric_rows(first));
        if self.reports().any(|report| report.below_markov_window) {
            text += "\nA star marks a model below the Markov window: counting does better.\n";
        }
        if self.reports().any(|report| report.no_better_than_popularity) {
            text +=
                "\nTwo stars mark a model no better than popularity: it has learned nothing about users.\n";
        }
        let users = match first.n_users_evaluated < first.n_users {
            true => format!("A sample of {} of {}", first.n_users_evaluated, first.n_users),
            false => first.n_users.to_string(),
        };
        text += &format!(
            "\n{users} test users ({} more have no history), {} items, ties by {}; {:.2} % of targets are in their own \
             history. 95 % confidence intervals over users are about ± {:.4} for hit_rate@10.\n",
            first.n_users_without_history,
            first.n_items,
            first.ties,
            100.0 * first.targets_seen_share,
            self.widest(),
        );
        if let Some(note) = first.baselines.note() {
            text += &format!("\n{note}\n");
        }
        for row in self.rows.iter().filter(|row| row.recipe.is_ours()) {
            let description = row.reports.first().map_or("", |report| &report.description);
            text += &format!("\n{} ({}): {description}.\n", row.model, row.recipe);
        }
        if self.protocol == Protocol::Book {
            text += &format!("\nRows marked *printed* are the chapter's own figures.\n\n{NOTES}");
        }
        text += &cold_tables(&self.rows, layout);
        text += &format!("\n{}", layout(&self.cost_rows()));
        if self.reports().any(|report| !report.index.is_empty()) {
            text += &format!(
                "\nEach index was built, saved, loaded and asked for 10 items; *as exact* counts the users whose list \
                 is that of exact search.\n\n{}",
                layout(&self.index_rows())
            );
        }
        text
    }

    fn widest(&self) -> f64 {
        let widths = self.reports().filter_map(|report| report.metrics_ci95.get("hit_rate@10")?.as_f64());
        widths.fold(0.0, f64::max)
    }

    fn metric_rows(&self, first: &Report) -> Vec<Vec<String>> {
        let counted = [
            ("random", &first.baselines.random),
            ("popularity", &first.baselines.popularity),
            ("markov window", &first.baselines.markov_window),
        ];
        let mut rows: Vec<(String, Vec<&Metrics>)> =
            counted.into_iter().map(|(name, metrics)| (name.to_owned(), vec![metrics])).collect();
        rows.extend(
            self.rows.iter().map(|row| (row.label(), row.reports.iter().map(|r| &r.metrics).collect())),
        );
        let borrowed: Vec<(&str, Vec<&Metrics>)> =
            rows.iter().map(|(name, metrics)| (name.as_str(), metrics.clone())).collect();
        let mut cells = metric_cells(&borrowed);
        if self.protocol == Protocol::Book {
            for row in CHAPTER.iter().filter(|own| self.rows.iter().any(|row| row.model == own.model)) {
                let figures = row.figures.iter().map(|figure| format!("{figure:.4}"));
                let rest = std::iter::repeat_n("-".to_owned(), COLUMNS.len() - row.figures.len());
                let name = format!("{} (printed)", row.model);
                cells.push(std::iter::once(name).chain(figures).chain(rest).collect());
            }
        }
        cells
    }

    fn index_rows(&self) -> Vec<Vec<String>> {
        let header = ["index", "recall@10", "as exact", "users", "seconds"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for row in &self.rows {
            for worst in row.worst_indexes() {
                rows.push(vec![
                    format!("{} ({}): {}", row.model, row.recipe, worst.kind),
                    format!("{:.4}", worst.recall_at_10),
                    worst.lists_as_exact.to_string(),
                    worst.n_queries.to_string(),
                    format!("{:.2}", worst.wall_s),
                ]);
            }
        }
        rows
    }

    fn cost_rows(&self) -> Vec<Vec<String>> {
        let header = [
            "stage",
            "prepare s",
            "prepare MiB",
            "train s",
            "train CPU s",
            "evaluate s",
            "samples/s",
            "train MiB",
            "epochs",
            "items ranked",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for row in &self.rows {
            let mean = |value: &dyn Fn(&Report) -> f64| {
                let values: Vec<f64> = row.reports.iter().map(value).collect();
                Spread::over(&values).map_or(f64::NAN, |spread| spread.mean)
            };
            let peak = mean(&|report| report.train.peak_rss_mib.unwrap_or(f64::NAN));
            rows.push(vec![
                format!("{} ({})", row.model, row.recipe),
                format!("{:.2}", mean(&|report| report.prepare.wall_s)),
                format!("{:.0}", mean(&|report| report.prepare.peak_rss_mib.unwrap_or(f64::NAN))),
                format!("{:.1}", mean(&|report| report.train.wall_s)),
                format!("{:.1}", mean(&|report| report.train.cpu_s)),
                format!("{:.2}", mean(&|report| report.evaluate.wall_s)),
                format!("{:.0}", mean(&|report| report.train.samples_per_s)),
                format!("{peak:.0}"),
                format!("{:.0}", mean(&|report| report.train.epochs as f64)),
                format!("{:.0}", mean(&|report| report.n_items_ranked as f64)),
            ]);
        }
        rows
    }
}
