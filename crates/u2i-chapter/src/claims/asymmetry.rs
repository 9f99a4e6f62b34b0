//! Whether the order in which items are watched says anything.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use u2i::Error;
use u2i::baselines::{MarkovWindow, rank_targets};
use u2i_datasets::DatasetName;
use u2i_eval::Metric;
use u2i_features::Prepared;
use u2i_page::{Kind, Picture, Point, Scale, Series};
use u2i_schema::TrainEvents;

use super::claim::{Claim, Finding, Verdict};
use super::lab::{HITS, Lab, NDCG};
use super::noise::{Estimate, LEVEL, Sign, over_names};
use crate::guards;

pub(super) const TRANSITIONS: Claim = Claim {
    id: "asymmetric-transitions",
    title: "What follows what is not symmetric",
    statement: "Watching has a direction: episodes are watched in order, and that an item follows another does not mean that it \
                precedes it as often.",
    measured: "MovieLens 1M, training events. Neighbouring events of different seconds: of pairs of items that are neighbours at \
               least 5 times, (n_ab − n_ba)² / (n_ab + n_ba), which is 1 in the mean where both orders are as likely, the same after \
               each user's events were shuffled. And the Markov window, which counts what follows what, on test targets: as it is, \
               and with what precedes counted in place of what follows.",
    rule: "Holds if the ratio is above 1 by more than noise and counting forwards beats counting backwards by more than noise in \
           NDCG@10; under a condition if only one is so, which it names; else it does not hold.",
    needs: &[DatasetName::ML_1M],
    run: transitions,
};

pub(super) const POPULARITY: Claim = Claim {
    id: "popular-first",
    title: "Users begin with what is popular",
    statement: "Users tend to begin with popular items and go on to rarer ones.",
    measured: "MovieLens 1M: for users with at least 20 training events, the logarithm (base 2) of the number of training events of \
               the items in each tenth of the history; the last fifth less the first fifth, user by user.",
    rule: "Holds if the last fifth is less popular than the first by more than noise; else it does not hold.",
    needs: &[DatasetName::ML_1M],
    run: popularity,
};

/// A pair counts from so many times on.
const LEAST: u32 = 5;

/// What the first verdict follows from.
struct Direction {
    /// The ratio less 1.
    ratio_over_one: Estimate,
    /// NDCG@10 forwards less backwards.
    forwards_over_backwards: Estimate,
}

impl Direction {
    fn verdict(&self) -> Verdict {
        let above = |estimate: Estimate| estimate.sign() == Sign::Above;
        match (above(self.ratio_over_one), above(self.forwards_over_backwards)) {
            (true, true) => Verdict::Holds,
            (true, false) => Verdict::under("pairs are counted; the next item is not found better by it"),
            (false, true) => Verdict::under("the next item is to be found; pairs alone do not show it"),
            (false, false) => Verdict::DoesNotHoldHere,
        }
    }
}

