use std::collections::BTreeMap;
use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::{Comparison, Draw, LossError, Temperature, TemperatureError, TrainingItems};

/// What a training step minimises: which negatives it draws, what it computes from the vectors of users and candidates,
/// what it learns itself, and what memory it takes.
///
/// The losses of this crate are implemented by this trait and nothing else, and so is one of your own:
///
/// 1. [`draws`](Self::draws) returns a [`Draw`], which says for each step which items are compared. [`RowDraw`] draws for
///    each row on its own; [`samplers`](crate::samplers) has the rest of what draws are made of. It runs ahead on another
///    thread, so it owns what it needs.
/// 2. [`compute`](Self::compute) gets a [`Comparison`] and returns the mean over the rows. It is differentiated by whoever
///    calls it, by the vectors of both sides, by the bias of the user and by what the loss learns. On a GPU the caller does
///    that at once for what was picked, and adds up the gradients of an item itself; a loss need not know.
/// 3. [`memory`](Self::memory) states how large its tensors are.
///
/// [`RowDraw`]: crate::RowDraw
///
/// # Examples
///
/// A hinge loss of pairs: each positive should score above its negatives by a margin. `u2i_train` trains by it as by any
/// other: `Trainer::new(&data, &Hinge { .. }, &config)`.
///
/// ```
/// use u2i_losses::burn::tensor::activation::relu;
/// use u2i_losses::burn::tensor::{Device, Tensor};
/// use u2i_losses::samplers::SamplerConfig;
/// use u2i_losses::{
///     CandidateVectors, Candidates, Comparison, Draw, Loss, LossError, LossMemory, RowDraw, TrainingItems,
/// };
/// use u2i_random::{Purpose, Stream};
///
/// #[derive(Debug)]
/// struct Hinge {
///     negatives: usize,
///     margin: f32,
/// }
///
/// impl Loss for Hinge {
///     fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
///         let sampler = SamplerConfig::Uniform {}.build(items.counts)?;
///         Ok(Box::new(RowDraw::new(sampler, self.negatives)))
///     }
///
///     fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
///         let (positive, negative) = step.pair_scores();
///         relu(negative - positive.unsqueeze_dim(1) + self.margin).mean()
///     }
///
///     fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
///         LossMemory::of_pairs(batch, n_trained, self.negatives as u64)
///     }
/// }
///
/// // Two items, of which the one user has the first.
/// let items = TrainingItems { counts: &[0, 1, 1], offsets: &[0, 2], items: &[1, 2] };
/// let hinge = Hinge { negatives: 8, margin: 0.5 };
/// let mut stream = Stream::new(1, Purpose::NEGATIVES, 0, 0);
/// let drawn = hinge.draws(&items)?.draw(&[1], &[0], &mut stream);
/// let n_others = drawn.items.iter().filter(|&&item| item == 2).count() as f32;
/// let candidates = Candidates::new(vec![1], drawn);
///
/// // The positive scores 1, the other item 0.75.
/// let device = Device::flex();
/// let user = Tensor::from_floats([[1.0, 0.0]], &device);
/// let vectors = Tensor::from_floats([[1.0, 0.0], [0.75, 0.0]], &device);
/// let step = Comparison::new(user, &candidates, CandidateVectors::Each(vectors));
/// let loss: f32 = hinge.compute(&step).into_scalar();
/// // A draw that is the other item is 0.25 short of the margin, one that is the positive 0.5.
/// assert!((loss - (0.25 * n_others + 0.5 * (8.0 - n_others)) / 8.0).abs() < 1e-6);
/// # Ok::<(), LossError>(())
/// ```
pub trait Loss: Debug + Send + Sync {
    /// What no type says of the loss by itself. A trainer asks before anything else.
    ///
    /// # Errors
    ///
    /// If values of the loss do not go together.
    fn check(&self) -> Result<(), LossError> {
        Ok(())
    }

    /// What draws its negatives.
    ///
    /// # Errors
    ///
    /// If they cannot be drawn from these items.
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError>;

    /// The loss of a step, `[1]`, the mean over its rows.
    ///
    /// # Panics
    ///
    /// If the step is not one of what the loss [draws](Self::draws) and [learns](Self::parameters).
    fn compute(&self, step: &Comparison<'_>) -> Tensor<1>;

    /// How large the tensors of a step are with `batch` rows, where `n_trained` items can be drawn.
    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory;

    /// What it learns itself, with the values that learning begins with. They are optimized with the model, kept in
    /// checkpoints, and handed to each step by [`Comparison::parameter`].
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// What a learned temperature has come to, for reports, from the values of what the loss learns, by name; `None`
    /// where there is none, or it is fixed.
    ///
    /// # Errors
    ///
    /// If it is no temperature any more.
    fn temperature(&self, _: &BTreeMap<String, Vec<f32>>) -> Result<Option<Temperature>, TemperatureError> {
        Ok(None)
    }

    /// Whether [`Comparison::user_bias`] is asked for. It cancels in a softmax and in differences of scores.
    fn takes_user_bias(&self) -> bool {
        false
    }
}

/// Something that a loss learns.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, without `/`; each one once.
    pub name: String,
    /// The values that learning begins with.
    pub values: Vec<f32>,
}

/// How large the tensors of a loss are in a step, for estimates of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossMemory {
    /// Items whose vectors are made, at most.
    pub candidates: u64,
    /// Numbers that there are for pairs of rows and negatives; a mark is a quarter of one.
    pub scores: u64,
    /// Vectors that are compared, and their gradients, each as long as a user's.
    pub vectors: u64,
}

impl LossMemory {
    /// Of a loss that compares each row with `negatives` of its own by burn's operators.
    pub fn of_pairs(batch: u64, n_trained: u64, negatives: u64) -> Self {
        LossMemory {
            candidates: n_trained.min(batch * (1 + negatives)),
            scores: batch * negatives,
            vectors: batch * (2 + 4 * negatives),
        }
    }
}
