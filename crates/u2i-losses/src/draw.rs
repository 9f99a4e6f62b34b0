use u2i_random::Stream;

use crate::samplers::Sampler;
use crate::{Candidates, Drawn};

/// What a [`Draw`] may know of the training data.
#[derive(Debug, Clone, Copy)]
pub struct TrainingItems<'a> {
    /// `[items + 1]`: training events of each item; entry 0 is padding and 0.
    pub counts: &'a [u32],
    /// `[users + 1]`: where the events of each user begin in `items`, and where the last ones end.
    pub offsets: &'a [u64],
    /// `[events]`: `item_idx` of all training events, user by user.
    pub items: &'a [u32],
}

impl<'a> TrainingItems<'a> {
    /// Items with a training event: `item_idx` 1 to `n_trained`. Those without one come last.
    pub fn n_trained(&self) -> usize {
        self.counts.iter().skip(1).take_while(|&&count| count > 0).count()
    }

    /// The items of each user's training events, user by user.
    ///
    /// ```
    /// # use u2i_losses::TrainingItems;
    /// let (counts, offsets, items) = ([0, 2, 1, 0], [0, 1, 3], [1, 2, 1]);
    /// let training = TrainingItems { counts: &counts, offsets: &offsets, items: &items };
    /// assert_eq!(training.n_trained(), 2);
    /// assert_eq!(training.of_users().collect::<Vec<_>>(), [&[1][..], &[2, 1]]);
    /// ```
    pub fn of_users(&self) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        let items = self.items;
        self.offsets.windows(2).map(move |ends| &items[ends[0] as usize..ends[1] as usize])
    }
}

/// Draws what the steps of a loss compare. It needs no tensor, so that another thread can do it ahead.
///
/// A draw depends on what it was made from, on the targets it [observed](Self::observe), and on the stream that it is
/// handed, which is keyed by the seed and the step. It keeps nothing else between two steps: a run that goes on from a
/// checkpoint makes the draws of the steps that follow anew.
pub trait Draw: Send {
    /// The negatives of a step.
    ///
    /// # Shapes
    ///
    /// - `targets`: `[batch]`, `item_idx` of each row's positive
    /// - `users`: `[batch]`, the user of each row
    fn draw(&self, targets: &[u32], users: &[u32], stream: &mut Stream) -> Drawn;

    /// How many of the step's rows have no negative left once those that are masked are gone, so that their loss is 0.
    /// They are counted in reports. As a rule [`Hits`](crate::samplers::Hits) know it.
    fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        candidates.hits.as_ref().map_or(0, |hits| hits.rows_without_negatives)
    }

    /// Takes note of the targets of a step, counted from 0, before they are drawn for.
    fn observe(&mut self, _targets: &[u32], _step: usize) {}

    /// Whether [`observe`](Self::observe) matters. Then a run that goes on tells the targets of all steps before, too.
    fn observes(&self) -> bool {
        false
    }
}

/// Draws of its own for each row, with replacement and without corrections: what losses of pairs compare a positive with.
///
/// An item that comes up twice is there twice, and so is a draw that is the positive itself.
///
/// ```
/// # use u2i_losses::samplers::Uniform;
/// # use u2i_losses::{Draw, RowDraw};
/// # use u2i_random::{Purpose, Stream};
/// let draw = RowDraw::new(Box::new(Uniform::new(9)?), 4);
/// let mut stream = Stream::new(1, Purpose::NEGATIVES, 0, 0);
/// assert_eq!(draw.draw(&[3, 7], &[0, 0], &mut stream).items.len(), 2 * 4);
/// # Ok::<(), u2i_losses::samplers::SamplerError>(())
/// ```
pub struct RowDraw {
    sampler: Box<dyn Sampler>,
    negatives: usize,
}

impl RowDraw {
    /// Draws `negatives` of each row from `sampler`.
    pub fn new(sampler: Box<dyn Sampler>, negatives: usize) -> Self {
        RowDraw { sampler, negatives }
    }
}

impl Draw for RowDraw {
    fn draw(&self, targets: &[u32], _: &[u32], stream: &mut Stream) -> Drawn {
        let items = self.sampler.draw_rows(self.negatives * targets.len(), stream);
        Drawn { items, ..Drawn::default() }
    }
}
