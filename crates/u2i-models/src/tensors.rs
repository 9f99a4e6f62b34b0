use crate::HistoryTensors;

/// The sizes of the tensors that a model makes on the way to a loss or to ranks, in numbers, for an estimate of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelTensors {
    /// What pooling makes of histories, as [`PooledHistoryConfig::tensors`](crate::PooledHistoryConfig::tensors) says;
    /// `None` for a model that does not look at them or pools them in a way of its own.
    pub history: Option<HistoryTensors>,
    /// Numbers that are made for each target on the user side, pooled histories apart.
    pub per_target: u64,
    /// Numbers that are made for each item.
    pub per_item: u64,
    /// Length of the vectors that are compared.
    pub dim: u64,
    /// Whether the model has a [`user_bias`](crate::TwoTower::user_bias).
    pub has_user_bias: bool,
}
