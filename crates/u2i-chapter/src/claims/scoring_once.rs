//! Scoring every pair of user and item against encoding each of them once.

use std::hint::black_box;
use std::num::NonZeroUsize;

use burn::tensor::Tensor;
use u2i::Error;
use u2i::pipeline::model_inputs;
use u2i_datasets::DatasetName;
use u2i_index::{ExactIndex, Filter, Index as _, ItemVectors};
use u2i_models::{AnyModel, Init, ItemBatch, TwoTower as _, TwoTowerConfig as _, UserBatch};
use u2i_page::{Kind, Picture, Scale, Series};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, Chunk, ItemRows, Sample};
use u2i_train::{item_vectors, user_vectors};

use super::claim::{Claim, Finding, Verdict};
use super::lab::Lab;
use super::noise::power;
use super::timing::{duration, medians};

pub(super) const CLAIM: Claim = Claim {
    id: "scoring-once",
    title: "Two towers turn U × I into U + I",
    statement: "Matching U users with I items costs O(U × I); with two towers, which encode each user and each item once, it costs \
                O(U + I).",
    measured: "DSSM with the sizes of the quick recipe of MovieLens 1M: times a tower runs, counted, and processor time to score \
               all items for U users, encoding both sides anew for each pair, and encoding each once, followed by exact search for \
               the ten best. Then exact search alone, for 64 users over drawn vectors, as items grow.",
    rule: "Holds if encoding once takes U + I runs and less time at the largest U, and what follows does not grow with U × I. \
           Exact search does where its time grows with a power of the items of at least 0.5: then it holds under the condition \
           that only encoding is counted. Does not hold if encoding once takes longer.",
    needs: &[DatasetName::ML_1M],
    run,
};

/// What the verdict follows from.
struct Costs {
    /// Runs of a tower by encoding once, and how many U + I are.
    encodings: [usize; 2],
    times_faster: f64,
    search_power: f64,
}

impl Costs {
    fn verdict(&self) -> Verdict {
        if self.encodings[0] != self.encodings[1] || self.times_faster.is_nan() || self.times_faster <= 1.0 {
            return Verdict::DoesNotHoldHere;
        }
        match self.search_power < 0.5 {
            true => Verdict::Holds,
            false => Verdict::under(
                "only runs of the towers are counted. Exact search still takes an inner product for each pair, which is cheap and \
                 grows with U × I; only an approximate index looks at fewer",
            ),
        }
    }
}

/// A model with its data.
struct Towers<'a> {
    model: &'a AnyModel,
    batches: &'a BatchMaker<'a>,
    device: &'a burn::tensor::Device,
}

impl Towers<'_> {
    /// Scores all items for each user, with both towers run for each pair. Returns the number of runs.
    fn pairs(&self, users: &[Sample]) -> usize {
        let items = ItemRows::all(self.batches.catalog);
        let n_items = items.ids.len();
        for &user in users {
            let chunks = vec![Chunk::from(user); n_items];
            let own =
                self.model.encode_users(&UserBatch::new(&self.batches.users(&chunks), None, self.device));
            let items = self.model.encode_items(&ItemBatch::new(&items, None, self.device));
            let scores: Tensor<2> = (own * items).sum_dim(1);
            black_box(scores.into_data());
        }
        2 * users.len() * n_items
    }

    /// Encodes each side once and searches for the ten best. Returns the number of runs.
    fn once(&self, users: &[Sample]) -> Result<usize, Error> {
        let items = item_vectors(self.model, self.batches.catalog, self.device);
        let own = user_vectors(self.model, self.batches, users, self.device);
        let runs = items.ids.len() + own.ids.len();
        let index = ExactIndex::new(ItemVectors::new(items.ids, items.dim, items.data)?);
        black_box(index.search(&own.data, TEN, Filter::ALL)?);
        Ok(runs)
    }
}

