use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use u2i_losses::samplers::{LogUniform, Sampler, Uniform, popularity_log_q};
use u2i_losses::{bce, full_softmax, in_batch_softmax, sampled_softmax};
use u2i_random::{Purpose, Stream};
use u2i_schema::Catalog;

use crate::rows::RowSums;
use crate::{LossConfig, SamplerConfig, TrainDevice, TrainError};

/// A loss with its sampler.
pub(crate) struct Objective {
    loss: LossConfig,
    sampler: Option<Box<dyn Sampler>>,
    log_q: Vec<f32>,
    n_trained: usize,
    on: TrainDevice,
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
    pub fn new(loss: &LossConfig, catalog: &Catalog, on: &TrainDevice) -> Result<Self, TrainError> {
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
        Ok(Objective {
            loss: loss.clone(),
            sampler,
            log_q: popularity_log_q(counts),
            n_trained,
            on: on.clone(),
        })
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
        let user_bias = if matches!(self.loss, LossConfig::Bce { .. }) { user_bias() } else { None };
        if self.on.is_gpu {
            return self.loss_at_once(users, items, user_bias, candidates);
        }
        if let LossConfig::FullSoftmax { temperature } = self.loss {
            let positives = ints(&candidates.positives, &users.device());
            return full_softmax(users, items, positives, temperature);
        }
        let pick = |places: &[u32]| items.clone().select(0, ints(places, &items.device()));
        let positives = pick(&candidates.positives);
        // In a batch, positives are all there is.
        let negatives = match candidates.negatives.is_empty() {
            true => positives.clone(),
            false => pick(&candidates.negatives),
        };
        self.loss_of(users, positives, negatives, user_bias, candidates)
    }

    /// The loss from the vectors of both sides: `positives` is `[batch, dim]`, `negatives` `[negatives, dim]`.
    fn loss_of(
        &self,
        users: Tensor<2>,
        positives: Tensor<2>,
        negatives: Tensor<2>,
        user_bias: Option<Tensor<1>>,
        candidates: &Candidates,
    ) -> Tensor<1> {
        let device = users.device();
        let [batch, dim] = users.dims();
        match self.loss {
            LossConfig::SampledSoftmax { temperature, .. } => {
                let hits = self.hits(candidates, &device);
                let log_expected = floats(&candidates.log_expected, &device);
                sampled_softmax(users, positives, negatives, hits, log_expected, temperature)
            }
            LossConfig::InBatchSoftmax { temperature } => {
                let (ids, log_q) =
                    (ints(&candidates.targets, &device), floats(&candidates.log_expected, &device));
                in_batch_softmax(users, positives, ids, log_q, temperature)
            }
            // Each item is a negative of all rows but its own, and comes up as often as expected.
            LossConfig::FullSoftmax { temperature } => {
                let hits = self.hits(candidates, &device);
                let log_expected = Tensor::zeros([negatives.dims()[0]], &device);
                sampled_softmax(users, positives, negatives, hits, log_expected, temperature)
            }
            LossConfig::Bce { negatives: n, .. } => {
                let n = n.get();
                let own = negatives.reshape([batch, n, dim]);
                let mut positive = (users.clone() * positives).sum_dim(1).reshape([batch]);
                let mut negative = (own * users.reshape([batch, 1, dim])).sum_dim(2).reshape([batch, n]);
                if let Some(bias) = user_bias {
                    positive = positive + bias.clone();
                    negative = negative + bias.reshape([batch, 1]);
                }
                bce(positive, negative)
            }
        }
    }

    /// The same loss, whose gradient by `items` is added up by a tree instead of one pick after another: it is computed
    /// first, by the vectors that were picked, and attached to the loss.
    fn loss_at_once(
        &self,
        users: Tensor<2>,
        items: Tensor<2>,
        user_bias: Option<Tensor<1>>,
        candidates: &Candidates,
    ) -> Tensor<1> {
        fn leaf<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
            Tensor::from_inner(tensor).require_grad()
        }
        let n_items = candidates.items.len();
        let all: Vec<u32>;
        let negatives: &[u32] = match self.loss {
            LossConfig::FullSoftmax { .. } => {
                all = (0..n_items as u32).collect();
                &all
            }
            _ => &candidates.negatives,
        };
        let mut picked = candidates.positives.clone();
        picked.extend_from_slice(negatives);
        let device = &self.on.device;
        let vectors = items.clone().inner().select(0, ints(&picked, device));
        let (batch, n_negatives) = (candidates.positives.len(), negatives.len());
        let own_users = leaf(users.clone().inner());
        let positives = leaf(vectors.clone().narrow(0, 0, batch));
        let others = (n_negatives > 0).then(|| leaf(vectors.narrow(0, batch, n_negatives)));
        let bias = user_bias.clone().map(|bias| leaf(bias.inner()));
        let negatives = others.clone().unwrap_or_else(|| positives.clone());
        let loss = self.loss_of(own_users.clone(), positives.clone(), negatives, bias.clone(), candidates);

        let mut gradients = loss.clone().backward();
        let mut ends = vec![batch];
        let mut parts: Vec<Tensor<2>> = positives.grad_remove(&mut gradients).into_iter().collect();
        if let Some(gradient) = others.and_then(|others| others.grad_remove(&mut gradients)) {
            parts.push(gradient);
            ends.push(picked.len());
        }
        let names: Vec<u32> = picked[..ends[ends.len() - 1]].iter().map(|place| place + 1).collect();
        let sum = |product: Tensor<2>| product.sum();
        let mut linear =
            sum(items * Tensor::from_inner(RowSums::new(n_items, &names, &ends, &self.on).add(parts)));
        if let Some(gradient) = own_users.grad_remove(&mut gradients) {
            linear = linear + sum(users * Tensor::from_inner(gradient));
        }
        if let (Some(bias), Some(own)) = (user_bias, bias)
            && let Some(gradient) = own.grad_remove(&mut gradients)
        {
            linear = linear + (bias * Tensor::from_inner(gradient)).sum();
        }
        linear.clone() - linear.detach() + loss.detach()
    }
}

impl Objective {
    /// `[batch, negatives]`: which negatives are the positive of the row.
    fn hits(&self, candidates: &Candidates, device: &Device) -> Tensor<2, Bool> {
        let Candidates { positives, negatives, .. } = candidates;
        if self.on.is_gpu {
            // Compared there: the matrix is larger than all else that a step sends.
            let positives = ints(positives, device).unsqueeze_dim::<2>(1);
            return positives.equal(ints(negatives, device).unsqueeze_dim(0));
        }
        let n = negatives.len();
        let mut hits = vec![false; positives.len() * n];
        for (row, positive) in positives.iter().enumerate() {
            if let Ok(column) = negatives.binary_search(positive) {
                hits[row * n + column] = true;
            }
        }
        Tensor::from_data(TensorData::new(hits, [positives.len(), n]), device)
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
