//! Draws without replacement.

use std::collections::HashSet;

use u2i_random::Stream;

use super::{Negatives, Sampler};

/// `n` different items, drawn one after another by the sampler's probabilities.
///
/// That is the order in which items come up for the first time when each comes up by a Poisson process of its own, of
/// rate `q_j`. Given the time `τ` at which the first item beyond the `n` comes up, item `j` came up before it with
/// probability `1 - exp(-q_j τ)`, independently of the others, so that a sum over the `n` divided by these
/// probabilities is unbiased (bottom-k sampling: Duffield, Lund and Thorup, "Priority Sampling for Estimation of
/// Arbitrary Subset Sums", Journal of the ACM 2007).
pub(super) fn draw<S: Sampler + ?Sized>(sampler: &S, n: usize, stream: &mut Stream) -> Negatives {
    let drawable = || (1..=sampler.last_item()).filter(|&item| sampler.log_q(item) > f32::NEG_INFINITY);
    if n == 0 {
        return Negatives::default();
    }
    // Counted only as far as it matters.
    if drawable().take(n + 1).count() <= n {
        return drawable().map(|item| (item, 0.0)).collect();
    }
    let mut found = HashSet::with_capacity(n + 1);
    let mut items = Vec::with_capacity(n + 1);
    let mut time = 0.0;
    for _ in 0..8 * n + 64 {
        time += gap(stream);
        let item = sampler.draw_one(stream);
        if found.insert(item) {
            items.push(item);
        }
        if items.len() > n {
            break;
        }
    }
    // Where draws repeat each other, the others are asked when they come up: whatever time has passed, they wait as long
    // as they would from the beginning.
    if items.len() <= n {
        let waits = drawable().filter(|item| !found.contains(item));
        let mut waits: Vec<(f64, u32)> =
            waits.map(|item| (gap(stream) / f64::from(sampler.log_q(item)).exp(), item)).collect();
        waits.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let missing = n + 1 - items.len();
        items.extend(waits[..missing].iter().map(|&(_, item)| item));
        time += waits[missing - 1].0;
    }
    items.truncate(n);
    items.sort_unstable();
    let log_included = |item| {
        let q = f64::from(sampler.log_q(item)).exp();
        (-(-q * time).exp_m1()).ln()
    };
    items.into_iter().map(|item| (item, log_included(item) as f32)).collect()
}

/// Time to the next event of a Poisson process of rate 1.
fn gap(stream: &mut Stream) -> f64 {
    -(1.0 - stream.unit()).ln()
}
