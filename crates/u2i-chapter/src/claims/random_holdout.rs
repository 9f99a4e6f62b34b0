//! A random event held out, with the future in its history, against the last event and what came before.

use std::collections::HashMap;

use u2i::Error;
use u2i::config::Experiment;
use u2i::pipeline::prepare_features;
use u2i_datasets::DatasetName;
use u2i_features::{Prepared, RawData};
use u2i_page::{Kind, Picture, Scale};
use u2i_random::{Purpose, Stream};
use u2i_schema::EventStore;

use super::claim::{Claim, Finding, Verdict};
use super::lab::{Lab, NDCG, Run};
use super::noise::{Estimate, Sign, over_names};

pub(super) const CLAIM: Claim = Claim {
    id: "random-holdout",
    title: "A random hold-out leaks the future",
    statement: "To hold out random events lets information from the future into training and histories. Rolled back, a target has \
                only what came before it as its history, which is nearer to serving.",
    measured: "YouTubeDNN on MovieLens 100K, three seeds, with the tuned recipe's weights by age and with the plain mean. Each \
               user's last event is set aside as the truth. *Random*: all others in a random order, in which one is held out with \
               the others as its history, and targets are trained from whatever the order puts before them. *Rollback*: the same \
               in time order. Both keep the epoch that is best on their own held-out events; both models are then judged on the \
               truth, with all that came before it, in time order, as history. NDCG@10.",
    rule: "*Flatters*: what the random split says of its model is more than that model reaches in truth, by more than noise. \
           *Costs*: in truth the model of the random split is worse than that of the rollback, by more than noise. Holds if both \
           are so for both models; under a condition, which is named, if some are; else it does not hold.",
    needs: &[DatasetName::ML_100K],
    run,
};

/// What was found of one model.
struct Leak {
    name: &'static str,
    /// What the random split says less what its model reaches in truth.
    flatters: Estimate,
    /// What the rollback says less what its model reaches in truth: by how much the held-out event before the last is
    /// easier or harder.
    rollback_flatters: Estimate,
    /// What the rollback's model reaches in truth less what the random split's does.
    costs: Estimate,
}

fn verdict(leaks: &[Leak]) -> Verdict {
    let mut found = Vec::new();
    for Leak { name, flatters, costs, .. } in leaks {
        if flatters.sign() == Sign::Above {
            found.push(format!("the random split flatters the model with {name}"));
        }
        if costs.sign() == Sign::Above {
            found.push(format!("it costs the model with {name} in truth"));
        }
    }
    match found.len() {
        0 => Verdict::DoesNotHoldHere,
        n if n == 2 * leaks.len() => Verdict::Holds,
        _ => Verdict::under(format!("of the two models and the two harms only this: {}", found.join("; "))),
    }
}

/// The events of a data set, with all but the last of each user in a random order. Times stay where they are.
struct Leaky {
    raw: RawData,
    /// Rows of each user in time order, and the row that each got its item from.
    moved: Vec<(Vec<usize>, Vec<usize>)>,
}

impl Leaky {
    fn new(raw: &RawData, seed: u64) -> Self {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); raw.user_ids.len()];
        raw.events.user.iter().enumerate().for_each(|(row, &user)| rows[user as usize].push(row));
        let mut leaky = raw.clone();
        let mut moved = Vec::with_capacity(rows.len());
        for (user, mut rows) in rows.into_iter().enumerate() {
            // Stable: rows of one second stay as in the file, as the split has them.
            rows.sort_by_key(|&row| raw.events.time_s[row]);
            let mut from = rows.clone();
            let last = from.len().saturating_sub(1);
            Stream::new(seed, Purpose::PERMUTATION, 91, user as u64).shuffle(&mut from[..last]);
            for (&to, &from) in rows.iter().zip(&from) {
                leaky.events.item[to] = raw.events.item[from];
            }
            moved.push((rows, from));
        }
        leaky.hash = format!("{}, random order {seed}", raw.hash);
        Leaky { raw: leaky, moved }
    }

    /// What is prepared of these events, with each user's true order of events: to judge in truth what was trained on the
    /// random one. The last event is the test target in both.
    fn in_truth(&self, prepared: &Prepared) -> Result<Prepared, Error> {
        let by_id: HashMap<&str, usize> =
            self.raw.user_ids.iter().enumerate().map(|(user, id)| (id.as_str(), user)).collect();
        let mut items = Vec::with_capacity(prepared.events.n_events());
        for (user, id) in prepared.users.ids().iter().enumerate() {
            let (rows, from) = &self.moved[by_id[id.as_str()]];
            let own = prepared.events.items(user);
            let place: HashMap<usize, usize> = rows.iter().enumerate().map(|(i, &row)| (row, i)).collect();
            let mut truth = vec![0; own.len()];
            from.iter().zip(own).for_each(|(row, &item)| truth[place[row]] = item);
            items.extend(truth);
        }
        let events = EventStore::new(
            prepared.events.offsets().to_vec(),
            items,
            prepared.events.all_times_s().to_vec(),
            prepared.events.request().to_vec(),
        );
        // Offsets and lengths are those of another store, and each item was an event before.
        Ok(Prepared { events: events.expect("the same events in another order"), ..prepared.clone() })
    }
}

