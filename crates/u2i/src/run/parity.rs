use std::num::NonZeroUsize;

use burn::tensor::Tensor;
use rayon::prelude::*;
use u2i_features::Prepared;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, Neighbors, same_lists};
use u2i_models::{ItemBatch, TwoTower, UserBatch};
use u2i_schema::{Chunk, ItemRows, Sample};
use u2i_train::user_vectors;

use super::indexes::TIE;
use crate::Error;
use crate::device::Opened;
use crate::pipeline::Trained;
use crate::report::{Parity, PlainParity};

/// Users that are encoded together.
const BLOCK: usize = 256;

/// Compares a trained model with what it exports, over all test users.
pub(super) fn parity<M: TwoTower>(
    trained: &Trained<M>,
    prepared: &Prepared,
    device: &Opened,
) -> Result<Parity, Error> {
    let model = &trained.fitted.model;
    let autodiff = device.device.clone().autodiff();
    // Without gradients: nobody would ever take the graph apart.
    let training = model.clone().to_device(&autodiff).train().no_grad();
    let maker = prepared.eval_batches(model.history_len());
    let rows = ItemRows::new(&prepared.catalog, trained.items.ids());
    let items = training.encode_items(&ItemBatch::new(&rows, None, &autodiff));
    let dim = items.dims()[1];
    let items = items.into_data().try_into_vec().expect("vectors are f32");
    let items = ItemVectors::new(trained.items.ids().to_vec(), dim, items)?;
    let (training_index, exported_index) = (ExactIndex::new(items), ExactIndex::new(trained.items.clone()));
    let k = NonZeroUsize::new(100).expect("100 is not 0");
    let mut exported_as_trained = 0;
    for targets in prepared.test.chunks(BLOCK) {
        let exported = user_vectors(model, &maker, targets, &device.device);
        let users = UserBatch::new(&maker.users(&chunks(targets)), None, &autodiff);
        let users: Vec<f32> =
            training.encode_users(&users).into_data().try_into_vec().expect("vectors are f32");
        let trained: Neighbors = training_index.search(&users, k, Filter::ALL)?;
        let exported = exported_index.search(&exported.data, k, Filter::ALL)?;
        exported_as_trained += same_lists(&exported, &trained, TIE);
    }
    let plain_fm = plain_parity(model, prepared, device);
    Ok(Parity { users: prepared.test.len(), exported_as_trained, plain_fm })
}

fn chunks(targets: &[Sample]) -> Vec<Chunk> {
    targets.iter().copied().map(Chunk::from).collect()
}

/// `None` for a model without a reference form.
fn plain_parity<M: TwoTower>(model: &M, prepared: &Prepared, device: &Opened) -> Option<PlainParity> {
    let items = ItemBatch::new(&ItemRows::all(&prepared.catalog), None, &device.device);
    let mut item_vectors: Option<Tensor<2>> = None;
    let maker = prepared.eval_batches(model.history_len());
    let mut found = PlainParity { same_order: 0, largest_difference: 0.0 };
    for targets in prepared.test.chunks(BLOCK) {
        let users = UserBatch::new(&maker.users(&chunks(targets)), None, &device.device);
        let plain = model.reference(&users, &items)?;
        let item_vectors = item_vectors.get_or_insert_with(|| model.encode_items(&items).transpose());
        let scores = model.encode_users(&users).matmul(item_vectors.clone());
        let scores: Vec<f32> = scores.into_data().try_into_vec().expect("scores are f32");
        let of_user = |(user, own): (usize, &[f32])| {
            let (exact, vector) = (plain.scores(user), plain.two_tower_scores(user));
            let constant = plain.user_constant(user);
            let largest =
                exact.iter().fold(f64::MIN_POSITIVE, |most, score| most.max((score - constant).abs()));
            let differences = own
                .iter()
                .zip(&exact)
                .map(|(own, exact)| (f64::from(*own) - (exact - constant)).abs() / largest);
            (order(&exact) == order(&vector), differences.fold(0.0, f64::max))
        };
        let block: Vec<(bool, f64)> = scores.par_chunks(items.items).enumerate().map(of_user).collect();
        for (same, difference) in block {
            found.same_order += usize::from(same);
            found.largest_difference = found.largest_difference.max(difference);
        }
    }
    Some(found)
}

/// All items, best first; ties in the order of the catalog.
fn order(scores: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
    order
}
