/// The scores of a model in another form than the inner product of two vectors, in `f64` from the trained weights.
///
/// A check of parity compares them with the vectors that are exported. Users and items are those of the batches that
/// [`TwoTower::reference`](crate::TwoTower::reference) got, by their places.
pub trait ReferenceScores: Sync {
    /// The scores of a user and all items in the reference form.
    fn scores(&self, user: usize) -> Vec<f64>;

    /// The inner products of the user's vector and those of all items, in `f64`.
    fn two_tower_scores(&self, user: usize) -> Vec<f64>;

    /// The part of the reference scores that no item changes and that the inner products leave out.
    fn user_constant(&self, user: usize) -> f64;
}
