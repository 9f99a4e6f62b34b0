//! The age of a training example as an input, on fresh and on old items.

use std::collections::{HashMap, HashSet};

use u2i::Error;
use u2i::config::Experiment;
use u2i::pipeline::prepare_features;
use u2i_datasets::DatasetName;
use u2i_features::{Prepared, RawData, RawValues, SplitConfig, Ties};
use u2i_page::{Kind, Picture, Scale};
use u2i_random::{Purpose, Stream};

use super::claim::{Claim, Finding, Verdict};
use super::fm_or_dssm::without_history;
use super::lab::{Lab, NDCG, Run, TEST};
use super::noise::{Estimate, Sign, over_names};
use crate::Protocol;

pub(super) const CLAIM: Claim = Claim {
    id: "example-age",
    title: "Example age helps with fresh items",
    statement: "With the age of each training example as an input, which is zero when serving, a model learns how interest in an \
                item changes after it appears, and serves fresh items better.",
    measured: "YouTubeDNN with and without example age, split at two times so that all training lies before all targets; NDCG@10 \
               on test targets. MovieLens 1M (80 % and 90 % quantiles of all times, quick recipe, one epoch, two seeds), where fresh \
               items are films of 1999 and 2000. Planted data (94 % and 96 %, the recipe of the synthetic data set, three seeds): its \
               users at times drawn from two years, items each released at a time of its own, interest in which halves every 30 days; \
               fresh items are those released in the last 60 days of training; with the history, and from attributes of users alone. \
               Targets without a training event, which this model cannot rank, are left out.",
    rule: "Holds if example age gains more than noise on fresh items everywhere; under a condition if somewhere, which is named; else \
           it does not hold.",
    needs: &[DatasetName::ML_1M, DatasetName::SYNTHETIC],
    run,
};

const DAY_S: f64 = 86_400.0;
const HALF_LIFE_DAYS: f64 = 30.0;
const FRESH_DAYS: f64 = 60.0;
const FRESH_YEAR: f64 = 1999.0;

