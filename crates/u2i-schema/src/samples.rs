use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// One target: the event at `position` of `user`, whose history is everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// Row of the event store.
    pub user: u32,
    /// Which of the user's events is the target, counted from 0.
    pub position: u32,
}

/// Consecutive targets of one user that share one window of history: the events at positions
/// `first..first + targets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Row of the event store.
    pub user: u32,
    /// Position of the first target.
    pub first: u32,
    /// Number of targets, at least 1.
    pub targets: u32,
}

impl From<Sample> for Chunk {
    fn from(sample: Sample) -> Self {
        Chunk { user: sample.user, first: sample.position, targets: 1 }
    }
}

/// Training targets, sorted by user and position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SampleTable(Vec<Sample>);

impl SampleTable {
    /// Sorts `samples`. A sample may occur more than once.
    pub fn new(mut samples: Vec<Sample>) -> Self {
        samples.sort_unstable();
        SampleTable(samples)
    }

    /// The samples in order.
    pub fn samples(&self) -> &[Sample] {
        &self.0
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Groups runs of consecutive targets of one user into chunks of at most `max_targets`, which share one
    /// window of history. Together the chunks hold every sample exactly once.
    ///
    /// ```
    /// use u2i_schema::{Chunk, Sample, SampleTable};
    /// let table = SampleTable::new((1..=5).map(|position| Sample { user: 0, position }).collect());
    /// let chunks = table.chunks(2.try_into().unwrap());
    /// assert_eq!(chunks[2], Chunk { user: 0, first: 5, targets: 1 });
    /// ```
    pub fn chunks(&self, max_targets: NonZeroU32) -> Vec<Chunk> {
        let follows =
            |a: &Sample, b: &Sample| a.user == b.user && a.position.checked_add(1) == Some(b.position);
        let chunk =
            |run: &[Sample]| Chunk { user: run[0].user, first: run[0].position, targets: run.len() as u32 };
        let runs = self.0.chunk_by(follows);
        runs.flat_map(|run| run.chunks(max_targets.get() as usize)).map(chunk).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_sample_once_and_in_order() {
        let samples: Vec<_> = [(0, 1), (0, 2), (0, 3), (0, 7), (1, 1), (1, 1), (1, 2)]
            .map(|(user, position)| Sample { user, position })
            .into();
        let chunks = SampleTable::new(samples.clone()).chunks(2.try_into().unwrap());
        let mut unrolled: Vec<_> = chunks
            .iter()
            .flat_map(|c| (c.first..c.first + c.targets).map(|position| Sample { user: c.user, position }))
            .collect();
        unrolled.sort_unstable();
        assert_eq!(unrolled, samples);
        assert!(chunks.iter().all(|chunk| chunk.targets <= 2));
    }
}
