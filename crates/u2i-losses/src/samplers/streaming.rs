use std::num::{NonZeroU32, NonZeroUsize};

use super::SamplerError;

/// How often an item is in a batch, estimated from the batches themselves.
///
/// Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019, Algorithm 2.
/// For each place that items are hashed to, `A` keeps the step at which one was seen last, and `B` a moving average of the
/// steps between two sightings:
///
/// ```text
/// B ← (1 - α) · B + α · (step - A),  A ← step;  q = 1 / B
/// ```
///
/// Items that share a place look more frequent than they are, so with several hash functions the largest `B` counts, as
/// in the paper. An item twice in a batch is seen once, so `q` is the probability that it is in a batch, at most 1, and
/// for rare items the batch's size times their share. In a softmax of the batch that factor cancels out.
///
/// Departing from the paper, `B` of a place that is seen for the first time is the step itself, as if it had been seen at
/// step 0: an average that begins with 0 would call every item that is met for the first time one that is always there.
///
/// ```
/// # use u2i_losses::samplers::StreamingFrequency;
/// let some = |n: u32| std::num::NonZeroU32::new(n).unwrap();
/// let mut frequency = StreamingFrequency::new(0.5, some(100).try_into().unwrap(), some(1))?;
/// for step in 1..=40 {
///     // Item 7 is in every batch, item 9 in every fourth.
///     frequency.observe(step, if step % 4 == 0 { &[7, 9] } else { &[7] });
/// }
/// assert_eq!(frequency.log_q(7), 0.0);
/// assert_eq!(frequency.log_q(9), 0.25f32.ln());
/// # Ok::<(), u2i_losses::samplers::SamplerError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StreamingFrequency {
    alpha: f64,
    buckets: usize,
    /// `[hashes, buckets]`: the step at which one of the place's items was seen last, 0 if never.
    last: Vec<u64>,
    /// `[hashes, buckets]`: steps between two sightings.
    interval: Vec<f64>,
}

impl StreamingFrequency {
    /// Nothing seen yet. It takes 16 bytes for each of `hashes · buckets` places.
    ///
    /// # Errors
    ///
    /// If `alpha`, the weight of the newest interval, is not in (0, 1).
    pub fn new(alpha: f64, buckets: NonZeroUsize, hashes: NonZeroU32) -> Result<Self, SamplerError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(SamplerError::Alpha(alpha));
        }
        let places = buckets.get().saturating_mul(hashes.get() as usize);
        Ok(StreamingFrequency {
            alpha,
            buckets: buckets.get(),
            last: vec![0; places],
            interval: vec![0.0; places],
        })
    }

    /// Takes note of a batch of items, at a step that counts from 1 and never falls.
    pub fn observe(&mut self, step: u64, items: &[u32]) {
        for &item in items {
            for place in self.places(item) {
                let since = step.saturating_sub(self.last[place]) as f64;
                if since == 0.0 {
                    continue; // Seen in this batch.
                }
                let alpha = match self.last[place] {
                    0 => 1.0,
                    _ => self.alpha,
                };
                self.interval[place] += alpha * (since - self.interval[place]);
                self.last[place] = step;
            }
        }
    }

    /// Natural log of the estimated probability that a batch holds the item; 0, that of certainty, for an item that was
    /// never seen, which [`observe`](Self::observe) makes no item of the batch.
    pub fn log_q(&self, item_idx: u32) -> f32 {
        let interval = self.places(item_idx).map(|place| self.interval[place]).fold(1.0, f64::max);
        -interval.ln() as f32
    }

    /// One place of each hash function.
    fn places(&self, item: u32) -> impl Iterator<Item = usize> + use<> {
        let (buckets, hashes) = (self.buckets, self.last.len() / self.buckets);
        (0..hashes).map(move |hash| {
            let key = (hash as u64) << 32 | u64::from(item);
            // Onto the places by the high half of a product, which needs no division (Lemire 2019).
            let wide = u128::from(mix(key)) * buckets as u128;
            hash * buckets + (wide >> 64) as usize
        })
    }
}

/// A permutation of 64 bits whose every output bit hangs on every input bit: the finalizer of SplitMix64 (Steele, Lea and
/// Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
