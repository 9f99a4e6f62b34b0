use u2i_random::Stream;

use super::{Negatives, Sampler, SamplerError, sampler};

/// Every item with the same probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Uniform {
    n_items: u32,
    log_q: f32,
}

impl Uniform {
    /// Draws `item_idx` 1 to `n_items`.
    ///
    /// # Errors
    ///
    /// If `n_items` is 0 or more than 32 bits hold.
    pub fn new(n_items: usize) -> Result<Self, SamplerError> {
        let count = u32::try_from(n_items).map_err(|_| SamplerError::TooManyItems(n_items))?;
        if count == 0 {
            return Err(SamplerError::NoItems);
        }
        Ok(Uniform { n_items: count, log_q: -f64::from(count).ln() as f32 })
    }
}

impl Sampler for Uniform {
    fn draw_one(&self, stream: &mut Stream) -> u32 {
        1 + stream.below(u64::from(self.n_items)) as u32
    }

    fn log_q(&self, item_idx: u32) -> f32 {
        if (1..=self.n_items).contains(&item_idx) { self.log_q } else { f32::NEG_INFINITY }
    }

    fn last_item(&self) -> u32 {
        self.n_items
    }

    /// Each item is among them with probability `n / items`, which is exact and the same for all.
    fn draw_distinct(&self, n: usize, stream: &mut Stream) -> Negatives {
        let mut drawn = sampler::draw_distinct(self, n, stream);
        let log_share = (drawn.items.len() as f64 / f64::from(self.n_items)).ln() as f32;
        drawn.log_expected.fill(log_share);
        drawn
    }
}
