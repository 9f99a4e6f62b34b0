//! Cold items and cold users: how a model does for what it has not met in training.
//!
//! - A *cold item* is an item without a training event; a target is one of cold items if its item is.
//! - A *cold user* is a test user without a training event. Its history, which is never empty, consists of events that are
//!   not training events.
//! - All others are *warm*. Each target is in one group by its item and in one by its user. Where users have sets of relevant
//!   items, each of these is a target, and the metrics of a group are those of the part of each set that is in it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Serialize;
use serde_json::{Map, Value};
use u2i_eval::{Metric, Metrics, Rank};
use u2i_features::Prepared;
use u2i_index::{ExactIndex, Filter, ItemSet, Seen};
use u2i_models::{TwoTower as _, TwoTowerConfig};
use u2i_schema::Sample;
use u2i_train::user_vectors;

use crate::Error;
use crate::baselines::Baselines;
use crate::config::Experiment;
use crate::device::Opened;
use crate::followed::under_bar;
use crate::intervals::half_widths;
use crate::pipeline::{Evaluation, Trained, seen_items};
use crate::progress::Progress;
use crate::ranking::RANKED_TOGETHER;
use crate::target_metrics::group_metrics;

/// A value for each group of test targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups<T> {
    /// Targets without a training event.
    pub cold_items: T,
    /// Targets with one.
    pub warm_items: T,
    /// Targets of users without a training event.
    pub cold_users: T,
    /// Targets of users with one.
    pub warm_users: T,
}

impl<T> Groups<T> {
    /// The groups of what `of` makes of each value.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Groups<U> {
        Groups {
            cold_items: of(&self.cold_items),
            warm_items: of(&self.warm_items),
            cold_users: of(&self.cold_users),
            warm_users: of(&self.warm_users),
        }
    }
}

/// The relevant items of each group, as ascending places in [`Prepared::test_sets`]: of single targets, in `prepared.test`.
pub fn groups(prepared: &Prepared) -> Groups<Vec<usize>> {
    let known = prepared.train.events();
    let mut has_events = vec![false; prepared.catalog.n_items() + 1];
    known.all_items().iter().for_each(|&item| has_events[item as usize] = true);
    let sets = prepared.test_sets();
    let parted = |is_cold: &dyn Fn(usize) -> bool| {
        (0..sets.items().len()).partition::<Vec<usize>, _>(|&place| is_cold(place))
    };
    let (cold_items, warm_items) = parted(&|place| !has_events[sets.items()[place] as usize]);
    let (cold_users, warm_users) =
        parted(&|place| known.items(prepared.test[sets.set_of(place)].user as usize).is_empty());
    Groups { cold_items, warm_items, cold_users, warm_users }
}

/// Cold and warm targets apart, as written under `cold` in `report.json`.
#[derive(Debug, Clone, Serialize)]
pub struct ColdReport {
    /// Targets without a training event.
    pub cold_items: GroupReport,
    /// Targets with one.
    pub warm_items: GroupReport,
    /// Targets of users without a training event.
    pub cold_users: GroupReport,
    /// Targets of users with one.
    pub warm_users: GroupReport,
    /// Targets without a training event, ranked among such items alone.
    pub among_cold_items: AmongColdItems,
}

/// What was found for a group of test targets.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    /// Targets, which are as many as users where each has one, and relevant items where they are sets.
    pub n_targets: usize,
    /// Targets that the model cannot rank. They are misses, and in the means.
    pub n_not_ranked: usize,
    /// Metrics of the model among all items, under the rule for seen items; null without targets.
    pub metrics: Option<Metrics>,
    /// Half the width of their 95 % confidence intervals over users.
    pub metrics_ci95: Map<String, Value>,
    /// Metrics of counting; null without targets.
    pub baselines: Option<Baselines>,
}

/// How a model orders items that it has not met in training.
#[derive(Debug, Clone, Serialize)]
pub struct AmongColdItems {
    /// Items of the catalog without a training event.
    pub n_items: usize,
    /// Those that the model can rank: the candidates, less those that a user has seen where seen items are excluded.
    pub n_candidates: usize,
    /// Metrics of cold targets among the candidates; null without targets, or without candidates.
    pub metrics: Option<Metrics>,
    /// Half the width of their 95 % confidence intervals over users.
    pub metrics_ci95: Map<String, Value>,
    /// Hit rate and NDCG of a random order of each user's candidates, its expectation; null as `metrics`, and for sets.
    pub chance: Option<BTreeMap<String, f64>>,
}

/// Puts together what was found for cold and warm targets.
///
/// # Errors
///
/// If a vector is not finite, and [`Error::Stopped`].
pub(crate) fn cold_report<C: TwoTowerConfig, L>(
    experiment: &Experiment<C, L>,
    trained: &Trained<C::Model>,
    prepared: &Prepared,
    evaluation: &Evaluation,
    counted: &Groups<Option<Baselines>>,
    device: &Opened,
    progress: &mut dyn Progress,
) -> Result<ColdReport, Error> {
    let cutoffs = experiment.evaluation.cutoffs();
    let ranks: Vec<Rank> =
        evaluation.ranks.iter().map(|rank| rank.under(experiment.evaluation.seen)).collect();
    let (groups, sets) = (groups(prepared), prepared.test_sets());
    let report = |places: &[usize], baselines: &Option<Baselines>| {
        let metrics = group_metrics(&ranks, places, &sets, &cutoffs);
        GroupReport {
            n_targets: places.len(),
            n_not_ranked: places.iter().filter(|&&at| evaluation.ranks[at].kept.get().is_none()).count(),
            metrics_ci95: metrics.as_ref().map(half_widths).unwrap_or_default(),
            metrics,
            baselines: baselines.clone(),
        }
    };
    Ok(ColdReport {
        cold_items: report(&groups.cold_items, &counted.cold_items),
        warm_items: report(&groups.warm_items, &counted.warm_items),
        cold_users: report(&groups.cold_users, &counted.cold_users),
        warm_users: report(&groups.warm_users, &counted.warm_users),
        among_cold_items: among_cold_items(
            experiment,
            trained,
            prepared,
            &groups.cold_items,
            device,
            progress,
        )?,
    })
}

