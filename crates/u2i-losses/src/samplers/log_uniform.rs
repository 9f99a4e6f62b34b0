use std::cmp::Reverse;

use u2i_random::Stream;

use super::{Sampler, SamplerError};

/// Popular items more often: log-uniform over the popularity rank, which is near Zipf's law.
///
/// ```text
/// P(rank) = ln( (rank + 2) / (rank + 1) ) / ln(n + 1),  rank 0 the most popular of n items
/// ```
///
/// TensorFlow's `log_uniform_candidate_sampler` has the same law over ids and so needs ids sorted by
/// popularity; here they are ranked by their counts. Items without a training event are never drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct LogUniform {
    by_rank: Vec<u32>,
    log_q: Vec<f32>,
}

impl LogUniform {
    /// Ranks items by `counts` of training events, `[items + 1]`, entry 0 padding; ties by `item_idx`.
    ///
    /// # Errors
    ///
    /// If no item has a count, entry 0 is not 0, or there are more items than 32 bits hold.
    pub fn new(counts: &[u32]) -> Result<Self, SamplerError> {
        let mut by_rank = super::items_with_events(counts)?;
        by_rank.sort_by_key(|&item| Reverse(counts[item as usize]));
        let log_total = ((by_rank.len() + 1) as f64).ln();
        let mut log_q = vec![f32::NEG_INFINITY; counts.len()];
        for (rank, &item) in by_rank.iter().enumerate() {
            let q = (1.0 / (rank + 1) as f64).ln_1p() / log_total;
            log_q[item as usize] = q.ln() as f32;
        }
        Ok(LogUniform { by_rank, log_q })
    }
}

impl Sampler for LogUniform {
    /// The law's own inverse: `floor(exp(u · ln(n + 1))) - 1` for `u` uniform in `[0, 1)`.
    fn draw_one(&self, stream: &mut Stream) -> u32 {
        let n = self.by_rank.len();
        let rank = (stream.unit() * ((n + 1) as f64).ln()).exp() as usize;
        // Rounding may carry `exp` to n + 1.
        self.by_rank[rank.clamp(1, n) - 1]
    }

    fn log_q(&self, item_idx: u32) -> f32 {
        self.log_q.get(item_idx as usize).copied().unwrap_or(f32::NEG_INFINITY)
    }

    fn last_item(&self) -> u32 {
        self.log_q.len() as u32 - 1
    }
}
