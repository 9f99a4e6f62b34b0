use u2i_models::burn::tensor::Tensor;
use u2i_models::{TwoTower, UserBatch};

/// The part of a model that recommending needs, without its type: items have their vectors already.
pub(crate) trait Encoder: Send + Sync {
    /// As [`TwoTower::encode_users`].
    fn encode_users(&self, users: &UserBatch) -> Tensor<2>;

    /// As [`TwoTower::history_len`].
    fn history_len(&self) -> usize;
}

impl<M: TwoTower + Sync> Encoder for M {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        TwoTower::encode_users(self, users)
    }

    fn history_len(&self) -> usize {
        TwoTower::history_len(self)
    }
}
