/// What a weighted sum over a history is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divisor {
    /// 1.
    One,
    /// The number of events in the window, or 1 where there is none.
    Count,
    /// The square root of that.
    SqrtCount,
    /// The sum of the weights of the events, or so much where it is less.
    Weights {
        /// Above 0, so that a history without events is divided by it.
        least: f32,
    },
}

/// Least logarithm of a weight by the largest of its head, `e⁻⁶⁰` or 9 · 10⁻²⁷, of which a sum in `f32` shows nothing. Far lags of
/// a steep head would weigh less than 10⁻³⁸, and what is multiplied by such subnormal numbers takes Intel's processors
/// a hundred times as long.
pub const LEAST_LOG_WEIGHT: f32 = -60.0;

/// The targets of chunks, each of which looks back on a window of its chunk's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Events that a target sees: target `i` of a chunk sees its columns `i..i + length`, the newest last.
    pub length: usize,
    /// Targets of a chunk, which has `length + targets - 1` events.
    pub targets: usize,
}

impl Windows {
    /// Events of a chunk.
    pub fn width(&self) -> usize {
        self.length + self.targets - 1
    }
}
