//! Metrics and other figures as tables that people read.

use u2i_eval::{Metric, Metrics, Spread};

/// The chapter's columns, then longer lists.
pub const COLUMNS: [Metric; 10] = [
    Metric::HitRate(10),
    Metric::HitRate(5),
    Metric::Ndcg(10),
    Metric::Ndcg(5),
    Metric::Precision(10),
    Metric::Precision(5),
    Metric::HitRate(50),
    Metric::HitRate(100),
    Metric::Ndcg(50),
    Metric::Ndcg(100),
];

/// Metrics of several models in the chapter's layout, one row each.
pub fn table(rows: &[(&str, &Metrics)]) -> String {
    let rows = rows.iter().map(|(name, metrics)| (*name, vec![*metrics])).collect::<Vec<_>>();
    grid(&metric_cells(&rows))
}

/// A header and a row per name; where a name has metrics of several seeds, mean ± standard deviation.
pub fn metric_cells(rows: &[(&str, Vec<&Metrics>)]) -> Vec<Vec<String>> {
    let header = std::iter::once("model".to_owned()).chain(COLUMNS.iter().map(Metric::to_string)).collect();
    let cell = |metrics: &[&Metrics], metric: Metric| {
        let values: Vec<f64> = metrics.iter().filter_map(|metrics| metrics.mean(metric)).collect();
        Spread::over(&values).map_or("-".to_owned(), |spread| format!("{spread:.4}"))
    };
    let row = |(name, metrics): &(&str, Vec<&Metrics>)| {
        let cells = COLUMNS.iter().map(|&metric| cell(metrics, metric));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    std::iter::once(header).chain(rows.iter().map(row)).collect()
}

/// A table for a terminal, in the chapter's style; the first row is the header.
pub fn grid(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let rule = |fill: &str| {
        let cells: Vec<String> = widths.iter().map(|&width| fill.repeat(width + 2)).collect();
        format!("+{}+\n", cells.join("+"))
    };
    let mut text = rule("-");
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).enumerate().map(|(c, (cell, &w))| pad(cell, w, c)).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        text += &rule(if i == 0 { "=" } else { "-" });
    }
    text
}

/// The table in Markdown.
pub fn markdown(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).enumerate().map(|(c, (cell, &w))| pad(cell, w, c)).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        if i == 0 {
            let line =
                |(c, &w): (usize, &usize)| if c == 0 { "-".repeat(w) } else { "-".repeat(w - 1) + ":" };
            text += &format!("| {} |\n", widths.iter().enumerate().map(line).collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|c| width(c).unwrap_or(0).max(3)).collect()
}

/// The first column is text, the others are figures.
fn pad(cell: &str, width: usize, column: usize) -> String {
    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_the_chapters_layout() {
        let rows = vec![vec!["model".into(), "hit_rate@10".into()], vec!["fm".into(), "0.2920".into()]];
        let expected = "\
+-------+-------------+
| model | hit_rate@10 |
+=======+=============+
| fm    |      0.2920 |
+-------+-------------+
";
        assert_eq!(grid(&rows), expected);
        assert_eq!(
            markdown(&rows),
            "| model | hit_rate@10 |\n| ----- | ----------: |\n| fm    |      0.2920 |\n"
        );
    }
}
