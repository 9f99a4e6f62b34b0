use u2i_random::{Purpose, Stream};
use u2i_schema::{Sample, SampleTable, TrainEvents};

use crate::config::{PerUser, SamplesConfig};

/// Chooses training targets among each user's training events but the first, which has no history.
pub(crate) fn samples(config: &SamplesConfig, train: &TrainEvents, seed: u64) -> SampleTable {
    let most = |n: usize| match config.per_user {
        PerUser::All {} => n,
        PerUser::Newest { n: cap } | PerUser::Drawn { n: cap } => n.min(cap.get() as usize),
        PerUser::Fixed { n: wanted } if n > 0 => wanted.get() as usize,
        PerUser::Fixed { .. } => 0,
    };
    let n_targets = |user| train.events().items(user).len().saturating_sub(1);
    let n_users = train.events().n_users();
    let mut samples = Vec::with_capacity((0..n_users).map(|user| most(n_targets(user))).sum());
    for user in 0..n_users {
        let n = train.events().items(user).len() as u32;
        let stream = || Stream::new(seed, Purpose::SAMPLES, 0, user as u64);
        let mut take = |position| samples.push(Sample { user: user as u32, position });
        match config.per_user {
            PerUser::All {} => (1..n).for_each(take),
            PerUser::Newest { n: cap } => (n.saturating_sub(cap.get()).max(1)..n).for_each(take),
            PerUser::Drawn { n: cap } => without_replacement(1..n, cap.get(), stream()).for_each(take),
            PerUser::Fixed { n: wanted } if n.saturating_sub(1) >= wanted.get() => {
                without_replacement(1..n, wanted.get(), stream()).for_each(take);
            }
            PerUser::Fixed { n: wanted } if n > 1 => {
                let mut stream = stream();
                (0..wanted.get()).for_each(|_| take(1 + stream.index(n as usize - 1) as u32));
            }
            PerUser::Fixed { .. } => {}
        }
    }
    SampleTable::new(samples)
}

fn without_replacement(
    positions: std::ops::Range<u32>,
    n: u32,
    mut stream: Stream,
) -> impl Iterator<Item = u32> {
    let mut positions: Vec<u32> = positions.collect();
    let drawn = positions.len().min(n as usize);
    // The first steps of a Fisher–Yates shuffle, from the front.
    for i in 0..drawn {
        let other = i + stream.index(positions.len() - i);
        positions.swap(i, other);
    }
    positions.truncate(drawn);
    positions.into_iter()
}
