//! Samplers of negative items: plain Rust, no tensors.
//!
//! Items are `item_idx` 1 and up; 0 is padding and is never drawn. Every sampler draws with and without replacement, for a
//! whole batch or for each of its rows.
//!
//! ```
//! use u2i_losses::samplers::{LogUniform, Sampler};
//! use u2i_random::{Purpose, Stream};
//!
//! // Item 2 is the most popular; P(rank 0) = ln 2 / ln 3, P(rank 1) = ln(3/2) / ln 3.
//! let sampler = LogUniform::new(&[0, 5, 10])?;
//! assert!((sampler.log_q(2).exp() - 0.630_930).abs() < 1e-6);
//! let negatives = sampler.draw_rows(6, &mut Stream::new(0, Purpose::NEGATIVES, 0, 0));
//! assert!(negatives.iter().all(|&item| item == 1 || item == 2));
//! # Ok::<(), u2i_losses::samplers::SamplerError>(())
//! ```

mod config;
mod distinct;
mod log_uniform;
mod masks;
mod mixed;
mod popularity;
mod streaming;
mod uniform;
mod unigram;

pub use config::SamplerConfig;
pub use log_uniform::LogUniform;
pub use masks::{Hits, KnownItems};
pub use mixed::mixed_log_expected;
pub use popularity::popularity_log_q;
pub use streaming::StreamingFrequency;
use u2i_random::Stream;
pub use uniform::Uniform;
pub use unigram::Unigram;

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
        distinct::draw(self, n, stream)
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

/// Items drawn for each row of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowNegatives {
    /// Negatives of a row.
    pub n: usize,
    /// `item_idx`, `[rows, n]`.
    pub items: Vec<u32>,
    /// Log of how often each is expected among its row's draws, `[rows, n]`.
    pub log_expected: Vec<f32>,
}

/// Items drawn for a whole batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Negatives {
    /// `item_idx`, ascending, each once, `[negatives]`.
    pub items: Vec<u32>,
    /// `ln(n · q_j) - ln(count_j)`: log of how often item `j` is expected in the `n` draws, less that of how
    /// often it came up, `[negatives]`. Each item then weighs as much as all its appearances would.
    pub log_expected: Vec<f32>,
}

impl FromIterator<(u32, f32)> for Negatives {
    fn from_iter<I: IntoIterator<Item = (u32, f32)>>(pairs: I) -> Self {
        let (items, log_expected) = pairs.into_iter().unzip();
        Negatives { items, log_expected }
    }
}

/// Why a sampler could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// No item can be drawn: there is none, or none was seen in training.
    #[error("no item to draw negatives from, wanted at least one with training events")]
    NoItems,
    /// `item_idx` is 32 bits.
    #[error("{0} items to draw negatives from, wanted at most 4294967295")]
    TooManyItems(usize),
    /// A power that items are drawn by.
    #[error("the exponent of item counts is {0}, wanted a finite number of at least 0")]
    Exponent(f64),
    /// The weight of the newest interval.
    #[error("alpha is {0}, wanted a number between 0 and 1")]
    Alpha(f64),
    /// Entry 0 of the counts is padding, which has no events.
    #[error("entry 0 of the item counts is {0}, wanted 0: it is padding")]
    PaddingCounted(u32),
}

/// Items with a training event by `counts`, `[items + 1]`, entry 0 padding.
fn items_with_events(counts: &[u32]) -> Result<Vec<u32>, SamplerError> {
    if let Some(&padding) = counts.first().filter(|&&count| count > 0) {
        return Err(SamplerError::PaddingCounted(padding));
    }
    let n_entries = u32::try_from(counts.len()).map_err(|_| SamplerError::TooManyItems(counts.len() - 1))?;
    let items: Vec<u32> = (0..n_entries).filter(|&item| counts[item as usize] > 0).collect();
    if items.is_empty() { Err(SamplerError::NoItems) } else { Ok(items) }
}
