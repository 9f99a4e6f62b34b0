use u2i_losses::samplers::{
    Hits, KnownItems, LogUniform, Negatives, RowNegatives, Sampler, StreamingFrequency, Uniform, Unigram,
    mixed_log_expected, popularity_log_q,
};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, Chunk};

use crate::{DrawConfig, LossConfig, MaskConfig, SamplerConfig, StreamingConfig, TrainData, TrainError};

/// Draws what the steps of a loss compare: all of a loss that needs no tensor, so that another thread can do it ahead.
pub(crate) struct Draws {
    loss: LossConfig,
    sampler: Option<Box<dyn Sampler>>,
    log_q: Vec<f32>,
    /// Estimates what `log_q` holds.
    streaming: Option<StreamingFrequency>,
    /// What each user has in training, where that masks negatives.
    known: Option<KnownItems>,
    n_trained: usize,
}

/// What one step compares: item vectors are needed for `candidates`, ascending and unique.
pub(crate) struct Candidates {
    pub items: Vec<u32>,
    /// Place of each target among `items`.
    pub positives: Vec<u32>,
    pub targets: Vec<u32>,
    /// The negatives and their places among `items`: shared, or as many for each target.
    pub drawn: Vec<u32>,
    pub negatives: Vec<u32>,
    /// Of the negatives; in a batch of the targets, in a mixture of the targets and then the negatives.
    pub log_expected: Vec<f32>,
    /// Which negatives are none, where that is more than a comparison of ids.
    pub hits: Option<Hits>,
}

impl Draws {
    pub fn new(loss: &LossConfig, data: &TrainData<'_>) -> Result<Self, TrainError> {
        let BatchMaker { catalog, events, .. } = data.batches;
        let n_trained = catalog.n_trained();
        let counts = catalog.counts();
        let sampler = |sampler: &SamplerConfig| -> Result<Box<dyn Sampler>, TrainError> {
            Ok(match *sampler {
                SamplerConfig::Uniform {} => Box::new(Uniform::new(n_trained)?),
                SamplerConfig::LogUniform {} => Box::new(LogUniform::new(counts)?),
                SamplerConfig::Unigram { exponent } => Box::new(Unigram::new(counts, exponent)?),
            })
        };
        let sampler = match loss {
            LossConfig::SampledSoftmax { sampler: config, .. }
            | LossConfig::MixedSoftmax { sampler: config, .. }
            | LossConfig::Bce { sampler: config, .. }
            | LossConfig::Bpr { sampler: config, .. } => Some(sampler(config)?),
            LossConfig::InBatchSoftmax { .. } | LossConfig::FullSoftmax { .. } => None,
        };
        let streaming = match loss {
            LossConfig::InBatchSoftmax { streaming: Some(config), .. } => {
                let StreamingConfig { alpha, buckets, hashes } = *config;
                Some(StreamingFrequency::new(alpha, buckets, hashes)?)
            }
            _ => None,
        };
        let known = match loss {
            LossConfig::SampledSoftmax { mask: Some(MaskConfig::TrainingPositives), .. } => {
                Some(KnownItems::new((0..events.n_users()).map(|user| events.items(user))))
            }
            _ => None,
        };
        let (loss, log_q) = (loss.clone(), popularity_log_q(counts));
        Ok(Draws { loss, sampler, log_q, streaming, known, n_trained })
    }

    /// Takes note of the targets of a step. Estimated frequencies depend on all steps before, so that a run that goes
    /// on has to be told them, too.
    pub fn observe(&mut self, targets: &[u32], step: usize) {
        if let Some(streaming) = &mut self.streaming {
            streaming.observe(step as u64 + 1, targets);
        }
    }

    /// Whether [`observe`](Self::observe) matters.
    pub fn observes(&self) -> bool {
        self.streaming.is_some()
    }

