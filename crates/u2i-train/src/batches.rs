use std::sync::mpsc::sync_channel;

use u2i_losses::{Candidates, Draw, Loss, TrainingItems};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, Chunk, ItemRows, UserRows};

use crate::rows::{BatchRows, RowReader};
use crate::{TrainConfig, TrainData, TrainError};

/// All that a step needs from the host.
pub(crate) struct Batch {
    pub candidates: Candidates,
    pub rows_without_negatives: usize,
    pub users: UserRows,
    pub items: ItemRows,
    /// By each reader.
    pub rows: Vec<BatchRows>,
}

/// The batches of a run, one for each step. They depend on the seed, the step and the data, and on nothing that is
/// learned, so that they can be made before it is their turn.
pub(crate) struct Batches<'a> {
    data: &'a TrainData<'a>,
    draw: Box<dyn Draw>,
    readers: Vec<RowReader>,
    in_order: Vec<Chunk>,
    /// Of the epoch at hand, from `first` on.
    shuffled: Vec<Chunk>,
    first: usize,
    chunks_per_step: usize,
    step: usize,
    steps: usize,
    seed: u64,
}

impl<'a> Batches<'a> {
    /// The batches from step 0 on; what they look up is read by `readers`.
    pub fn new(
        data: &'a TrainData<'a>,
        loss: &dyn Loss,
        config: &TrainConfig,
        seed: u64,
        readers: Vec<RowReader>,
    ) -> Result<Self, TrainError> {
        let in_order = data.samples.chunks(config.chunk_targets);
        if in_order.is_empty() {
            return Err(TrainError::NoSamples);
        }
        let BatchMaker { catalog, events, .. } = data.batches;
        let items =
            TrainingItems { counts: catalog.counts(), offsets: events.offsets(), items: events.all_items() };
        let mut batches = Batches {
            data,
            draw: loss.draws(&items)?,
            readers,
            in_order,
            shuffled: Vec::new(),
            first: 0,
            chunks_per_step: config.chunks_per_step.get(),
            step: 0,
            steps: 0,
            seed,
        };
        batches.steps = batches.steps_per_epoch() * config.epochs.get();
        Ok(batches)
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.in_order.len().div_ceil(self.chunks_per_step)
    }

    /// Goes on with `step`, and tells the draw of the loss what the steps before it had for targets.
    pub fn begin_at(&mut self, step: usize) {
        if self.draw.observes() {
            while self.step < step {
                let chunks = self.chunks();
                self.draw.observe(&self.data.batches.targets(&chunks), self.step);
                self.step += 1;
            }
        }
        self.step = step;
        self.shuffled.clear();
    }

    /// The chunks of the step.
    fn chunks(&mut self) -> Vec<Chunk> {
        let in_epoch = self.step % self.steps_per_epoch();
        if self.shuffled.is_empty() || in_epoch == 0 {
            let epoch = self.step / self.steps_per_epoch() + 1;
            self.shuffled.clone_from(&self.in_order);
            Stream::new(self.seed, Purpose::SHUFFLE, epoch as u64, 0).shuffle(&mut self.shuffled);
            self.first = self.step - in_epoch;
        }
        let begin = (self.step - self.first) * self.chunks_per_step;
        let end = self.shuffled.len().min(begin + self.chunks_per_step);
        self.shuffled[begin..end].to_vec()
    }

    fn make(&mut self) -> Result<Batch, TrainError> {
        let TrainData { batches, id_dropout, .. } = self.data;
        let step = self.step;
        let chunks = self.chunks();
        let targets = batches.targets(&chunks);
        let user = |chunk: &Chunk| std::iter::repeat_n(chunk.user, chunk.targets as usize);
        let of_targets: Vec<u32> = chunks.iter().flat_map(user).collect();
        self.draw.observe(&targets, step);
        let mut stream = Stream::new(self.seed, Purpose::NEGATIVES, 0, step as u64);
        let drawn = self.draw.draw(&targets, &of_targets, &mut stream);
        let candidates = Candidates::new(targets, drawn);
        let rows_without_negatives = self.draw.rows_without_negatives(&candidates);
        let mut users = batches.users(&chunks);
        let mut items = batches.items(&candidates.items);
        let unknown = batches.catalog.unknown_row();
        for (i, &(slot, share)) in id_dropout.iter().enumerate() {
            let mut stream = Stream::new(self.seed, Purpose::ID_DROPOUT, i as u64, step as u64);
            users.forget(slot, share, &mut stream);
            items.forget(slot, unknown, share, &mut stream);
        }
        let read = |reader: &mut RowReader| reader.read(&users, &items);
        let rows = self.readers.iter_mut().map(read).collect::<Result<_, _>>()?;
        self.step += 1;
        Ok(Batch { candidates, rows_without_negatives, users, items, rows })
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, TrainError>;

    /// The batch of the next step. There is none after an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.step == self.steps {
            return None;
        }
        let batch = self.make();
        if batch.is_err() {
            self.step = self.steps;
        }
        Some(batch)
    }
}

/// Hands `batches` to `learn`, which another thread makes up to `n` ahead, or where that is 0 as they are asked for. Nothing
/// depends on which it is but time.
pub(crate) fn ahead<R>(
    batches: Batches<'_>,
    n: usize,
    learn: impl FnOnce(&mut dyn Iterator<Item = Result<Batch, TrainError>>) -> R,
) -> R {
    let mut batches = batches;
    // One is held by the thread that made it.
    let Some(kept) = n.checked_sub(1) else { return learn(&mut batches) };
    std::thread::scope(|scope| {
        let (to, from) = sync_channel(kept);
        // It ends when all is made, or nobody listens any more.
        scope.spawn(move || batches.all(|batch| to.send(batch).is_ok()));
        let mut made = from.into_iter();
        learn(&mut made)
    })
}
