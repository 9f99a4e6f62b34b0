use u2i_eval::Rank;
use u2i_features::Prepared;
use u2i_index::Seen;
use u2i_models::TwoTowerConfig;
use u2i_schema::Sample;

use crate::baselines::{
    Baseline, Baselines, MarkovWindow, Popularity, Random, TargetRank, rank_sets_with_progress,
};
use crate::cold::{Groups, groups};
use crate::config::Experiment;
use crate::progress::Progress;
use crate::target_metrics::group_metrics;
use crate::{Error, Stage};

/// Metrics of counting, with seen items left out and kept. Models and seeds do not change them, so runs on one split can
/// share them, where they evaluate the same users at the same cutoffs.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Targets and cutoffs.
    of: (Vec<Sample>, Vec<usize>),
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
    /// Whether these are the baselines of what an experiment evaluates.
    pub fn is_of<C: TwoTowerConfig, L>(&self, prepared: &Prepared, experiment: &Experiment<C, L>) -> bool {
        self.of.0 == prepared.test && self.of.1 == experiment.evaluation.cutoffs()
    }

    /// Counts the baselines on the test targets.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if somebody asks to stop.
    pub fn new<C: TwoTowerConfig, L>(
        prepared: &Prepared,
        experiment: &Experiment<C, L>,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let stage = Stage::begin();
        let (train, n_items) = (&prepared.train, prepared.catalog.n_items());
        let cutoffs = experiment.evaluation.cutoffs();
        let sets = prepared.test_sets();
        let (events, targets) = (&prepared.events, &prepared.test);
        let rank = |name: &str, baseline: &dyn Baseline, progress: &mut dyn Progress| {
            progress.begin_in(&format!("counting: {name}"), targets.len() as u64, "users");
            let ranked = rank_sets_with_progress(baseline, events, targets, &sets, 0, progress);
            progress.end();
            Ok::<Vec<TargetRank>, Error>(ranked?.ranks)
        };
        // The random orders are those of one seed for all seeds of a recipe, so that tables of several seeds have one
        // baseline.
        let random = rank("random", &Random::new(train, n_items, 1), progress)?;
        let popularity = rank("popularity", &Popularity::new(train, n_items), progress)?;
        let (markov_window, markov_window_pruned) = {
            let markov = MarkovWindow::with_progress(train, n_items, progress)?;
            (rank("Markov window", &markov, progress)?, markov.pruned())
        };
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
                    markov_window_pruned: None,
                })
            };
            let all = of(&all).expect("a split without targets is refused");
            let all = Baselines { markov_window_pruned, ..all };
            CountedMetrics { all, groups: groups.map(of) }
        };
        let (excluded, kept) = (under(Seen::Excluded), under(Seen::Kept));
        Ok(Counted { of: (targets.clone(), cutoffs), excluded, kept })
    }

    /// Under a rule for seen items.
    pub fn under(&self, seen: Seen) -> &CountedMetrics {
        match seen {
            Seen::Excluded => &self.excluded,
            Seen::Kept => &self.kept,
        }
    }
}
