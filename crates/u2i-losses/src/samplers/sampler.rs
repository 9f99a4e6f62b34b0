use std::collections::HashSet;

use u2i_random::Stream;

use super::{Negatives, RowNegatives};

/// Draws items with a fixed probability each.
pub trait Sampler: Send + Sync {
    /// One item.
    fn draw_one(&self, stream: &mut Stream) -> u32;

    /// Natural log of the probability that a draw is `item_idx`; −∞ for what is never drawn.
    fn log_q(&self, item_idx: u32) -> f32;

    /// The largest `item_idx` that may be drawn.
    fn last_item(&self) -> u32;

    /// `n` independent draws, in the order they came: negatives of single rows, for pointwise losses.
    fn draw_rows(&self, n: usize, stream: &mut Stream) -> Vec<u32> {
        (0..n).map(|_| self.draw_one(stream)).collect()
    }

    /// `n` draws to be shared by a batch, each item once, with the correction a sampled softmax subtracts.
    fn draw(&self, n: usize, stream: &mut Stream) -> Negatives {
        let mut drawn = self.draw_rows(n, stream);
        drawn.sort_unstable();
        let log_n = (n as f64).ln();
        let log_expected = |same: &[u32]| {
            let log_count = (same.len() as f64).ln();
            (f64::from(self.log_q(same[0])) + log_n - log_count) as f32
        };
        drawn.chunk_by(|a, b| a == b).map(|same| (same[0], log_expected(same))).collect()
    }

    /// `n` different items to be shared by a batch, drawn one after another, or all that can be drawn where they are not
    /// more than `n`. What a sampled softmax subtracts is then the log of the probability that an item is among them,
    /// given how far the draw went: a sum that is so corrected is unbiased.
    fn draw_distinct(&self, n: usize, stream: &mut Stream) -> Negatives {
        draw_distinct(self, n, stream)
    }

    /// `n` independent draws for each of `rows` rows. An item that comes up twice in a row is there twice.
    fn draw_for_rows(&self, rows: usize, n: usize, stream: &mut Stream) -> RowNegatives {
        let items = self.draw_rows(rows * n, stream);
        let log_n = (n as f64).ln();
        let log_expected = items.iter().map(|&item| (f64::from(self.log_q(item)) + log_n) as f32).collect();
        RowNegatives { n, items, log_expected }
    }

    /// [`draw_distinct`](Self::draw_distinct) for each of `rows` rows.
    fn draw_distinct_for_rows(&self, rows: usize, n: usize, stream: &mut Stream) -> RowNegatives {
        let mut all = RowNegatives::default();
        for _ in 0..rows {
            let Negatives { items, log_expected } = self.draw_distinct(n, stream);
            all.n = items.len();
            all.items.extend(items);
            all.log_expected.extend(log_expected);
        }
        all
    }
}

/// `n` different items, drawn one after another by the sampler's probabilities.
///
/// That is the order in which items come up for the first time when each comes up by a Poisson process of its own, of
/// rate `q_j`. Given the time `τ` at which the first item beyond the `n` comes up, item `j` came up before it with
/// probability `1 - exp(-q_j τ)`, independently of the others, so that a sum over the `n` divided by these
/// probabilities is unbiased (bottom-k sampling: Duffield, Lund and Thorup, "Priority Sampling for Estimation of
/// Arbitrary Subset Sums", Journal of the ACM 2007).
pub(super) fn draw_distinct<S: Sampler + ?Sized>(sampler: &S, n: usize, stream: &mut Stream) -> Negatives {
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
