use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use u2i_eval::Rank;
use u2i_features::TargetSets;
use u2i_random::{Purpose, Stream};
use u2i_schema::{EventStore, Sample, TrainEvents};

use super::dense::rank_by_scores;
use super::scratch::SeenItems;
use super::transitions::{Limits, Transitions};
use super::*;
use crate::{Error, Progress};

fn k(k: usize) -> NonZeroUsize {
    k.try_into().unwrap()
}

/// Users' items in order; the last `held_out` of each are not trained on.
fn store(users: &[&[u32]], held_out: usize) -> (EventStore, TrainEvents) {
    let mut offsets = vec![0];
    offsets.extend(users.iter().scan(0, |sum, own| {
        *sum += own.len() as u64;
        Some(*sum)
    }));
    let items = users.concat();
    let times_s = vec![0; items.len()];
    let events = EventStore::new(offsets, items, times_s, vec![]).unwrap();
    let lengths: Vec<u32> = users.iter().map(|own| (own.len() - held_out) as u32).collect();
    let train = TrainEvents::prefixes(&events, &lengths);
    (events, train)
}

fn scores(baseline: &dyn Baseline, history: &[u32]) -> Vec<f64> {
    let mut scores = vec![f64::NAN; baseline.popularity().len()];
    baseline.score(0, history, &mut scores);
    scores
}

/// By hand: M[1,2] = M[2,1] = 1, M[1,3] = M[2,3] = 1 + .8, all others 0; every item occurs twice.
#[test]
fn markov_scores_are_those_of_the_formula() {
    let (_, train) = store(&[&[1, 2, 3], &[2, 1, 3]], 0);
    let markov = MarkovWindow::new(&train, 4);
    // Each row of M over n_a = 2 and n_b^.25 = 2^.25.
    let norm = 2.0 * 2f64.powf(0.25);
    let newest_two = scores(&markov, &[2, 1]);
    let expected = [0.0, 0.7 * 1.0, 1.0, 1.8 + 0.7 * (1.0 + 0.8), 0.0].map(|sum| sum / norm);
    for (found, wanted) in newest_two.iter().zip(expected) {
        assert!((found - wanted).abs() < 1e-15, "{newest_two:?} is not {expected:?}");
    }
}

#[test]
fn markov_looks_ten_positions_ahead_and_ten_items_back() {
    let items: Vec<u32> = (1..=12).collect();
    let (_, train) = store(&[&items], 0);
    let markov = MarkovWindow::new(&train, 12);
    let after_first = scores(&markov, &[1]);
    assert!((after_first[11] - 0.8f64.powi(9)).abs() < 1e-15);
    assert_eq!(after_first[12], 0.0);
    // Item 11 is followed by 12 alone; ten newer items without followers push it out of the history.
    let mut history = vec![11];
    history.extend([12; 9]);
    assert!((scores(&markov, &history)[12] - 0.7f64.powi(9)).abs() < 1e-15);
    history.push(12);
    assert_eq!(scores(&markov, &history)[12], 0.0);
}

#[test]
fn held_out_events_do_not_reach_a_baseline() {
    let users: [&[u32]; 2] = [&[1, 2, 3, 4], &[2, 3, 1, 4]];
    let others: [&[u32]; 2] = [&[1, 2, 4, 3], &[2, 3, 4, 1]];
    let (a, b) = (store(&users, 2).1, store(&others, 2).1);
    assert_eq!(scores(&MarkovWindow::new(&a, 4), &[1]), scores(&MarkovWindow::new(&b, 4), &[1]));
    assert_eq!(Popularity::new(&a, 4).popularity(), Popularity::new(&b, 4).popularity());
}

#[test]
fn seen_items_are_left_out_and_ties_share_their_ranks() {
    let (events, train) = store(&[&[1, 2, 3, 2], &[1, 2, 4, 3], &[1, 3, 3], &[1, 4, 5], &[1, 1]], 1);
    let popularity = Popularity::new(&train, 5);
    assert_eq!(popularity.popularity(), [0, 5, 2, 2, 2, 0]);
    let last: Vec<Sample> =
        [3, 3, 2, 2, 1].into_iter().zip(0..).map(|(position, user)| Sample { user, position }).collect();
    let ranked = rank_targets(&popularity, &events, &last, k(2));
    // Items 2, 3 and 4 tie behind 1. Of 3's ties, user 1 has seen both.
    let wanted = [
        TargetRank { excluded: Rank::MISS, kept: Rank::new(2, 0) },
        TargetRank { excluded: Rank::new(0, 0), kept: Rank::new(2, 0) },
        TargetRank { excluded: Rank::MISS, kept: Rank::new(2, 0) },
        TargetRank { excluded: Rank::new(2, 0), kept: Rank::new(4, 0) },
        TargetRank { excluded: Rank::MISS, kept: Rank::new(0, 0) },
    ];
    assert_eq!(ranked.ranks, wanted);
    assert_eq!(ranked.top, [vec![4, 5], vec![3, 5], vec![2, 4], vec![2, 3], vec![2, 3]]);
}

