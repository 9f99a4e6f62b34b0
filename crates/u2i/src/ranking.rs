//! Where what is relevant of held-out users comes among all items.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use burn::tensor::Device;
use u2i_eval::{Accumulator, Metrics};
use u2i_features::{Prepared, TargetSets};
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, MadeItems, Scan, Seen};
use u2i_models::TwoTower;
use u2i_schema::{EventStore, Sample};
use u2i_train::{item_vectors_of, n_items_ranked, user_vectors};

use crate::Error;
use crate::baselines::TargetRank;
use crate::config::EvaluationConfig;
use crate::target_metrics::{accumulator, add};

/// How many items the lists hold whose distinct items are counted.
pub const COVERAGE_K: usize = 10;

/// Bytes of item vectors above which a validation makes them block by block, for as many users at once as there may be,
/// instead of all of them for a few users after the other.
pub(crate) const MOST_HELD: u64 = 1 << 30;
/// Items whose vectors are made together then.
pub(crate) const MADE_TOGETHER: NonZeroUsize = NonZeroUsize::new(1 << 14).unwrap();
/// Users that are ranked for together: that bounds the memory, whatever the size of the data.
pub(crate) const RANKED_TOGETHER: usize = 4096;
/// Users that are ranked for together where item vectors are made on the way: each block of users makes all of them again.
pub(crate) const RANKED_TOGETHER_OF_MADE: usize = 50_000;

/// What came out of ranking the whole catalog for each target.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Metrics with the experiment's rule for seen items.
    pub metrics: Metrics,
    /// Metrics with seen items ranked like any other.
    pub metrics_seen_kept: Metrics,
    /// Targets that are in their own history: misses where seen items are excluded.
    pub n_targets_seen: usize,
    /// Distinct items in the top 10 of all users, seen items excluded.
    pub distinct_top_10: usize,
    /// Items that were ranked.
    pub n_items_ranked: usize,
    /// Where each relevant item came, set after set; of single targets `[targets]`, in their order.
    pub ranks: Vec<TargetRank>,
    /// `[items + 1]`: users whose top 10 holds the item, seen items excluded; entry 0 is padding and 0.
    pub n_lists: Vec<u32>,
}

/// The items that each target's user had seen before, ascending.
pub fn seen_items(events: &EventStore, targets: &[Sample]) -> Vec<Vec<u32>> {
    let seen = |target: &Sample| {
        let mut items = events.items(target.user as usize)[..target.position as usize].to_vec();
        items.sort_unstable();
        items.dedup();
        items
    };
    targets.iter().map(seen).collect()
}

/// Held-out users and what is relevant of each.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub samples: &'a [Sample],
    pub sets: &'a TargetSets,
}

/// The items that a model can rank.
pub(crate) enum Items {
    /// All vectors are there.
    Held(ExactIndex),
    /// They are made when they are looked at, so many at once.
    Made(NonZeroUsize),
}

impl Items {
    /// Of a model that changes before they are looked at again, in at most `most` bytes or in blocks.
    pub fn to_look_at_once<M: TwoTower>(
        model: &M,
        prepared: &Prepared,
        device: &Device,
        most: u64,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let n_items = n_items_ranked(model, &prepared.catalog);
        if n_items > 0 {
            let dim = item_vectors_of(model, &prepared.catalog, vec![1], device).dim;
            if (4 * dim * n_items) as u64 > most {
                return Ok(Items::Made(MADE_TOGETHER));
            }
        }
        Ok(Items::Held(ExactIndex::new(all_item_vectors(model, prepared, device, tell)?)))
    }
}

