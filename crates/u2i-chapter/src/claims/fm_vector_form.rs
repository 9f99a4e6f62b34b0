//! Whether two vectors rank as a factorization machine does.

use std::num::NonZeroUsize;

use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors, Neighbors, recall};
use u2i_models::{AnyModel, ItemBatch, UserBatch};
use u2i_schema::{Chunk, ItemRows};
use u2i_train::user_vectors;

use super::claim::{Claim, Finding, Verdict};
use super::lab::Lab;
use super::noise::mean;

pub(super) const CLAIM: Claim = Claim {
    id: "fm-vector-form",
    title: "Two vectors rank as a factorization machine does",
    statement: "What a user's features contribute among themselves is the same for all items, so that it can be left out, and the \
                rest is an inner product of a user vector with a leading 1 and an item vector with its own terms in front: the \
                items come in the order of the whole model.",
    measured: "A factorization machine trained on the synthetic data set: all items ranked for each test user by the whole model \
               and by the two vectors, in 64 bits, and by how much their scores differ beyond the constant that was left out.",
    rule: "Holds if the order is the same for every user and scores differ by at most 10⁻⁹, relative; does not hold otherwise.",
    needs: &[DatasetName::SYNTHETIC],
    run,
};

/// What the verdict follows from.
struct Orders {
    users: usize,
    same_order: usize,
    largest_difference: f64,
}

impl Orders {
    fn verdict(&self) -> Verdict {
        match self.same_order == self.users && self.largest_difference <= 1e-9 {
            true => Verdict::Holds,
            false => Verdict::DoesNotHoldHere,
        }
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let experiment = lab.experiment("synthetic/fm", &[])?;
    let prepared = lab.prepared(&experiment)?;
    let trained = lab.model("fm, synthetic", &experiment, &prepared)?;
    let AnyModel::Fm(fm) = &trained.fitted.model else {
        return Err(Error::Usage("synthetic/fm is no factorization machine".to_owned()));
    };
    let device = &lab.device.device;
    let batches = prepared.eval_batches(u2i_models::TwoTower::history_len(fm));
    let items = ItemBatch::new(&ItemRows::all(&prepared.catalog), None, device);
    let mut found = Orders { users: 0, same_order: 0, largest_difference: 0.0 };
    let mut constants = Vec::new();
    for targets in prepared.test.chunks(256) {
        let chunks: Vec<Chunk> = targets.iter().copied().map(Chunk::from).collect();
        let plain = fm.plain(&UserBatch::new(&batches.users(&chunks), None, device), &items);
        for user in 0..targets.len() {
            let constant: f64 = plain.user_constant(user);
            let whole: Vec<f64> = plain.scores(user).into_iter().map(|score| score - constant).collect();
            let vectors = plain.two_tower_scores(user);
            let largest = whole.iter().fold(f64::MIN_POSITIVE, |most, score| most.max(score.abs()));
            let difference = whole.iter().zip(&vectors).map(|(a, b)| (a - b).abs() / largest);
            found.largest_difference = found.largest_difference.max(difference.fold(0.0, f64::max));
            found.users += 1;
            found.same_order += usize::from(order(&whole) == order(&vectors));
            constants.push(constant);
        }
    }
    // The same vectors, compared by something else than their inner product.
    let users = user_vectors(fm, &batches, &prepared.test, device);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let by_product = ExactIndex::new(trained.items.clone()).search(&users.data, k, Filter::ALL)?;
    let cosine = ItemVectors::new(
        trained.items.ids().to_vec(),
        trained.items.dim(),
        trained.items.data().chunks_exact(trained.items.dim()).flat_map(at_unit_length).collect(),
    )?;
    let by_cosine = ExactIndex::new(cosine).search(&users.data, k, Filter::ALL)?;
    let by_distance = nearest(&trained.items, &users.data, k.get());
    let middle = mean(&constants);
    let spread = mean(&constants.iter().map(|c| (c - middle).powi(2)).collect::<Vec<_>>()).sqrt();
    let (overlap_cosine, overlap_distance) =
        (recall(&by_cosine, &by_product), recall(&by_distance, &by_product));
    Ok(Finding::new(found.verdict())
        .figure("users", found.users as f64)
        .figure("users_in_the_same_order", found.same_order as f64)
        .figure("largest_difference", found.largest_difference)
        .figure("spread_of_user_constants", spread)
        .figure("overlap_of_top_10_by_cosine", overlap_cosine)
        .figure("overlap_of_top_10_by_distance", overlap_distance)
        .table(
            "Lists of ten from the same two vectors, against the whole model",
            &["compared by", "share of the ten best found"],
            vec![
                vec!["inner product".into(), format!("{:.3}", 1.0)],
                vec!["cosine".into(), format!("{overlap_cosine:.3}")],
                vec!["Euclidean distance".into(), format!("{overlap_distance:.3}")],
            ],
        )
        .note(format!(
            "What is left out differs from user to user (standard deviation {spread:.3}). In a ranking and in a softmax it cancels; a \
             loss that looks at one score at a time needs it. And the inner product is part of the form: item vectors have lengths \
             of their own, so that cosine or distance makes other lists."
        )))
}

/// All items, best first; ties in the order of the catalog.
fn order(scores: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
    order
}

fn at_unit_length(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    vector.iter().map(|x| x / length).collect()
}

fn nearest(items: &ItemVectors, users: &[f32], k: usize) -> Neighbors {
    let list = |user: &[f32]| {
        let distance = |row: usize| -> f32 {
            -items.vector(row).iter().zip(user).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
        };
        let mut all: Vec<(u32, f32)> =
            items.ids().iter().enumerate().map(|(row, &id)| (id, distance(row))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(k);
        all
    };
    Neighbors::from_lists(k, users.chunks_exact(items.dim()).map(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_in_another_order_is_one_too_many() {
        let good = || Orders { users: 5, same_order: 5, largest_difference: 1e-14 };
        assert_eq!(good().verdict(), Verdict::Holds);
        assert_eq!(Orders { same_order: 4, ..good() }.verdict(), Verdict::DoesNotHoldHere);
        assert_eq!(Orders { largest_difference: 1e-6, ..good() }.verdict(), Verdict::DoesNotHoldHere);
    }
}