#[test]
fn ties_in_score_go_to_the_more_popular_item() {
    // Nothing follows 4, so every score is 0 and popularity ranks: 1, then 2 and 3, then 5; 4 is seen.
    let (events, train) = store(&[&[1, 2, 1, 3, 4, 5], &[4, 3]], 1);
    let markov = MarkovWindow::new(&train, 5);
    assert_eq!(scores(&markov, &[4]), [0.0; 6]);
    let ranked = rank_targets(&markov, &events, &[Sample { user: 1, position: 1 }], k(10));
    assert_eq!(ranked.ranks[0].excluded.get(), Some(2.5));
    assert_eq!(ranked.top[0], [1, 2, 3, 5]);
}

#[test]
fn random_ranks_are_uniform_and_follow_the_seed() {
    // All are asked for item 1, so that one order for all would give all the same rank.
    let users: Vec<Vec<u32>> = (0..2_000).map(|user| vec![1, 2 + user % 9]).collect();
    let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
    let (events, train) = store(&users, 0);
    let targets: Vec<Sample> = (0..2_000).map(|user| Sample { user, position: 0 }).collect();
    let ranks = |seed| rank_targets(&Random::new(&train, 10, seed), &events, &targets, k(1)).ranks;
    let mut counts = [0.0; 10];
    for rank in ranks(1) {
        counts[rank.kept.get().unwrap() as usize - 1] += 1.0;
    }
    let chi2: f64 = counts.iter().map(|count: &f64| (count - 200.0).powi(2) / 200.0).sum();
    assert!(chi2 < 27.9, "{chi2}"); // 99.9 % of χ² with 9 degrees of freedom
    assert_eq!(ranks(1), ranks(1));
    assert_ne!(ranks(1), ranks(2));
}

/// The answer by the scores of all items.
fn dense(baseline: &dyn Baseline, asked: &Asked<'_>) -> UserRanks {
    let mut scores = vec![f64::NAN; baseline.popularity().len()];
    baseline.score(asked.user, asked.history, &mut scores);
    let mut seen = SeenItems::default();
    seen.take(asked.history, scores.len());
    rank_by_scores(asked, &scores, baseline.popularity(), seen.marked())
}

/// Users that repeat items and share them, of up to `n_items` items, the lower ones more often.
fn random_users(stream: &mut Stream, n_items: usize) -> Vec<Vec<u32>> {
    let n_users = 1 + stream.index(12);
    let (longest, met) = (1 + stream.index(40), 1 + stream.index(n_items));
    let item = |stream: &mut Stream| 1 + (met as f64 * stream.unit().powi(2)) as u32;
    (0..n_users).map(|_| (0..stream.index(longest + 1)).map(|_| item(stream)).collect()).collect()
}

fn small_limits(stream: &mut Stream) -> Limits {
    Limits { pairs: stream.index(400), occurrences: 1 + stream.index(50), batch: 1 + stream.index(20) }
}

/// 2,000 logs of 1 to 200 items: users without history, items without events, seen and repeated targets, sets, items
/// beyond the catalog, and scratch memory that other baselines have used before.
#[test]
fn what_is_touched_gives_the_ranks_and_lists_of_all_scores() {
    let mut stream = Stream::new(1, Purpose::BASELINE, 2, 0);
    let (mut scratch, mut n_ranked, mut n_tied, mut n_pruned) = (Scratch::default(), 0, 0, 0);
    for case in 0..2_000 {
        let n_items = 1 + stream.index(200);
        let users = random_users(&mut stream, n_items);
        let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
        let (events, _) = store(&users, 0);
        let lengths: Vec<u32> = users.iter().map(|own| stream.index(own.len() + 1) as u32).collect();
        let train = TrainEvents::prefixes(&events, &lengths);
        let pruned = MarkovWindow::within(&train, n_items, small_limits(&mut stream), &mut ()).unwrap();
        n_pruned += usize::from(pruned.pruned().is_some());
        let baselines: [&dyn Baseline; 4] = [
            &Random::new(&train, n_items, case),
            &Popularity::new(&train, n_items),
            &MarkovWindow::new(&train, n_items),
            &pruned,
        ];
        for (user, own) in (0..).zip(&users) {
            let (history, rest) = own.split_at(stream.index(own.len() + 1));
            let mut relevant: Vec<u32> = Vec::new();
            let others = [0, n_items as u32 + 1, u32::MAX, 1 + stream.index(n_items) as u32];
            for &item in rest.iter().take(1 + stream.index(5)).chain(&others) {
                if !relevant.contains(&item) {
                    relevant.push(item);
                }
            }
            let asked = Asked { user, history, relevant: &relevant, k: stream.index(n_items + 3) };
            for baseline in baselines {
                let found = baseline.rank_user(&asked, &mut scratch);
                assert_eq!(found, dense(baseline, &asked), "case {case}, user {user}: {asked:?}");
                let ranks = found.ranks.iter().filter_map(|rank| rank.excluded.get());
                n_ranked += ranks.clone().count();
                n_tied += ranks.filter(|rank| rank.fract() > 0.0).count();
            }
        }
    }
    assert!(n_ranked > 20_000 && n_tied > 5_000 && n_pruned > 300, "{n_ranked} {n_tied} {n_pruned}");
}

