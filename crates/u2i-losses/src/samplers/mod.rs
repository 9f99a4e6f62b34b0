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
mod log_uniform;
mod masks;
mod mixed;
mod negatives;
mod popularity;
mod sampler;
mod streaming;
mod uniform;
mod unigram;

pub use config::SamplerConfig;
pub use log_uniform::LogUniform;
pub use masks::{Hits, KnownItems};
pub use mixed::mixed_log_expected;
pub use negatives::{Negatives, RowNegatives};
pub use popularity::popularity_log_q;
pub use sampler::Sampler;
pub use streaming::StreamingFrequency;
pub use uniform::Uniform;
pub use unigram::Unigram;

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
