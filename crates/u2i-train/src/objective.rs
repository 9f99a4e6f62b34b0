use burn::optim::GradientsParams;
use burn::tensor::{Bool, Device, Gradients, Int, Tensor, TensorData};
use u2i_losses::{
    LearnedTemperature, Temperature, bce, bpr, full_softmax, full_softmax_with_positives, in_batch_softmax,
    mixed_softmax, sampled_softmax, sampled_softmax_picked, sampled_softmax_rows,
};

use crate::draws::Candidates;
use crate::rows::RowSums;
use crate::{DrawConfig, LossConfig, TrainDevice, TrainError};

/// A loss, of what its [`Draws`](crate::draws::Draws) drew.
pub(crate) struct Objective {
    loss: LossConfig,
    /// Takes the place of the config's temperature where it is learned.
    pub temperature: Option<LearnedTemperature>,
    on: TrainDevice,
}

impl Objective {
    pub fn new(loss: &LossConfig, on: &TrainDevice) -> Result<Self, TrainError> {
        loss.check()?;
        let temperature = loss.learned_temperature().map(|(start, floor)| {
            LearnedTemperature::new(start, floor, &on.device.clone().autodiff()).expect("checked above")
        });
        Ok(Objective { loss: loss.clone(), temperature, on: on.clone() })
    }

    /// What the loss learns itself from `gradients`, which it takes out.
    pub fn own_gradients(&self, gradients: &mut Gradients) -> Option<GradientsParams> {
        self.temperature.as_ref().map(|temperature| GradientsParams::from_module(gradients, temperature))
    }

    /// What a loss divides scores by: a learned temperature has divided the users already.
    fn divisor(&self, temperature: Temperature) -> Temperature {
        if self.temperature.is_some() { Temperature::ONE } else { temperature }
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
        let users = match &self.temperature {
            Some(temperature) => temperature.scale(users),
            None => users,
        };
        if self.on.is_gpu {
            return self.loss_at_once(users, items, user_bias, candidates);
        }
        if let LossConfig::FullSoftmax { temperature, .. } = self.loss {
            let positives = ints(&candidates.positives, &users.device());
            return full_softmax(users, items, positives, self.divisor(temperature));
        }
        let pick = |places: &[u32]| items.clone().select(0, ints(places, &items.device()));
        let positives = pick(&candidates.positives);
        if let (
            LossConfig::SampledSoftmax { temperature, .. },
            DrawConfig::PerRow | DrawConfig::PerRowDistinct,
        ) = (&self.loss, self.loss.draw())
        {
            let (device, batch) = (items.device(), candidates.positives.len());
            let shape = [batch, candidates.negatives.len() / batch];
            let negatives = ints(&candidates.negatives, &device).reshape(shape);
            let hits = self.hits(candidates, &device);
            let log_expected = floats(&candidates.log_expected, &device).reshape(shape);
            let temperature = self.divisor(*temperature);
            return sampled_softmax_picked(
                users,
                positives,
                items,
                negatives,
                hits,
                log_expected,
                temperature,
            );
        }
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
                let temperature = self.divisor(temperature);
                let hits = self.hits(candidates, &device);
                let log_expected = floats(&candidates.log_expected, &device);
                if matches!(self.loss.draw(), DrawConfig::Shared | DrawConfig::SharedDistinct) {
                    return sampled_softmax(users, positives, negatives, hits, log_expected, temperature);
                }
                let n = negatives.dims()[0] / batch;
                let (negatives, log_expected) =
                    (negatives.reshape([batch, n, dim]), log_expected.reshape([batch, n]));
                sampled_softmax_rows(users, positives, negatives, hits, log_expected, temperature)
            }
            LossConfig::InBatchSoftmax { temperature, .. } => {
                let (ids, log_q) =
                    (ints(&candidates.targets, &device), floats(&candidates.log_expected, &device));
                in_batch_softmax(users, positives, ids, log_q, self.divisor(temperature))
            }
            LossConfig::MixedSoftmax { temperature, .. } => {
                let (ids, negative_ids) =
                    (ints(&candidates.targets, &device), ints(&candidates.drawn, &device));
                let (of_batch, of_drawn) = candidates.log_expected.split_at(batch);
                let log_expected = (floats(of_batch, &device), floats(of_drawn, &device));
                let temperature = self.divisor(temperature);
                mixed_softmax(users, positives, ids, negatives, negative_ids, log_expected, temperature)
            }
            // Each item is a negative of all rows but its own.
            LossConfig::FullSoftmax { temperature, .. } => {
                let targets = ints(&candidates.positives, &device);
                full_softmax_with_positives(users, positives, negatives, targets, self.divisor(temperature))
            }
            LossConfig::Bce { negatives: n, .. } | LossConfig::Bpr { negatives: n, .. } => {
                let n = n.get();
                let own = negatives.reshape([batch, n, dim]);
                let mut positive = (users.clone() * positives).sum_dim(1).reshape([batch]);
                let mut negative = (own * users.reshape([batch, 1, dim])).sum_dim(2).reshape([batch, n]);
                if matches!(self.loss, LossConfig::Bpr { .. }) {
                    return bpr(positive, negative);
                }
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
        let Candidates { positives, negatives, hits, .. } = candidates;
        if let Some(hits) = hits {
            let shape = [positives.len(), hits.marks.len() / positives.len()];
            return Tensor::from_data(TensorData::new(hits.marks.clone(), shape), device);
        }
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
