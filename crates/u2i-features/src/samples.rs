use u2i_random::{Purpose, Stream};
use u2i_schema::{Sample, SampleTable};

use crate::config::{PerUser, SamplesConfig};

/// Chooses training targets among each user's training events but the first, which has no history. There are
/// `lengths[user]` of them, of which those are chosen from that may be targets.
pub(crate) fn samples(
    config: &SamplesConfig,
    lengths: &[u32],
    seed: u64,
    is_target: impl Fn(usize, usize) -> bool,
) -> SampleTable {
    let most = |n: usize| match config.per_user {
        PerUser::All {} => n,
        PerUser::Newest { n: cap } | PerUser::Drawn { n: cap } => n.min(cap.get() as usize),
        PerUser::Fixed { n: wanted } if n > 0 => wanted.get() as usize,
        PerUser::Fixed { .. } => 0,
    };
    let n_targets = |&n: &u32| n.saturating_sub(1) as usize;
    let mut samples = Vec::with_capacity(lengths.iter().map(|n| most(n_targets(n))).sum());
    let mut positions: Vec<u32> = Vec::new();
    for (user, &n) in (0..).zip(lengths) {
        positions.clear();
        positions.extend((1..n).filter(|&position| is_target(user as usize, position as usize)));
        let stream = || Stream::new(seed, Purpose::SAMPLES, 0, u64::from(user));
        let sample = |&position: &u32| Sample { user, position };
        let n = positions.len();
        match config.per_user {
            PerUser::All {} => samples.extend(positions.iter().map(sample)),
            PerUser::Newest { n: cap } => {
                samples.extend(positions[n.saturating_sub(cap.get() as usize)..].iter().map(sample));
            }
            PerUser::Drawn { n: cap } => {
                draw(&mut positions, cap.get(), stream());
                samples.extend(positions.iter().map(sample));
            }
            PerUser::Fixed { n: wanted } if n >= wanted.get() as usize => {
                draw(&mut positions, wanted.get(), stream());
                samples.extend(positions.iter().map(sample));
            }
            PerUser::Fixed { n: wanted } if n > 0 => {
                let mut stream = stream();
                samples.extend((0..wanted.get()).map(|_| sample(&positions[stream.index(n)])));
            }
            PerUser::Fixed { .. } => {}
        }
    }
    SampleTable::new(samples)
}

/// Leaves at most `n` of the positions, drawn without replacement.
fn draw(positions: &mut Vec<u32>, n: u32, mut stream: Stream) {
    let drawn = positions.len().min(n as usize);
    // The first steps of a Fisher–Yates shuffle, from the front.
    for i in 0..drawn {
        let other = i + stream.index(positions.len() - i);
        positions.swap(i, other);
    }
    positions.truncate(drawn);
}