/// A baseline that only gives scores is ranked by them, and leaves nothing behind for those that touch less.
#[test]
fn a_baseline_of_ones_own_is_ranked_by_its_scores() {
    struct ByIndex(Vec<u32>);
    impl Baseline for ByIndex {
        fn popularity(&self) -> &[u32] {
            &self.0
        }

        fn score(&self, _: u32, _: &[u32], scores: &mut [f64]) {
            scores.iter_mut().zip(0..).for_each(|(score, item)| *score = f64::from(item / 2));
        }
    }
    let (_, train) = store(&[&[1, 2, 3]], 0);
    let markov = MarkovWindow::new(&train, 5);
    let asked = Asked { user: 0, history: &[4], relevant: &[2, 5], k: 3 };
    let mut scratch = Scratch::default();
    let before = markov.rank_user(&asked, &mut scratch);
    // Scores are 0, 1, 1, 2, 2: of the unseen ones, 5 is first and 2 ties with 3.
    let found = ByIndex(vec![0, 1, 1, 1, 0, 0]).rank_user(&asked, &mut scratch);
    assert_eq!(found.top, [5, 2, 3]);
    let [two, five] = found.ranks[..] else { panic!("{found:?}") };
    assert_eq!((two.excluded.get(), two.kept.get()), (Some(2.5), Some(3.5)));
    assert_eq!((five.excluded.get(), five.kept.get()), (Some(1.0), Some(1.5)));
    assert_eq!(markov.rank_user(&asked, &mut scratch), before);
}

/// Sums of `M[a,b] / (n_a · n_b^.25)`, pair of events by pair of events.
fn sums(train: &TrainEvents, n_items: usize) -> Vec<BTreeMap<u32, f64>> {
    let counts = train.counts(n_items);
    let mut decay = vec![1.0];
    (1..10).for_each(|gap| decay.push(decay[gap - 1] * 0.8));
    let mut sums = vec![BTreeMap::new(); n_items + 1];
    for user in 0..train.events().n_users() {
        let own = train.events().items(user);
        for (i, &item) in own.iter().enumerate() {
            for (gap, &follower) in own[i + 1..].iter().take(10).enumerate() {
                *sums[item as usize].entry(follower).or_insert(0.0) += decay[gap];
            }
        }
    }
    for (row, &n) in sums.iter_mut().zip(&counts) {
        for (&follower, sum) in row.iter_mut() {
            *sum /= f64::from(n) * f64::from(counts[follower as usize]).powf(0.25);
        }
    }
    sums
}

