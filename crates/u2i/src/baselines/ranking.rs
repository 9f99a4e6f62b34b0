use std::num::NonZeroUsize;

use rayon::prelude::*;
use u2i_features::TargetSets;
use u2i_schema::{EventStore, Sample};

use super::asked::{Asked, TargetRank, UserRanks};
use super::baseline::Baseline;
use super::scratch::{Pool, Scratch};
use crate::Error;
use crate::progress::Progress;

/// Where the targets of all users came, and what was recommended instead.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedTargets {
    /// Of each relevant item, set after set; of single targets `[targets]`, in their order.
    pub ranks: Vec<TargetRank>,
    /// `[targets]` lists of at most `k` items, best first, seen items excluded. Ties go to the lower index.
    pub top: Vec<Vec<u32>>,
}

/// Ranks each target among all items, given everything its user did before it.
///
/// Items are compared by score, then by popularity; only what is equal in both is a tie. The result does not
/// depend on the number of threads.
///
/// # Panics
///
/// If a target lies beyond its user's events, or an item of a history is above the baseline's items.
pub fn rank_targets(
    baseline: &dyn Baseline,
    events: &EventStore,
    targets: &[Sample],
    k: NonZeroUsize,
) -> RankedTargets {
    rank_sets(baseline, events, targets, &TargetSets::of_one(events, targets), k)
}

/// As [`rank_targets`], where several items may be relevant of each target: each is ranked among all items, given everything
/// its user did before the first.
///
/// # Panics
///
/// As [`rank_targets`], and if there is not a set for each target.
pub fn rank_sets(
    baseline: &dyn Baseline,
    events: &EventStore,
    targets: &[Sample],
    sets: &TargetSets,
    k: NonZeroUsize,
) -> RankedTargets {
    rank_sets_with_progress(baseline, events, targets, sets, k.get(), &mut ()).expect("nobody asks to stop")
}

/// As [`rank_sets`], told in users to a bar that has begun. `k` may be 0.
///
/// # Errors
///
/// [`Error::Stopped`] if somebody asks to stop.
pub(crate) fn rank_sets_with_progress(
    baseline: &dyn Baseline,
    events: &EventStore,
    targets: &[Sample],
    sets: &TargetSets,
    k: usize,
    progress: &mut dyn Progress,
) -> Result<RankedTargets, Error> {
    assert_eq!(targets.len(), sets.len(), "one set per target");
    let pool = Pool::<Scratch>::default();
    let rank = |scratch: &mut Scratch, set: usize| {
        let Sample { user, position } = targets[set];
        let history = &events.items(user as usize)[..position as usize];
        baseline.rank_user(&Asked { user, history, relevant: sets.of(set), k }, scratch)
    };
    // About a tenth of a second of a baseline that looks at all items.
    let per_thread = ((1 << 24) / baseline.popularity().len()).clamp(1, 1024);
    let block = per_thread * rayon::current_num_threads();
    let mut found = RankedTargets { ranks: Vec::with_capacity(sets.items().len()), top: Vec::new() };
    for begin in (0..targets.len()).step_by(block) {
        if progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let end = (begin + block).min(targets.len());
        let users: Vec<UserRanks> = (begin..end)
            .into_par_iter()
            .map_init(|| pool.lend(), |scratch, set| rank(scratch, set))
            .collect();
        for UserRanks { ranks, top } in users {
            found.ranks.extend(ranks);
            found.top.push(top);
        }
        progress.advance(end as u64, "");
    }
    Ok(found)
}
