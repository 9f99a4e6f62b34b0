use u2i_random::Stream;

use super::{Sampler, SamplerError};

/// Items in proportion to a power of their training events, `count^exponent`.
///
/// 1 draws by popularity and 0 all items with an event alike; Mikolov et al., "Distributed Representations of Words and
/// Phrases and their Compositionality", NeurIPS 2013, took 0.75. A draw takes the same time for any number of items, by
/// an alias table (Walker 1977), made in the way of Vose, "A Linear Algorithm for Generating Random Numbers with a Given
/// Distribution", IEEE Transactions on Software Engineering 1991. Items without a training event are never drawn.
///
/// ```
/// # use u2i_losses::samplers::{Sampler, Unigram};
/// let sampler = Unigram::new(&[0, 16, 0, 81], 0.25)?;
/// // 16^¼ = 2 and 81^¼ = 3.
/// assert!((sampler.log_q(1).exp() - 0.4).abs() < 1e-6);
/// assert!((sampler.log_q(3).exp() - 0.6).abs() < 1e-6);
/// # Ok::<(), u2i_losses::samplers::SamplerError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Unigram {
    /// One for each item that can be drawn.
    columns: Vec<Column>,
    log_q: Vec<f32>,
}

/// A column of the alias table: as many as there are items, all equally likely, and of two items each.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    /// Share of the column that is `item`'s.
    share: f64,
    item: u32,
    /// Whose the rest is.
    alias: u32,
}

impl Unigram {
    /// Draws by `counts` of training events, `[items + 1]`, entry 0 padding.
    ///
    /// # Errors
    ///
    /// If no item has a count, entry 0 is not 0, there are more items than 32 bits hold, or `exponent` is negative or not
    /// finite.
    pub fn new(counts: &[u32], exponent: f64) -> Result<Self, SamplerError> {
        if !exponent.is_finite() || exponent < 0.0 {
            return Err(SamplerError::Exponent(exponent));
        }
        let items = super::items_with_events(counts)?;
        // By shares of the largest, whose powers neither overflow nor all vanish.
        let most = items.iter().map(|&item| counts[item as usize]).max().map_or(1.0, f64::from);
        let weight = |item: u32| (f64::from(counts[item as usize]) / most).powf(exponent);
        let total: f64 = items.iter().map(|&item| weight(item)).sum();
        let mut log_q = vec![f32::NEG_INFINITY; counts.len()];
        for &item in &items {
            log_q[item as usize] = (weight(item) / total).ln() as f32;
        }
        let n = items.len() as f64;
        let columns = items.iter().map(|&item| Column { share: weight(item) / total * n, item, alias: item });
        Ok(Unigram { columns: fill(columns.collect()), log_q })
    }
}

/// Fills columns whose share is below 1 from those above it.
fn fill(mut columns: Vec<Column>) -> Vec<Column> {
    let (mut poor, mut rich): (Vec<usize>, Vec<usize>) =
        (0..columns.len()).partition(|&column| columns[column].share < 1.0);
    while let (Some(below), Some(&above)) = (poor.pop(), rich.last()) {
        columns[below].alias = columns[above].item;
        columns[above].share -= 1.0 - columns[below].share;
        if columns[above].share < 1.0 {
            rich.pop();
            poor.push(above);
        }
    }
    // What is left over is 1 but for rounding.
    poor.into_iter().chain(rich).for_each(|column| columns[column].share = 1.0);
    columns
}

impl Sampler for Unigram {
    fn draw_one(&self, stream: &mut Stream) -> u32 {
        let Column { share, item, alias } = self.columns[stream.index(self.columns.len())];
        if stream.unit() < share { item } else { alias }
    }

    fn log_q(&self, item_idx: u32) -> f32 {
        self.log_q.get(item_idx as usize).copied().unwrap_or(f32::NEG_INFINITY)
    }

    fn last_item(&self) -> u32 {
        self.log_q.len() as u32 - 1
    }
}