/// 1,000 logs, to the bit: as they are, and with fewer pairs than there are, by what the docs say is left.
#[test]
fn pairs_beyond_the_budget_are_pruned_by_the_stated_rule() {
    let mut stream = Stream::new(1, Purpose::BASELINE, 3, 0);
    let mut n_pruned = 0;
    for case in 0..1_000 {
        let n_items = 1 + stream.index(60);
        let users = random_users(&mut stream, n_items);
        let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
        let (_, train) = store(&users, 0);
        let limits = small_limits(&mut stream);
        let counts = train.counts(n_items);
        let found = Transitions::count(train.events(), &counts, limits, &mut ()).unwrap();
        let sums = sums(&train, n_items);
        let pairs: usize = sums.iter().map(BTreeMap::len).sum();
        let kept = |m: usize| sums.iter().map(|row| row.len().min(m)).sum::<usize>();
        let m = (0..10).rev().map(|bit| 1 << bit).find(|&m| m == 1 || kept(m) <= limits.pairs).unwrap();
        for (item, row) in (0..).zip(&sums) {
            let mut heaviest: Vec<(u32, f64)> = row.iter().map(|(&follower, &sum)| (follower, sum)).collect();
            if pairs > limits.pairs {
                heaviest.sort_by(|(a, of_a), (b, of_b)| of_b.total_cmp(of_a).then(a.cmp(b)));
                heaviest.truncate(m);
                heaviest.sort_by_key(|&(follower, _)| follower);
            }
            let (items, weights): (Vec<u32>, Vec<f64>) = heaviest.into_iter().unzip();
            assert_eq!(found.of(item), (&items[..], &weights[..]), "case {case}, item {item}");
        }
        let m = if pairs > limits.pairs { m } else { pairs };
        let said = PrunedPairs { pairs: pairs as u64, kept: kept(m) as u64, successors_per_item: m };
        assert_eq!(found.pruned(), (kept(m) < pairs).then_some(said), "case {case}");
        n_pruned += usize::from(found.pruned().is_some());
    }
    assert!((200..900).contains(&n_pruned), "{n_pruned} of 1000");
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let users: Vec<Vec<u32>> =
        (0..200).map(|user| (0..8).map(|i| 1 + (user * 7 + i * i) % 40).collect()).collect();
    let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
    let (events, train) = store(&users, 1);
    let targets: Vec<Sample> = (0..200).map(|user| Sample { user, position: 7 }).collect();
    let run = |threads, limits| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let markov = MarkovWindow::within(&train, 40, limits, &mut ()).unwrap();
            let random = Random::new(&train, 40, 1);
            (rank_targets(&markov, &events, &targets, k(10)), rank_targets(&random, &events, &targets, k(10)))
        })
    };
    for limits in [Limits::of_pairs(1 << 20), Limits { pairs: 100, occurrences: 300, batch: 70 }] {
        assert_eq!(run(1, limits), run(3, limits));
    }
}

/// Asks to stop when it is looked at for the time after `looks`.
struct StopAfter {
    looks: std::cell::Cell<usize>,
    /// What has begun and not ended, the bars that ended, and how far the last came.
    open: usize,
    ended: usize,
    done: u64,
}

impl Progress for StopAfter {
    fn begin(&mut self, _: &str, _: u64) {
        (self.open, self.done) = (self.open + 1, 0);
    }

    fn advance(&mut self, done: u64, _: &str) {
        assert!(done >= self.done, "{done} after {}", self.done);
        self.done = done;
    }

    fn end(&mut self) {
        (self.open, self.ended) = (self.open - 1, self.ended + 1);
    }

    fn stop_requested(&self) -> bool {
        self.looks.set(self.looks.get().saturating_sub(1));
        self.looks.get() == 0
    }
}

#[test]
fn counting_stops_where_it_is_asked_to_and_tells_how_far_it_is() {
    let users: Vec<Vec<u32>> =
        (0..5_000).map(|user| (0..8).map(|i| 1 + (user * 7 + i * i) % 40).collect()).collect();
    let users: Vec<&[u32]> = users.iter().map(Vec::as_slice).collect();
    let (events, train) = store(&users, 1);
    let targets: Vec<Sample> = (0..5_000).map(|user| Sample { user, position: 7 }).collect();
    let sets = TargetSets::of_one(&events, &targets);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let run = |looks: usize| {
        let mut progress = StopAfter { looks: looks.into(), open: 0, ended: 0, done: 0 };
        let limits = Limits { pairs: 1 << 20, occurrences: 10_000, batch: 2_000 };
        let ended = pool.install(|| {
            let markov = MarkovWindow::within(&train, 40, limits, &mut progress)?;
            assert_eq!(progress.done, 35_000, "all training events");
            progress.begin("", 5_000);
            let ranked = rank_sets_with_progress(&markov, &events, &targets, &sets, 0, &mut progress);
            progress.end();
            ranked.map(|ranked| assert_eq!(ranked.ranks.len(), 5_000))
        });
        assert_eq!(progress.open, 0, "every bar is over");
        (ended, progress.ended, progress.done)
    };
    let (mut stopped, mut last) = ([0, 0, 0], 0);
    for looks in 1..200 {
        match run(looks) {
            (Err(Error::Stopped), bars, _) => stopped[bars] += 1,
            (Ok(()), 2, 5_000) => {
                last = looks;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // Each batch of events, and each block of 2,048 users.
    assert!(stopped[1] > 20 && stopped[2] == 3 && last > 0, "{stopped:?}, {last}");
}