fn transitions(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let experiment = lab.experiment("ml-1m/quick/youtube_dnn", &[])?;
    let prepared = lab.prepared(&experiment)?;
    let least = lab.size(LEAST, 2);
    let (ratio, pairs) = ratio(&prepared.train, least);
    let shuffled = guards::permuted(&prepared, 1);
    let (of_shuffled, shuffled_pairs) = self::ratio(&shuffled.train, least);

    let reversed = prepared.train.rearranged(|_, n| (0..n).rev().collect());
    let forwards = ranked(&prepared, &prepared.train);
    let backwards = ranked(&prepared, &reversed);
    let lead = |metric: usize| {
        let of = |ranks: &[Vec<f64>; 2]| vec![ranks[metric].clone()];
        (
            Estimate::over(&of(&forwards)),
            Estimate::over(&of(&backwards)),
            Estimate::difference(&of(&forwards), &of(&backwards)),
        )
    };
    let (ndcg, hits) = (lead(0), lead(1));
    let direction = Direction {
        ratio_over_one: Estimate { mean: ratio.mean - 1.0, ..ratio },
        forwards_over_backwards: ndcg.2,
    };
    let bars = [ndcg.0, ndcg.1];
    Ok(Finding::new(direction.verdict())
        .figure("pairs", pairs as f64)
        .estimate("asymmetry_ratio", ratio)
        .figure("pairs_shuffled", shuffled_pairs as f64)
        .estimate("asymmetry_ratio_shuffled", of_shuffled)
        .estimate("ndcg@10_forwards", ndcg.0)
        .estimate("ndcg@10_backwards", ndcg.1)
        .estimate("forwards_over_backwards_ndcg@10", ndcg.2)
        .estimate("hit_rate@10_forwards", hits.0)
        .estimate("hit_rate@10_backwards", hits.1)
        .table(
            "Asymmetry of pairs of neighbours: 1 where both orders are as likely",
            &["events", "pairs", "ratio"],
            vec![
                vec!["in time".into(), pairs.to_string(), format!("{:.3} ± {:.3}", ratio.mean, ratio.standard_error)],
                vec![
                    "shuffled".into(),
                    shuffled_pairs.to_string(),
                    format!("{:.3} ± {:.3}", of_shuffled.mean, of_shuffled.standard_error),
                ],
            ],
        )
        .table(
            "The Markov window on test targets",
            &["counts", "NDCG@10", "HR@10"],
            vec![
                vec!["what follows".into(), ndcg.0.text(), hits.0.text()],
                vec!["what precedes".into(), ndcg.1.text(), hits.1.text()],
                vec!["difference".into(), ndcg.2.signed(), hits.2.signed()],
            ],
        )
        .picture(Picture {
            title: "NDCG@10 of counting neighbours forwards and backwards".into(),
            x: "counted".into(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Names(vec!["what follows".into(), "what precedes".into()]),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: vec![over_names("Markov", bars)],
        })
        .note(
            "MovieLens has times of rating and not of watching: its users rate many films in a session, from pages of films that the \
             site put in some order. Direction here is that of the pages as well as that of taste.",
        ))
}

/// Mean of `(n_ab - n_ba)² / (n_ab + n_ba)` over pairs of items that were neighbours in time at least `least` times, and
/// the number of pairs. Neighbours within a second have no order.
fn ratio(train: &TrainEvents, least: u32) -> (Estimate, usize) {
    let events = train.events();
    let mut counts: HashMap<(u32, u32), [u32; 2]> = HashMap::new();
    for user in 0..events.n_users() {
        let pairs = events.items(user).windows(2).zip(events.times_s(user).windows(2));
        for (items, _) in pairs.filter(|(items, times)| times[0] < times[1] && items[0] != items[1]) {
            let (a, b) = (items[0], items[1]);
            counts.entry((a.min(b), a.max(b))).or_default()[usize::from(a > b)] += 1;
        }
    }
    let mut often: Vec<((u32, u32), [u32; 2])> =
        counts.into_iter().filter(|(_, [ab, ba])| ab + ba >= least).collect();
    // The order of a map never reaches a result.
    often.sort_unstable();
    let of_pair =
        |(_, [ab, ba]): &(_, [u32; 2])| (f64::from(*ab) - f64::from(*ba)).powi(2) / f64::from(ab + ba);
    (Estimate::over(&[often.iter().map(of_pair).collect()]), often.len())
}

/// NDCG@10 and HR@10 of each test target, by the Markov window over some training events.
fn ranked(prepared: &Prepared, train: &TrainEvents) -> [Vec<f64>; 2] {
    let markov = MarkovWindow::new(train, prepared.catalog.n_items());
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let ranks = rank_targets(&markov, &prepared.events, &prepared.test, k).ranks;
    let of = |metric: Metric| ranks.iter().map(|rank| metric.of(rank.excluded)).collect();
    [of(NDCG), of(HITS)]
}

/// What the second verdict follows from: the last fifth less the first.
fn popularity_verdict(change: Estimate) -> Verdict {
    match change.sign() {
        Sign::Below => Verdict::Holds,
        Sign::Within | Sign::Above => Verdict::DoesNotHoldHere,
    }
}

fn popularity(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    const TENTHS: usize = 10;
    let experiment = lab.experiment("ml-1m/quick/youtube_dnn", &[])?;
    let prepared = lab.prepared(&experiment)?;
    let least = lab.size(20, 10);
    let events = prepared.train.events();
    let counts = prepared.catalog.counts();
    let mut tenths = vec![Vec::new(); TENTHS];
    for user in (0..events.n_users()).filter(|&user| events.items(user).len() >= least) {
        let items = events.items(user);
        for (tenth, values) in tenths.iter_mut().enumerate() {
            let range = tenth * items.len() / TENTHS..(tenth + 1) * items.len() / TENTHS;
            let logs: Vec<f64> =
                items[range].iter().map(|&item| f64::from(counts[item as usize]).log2()).collect();
            values.push(super::noise::mean(&logs));
        }
    }
    let fifth =
        |a: usize, b: usize| vec![tenths[a].iter().zip(&tenths[b]).map(|(a, b)| (a + b) / 2.0).collect()];
    let (first, last): (Vec<Vec<f64>>, _) = (fifth(0, 1), fifth(TENTHS - 2, TENTHS - 1));
    let change = Estimate::difference(&last, &first);
    let by_tenth: Vec<Estimate> =
        tenths.iter().map(|values| Estimate::over(std::slice::from_ref(values))).collect();
    let rows = by_tenth.iter().enumerate().map(|(tenth, estimate)| {
        vec![
            format!("{}", tenth + 1),
            format!("{:.3} ± {:.3}", estimate.mean, estimate.standard_error),
            format!("{:.0}", estimate.mean.exp2()),
        ]
    });
    let points = by_tenth.iter().enumerate().map(|(tenth, estimate)| Point {
        x: tenth as f64 + 1.0,
        y: estimate.mean,
        error: LEVEL * estimate.standard_error,
    });
    Ok(Finding::new(popularity_verdict(change))
        .figure("users", tenths[0].len() as f64)
        .estimate("log2_popularity_first_fifth", Estimate::over(&first))
        .estimate("log2_popularity_last_fifth", Estimate::over(&last))
        .estimate("last_over_first_fifth", change)
        .figure("times_less_popular", (-change.mean).exp2())
        .table(
            "Popularity of items by their place in the history",
            &["tenth of the history", "log2 of training events", "training events (geometric mean)"],
            rows.collect(),
        )
        .picture(Picture {
            title: "Popularity of items by their place in the history".into(),
            x: "tenth of the history".into(),
            y: "log2 of an item's training events".into(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            kind: Kind::Lines,
            series: vec![Series { name: "items".into(), points: points.collect() }],
        })
        .note(
            "Popularity is that of all training events, later ones included. MovieLens shows well-known films to new users first, so \
             that this is as much the site's order as the users' taste.",
        ))
}

#[cfg(test)]
mod tests {
    use u2i_schema::EventStore;

    use super::*;

    /// 1 and 2 are neighbours three times, in time: 1 before 2 twice, and once after. A pair within a second has no order.
    #[test]
    fn neighbours_are_counted_by_their_order_in_time() {
        let items = vec![1, 2, 1, 2, 1, 2];
        let events = EventStore::new(vec![0, 4, 6], items, vec![1, 2, 3, 4, 5, 5], vec![]).unwrap();
        let train = TrainEvents::prefixes(&events, &[4, 2]);
        let (found, pairs) = ratio(&train, 3);
        assert_eq!((found.mean, pairs), (1.0 / 3.0, 1));
        assert_eq!(ratio(&train, 4).1, 0);
    }

    #[test]
    fn both_signs_of_direction_count() {
        let estimate = |mean| Estimate { mean, standard_error: 0.01 };
        let word = |ratio, lead| {
            let (ratio_over_one, forwards_over_backwards) = (estimate(ratio), estimate(lead));
            Direction { ratio_over_one, forwards_over_backwards }.verdict().word()
        };
        assert_eq!(word(0.03, 0.03), "holds");
        assert_eq!(word(0.03, 0.019), "holds_under_a_condition");
        assert_eq!(word(0.019, 0.03), "holds_under_a_condition");
        assert_eq!(word(-0.03, 0.0), "does_not_hold_here");
        assert_eq!(popularity_verdict(estimate(-0.03)), Verdict::Holds);
        assert_eq!(popularity_verdict(estimate(-0.019)), Verdict::DoesNotHoldHere);
    }
}
