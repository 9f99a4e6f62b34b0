use std::collections::BTreeMap;

use burn::tensor::{Bool, Device, Int, Tensor};
use u2i_host::{floats, ints, marks};

use crate::Candidates;

/// What a step compares, for [`Loss::compute`](crate::Loss::compute): the vectors of both sides, and which are whose.
pub struct Comparison<'a> {
    candidates: &'a Candidates,
    users: Tensor<2>,
    vectors: CandidateVectors,
    user_bias: Option<Tensor<1>>,
    parameters: BTreeMap<String, Tensor<1>>,
}

/// Vectors of [`Candidates`].
#[expect(clippy::large_enum_variant, reason = "there is one of them in a step")]
pub enum CandidateVectors {
    /// `[candidates, dim]`, of each item once. Rows are picked as they are asked for: a CPU adds up the gradients of a row
    /// that is picked often fast enough.
    Each(Tensor<2>),
    /// Picked already, by a caller who adds up their gradients itself.
    Picked {
        /// `[batch, dim]`.
        positives: Tensor<2>,
        /// `[negatives, dim]`, none where nothing was drawn.
        negatives: Option<Tensor<2>>,
    },
}

impl<'a> Comparison<'a> {
    /// Of `users`, `[batch, dim]`, with candidates.
    pub fn new(users: Tensor<2>, candidates: &'a Candidates, vectors: CandidateVectors) -> Self {
        Comparison { candidates, users, vectors, user_bias: None, parameters: BTreeMap::new() }
    }

    /// With the bias of each user, `[batch]`, if the model has one.
    pub fn with_user_bias(self, user_bias: Option<Tensor<1>>) -> Self {
        Comparison { user_bias, ..self }
    }

    /// With what the loss learns itself, by name.
    pub fn with_parameters(self, parameters: BTreeMap<String, Tensor<1>>) -> Self {
        Comparison { parameters, ..self }
    }

