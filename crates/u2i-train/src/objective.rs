use std::collections::BTreeMap;

use burn::tensor::Tensor;
use u2i_host::ints;
use u2i_losses::{CandidateVectors, Candidates, Comparison, Loss};

use crate::TrainDevice;
use crate::rows::RowSums;

/// The loss of a step, `[1]`.
///
/// `users` is `[batch, dim]`, `items` `[candidates, dim]`, `user_bias` `[batch]` where the model has one and the loss takes
/// it; `learned` is what the loss learns itself.
pub(crate) fn loss_of(
    loss: &dyn Loss,
    users: Tensor<2>,
    items: Tensor<2>,
    user_bias: Option<Tensor<1>>,
    learned: BTreeMap<String, Tensor<1>>,
    candidates: &Candidates,
    on: &TrainDevice,
) -> Tensor<1> {
    if on.is_gpu {
        return loss_by_tree(loss, users, items, user_bias, learned, candidates, on);
    }
    let step = Comparison::new(users, candidates, CandidateVectors::Each(items))
        .with_user_bias(user_bias)
        .with_parameters(learned);
    loss.compute(&step)
}

/// [`loss_of`], whose gradient by `items` is added up by a tree instead of one pick after another: it is computed first, by
/// the vectors that were picked, and attached to the loss. Any loss is computed so: it sees leaves of a graph of its own.
fn loss_by_tree(
    loss: &dyn Loss,
    users: Tensor<2>,
    items: Tensor<2>,
    user_bias: Option<Tensor<1>>,
    learned: BTreeMap<String, Tensor<1>>,
    candidates: &Candidates,
    on: &TrainDevice,
) -> Tensor<1> {
    let (batch, n_negatives) = (candidates.positives.len(), candidates.negatives.len());
    let picked = [&candidates.positives[..], &candidates.negatives].concat();
    let vectors = items.clone().inner().select(0, ints(&picked, &on.device));
    let own_users = leaf(&users);
    let positives = leaf(&vectors.clone().narrow(0, 0, batch));
    let negatives = (n_negatives > 0).then(|| leaf(&vectors.narrow(0, batch, n_negatives)));
    let own_bias = user_bias.as_ref().map(leaf);
    let own_learned: BTreeMap<String, Tensor<1>> =
        learned.iter().map(|(name, value)| (name.clone(), leaf(value))).collect();
    let vectors = CandidateVectors::Picked { positives: positives.clone(), negatives: negatives.clone() };
    let step = Comparison::new(own_users.clone(), candidates, vectors)
        .with_user_bias(own_bias.clone())
        .with_parameters(own_learned.clone());
    let loss = loss.compute(&step);

    let mut gradients = loss.clone().backward();
    let mut ends = Vec::new();
    let mut parts = Vec::new();
    for vectors in [Some(positives), negatives].into_iter().flatten() {
        ends.push(ends.last().unwrap_or(&0) + vectors.dims()[0]);
        let gradient = vectors.grad_remove(&mut gradients);
        parts.push(gradient.unwrap_or_else(|| vectors.inner().zeros_like()));
    }
    let names: Vec<u32> = picked.iter().map(|place| place + 1).collect();
    let of_items = RowSums::new(candidates.items.len(), &names, &ends, on).add(parts);
    let mut linear = linear(items, of_items);
    let mut attach = |term: Option<Tensor<1>>| {
        if let Some(term) = term {
            linear = linear.clone() + term;
        }
    };
    attach(own_users.grad_remove(&mut gradients).map(|gradient| self::linear(users, gradient)));
    if let (Some(bias), Some(own)) = (user_bias, own_bias) {
        attach(own.grad_remove(&mut gradients).map(|gradient| self::linear(bias, gradient)));
    }
    for (value, own) in learned.into_values().zip(own_learned.into_values()) {
        attach(own.grad_remove(&mut gradients).map(|gradient| self::linear(value, gradient)));
    }
    linear.clone() - linear.detach() + loss.detach()
}

/// The numbers alone, without what they were computed from.
fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(tensor.clone().inner()).require_grad()
}

/// A number whose gradient by `input` is `gradient`.
fn linear<const D: usize>(input: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    (input * Tensor::from_inner(gradient)).sum()
}
