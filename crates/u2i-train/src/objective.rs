use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use u2i_losses::samplers::{LogUniform, Sampler, Uniform, popularity_log_q};
use u2i_losses::{bce, full_softmax, in_batch_softmax, sampled_softmax};
use u2i_random::{Purpose, Stream};
use u2i_schema::Catalog;

use crate::{LossConfig, SamplerConfig, TrainError};

/// A loss with its sampler.
pub(crate) struct Objective {
    loss: LossConfig,
    sampler: Option<Box<dyn Sampler>>,
    log_q: Vec<f32>,
    n_trained: usize,
}

/// What one step compares: item vectors are needed for `candidates`, ascending and unique.
pub(crate) struct Candidates {
    pub items: Vec<u32>,
    /// Place of each target among `items`.
    positives: Vec<u32>,
    targets: Vec<u32>,
    /// Places of the negatives among `items`: shared, or `n` for each target.
    negatives: Vec<u32>,
    log_expected: Vec<f32>,
}

impl Objective {
    pub fn new(loss: &LossConfig, catalog: &Catalog) -> Result<Self, TrainError> {
        let n_trained = catalog.n_trained();
        let counts = catalog.counts();
        let sampler = |sampler: &SamplerConfig| -> Result<Box<dyn Sampler>, TrainError> {
            Ok(match sampler {
                SamplerConfig::Uniform {} => Box::new(Uniform::new(n_trained)?),
                SamplerConfig::LogUniform {} => Box::new(LogUniform::new(counts)?),
            })
        };
        let sampler = match loss {
            LossConfig::SampledSoftmax { sampler: config, .. } | LossConfig::Bce { sampler: config, .. } => {
                Some(sampler(config)?)
            }
            LossConfig::InBatchSoftmax { .. } | LossConfig::FullSoftmax { .. } => None,
        };
        Ok(Objective { loss: loss.clone(), sampler, log_q: popularity_log_q(counts), n_trained })
    }

    /// Draws the negatives of a step.
    pub fn candidates(&self, targets: Vec<u32>, seed: u64, step: usize) -> Candidates {
        let mut stream = Stream::new(seed, Purpose::NEGATIVES, 0, step as u64);
        let sampler = || self.sampler.as_ref().expect("this loss has a sampler");
        let (negatives, log_expected) = match &self.loss {
            LossConfig::SampledSoftmax { negatives, .. } => {
                let drawn = sampler().draw(negatives.get(), &mut stream);
                (drawn.items, drawn.log_expected)
            }
            LossConfig::Bce { negatives, .. } => {
                (sampler().draw_rows(negatives.get() * targets.len(), &mut stream), Vec::new())
            }
            LossConfig::InBatchSoftmax { .. } => {
                (Vec::new(), targets.iter().map(|&t| self.log_q[t as usize]).collect())
            }
            LossConfig::FullSoftmax { .. } => ((1..=self.n_trained as u32).collect(), Vec::new()),
        };
        let mut items: Vec<u32> = targets.iter().chain(&negatives).copied().collect();
        items.sort_unstable();
        items.dedup();
        let places = |wanted: &[u32]| -> Vec<u32> {
            let place = |item| items.binary_search(item).expect("every wanted item is a candidate");
            wanted.iter().map(|item| place(item) as u32).collect()
        };
        Candidates {
            positives: places(&targets),
            negatives: places(&negatives),
            targets,
            log_expected,
            items,
        }
    }

    /// How many of the step's targets have no negative left once those that are the target itself are masked. Their
    /// loss is 0, and nothing is learned from them.
    pub fn rows_without_negatives(&self, candidates: &Candidates) -> usize {
        let Candidates { positives, negatives, items, .. } = candidates;
        if u2i_bug::planted("rows_without_negatives_are_not_counted") {
            return 0;
        }
        let others = match self.loss {
            LossConfig::SampledSoftmax { .. } => negatives,
            LossConfig::InBatchSoftmax { .. } => positives,
            LossConfig::FullSoftmax { .. } => return if items.len() == 1 { positives.len() } else { 0 },
            // A draw that is the positive is left in: the loss is of pairs, and each pair counts.
            LossConfig::Bce { .. } => return 0,
        };
        // Whoever differs from the first has that one as a negative, so only copies of it can have none.
        if others.iter().any(|other| *other != others[0]) {
            return 0;
        }
        positives.iter().filter(|&positive| *positive == others[0]).count()
    }

    /// The loss of a step, `[1]`.
    ///
    /// `users` is `[batch, dim]`, `items` `[candidates, dim]`, `user_bias` `[batch]` where the model has one.
    pub fn loss(
        &self,
        users: Tensor<2>,
        items: Tensor<2>,
        user_bias: impl FnOnce() -> Option<Tensor<1>>,
        candidates: &Candidates,
    ) -> Tensor<1> {
        let device = users.device();
        let batch = candidates.targets.len();
        let pick = |places: &[u32]| items.clone().select(0, ints(places, &device));
        match self.loss {
            LossConfig::SampledSoftmax { temperature, .. } => {
                let n = candidates.negatives.len();
                let mut hits = vec![false; batch * n];
                for (row, positive) in candidates.positives.iter().enumerate() {
                    if let Ok(column) = candidates.negatives.binary_search(positive) {
                        hits[row * n + column] = true;
                    }
                }
                let hits = Tensor::<2, Bool>::from_data(TensorData::new(hits, [batch, n]), &device);
                let log_expected = floats(&candidates.log_expected, &device);
                let (positives, negatives) = (pick(&candidates.positives), pick(&candidates.negatives));
                sampled_softmax(users, positives, negatives, hits, log_expected, temperature)
            }
            LossConfig::InBatchSoftmax { temperature } => {
                let (ids, log_q) =
                    (ints(&candidates.targets, &device), floats(&candidates.log_expected, &device));
                in_batch_softmax(users, pick(&candidates.positives), ids, log_q, temperature)
            }
            LossConfig::FullSoftmax { temperature } => {
                full_softmax(users, items, ints(&candidates.positives, &device), temperature)
            }
            LossConfig::Bce { negatives, .. } => {
                let dim = users.dims()[1];
                let (n, positives) = (negatives.get(), pick(&candidates.positives));
                let own = pick(&candidates.negatives).reshape([batch, n, dim]);
                let mut positive = (users.clone() * positives).sum_dim(1).reshape([batch]);
                let mut negative = (own * users.reshape([batch, 1, dim])).sum_dim(2).reshape([batch, n]);
                if let Some(bias) = user_bias() {
                    positive = positive + bias.clone();
                    negative = negative + bias.reshape([batch, 1]);
                }
                bce(positive, negative)
            }
        }
    }
}

fn ints(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

fn floats(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}
