//! Work in parts on rayon's threads. What comes out never depends on how many there are.

use std::ops::Range;

use rayon::prelude::*;

/// Runs of chunks for each part: all, or one each where there are several threads.
pub(crate) fn runs(chunks: usize) -> Vec<Range<usize>> {
    let n = if rayon::current_num_threads() == 1 { chunks.max(1) } else { 1 };
    (0..chunks).step_by(n).map(|first| first..chunks.min(first + n)).collect()
}

/// Does each part, here where there is one part or one thread: a pool would be handed the work and waited for.
pub(crate) fn each<T: Send, R: Send>(parts: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if parts.len() == 1 || rayon::current_num_threads() == 1 {
        parts.into_iter().map(work).collect()
    } else {
        parts.into_par_iter().map(work).collect()
    }
}
