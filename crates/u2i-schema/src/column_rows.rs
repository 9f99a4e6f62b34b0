use u2i_random::Stream;

use crate::vocabulary::{OUT_OF_VOCABULARY, PADDING};

/// A column in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnRows {
    /// `[n]` table rows.
    Rows(Vec<u32>),
    /// `[n, width]` table rows, filled up with [`PADDING`]: behind them, or before those of a sequence.
    Bags {
        /// Rows per entry, at least 1.
        width: usize,
        /// `n * width` rows.
        rows: Vec<u32>,
    },
    /// `[n]` real numbers.
    Values(Vec<f32>),
}

impl ColumnRows {
    /// Table rows, padding included; empty for real numbers.
    pub fn rows(&self) -> &[u32] {
        match self {
            ColumnRows::Rows(rows) | ColumnRows::Bags { rows, .. } => rows,
            ColumnRows::Values(_) => &[],
        }
    }

    /// Number of entries.
    pub(crate) fn n_entries(&self) -> usize {
        match self {
            ColumnRows::Rows(rows) => rows.len(),
            ColumnRows::Bags { width, rows } => rows.len() / width,
            ColumnRows::Values(values) => values.len(),
        }
    }

    /// Takes each known row for unknown with probability `share`.
    pub(crate) fn forget(&mut self, share: f64, stream: &mut Stream) {
        match self {
            ColumnRows::Rows(rows) | ColumnRows::Bags { rows, .. } => {
                forget(rows, OUT_OF_VOCABULARY, share, stream);
            }
            ColumnRows::Values(_) => {}
        }
    }
}

/// Replaces each row but padding with probability `share`. There is a draw for each, so what one is does not move others.
pub(crate) fn forget(rows: &mut [u32], unknown: u32, share: f64, stream: &mut Stream) {
    for row in rows {
        if stream.unit() < share && *row != PADDING {
            *row = unknown;
        }
    }
}