    /// Which items are compared.
    pub fn candidates(&self) -> &'a Candidates {
        self.candidates
    }

    /// Number of rows.
    pub fn batch(&self) -> usize {
        self.candidates.targets.len()
    }

    /// Where the step is computed.
    pub fn device(&self) -> Device {
        self.users.device()
    }

    /// `[batch, dim]`.
    pub fn users(&self) -> Tensor<2> {
        self.users.clone()
    }

    /// `[batch, dim]`: row `i` is the positive of user `i`.
    pub fn positives(&self) -> Tensor<2> {
        match &self.vectors {
            CandidateVectors::Each(items) => pick(items, &self.candidates.positives),
            CandidateVectors::Picked { positives, .. } => positives.clone(),
        }
    }

    /// `[negatives, dim]`, in the order of [`Candidates::drawn`].
    ///
    /// # Panics
    ///
    /// If nothing was drawn.
    pub fn negatives(&self) -> Tensor<2> {
        assert!(!self.candidates.negatives.is_empty(), "negatives were drawn");
        match &self.vectors {
            CandidateVectors::Each(items) => pick(items, &self.candidates.negatives),
            CandidateVectors::Picked { negatives, .. } => {
                negatives.clone().expect("they are picked where they were drawn")
            }
        }
    }

    /// `[candidates, dim]`, the vector of each item of [`Candidates::items`], if there is a faster way over them than
    /// over what is picked from them. On a GPU there is none: a loss then has to take [`positives`](Self::positives) and
    /// [`negatives`](Self::negatives).
    pub fn candidate_vectors(&self) -> Option<Tensor<2>> {
        match &self.vectors {
            CandidateVectors::Each(items) => Some(items.clone()),
            CandidateVectors::Picked { .. } => None,
        }
    }

    /// Scores of the positives, `[batch]`, and of negatives that each row has of its own, `[batch, negatives]`.
    ///
    /// # Panics
    ///
    /// If nothing was drawn, or not as many for each row.
    pub fn pair_scores(&self) -> (Tensor<1>, Tensor<2>) {
        let (users, positives) = (self.users(), self.positives());
        let [batch, dim] = users.dims();
        let n = self.negatives_per_row();
        let own = self.negatives().reshape([batch, n, dim]);
        let positive = (users.clone() * positives).sum_dim(1).reshape([batch]);
        let negative = (own * users.reshape([batch, 1, dim])).sum_dim(2).reshape([batch, n]);
        (positive, negative)
    }

    /// How many negatives each row has of its own.
    ///
    /// # Panics
    ///
    /// If the rows do not have as many.
    pub fn negatives_per_row(&self) -> usize {
        let (n, batch) = (self.candidates.negatives.len(), self.batch());
        assert!(n.is_multiple_of(batch.max(1)), "{n} negatives of {batch} rows");
        n / batch.max(1)
    }

    /// The part of each user's score that no item changes, `[batch]`; `None` where the model has none, or the loss does
    /// not [take](crate::Loss::takes_user_bias) it.
    pub fn user_bias(&self) -> Option<Tensor<1>> {
        self.user_bias.clone()
    }

    /// `[values]`: what the loss learns itself under a name.
    ///
    /// # Panics
    ///
    /// If it has not said that it learns this.
    pub fn parameter(&self, name: &str) -> Tensor<1> {
        let found = self.parameters.get(name);
        found.unwrap_or_else(|| panic!("the loss has said that it learns `{name}`")).clone()
    }

    /// `[batch, negatives]`: true where a negative is no negative of that row, by [`Drawn::hits`](crate::Drawn::hits), or
    /// where that says nothing, where a negative that all rows share is the row's positive.
    pub fn hits(&self) -> Tensor<2, Bool> {
        let Candidates { positives, negatives, hits, .. } = self.candidates;
        let (device, rows, n) = (self.device(), positives.len(), negatives.len());
        if let Some(hits) = hits {
            return marks(hits.marks.clone(), [rows, hits.marks.len() / rows], &device);
        }
        if matches!(self.vectors, CandidateVectors::Picked { .. }) {
            // Compared there: the matrix is larger than all else that a step sends.
            let positives = ints(positives, &device).unsqueeze_dim::<2>(1);
            return positives.equal(ints(negatives, &device).unsqueeze_dim(0));
        }
        let mut own = vec![false; rows * n];
        let mut by_place: Vec<(u32, usize)> = negatives.iter().copied().zip(0..).collect();
        by_place.sort_unstable();
        for (row, &positive) in positives.iter().enumerate() {
            let first = by_place.partition_point(|&(place, _)| place < positive);
            for &(_, column) in by_place[first..].iter().take_while(|&&(place, _)| place == positive) {
                own[row * n + column] = true;
            }
        }
        marks(own, [rows, n], &device)
    }

    /// [`Drawn::log_expected`](crate::Drawn::log_expected).
    pub fn log_expected(&self) -> Tensor<1> {
        floats(self.candidates.log_expected.as_slice(), &self.device())
    }

    /// `[batch]`: `item_idx` of the positives.
    pub fn target_ids(&self) -> Tensor<1, Int> {
        ints(&self.candidates.targets, &self.device())
    }

    /// `[negatives]`: `item_idx` of the negatives.
    pub fn drawn_ids(&self) -> Tensor<1, Int> {
        ints(&self.candidates.drawn, &self.device())
    }

    /// `[batch]`: places of the positives among the candidates.
    pub fn positive_places(&self) -> Tensor<1, Int> {
        ints(&self.candidates.positives, &self.device())
    }

    /// `[negatives]`: places of the negatives among the candidates.
    pub fn negative_places(&self) -> Tensor<1, Int> {
        ints(&self.candidates.negatives, &self.device())
    }
}

fn pick(items: &Tensor<2>, places: &[u32]) -> Tensor<2> {
    items.clone().select(0, ints(places, &items.device()))
}