/// What both splits say, and the truth.
const HELD_OUT: &str = "held_out";
const TRUTH: &str = "truth";

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let mean = ["model.youtube_dnn.user.history.pooling={ mean = {} }", "model.youtube_dnn.user.skip=false"];
    let (mut leaks, mut rows, mut figures) = (Vec::new(), Vec::new(), Vec::new());
    let mut series = vec![Vec::new(); 4];
    for (name, key, set) in [("weights by age", "by_age", &[][..]), ("the mean", "mean", &mean[..])] {
        let base = lab.experiment("ml-100k/youtube_dnn", set)?;
        let raw = lab.data(&base)?;
        let (mut rollback, mut random) = (Vec::new(), Vec::new());
        for seed in lab.seeds(3) {
            let experiment = Experiment { seed, ..base.clone() };
            let prepared = prepare_features(&experiment, &raw)?;
            let judged = [(HELD_OUT, &held_out(&prepared)), (TRUTH, &prepared)];
            let label = format!("rollback, {name}, seed {seed}");
            rollback.push(lab.train_on(&label, &experiment, &prepared, &judged)?);
            let leaky = Leaky::new(&raw, seed);
            let prepared = prepare_features(&experiment, &leaky.raw)?;
            let judged = [(HELD_OUT, &held_out(&prepared)), (TRUTH, &leaky.in_truth(&prepared)?)];
            let label = format!("random, {name}, seed {seed}");
            random.push(lab.train_on(&label, &experiment, &prepared, &judged)?);
        }
        let of = |runs: &[Run], judged: &str| -> Vec<Vec<f64>> {
            runs.iter().map(|run| run.of(judged, NDCG)).collect()
        };
        let flattery = |runs: &[Run]| Estimate::difference(&of(runs, HELD_OUT), &of(runs, TRUTH));
        let leak = Leak {
            name,
            flatters: flattery(&random),
            rollback_flatters: flattery(&rollback),
            costs: Estimate::difference(&of(&rollback, TRUTH), &of(&random, TRUTH)),
        };
        for (place, (split, runs)) in [("random", &random), ("rollback", &rollback)].into_iter().enumerate() {
            let (says, truth) = (Estimate::over(&of(runs, HELD_OUT)), Estimate::over(&of(runs, TRUTH)));
            figures.push((format!("{split}_says_{key}"), says));
            figures.push((format!("{split}_in_truth_{key}"), truth));
            let flatters = if split == "random" { leak.flatters } else { leak.rollback_flatters };
            rows.push(vec![
                format!("{name}, {split}"),
                says.text(),
                truth.text(),
                flatters.signed(),
                if split == "random" { leak.costs.signed() } else { String::new() },
            ]);
            series[2 * place].push(says);
            series[2 * place + 1].push(truth);
        }
        figures.push((format!("random_flatters_{key}"), leak.flatters));
        figures.push((format!("rollback_flatters_{key}"), leak.rollback_flatters));
        figures.push((format!("random_costs_in_truth_{key}"), leak.costs));
        leaks.push(leak);
    }
    let mut finding = Finding::new(verdict(&leaks));
    for (name, estimate) in figures {
        finding = finding.estimate(&name, estimate);
    }
    let names = ["random says", "random, true", "rollback says", "rollback, true"];
    Ok(finding
        .table(
            "NDCG@10 of YouTubeDNN",
            &["pooling, split", "the split says", "in truth", "flatters by", "rollback over random, in truth"],
            rows,
        )
        .picture(Picture {
            title: "What each split says of its model, and the truth".into(),
            x: "pooling of the history".into(),
            y: "NDCG@10".into(),
            x_scale: Scale::Names(leaks.iter().map(|leak| leak.name.to_owned()).collect()),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: names.into_iter().zip(series).map(|(name, own)| over_names(name, own)).collect(),
        })
        .note(
            "The epoch is chosen on the held-out events themselves, so what both splits say is a little flattered by that alone; the \
             row of the rollback shows by how much, together with what the event before the last is easier or harder than the last.",
        ))
}

/// Validation targets in place of test targets.
fn held_out(prepared: &Prepared) -> Prepared {
    Prepared { test: prepared.validation.clone(), ..prepared.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::lab::tiny_data;
    use super::*;
    use u2i::pipeline::load_config;

    #[test]
    fn the_leaky_order_holds_the_same_events_and_its_truth_is_the_order_in_time() {
        let raw = tiny_data();
        let experiment = load_config("synthetic/youtube_dnn").unwrap();
        let leaky = Leaky::new(&raw, 1);
        let (rollback, random) = (
            prepare_features(&experiment, &raw).unwrap(),
            prepare_features(&experiment, &leaky.raw).unwrap(),
        );
        let truth = leaky.in_truth(&random).unwrap();
        let ids = |prepared: &Prepared, user: usize| -> Vec<String> {
            let items = prepared.events.items(user).iter();
            items.map(|&item| prepared.catalog.item_id(item).to_owned()).collect()
        };
        let mut moved = 0;
        for user in 0..rollback.events.n_users() {
            assert_eq!(rollback.users.ids()[user], random.users.ids()[user]);
            assert_eq!(ids(&truth, user), ids(&rollback, user));
            let (mut a, mut b) = (ids(&random, user), ids(&rollback, user));
            assert_eq!(a.last(), b.last(), "the truth stays last");
            moved += usize::from(a != b);
            a.sort();
            b.sort();
            assert_eq!(a, b);
        }
        assert!(moved > rollback.events.n_users() / 2);
    }

    #[test]
    fn each_harm_counts_alone() {
        let estimate = |mean| Estimate { mean, standard_error: 0.01 };
        let leak = |flatters, costs| Leak {
            name: "weights",
            flatters: estimate(flatters),
            rollback_flatters: estimate(0.0),
            costs: estimate(costs),
        };
        assert_eq!(verdict(&[leak(0.03, 0.03), leak(0.03, 0.03)]), Verdict::Holds);
        assert_eq!(verdict(&[leak(0.019, -0.03), leak(0.0, 0.019)]), Verdict::DoesNotHoldHere);
        match verdict(&[leak(0.0, 0.03), leak(0.0, 0.0)]) {
            Verdict::HoldsUnderACondition(text) => {
                assert!(text.contains("costs") && !text.contains("flatters the"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