    /// Draws the negatives of a step for `targets`, which are those of `chunks`.
    pub fn candidates(&self, targets: Vec<u32>, chunks: &[Chunk], seed: u64, step: usize) -> Candidates {
        let mut stream = Stream::new(seed, Purpose::NEGATIVES, 0, step as u64);
        let sampler = || self.sampler.as_ref().expect("this loss has a sampler");
        let rows = targets.len();
        let shared = |Negatives { items, log_expected }| (items, log_expected);
        let of_rows = |RowNegatives { items, log_expected, .. }| (items, log_expected);
        let (drawn, log_expected) = match &self.loss {
            LossConfig::SampledSoftmax { negatives, .. } => {
                let n = negatives.get();
                match self.loss.draw() {
                    DrawConfig::Shared => shared(sampler().draw(n, &mut stream)),
                    DrawConfig::SharedDistinct => shared(sampler().draw_distinct(n, &mut stream)),
                    DrawConfig::PerRow => of_rows(sampler().draw_for_rows(rows, n, &mut stream)),
                    DrawConfig::PerRowDistinct => {
                        of_rows(sampler().draw_distinct_for_rows(rows, n, &mut stream))
                    }
                }
            }
            LossConfig::MixedSoftmax { negatives, .. } => {
                let n = negatives.get();
                let drawn = sampler().draw(n, &mut stream);
                let (mut log_expected, of_drawn) =
                    mixed_log_expected(&targets, &self.log_q, &**sampler(), &drawn, n);
                log_expected.extend(of_drawn);
                (drawn.items, log_expected)
            }
            LossConfig::Bce { negatives, .. } | LossConfig::Bpr { negatives, .. } => {
                (sampler().draw_rows(negatives.get() * rows, &mut stream), Vec::new())
            }
            LossConfig::InBatchSoftmax { .. } => {
                let log_q = |&target: &u32| match &self.streaming {
                    Some(streaming) => streaming.log_q(target),
                    None => self.log_q[target as usize],
                };
                (Vec::new(), targets.iter().map(log_q).collect())
            }
            LossConfig::FullSoftmax { .. } => ((1..=self.n_trained as u32).collect(), Vec::new()),
        };
        let users = |chunk: &Chunk| std::iter::repeat_n(chunk.user, chunk.targets as usize);
        let users: Vec<u32> = match self.known {
            Some(_) => chunks.iter().flat_map(users).collect(),
            None => Vec::new(),
        };
        let known = self.known.as_ref().map(|known| (known, &users[..]));
        let hits = match (&self.loss, self.loss.draw()) {
            (LossConfig::SampledSoftmax { .. }, DrawConfig::PerRow | DrawConfig::PerRowDistinct) => {
                Some(Hits::per_row(&targets, &drawn, drawn.len() / rows.max(1), known))
            }
            (LossConfig::SampledSoftmax { .. }, _) if known.is_some() => {
                Some(Hits::shared(&targets, &drawn, known))
            }
            _ => None,
        };
        let mut items: Vec<u32> = targets.iter().chain(&drawn).copied().collect();
        items.sort_unstable();
        items.dedup();
        let places = |wanted: &[u32]| -> Vec<u32> {
            let place = |item| items.binary_search(item).expect("every wanted item is a candidate");
            wanted.iter().map(|item| place(item) as u32).collect()
        };
        Candidates {
            positives: places(&targets),
            negatives: places(&drawn),
            targets,
            drawn,
            log_expected,
            hits,
            items,
        }
    }

    /// How many of the step's targets have no negative left once those that are masked are gone. Their loss is 0, and
    /// nothing is learned from them.
    pub fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        let Candidates { positives, negatives, items, hits, .. } = candidates;
        if let Some(hits) = hits {
            return hits.rows_without_negatives;
        }
        let others: [&[u32]; 2] = match self.loss {
            LossConfig::SampledSoftmax { .. } => [negatives, &[]],
            LossConfig::InBatchSoftmax { .. } => [positives, &[]],
            LossConfig::MixedSoftmax { .. } => [positives, negatives],
            LossConfig::FullSoftmax { .. } => return if items.len() == 1 { positives.len() } else { 0 },
            // A draw that is the positive is left in: the loss is of pairs, and each pair counts.
            LossConfig::Bce { .. } | LossConfig::Bpr { .. } => return 0,
        };
        // Whoever differs from the first has that one as a negative, so only copies of it can have none.
        let first = others[0][0];
        if others.into_iter().flatten().any(|other| *other != first) {
            return 0;
        }
        positives.iter().filter(|&positive| *positive == first).count()
    }
}