/// Vectors of all items that the model can rank. `tell` gets 0 now and then, and may end it with [`Error::Stopped`].
pub(crate) fn all_item_vectors<M: TwoTower>(
    model: &M,
    prepared: &Prepared,
    device: &Device,
    tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ItemVectors, Error> {
    let ids: Vec<u32> = (1..=n_items_ranked(model, &prepared.catalog) as u32).collect();
    let (mut dim, mut data) = (0, Vec::new());
    for block in ids.chunks(MADE_TOGETHER.get()) {
        if tell(0).is_break() {
            return Err(Error::Stopped);
        }
        let made = item_vectors_of(model, &prepared.catalog, block.to_vec(), device);
        dim = made.dim;
        // Growing would take all of it twice.
        data.reserve_exact(ids.len() * dim - data.len());
        data.extend(made.data);
    }
    Ok(ItemVectors::new(ids, dim, data)?)
}

/// Ranks for each of `targets`. `tell` gets how many of them are done, several times a second, and may end it with
/// [`Error::Stopped`].
pub(crate) fn rank<M: TwoTower>(
    model: &M,
    items: &Items,
    prepared: &Prepared,
    targets: Targets<'_>,
    config: &EvaluationConfig,
    device: &Device,
    tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Evaluation, Error> {
    let Targets { samples, sets } = targets;
    let metrics = || accumulator(sets, &config.cutoffs());
    let (mut excluded, mut kept) = (metrics(), metrics());
    let mut n_targets_seen = 0;
    let mut ranks: Vec<TargetRank> = Vec::with_capacity(sets.items().len());
    let mut n_lists = vec![0; prepared.catalog.n_items() + 1];
    let (n_items, together) = match items {
        Items::Held(index) => (index.len(), RANKED_TOGETHER),
        Items::Made(_) => (n_items_ranked(model, &prepared.catalog), RANKED_TOGETHER_OF_MADE),
    };
    let mut first = 0;
    for samples in samples.chunks(together) {
        let seen = seen_items(&prepared.events, samples);
        let own: Vec<&[u32]> = (first..first + samples.len()).map(|user| sets.of(user)).collect();
        let asked = Asked { samples, own: &own, seen: &seen };
        let done = |items: u64| (first + (samples.len() as u64 * items / n_items as u64) as usize) as u64;
        let scan = asked.scan(model, items, prepared, device, &mut |items| tell(done(items)))?;
        let found = scan.excluded.into_iter().zip(scan.kept);
        ranks.extend(found.map(|(excluded, kept)| TargetRank { excluded, kept }));
        for (user, (own, seen)) in own.iter().zip(&seen).enumerate() {
            n_targets_seen += own.iter().filter(|item| seen.binary_search(item).is_ok()).count();
            scan.top.ids(user).iter().for_each(|&item| n_lists[item as usize] += 1);
            let ranks = &ranks[sets.range(first + user)];
            add(&mut excluded, sets, ranks.iter().map(|rank| rank.excluded));
            add(&mut kept, sets, ranks.iter().map(|rank| rank.kept));
        }
        first += samples.len();
    }
    let finish = |metrics: Accumulator| metrics.finish().expect("a split without targets is refused");
    let (excluded, kept) = (finish(excluded), finish(kept));
    Ok(Evaluation {
        metrics: match config.seen {
            Seen::Excluded => excluded,
            Seen::Kept => kept.clone(),
        },
        metrics_seen_kept: kept,
        n_targets_seen,
        distinct_top_10: n_lists.iter().filter(|&&lists| lists > 0).count(),
        n_items_ranked: n_items,
        ranks,
        n_lists,
    })
}

/// Users that are ranked for together.
struct Asked<'a> {
    samples: &'a [Sample],
    /// What is relevant of each.
    own: &'a [&'a [u32]],
    seen: &'a [Vec<u32>],
}

impl Asked<'_> {
    /// `tell` gets how many items are done.
    fn scan<M: TwoTower>(
        &self,
        model: &M,
        items: &Items,
        prepared: &Prepared,
        device: &Device,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Scan, Error> {
        let batches = prepared.eval_batches(model.history_len());
        let (mut users, mut dim) = (Vec::new(), 0);
        for samples in self.samples.chunks(RANKED_TOGETHER) {
            if tell(0).is_break() {
                return Err(Error::Stopped);
            }
            let made = user_vectors(model, &batches, samples, device);
            dim = made.dim;
            users.extend(made.data);
        }
        let k = NonZeroUsize::new(COVERAGE_K).expect("10 is not 0");
        match items {
            Items::Held(index) => {
                Ok(index.scan_sets(&users, self.own, Filter::excluding(self.seen), k, tell)?)
            }
            Items::Made(block) => {
                let make = |ids: &[u32]| {
                    let made = item_vectors_of(model, &prepared.catalog, ids.to_vec(), device);
                    Ok::<_, Error>(made.data)
                };
                let n_items = n_items_ranked(model, &prepared.catalog) as u32;
                MadeItems::new(n_items, dim, *block, make).scan_sets(&users, self.own, self.seen, k, tell)
            }
        }
    }
}
