use std::num::NonZeroUsize;

use u2i_eval::Rank;
use u2i_features::Prepared;
use u2i_index::Seen;
use u2i_models::TwoTowerConfig;

use crate::Stage;
use crate::baselines::{Baseline, Baselines, MarkovWindow, Popularity, Random, rank_sets};
use crate::cold::{Groups, groups};
use crate::config::Experiment;
use crate::pipeline::COVERAGE_K;
use crate::progress::Progress;
use crate::target_metrics::group_metrics;

/// Metrics of counting, with seen items left out and kept. Recipes and seeds do not change them, so runs on one split
/// can share them.
#[derive(Debug, Clone)]
pub struct Counted {
    excluded: CountedMetrics,
    kept: CountedMetrics,
}

/// Metrics of counting under one rule for seen items.
#[derive(Debug, Clone)]
pub struct CountedMetrics {
    /// Of all test targets.
    pub all: Baselines,
    /// Of each group of test targets; `None` for a group without targets.
    pub groups: Groups<Option<Baselines>>,
}

impl Counted {
    /// Counts the baselines on the test targets.
    pub fn new<C: TwoTowerConfig, L>(
        prepared: &Prepared,
        experiment: &Experiment<C, L>,
        progress: &mut dyn Progress,
    ) -> Self {
        let stage = Stage::begin();
        let (train, n_items) = (&prepared.train, prepared.catalog.n_items());
        let cutoffs = experiment.evaluation.cutoffs();
        let k = NonZeroUsize::new(COVERAGE_K).expect("10 is not 0");
        let sets = prepared.test_sets();
        let rank =
            |baseline: &dyn Baseline| rank_sets(baseline, &prepared.events, &prepared.test, &sets, k).ranks;
        // The random order is one for all seeds of a recipe, so that tables of several seeds have one baseline.
        let random = rank(&Random::new(train, n_items, 1));
        let popularity = rank(&Popularity::new(train, n_items));
        let markov_window = rank(&MarkovWindow::new(train, n_items));
        progress.line(&format!("baselines counted in {:.1} s", stage.cost().wall_s));
        let all: Vec<usize> = (0..sets.items().len()).collect();
        let groups = groups(prepared);
        let under = |seen: Seen| {
            let [random, popularity, markov_window] = [&random, &popularity, &markov_window]
                .map(|ranks| ranks.iter().map(|rank| rank.under(seen)).collect::<Vec<Rank>>());
            let of = |places: &Vec<usize>| {
                Some(Baselines {
                    random: group_metrics(&random, places, &sets, &cutoffs)?,
                    popularity: group_metrics(&popularity, places, &sets, &cutoffs)?,
                    markov_window: group_metrics(&markov_window, places, &sets, &cutoffs)?,
                })
            };
            let all = of(&all).expect("a split without targets is refused");
            CountedMetrics { all, groups: groups.map(of) }
        };
        Counted { excluded: under(Seen::Excluded), kept: under(Seen::Kept) }
    }

    /// Under a rule for seen items.
    pub fn under(&self, seen: Seen) -> &CountedMetrics {
        match seen {
            Seen::Excluded => &self.excluded,
            Seen::Kept => &self.kept,
        }
    }
}
