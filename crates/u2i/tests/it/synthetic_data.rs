//! What there is to find in the synthetic data, by counting.

use u2i::baselines::{Baseline, MarkovWindow, Popularity, rank_targets};
use u2i::datasets::{SyntheticConfig, synthetic};
use u2i_features::RawData;
use u2i_random::{Purpose, Stream};
use u2i_schema::{EventStore, Sample, TrainEvents};

/// `(time, item)` of each user, oldest first; events of one second stay in file order.
fn by_user(raw: &RawData) -> Vec<Vec<(i64, u32)>> {
    let mut users = vec![Vec::new(); raw.user_ids.len()];
    for (i, &user) in raw.events.user.iter().enumerate() {
        users[user as usize].push((raw.events.time_s[i], raw.events.item[i]));
    }
    users.iter_mut().for_each(|own| own.sort_by_key(|&(time_s, _)| time_s));
    users
}

/// Share of users whose last event is among the ten best, seen items excluded.
fn hit_rate(baseline: &dyn Baseline, events: &EventStore, targets: &[Sample]) -> f64 {
    let ranks = rank_targets(baseline, events, targets, 10.try_into().unwrap()).ranks;
    ranks.iter().filter(|rank| rank.excluded.get().is_some_and(|rank| rank <= 10.0)).count() as f64
        / ranks.len() as f64
}

#[test]
fn order_matters() {
    let users = by_user(&synthetic(1, &SyntheticConfig::STANDARD));
    let mut offsets = vec![0];
    offsets.extend(users.iter().scan(0, |sum, own| {
        *sum += own.len() as u64;
        Some(*sum)
    }));
    let (times_s, items): (Vec<i64>, Vec<u32>) =
        users.iter().flatten().map(|&(time, item)| (time, item + 1)).unzip();
    let events = EventStore::new(offsets, items, times_s, vec![]).unwrap();
    let (lengths, targets): (Vec<u32>, Vec<Option<Sample>>) = (0..)
        .zip(&users)
        .map(|(user, own)| match own.len() as u32 {
            n @ 0..3 => (n, None),
            n => (n - 1, Some(Sample { user, position: n - 1 })),
        })
        .unzip();
    let targets: Vec<Sample> = targets.into_iter().flatten().collect();
    let train = TrainEvents::prefixes(&events, &lengths);
    let shuffled = train.rearranged(|user, n| {
        let mut order: Vec<usize> = (0..n).collect();
        Stream::new(0, Purpose::PERMUTATION, 0, user as u64).shuffle(&mut order);
        order
    });
    let n_items = SyntheticConfig::STANDARD.items as usize;
    let popularity = hit_rate(&Popularity::new(&train, n_items), &events, &targets);
    let markov = hit_rate(&MarkovWindow::new(&train, n_items), &events, &targets);
    let without_order = hit_rate(&MarkovWindow::new(&shuffled, n_items), &events, &targets);
    let found = format!("popularity {popularity:.3}, Markov {markov:.3}, shuffled {without_order:.3}");
    assert!(markov > 2.0 * popularity, "{found}");
    assert!(without_order < 0.7 * markov, "{found}");
    assert!(popularity > 20.0 / n_items as f64, "{found}");
}
