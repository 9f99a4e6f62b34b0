use u2i_random::{Purpose, Stream};
use u2i_schema::{Sample, SampleTable};

use crate::config::{PerUser, SamplesConfig};

/// Chooses training targets among each user's training events but the first, which has no history. There are
/// `lengths[user]` of them.
pub(crate) fn samples(config: &SamplesConfig, lengths: &[u32], seed: u64) -> SampleTable {
    let most = |n: usize| match config.per_user {
        PerUser::All {} => n,
        PerUser::Newest { n: cap } | PerUser::Drawn { n: cap } => n.min(cap.get() as usize),
        PerUser::Fixed { n: wanted } if n > 0 => wanted.get() as usize,
        PerUser::Fixed { .. } => 0,
    };
    let n_targets = |&n: &u32| n.saturating_sub(1) as usize;
    let mut samples = Vec::with_capacity(lengths.iter().map(|n| most(n_targets(n))).sum());
    for (user, &n) in (0..).zip(lengths) {
        let stream = || Stream::new(seed, Purpose::SAMPLES, 0, u64::from(user));
        let sample = |position| Sample { user, position };
        match config.per_user {
            PerUser::All {} => samples.extend((1..n).map(sample)),
            PerUser::Newest { n: cap } => samples.extend((n.saturating_sub(cap.get()).max(1)..n).map(sample)),
            PerUser::Drawn { n: cap } => {
                samples.extend(without_replacement(1..n, cap.get(), stream()).map(sample));
            }
            PerUser::Fixed { n: wanted } if n.saturating_sub(1) >= wanted.get() => {
                samples.extend(without_replacement(1..n, wanted.get(), stream()).map(sample));
            }
            PerUser::Fixed { n: wanted } if n > 1 => {
                let mut stream = stream();
                samples.extend((0..wanted.get()).map(|_| sample(1 + stream.index(n as usize - 1) as u32)));
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