/// What example age gains on fresh items, by data set.
fn verdict(gains: &[(&str, Estimate)]) -> Verdict {
    let better: Vec<&str> =
        gains.iter().filter(|(_, gain)| gain.sign() == Sign::Above).map(|(name, _)| *name).collect();
    match better.len() {
        0 => Verdict::DoesNotHoldHere,
        n if n == gains.len() => Verdict::Holds,
        _ => Verdict::under(format!("of what was measured, only here: {}", better.join("; "))),
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let real = Protocol::Cut.apply(lab.experiment("ml-1m/quick/youtube_dnn", &["train.epochs=1"])?);
    let real_raw = lab.data(&real)?;
    let mut planted = lab.experiment("synthetic/youtube_dnn", &[])?;
    planted.split = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.94, test_quantile: 0.96 };
    let alone = without_history(planted.clone());
    let (planted_raw, released_s) = released(&*lab.named(DatasetName::SYNTHETIC)?);
    let year = year(&real_raw);
    let last_s = {
        let prepared = prepare_features(&planted, &planted_raw)?;
        prepared.train.newest_s().unwrap_or(0) as f64
    };
    let of_year = |item: usize| year.get(item).is_some_and(|&year| year >= FRESH_YEAR);
    let of_release = |item: usize| released_s[item] >= last_s - FRESH_DAYS * DAY_S;
    type IsFresh<'a> = &'a dyn Fn(usize) -> bool;
    let sets: [(&str, &str, &Experiment, &RawData, u64, IsFresh<'_>); 3] = [
        ("MovieLens 1M", "ml_1m", &real, &real_raw, 2, &of_year),
        ("planted", "planted", &planted, &planted_raw, 3, &of_release),
        ("planted, no history", "planted_no_history", &alone, &planted_raw, 3, &of_release),
    ];
    let (mut gains, mut rows, mut figures) = (Vec::new(), Vec::new(), Vec::new());
    let mut points = [Vec::new(), Vec::new()];
    let mut names = Vec::new();
    for (name, key, base, raw, seeds, is_fresh) in sets {
        let prepared = prepare_features(base, raw)?;
        let fresh = targets(&prepared, raw, is_fresh);
        let mut train = |label: &str, with: bool| -> Result<Vec<Run>, Error> {
            let mut runs = Vec::new();
            for seed in lab.seeds(seeds) {
                let mut experiment = Experiment { seed, ..base.clone() };
                if let u2i_models::ModelConfig::YoutubeDnn(model) = &mut experiment.model {
                    model.user.example_age = with;
                }
                let prepared = prepare_features(&experiment, raw)?;
                let label = format!("{name}, {label} example age, seed {seed}");
                runs.push(lab.train_on(&label, &experiment, &prepared, &[(TEST, &prepared)])?);
            }
            Ok(runs)
        };
        let (without, with) = (train("without", false)?, train("with", true)?);
        for (group, group_key, wanted) in [("fresh", "fresh", Some(true)), ("old", "old", Some(false))] {
            let of = |runs: &[Run]| -> Vec<Vec<f64>> {
                let keep = |run: &Run| {
                    let values = run.test(NDCG).into_iter().zip(&fresh);
                    values.filter(|(_, fresh)| **fresh == wanted).map(|(value, _)| value).collect()
                };
                runs.iter().map(keep).collect()
            };
            let n = fresh.iter().filter(|fresh| **fresh == wanted).count();
            let (a, b) = (Estimate::over(&of(&without)), Estimate::over(&of(&with)));
            let gain = Estimate::difference(&of(&with), &of(&without));
            rows.push(vec![
                format!("{name}, {group} items"),
                n.to_string(),
                a.text(),
                b.text(),
                gain.signed(),
            ]);
            figures.push((format!("ndcg@10_without_{group_key}_{key}"), a));
            figures.push((format!("ndcg@10_with_{group_key}_{key}"), b));
            figures.push((format!("gain_{group_key}_{key}"), gain));
            points[0].push(a);
            points[1].push(b);
            let short = name.replace("MovieLens ", "ML-").replace("planted, no history", "no\nhistory");
            names.push(format!("{group}\n{short}"));
            if group == "fresh" {
                gains.push((name, gain));
            }
        }
    }
    let mut finding = Finding::new(verdict(&gains));
    for (name, estimate) in figures {
        finding = finding.estimate(&name, estimate);
    }
    let [without, with] = points;
    Ok(finding
        .table(
            "YouTubeDNN with and without example age, NDCG@10",
            &["data set, items", "targets", "without", "with", "gain"],
            rows,
        )
        .picture(Picture {
            title: "NDCG@10 with and without example age".into(),
            x: String::new(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Names(names),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: vec![over_names("without", without), over_names("with", with)],
        })
        .note(
            "The history can tell the time, too: who watched what came out last month asks now. Without it, a model of these inputs that \
             is not told the age of its examples can only learn the mean of the whole time.",
        )
        .note(
            "The planted data was changed once after a first look, which had only 77 test targets.",
        ))
}

/// Whether the item of each test target is fresh; `None` for one without a training event.
fn targets(prepared: &Prepared, raw: &RawData, is_fresh: &dyn Fn(usize) -> bool) -> Vec<Option<bool>> {
    let by_id: HashMap<&str, usize> =
        raw.item_ids.iter().enumerate().map(|(item, id)| (id.as_str(), item)).collect();
    let of = |target: &u2i_schema::Sample| {
        let item = prepared.events.items(target.user as usize)[target.position as usize];
        let is_trained = item as usize <= prepared.catalog.n_trained();
        is_trained.then(|| is_fresh(by_id[prepared.catalog.item_id(item)]))
    };
    prepared.test.iter().map(of).collect()
}

/// Years of items, where the data has them.
fn year(raw: &RawData) -> Vec<f64> {
    let column = raw.items.iter().find(|column| column.name == "year");
    match column.map(|column| &column.values) {
        Some(RawValues::Number(years)) => years.clone(),
        _ => Vec::new(),
    }
}

/// Users of a data set at times drawn from two years, with items by a rule: each is released at a time of its own, and the next
/// item of a user is drawn among those that are out and not seen, by a popularity that halves every 30 days. Also returns the
/// times of release.
fn released(raw: &RawData) -> (RawData, Vec<f64>) {
    let mut raw = raw.clone();
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 25, 0);
    let (first, span) = (raw.events.time_s.iter().copied().min().unwrap_or(0) as f64, 730.0 * DAY_S);
    raw.events.time_s.fill_with(|| (first + span * stream.unit()) as i64);
    let n_items = raw.item_ids.len();
    // A fifth is out before the first event, so that there always is something to watch.
    let released_s: Vec<f64> = (0..n_items).map(|_| first + span * stream.uniform(-0.25, 1.0)).collect();
    let size: Vec<f64> = (0..n_items).map(|_| (0.5 * stream.normal()).exp()).collect();
    let oldest = (0..n_items).min_by(|&a, &b| released_s[a].total_cmp(&released_s[b])).unwrap_or(0);
    let mut seen = vec![HashSet::new(); raw.user_ids.len()];
    let mut order: Vec<usize> = (0..raw.n_events()).collect();
    order.sort_by_key(|&row| raw.events.time_s[row]);
    for row in order {
        let (user, time_s) = (raw.events.user[row] as usize, raw.events.time_s[row] as f64);
        let weight = |item: usize| {
            let age_days = (time_s - released_s[item]) / DAY_S;
            let is_out = age_days >= 0.0 && !seen[user].contains(&item);
            // A little interest stays, so that nobody runs out of items.
            if is_out { size[item] * ((-age_days / HALF_LIFE_DAYS).exp2() + 1e-3) } else { 0.0 }
        };
        let weights: Vec<f64> = (0..n_items).map(weight).collect();
        let mut left = stream.unit() * weights.iter().sum::<f64>();
        let drawn = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Nothing is left to someone who has seen all: they watch the oldest again.
        let item = drawn.unwrap_or(oldest);
        seen[user].insert(item);
        raw.events.item[row] = item as u32;
    }
    raw.hash = format!("{}, released", raw.hash);
    (raw, released_s)
}

#[cfg(test)]
mod tests {
    use super::super::lab::tiny_data;
    use super::*;

    #[test]
    fn nothing_is_watched_before_its_release_and_the_newest_are_watched_most() {
        let (raw, released_s) = released(&tiny_data());
        let age_days = (0..raw.n_events()).map(|row| {
            let item = raw.events.item[row] as usize;
            (raw.events.time_s[row] as f64 - released_s[item]) / DAY_S
        });
        let ages: Vec<f64> = age_days.collect();
        assert!(ages.iter().all(|&age| age >= 0.0));
        // Half of all interest is spent in 30 days; what few new items there are leaves some of it to old ones.
        let young = ages.iter().filter(|&&age| age < 60.0).count();
        assert!(2 * young > ages.len(), "{young} of {}", ages.len());
    }

    #[test]
    fn a_gain_on_one_data_set_is_a_condition() {
        let gain = |mean| Estimate { mean, standard_error: 0.01 };
        assert_eq!(verdict(&[("A", gain(0.03)), ("B", gain(0.03))]), Verdict::Holds);
        assert_eq!(verdict(&[("A", gain(0.019)), ("B", gain(0.03))]).word(), "holds_under_a_condition");
        assert_eq!(verdict(&[("A", gain(0.019)), ("B", gain(-0.03))]), Verdict::DoesNotHoldHere);
    }
}
