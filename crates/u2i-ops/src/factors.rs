use std::sync::Arc;

use burn::tensor::Tensor;

/// What each event of a window weighs: the product of those factors that are there, 1 without any.
///
/// # Shapes
///
/// - `by_lag`: `[heads, length]`, the newest event first
/// - `by_gap`: `[heads, intervals]`, and `[chunks * targets * width]` numbers below `intervals`
/// - `by_event`: `[chunks * width, heads]`
#[derive(Debug, Clone, Copy, Default)]
pub struct Factors<'a> {
    /// By how many events came after it.
    pub by_lag: Option<&'a Tensor<2>>,
    /// By the interval of, say, the time from each event to each target, and which interval that is.
    pub by_gap: Option<(&'a Tensor<2>, &'a Arc<[u32]>)>,
    /// Of its own.
    pub by_event: Option<&'a Tensor<2>>,
}

impl Factors<'_> {
    /// Numbers of heads, as the factors have it.
    pub(crate) fn all_heads(&self) -> impl Iterator<Item = usize> {
        let by_gap = self.by_gap.map(|(weights, _)| weights.dims()[0]);
        let by_event = self.by_event.map(|weights| weights.dims()[1]);
        self.by_lag.map(|weights| weights.dims()[0]).into_iter().chain(by_gap).chain(by_event)
    }
}
