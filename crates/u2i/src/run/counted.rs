use std::num::NonZeroUsize;

use u2i_eval::{Accumulator, Metrics, Rank};
use u2i_features::Prepared;

use crate::Stage;
use crate::baselines::{Baseline, MarkovWindow, Popularity, Random, TargetRank, rank_targets};
use crate::config::{Experiment, Seen};
use crate::pipeline::COVERAGE_K;
use crate::progress::Progress;
use crate::report::Baselines;

/// Metrics of counting, with seen items left out and kept. Recipes and seeds do not change them, so runs on one split
/// can share them.
#[derive(Debug, Clone)]
pub struct Counted {
    excluded: Baselines,
    kept: Baselines,
}

impl Counted {
    /// Counts the baselines on the test targets.
    pub fn new(prepared: &Prepared, experiment: &Experiment, progress: &mut dyn Progress) -> Self {
        let stage = Stage::begin();
        let (train, n_items) = (&prepared.train, prepared.catalog.n_items());
        let cutoffs = experiment.evaluation.cutoffs();
        let k = NonZeroUsize::new(COVERAGE_K).expect("10 is not 0");
        let rank = |baseline: &dyn Baseline| {
            let ranked = rank_targets(baseline, &prepared.events, &prepared.test, k);
            let metrics = |rank: fn(&TargetRank) -> Rank| {
                let mut accumulator = Accumulator::new(&cutoffs).expect("list lengths are at least 1");
                ranked.ranks.iter().for_each(|own| accumulator.add_rank(rank(own)));
                accumulator.finish().expect("a split without targets is refused")
            };
            (metrics(|own| own.excluded), metrics(|own| own.kept))
        };
        // The random order is one for all seeds of a recipe, so that tables of several seeds have one baseline.
        let random = rank(&Random::new(train, n_items, 1));
        let popularity = rank(&Popularity::new(train, n_items));
        let markov_window = rank(&MarkovWindow::new(train, n_items));
        progress.line(&format!("baselines counted in {:.1} s", stage.cost().wall_s));
        let baselines = |pick: fn((Metrics, Metrics)) -> Metrics| Baselines {
            random: pick(random.clone()),
            popularity: pick(popularity.clone()),
            markov_window: pick(markov_window.clone()),
        };
        Counted { excluded: baselines(|both| both.0), kept: baselines(|both| both.1) }
    }

    /// Under a rule for seen items.
    pub fn under(&self, seen: Seen) -> &Baselines {
        match seen {
            Seen::Excluded => &self.excluded,
            Seen::Kept => &self.kept,
        }
    }
}