const TEN: NonZeroUsize = NonZeroUsize::new(10).expect("10 is not 0");

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let experiment = lab.experiment("ml-1m/quick/dssm", &[])?;
    let prepared = lab.prepared(&experiment)?;
    let device = &lab.device.device;
    let mut init = Init::new(1, device);
    let model = experiment.model.init(&model_inputs(&experiment, &prepared), &mut init)?;
    let batches = prepared.eval_batches(model.history_len());
    let towers = Towers { model: &model, batches: &batches, device };
    let n_items = prepared.catalog.n_items();

    let sizes: &[usize] = lab.size(&[1, 2, 4, 8][..], &[1, 2]);
    let rounds = lab.size(3, 1);
    let (mut pairs, mut once, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for &n_users in sizes {
        let users = &prepared.test[..n_users];
        towers.once(users)?;
        let times = medians(
            rounds,
            &mut [
                Box::new(|| {
                    towers.pairs(users);
                }),
                // What can fail has failed above.
                Box::new(|| drop(towers.once(users))),
            ],
        );
        pairs.push((n_users as f64, times[0]));
        once.push((n_users as f64, times[1]));
        rows.push(vec![
            n_users.to_string(),
            (2 * n_users * n_items).to_string(),
            (n_users + n_items).to_string(),
            duration(times[0]),
            duration(times[1]),
            format!("{:.1}", times[0] / times[1]),
        ]);
    }
    let largest = sizes[sizes.len() - 1];
    let users = &prepared.test[..largest];
    let all = prepared.test.len();
    let [encode_all, search_all] = all_users(&towers, &prepared.test, rounds)?;
    let (search, search_rows) =
        search(lab.size(&[8_000, 16_000, 32_000, 64_000][..], &[2_000, 4_000]), rounds)?;

    let last = sizes.len() - 1;
    let costs = Costs {
        encodings: [towers.once(users)?, largest + n_items],
        times_faster: pairs[last].1 / once[last].1,
        search_power: power(&search),
    };
    let milli = |points: &[(f64, f64)]| points.iter().map(|(x, s)| (*x, s * 1e3)).collect::<Vec<_>>();
    Ok(Finding::new(costs.verdict())
        .figure("items", n_items as f64)
        .figure("largest_users", largest as f64)
        .figure("encodings_for_each_pair", towers.pairs(users) as f64)
        .figure("encodings_once", costs.encodings[0] as f64)
        .figure("times_faster_at_largest_users", costs.times_faster)
        .figure("all_users", all as f64)
        .figure("encode_all_users_and_items_s", encode_all)
        .figure("search_all_users_s", search_all)
        .figure("for_each_pair_all_users_estimated_s", pairs[last].1 / largest as f64 * all as f64)
        .figure("power_of_items_in_search", costs.search_power)
        .table(
            &format!("All {n_items} items scored for some users"),
            &["users", "runs for each pair", "runs, each once", "time for each pair", "time, each once", "times faster"],
            rows,
        )
        .table("Exact search for 64 users", &["items", "time"], search_rows)
        .picture(Picture {
            title: "Time to score all items for some users".into(),
            x: "users".into(),
            y: "ms".into(),
            x_scale: Scale::Log,
            y_scale: Scale::Log,
            kind: Kind::Lines,
            series: vec![Series::new("each pair", milli(&pairs)), Series::new("each once", milli(&once))],
        })
        .note(format!(
            "For all {all} test users, encoding each once takes {} and exact search {}; for each pair it would take about {} \
             (from {largest} users).",
            duration(encode_all),
            duration(search_all),
            duration(pairs[last].1 / largest as f64 * all as f64)
        )))
}

/// Seconds to encode all users and items, and to search for all users.
fn all_users(towers: &Towers<'_>, users: &[Sample], rounds: usize) -> Result<[f64; 2], Error> {
    let items = item_vectors(towers.model, towers.batches.catalog, towers.device);
    let own = user_vectors(towers.model, towers.batches, users, towers.device);
    let index = ExactIndex::new(ItemVectors::new(items.ids, items.dim, items.data)?);
    index.search(&own.data, TEN, Filter::ALL)?;
    let times = medians(
        rounds,
        &mut [
            Box::new(|| {
                black_box(item_vectors(towers.model, towers.batches.catalog, towers.device));
                black_box(user_vectors(towers.model, towers.batches, users, towers.device));
            }),
            Box::new(|| drop(black_box(index.search(&own.data, TEN, Filter::ALL)))),
        ],
    );
    Ok([times[0], times[1]])
}

/// Time of exact search by the number of items, as points and as rows.
#[expect(clippy::type_complexity, reason = "points, and what they look like")]
fn search(sizes: &[usize], rounds: usize) -> Result<(Vec<(f64, f64)>, Vec<Vec<String>>), Error> {
    const DIM: usize = 64;
    let drawn = |n: usize, which: u64| -> Vec<f32> {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 23, which);
        (0..n * DIM).map(|_| stream.normal() as f32).collect()
    };
    let queries = drawn(64, 0);
    let (mut points, mut rows) = (Vec::new(), Vec::new());
    for &n in sizes {
        let index = ExactIndex::new(ItemVectors::new((1..=n as u32).collect(), DIM, drawn(n, 1))?);
        index.search(&queries, TEN, Filter::ALL)?;
        let job = || drop(black_box(index.search(&queries, TEN, Filter::ALL)));
        let time = medians(rounds.max(3), &mut [Box::new(job)])[0];
        points.push((n as f64, time));
        rows.push(vec![n.to_string(), duration(time)]);
    }
    Ok((points, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_that_grows_with_the_items_is_a_condition() {
        let good = || Costs { encodings: [13, 13], times_faster: 100.0, search_power: 0.2 };
        assert_eq!(good().verdict(), Verdict::Holds);
        let exact = Costs { search_power: 1.0, ..good() };
        assert_eq!(exact.verdict().word(), "holds_under_a_condition");
        for bad in [
            Costs { encodings: [14, 13], ..good() },
            Costs { times_faster: 0.9, ..good() },
            Costs { times_faster: f64::NAN, ..good() },
        ] {
            assert_eq!(bad.verdict(), Verdict::DoesNotHoldHere);
        }
    }
}