fn among_cold_items<C: TwoTowerConfig, L>(
    experiment: &Experiment<C, L>,
    trained: &Trained<C::Model>,
    prepared: &Prepared,
    places: &[usize],
    device: &Opened,
    progress: &mut dyn Progress,
) -> Result<AmongColdItems, Error> {
    let counts = prepared.catalog.counts();
    let cold = |&item: &u32| counts[item as usize] == 0;
    let candidates: ItemSet = trained.items.ids().iter().copied().filter(cold).collect();
    let n_items = prepared.catalog.n_items() - prepared.catalog.n_trained();
    let mut found = AmongColdItems {
        n_items,
        n_candidates: candidates.len(),
        metrics: None,
        metrics_ci95: Map::new(),
        chance: None,
    };
    if places.is_empty() || candidates.is_empty() {
        return Ok(found);
    }
    let cutoffs = experiment.evaluation.cutoffs();
    let sets = prepared.test_sets();
    let mut ranks = vec![Rank::MISS; sets.items().len()];
    let mut chance = Chance::new(&cutoffs);
    let index = ExactIndex::new(trained.items.clone());
    let model = &trained.fitted.model;
    let batches = prepared.eval_batches(model.history_len());
    let users: Vec<&[usize]> = places.chunk_by(|&a, &b| sets.set_of(a) == sets.set_of(b)).collect();
    under_bar(progress, "ranking among cold items", users.len() as u64, "users", |tell| {
        let mut done = 0;
        for block in users.chunks(RANKED_TOGETHER) {
            let targets: Vec<Sample> = block.iter().map(|own| prepared.test[sets.set_of(own[0])]).collect();
            let users = user_vectors(model, &batches, &targets, &device.device);
            let items = |own: &&[usize]| own.iter().map(|&place| sets.items()[place]).collect();
            let items: Vec<Vec<u32>> = block.iter().map(items).collect();
            let items: Vec<&[u32]> = items.iter().map(Vec::as_slice).collect();
            let left_out = match experiment.evaluation.seen {
                Seen::Excluded => seen_items(&prepared.events, &targets),
                Seen::Kept => vec![Vec::new(); targets.len()],
            };
            let filter = Filter::among(&candidates).and_excluding(&left_out);
            let scan =
                index.scan_sets(&users.data, &items, filter, NonZeroUsize::MIN, &mut |_| tell(done))?;
            let mut found = scan.excluded.into_iter();
            for (own, left_out) in block.iter().zip(&left_out) {
                let n_left_out = left_out.iter().filter(|&&item| candidates.contains(item)).count();
                for (&place, rank) in own.iter().zip(&mut found) {
                    chance.add(rank.get().map(|_| candidates.len() - n_left_out));
                    ranks[place] = rank;
                }
            }
            done += block.len() as u64;
        }
        Ok::<(), Error>(())
    })?;
    found.metrics = group_metrics(&ranks, places, &sets, &cutoffs);
    found.metrics_ci95 = found.metrics.as_ref().map(half_widths).unwrap_or_default();
    found.chance = (!sets.are_sets()).then(|| chance.means());
    Ok(found)
}

/// What a random order has in expectation: each place of a target is as likely as any other.
struct Chance {
    sums: Vec<(Metric, f64)>,
    n_users: usize,
}

impl Chance {
    fn new(cutoffs: &[usize]) -> Self {
        let kinds: [fn(usize) -> Metric; 2] = [Metric::HitRate, Metric::Ndcg];
        let metrics = kinds.into_iter().flat_map(|kind| cutoffs.iter().map(move |&k| (kind(k), 0.0)));
        Chance { sums: metrics.collect(), n_users: 0 }
    }

    /// Adds a user whose target is one of so many candidates, or is none of them.
    fn add(&mut self, n_candidates: Option<usize>) {
        self.n_users += 1;
        let Some(n) = n_candidates else { return };
        for (metric, sum) in &mut self.sums {
            let (Metric::HitRate(k) | Metric::Ndcg(k)) = *metric else { continue };
            let within = (0..k.min(n)).map(|above| metric.of(Rank::new(above, 0)));
            *sum += within.sum::<f64>() / n as f64;
        }
    }

    fn means(&self) -> BTreeMap<String, f64> {
        self.sums.iter().map(|(metric, sum)| (metric.to_string(), sum / self.n_users as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of four candidates the first two places are hits at 2, with gains 1 and 1 / log2(3); of one candidate
    /// the only place is.
    #[test]
    fn chance_is_the_mean_over_all_places() {
        let mut chance = Chance::new(&[2]);
        chance.add(Some(4));
        chance.add(Some(1));
        chance.add(None);
        let means = chance.means();
        assert!((means["hit_rate@2"] - (0.5 + 1.0) / 3.0).abs() < 1e-15);
        let gains = 1.0 + 1.0 / 3f64.log2();
        assert!((means["ndcg@2"] - (gains / 4.0 + 1.0) / 3.0).abs() < 1e-15);
    }
}
