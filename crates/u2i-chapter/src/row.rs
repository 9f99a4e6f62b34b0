use u2i::report::{IndexReport, Report};

use crate::{ModelName, Recipe};

/// The seeds of one model under one recipe.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub model: ModelName,
    pub recipe: Recipe,
    pub reports: Vec<Report>,
}

impl Row {
    pub fn label(&self) -> String {
        let any = |is: fn(&Report) -> bool| self.reports.iter().any(is);
        let mark = match any(|report| report.no_better_than_popularity) {
            true => " **",
            false if any(|report| report.below_markov_window) => " *",
            false => "",
        };
        format!("{} ({}){mark}", self.model, self.recipe)
    }

    /// Of each index the least that it found with any seed.
    pub fn worst_indexes(&self) -> Vec<IndexReport> {
        let mut worst: Vec<IndexReport> =
            self.reports.first().map_or(Vec::new(), |first| first.index.clone());
        for report in &self.reports {
            for (worst, own) in worst.iter_mut().zip(&report.index) {
                worst.recall_at_10 = worst.recall_at_10.min(own.recall_at_10);
                worst.lists_as_exact = worst.lists_as_exact.min(own.lists_as_exact);
            }
        }
        worst
    }
}
