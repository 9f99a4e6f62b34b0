//! The metric that decides which epoch is kept, by exact or approximate search.

use std::ops::ControlFlow;
#[cfg(feature = "faiss")]
use std::sync::Arc;

use burn::tensor::Device;
use u2i_eval::Metrics;
use u2i_features::{Prepared, TargetSets};
use u2i_index::{FaissSpec, Similarity};
use u2i_models::TwoTower;
use u2i_schema::Sample;
use u2i_train::{item_vectors_of, n_items_ranked};

use crate::Error;
use crate::config::{EvaluationConfig, ValidationSearch};
use crate::held_out::places;
use crate::ranking::{Items, MOST_HELD, Targets, rank};
use crate::validation_search::ValidationSearchReport;

/// Validation users on whom an approximate search is compared with the exact one.
const COMPARED: usize = 200;

/// A validation of any model on the validation users.
#[derive(Clone, Copy)]
pub(crate) struct Validation<'a> {
    pub prepared: &'a Prepared,
    pub config: &'a EvaluationConfig,
    pub device: &'a Device,
}

/// Gets how many users are done, and says whether to go on.
type Tell<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

impl Validation<'_> {
    /// The metric of a model; `None` without validation users.
    pub fn metric<M: TwoTower>(&self, model: &M, tell: Tell<'_>) -> Result<Option<f64>, Error> {
        let Prepared { validation: samples, .. } = self.prepared;
        if samples.is_empty() {
            return Ok(None);
        }
        let targets = Targets { samples, sets: &self.prepared.validation_sets() };
        let found = match self.config.validation_search {
            None | Some(ValidationSearch::Exact) => self.exact(model, targets, tell)?,
            Some(ValidationSearch::Faiss(spec)) => self.approximate(model, spec, targets, tell)?,
        };
        Ok(found.mean(self.config.validation_metric()))
    }

    /// Whether the search that is asked for can be built over the items of a model, which is as good as known before the
    /// first epoch.
    pub fn check<M: TwoTower>(&self, model: &M) -> Result<(), Error> {
        let Some(ValidationSearch::Faiss(spec)) = self.config.validation_search else { return Ok(()) };
        if self.prepared.validation.is_empty() {
            return Ok(());
        }
        let catalog = &self.prepared.catalog;
        let dim = item_vectors_of(model, catalog, vec![1], self.device).dim;
        Ok(spec.check(n_items_ranked(model, catalog), dim, Similarity::InnerProduct)?)
    }

    /// What an approximate search makes of the metric of a model, on a few users; `None` where the search is exact.
    pub fn compared<M: TwoTower>(
        &self,
        model: &M,
        tell: Tell<'_>,
    ) -> Result<Option<ValidationSearchReport>, Error> {
        let Prepared { validation, validation_lengths, events, .. } = self.prepared;
        let (Some(ValidationSearch::Faiss(spec)), false) =
            (self.config.validation_search, validation.is_empty())
        else {
            return Ok(None);
        };
        let n_users = COMPARED.min(validation.len());
        let places = places(validation.len(), n_users, 2);
        let samples: Vec<Sample> = places.iter().map(|&place| validation[place as usize]).collect();
        let sets = match &validation_lengths[..] {
            [] => TargetSets::of_one(events, &samples),
            all => {
                let lengths: Vec<u32> = places.iter().map(|&place| all[place as usize]).collect();
                TargetSets::of_many(events, &samples, &lengths)
            }
        };
        let targets = Targets { samples: &samples, sets: &sets };
        let metric = self.config.validation_metric();
        let mean = |metrics: Metrics| metrics.mean(metric).expect("checked when the experiment was read");
        Ok(Some(ValidationSearchReport {
            kind: spec.kind(Similarity::InnerProduct),
            n_users,
            exact: mean(self.exact(model, targets, tell)?),
            approximate: mean(self.approximate(model, spec, targets, tell)?),
        }))
    }

    fn exact<M: TwoTower>(&self, model: &M, targets: Targets<'_>, tell: Tell<'_>) -> Result<Metrics, Error> {
        let Validation { prepared, config, device } = *self;
        let items = Items::to_look_at_once(model, prepared, device, MOST_HELD, tell)?;
        Ok(rank(model, &items, prepared, targets, config, device, tell)?.metrics)
    }

    /// Of lists that are as long as the longest that is measured: what they do not hold is a miss.
    #[cfg(feature = "faiss")]
    fn approximate<M: TwoTower>(
        &self,
        model: &M,
        spec: FaissSpec,
        targets: Targets<'_>,
        tell: Tell<'_>,
    ) -> Result<Metrics, Error> {
        use u2i_eval::Rank;
        use u2i_index::{ExactIndex, FaissIndex, Filter, Index as _, Seen};
        use u2i_train::user_vectors;

        use crate::ranking::{RANKED_TOGETHER, all_item_vectors, seen_items};
        use crate::target_metrics::{accumulator, add};

        let Validation { prepared, config, device } = *self;
        let Targets { samples, sets } = targets;
        let items = all_item_vectors(model, prepared, device, tell)?;
        let index = FaissIndex::build_following(&items, spec, Similarity::InnerProduct, &mut |_| tell(0))?;
        // What is left to exact search would else be copied out of the index.
        let index =
            if spec.is_compressed() { index } else { index.with_exact(Arc::new(ExactIndex::new(items)))? };
        let longest = config.k.iter().copied().max().expect("checked when the experiment was read");
        let batches = prepared.eval_batches(model.history_len());
        let mut metrics = accumulator(sets, &config.cutoffs());
        let mut first = 0;
        for samples in samples.chunks(ASKED_TOGETHER.min(RANKED_TOGETHER)) {
            if tell(first as u64).is_break() {
                return Err(Error::Stopped);
            }
            let users = user_vectors(model, &batches, samples, device);
            let seen = seen_items(&prepared.events, samples);
            let filter = match config.seen {
                Seen::Excluded => Filter::excluding(&seen),
                Seen::Kept => Filter::ALL,
            };
            let found = index.search(&users.data, longest, filter)?;
            for user in 0..samples.len() {
                let (ids, scores) = (found.ids(user), found.scores(user));
                let rank = |item: &u32| {
                    let Some(at) = ids.iter().position(|id| id == item) else { return Rank::MISS };
                    let count =
                        |is_counted: &dyn Fn(f32) -> bool| scores.iter().filter(|&&s| is_counted(s)).count();
                    Rank::new(count(&|score| score > scores[at]), count(&|score| score == scores[at]) - 1)
                };
                add(&mut metrics, sets, sets.of(first + user).iter().map(rank));
            }
            first += samples.len();
        }
        Ok(metrics.finish().expect("there are users"))
    }

    #[cfg(not(feature = "faiss"))]
    fn approximate<M: TwoTower>(
        &self,
        _: &M,
        spec: FaissSpec,
        _: Targets<'_>,
        _: Tell<'_>,
    ) -> Result<Metrics, Error> {
        let kind = spec.kind(Similarity::InnerProduct);
        Err(Error::Usage(format!("a validation by {kind} needs a build with the feature `faiss`")))
    }
}

/// Users that an index is asked for between two looks at whether to stop.
#[cfg(feature = "faiss")]
const ASKED_TOGETHER: usize = 1024;
