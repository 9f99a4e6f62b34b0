use rayon::ThreadPoolBuilder;

use crate::IndexError;

/// Keeps to the calling thread, for as long as it lives, what it would share with others: searches, and all else that is
/// divided by rayon. A server whose workers have called this once each has as many threads at work as workers.
///
/// Results do not depend on it. A thread that called it before, or is the only one of a pool of rayon, stays as it is.
///
/// # Errors
///
/// [`OfAPool`](IndexError::OfAPool) on one of several threads of a pool of rayon.
///
/// # Examples
///
/// ```
/// std::thread::spawn(|| {
///     u2i_index::keep_to_this_thread()?;
///     assert_eq!(rayon::current_num_threads(), 1);
///     u2i_index::keep_to_this_thread()
/// })
/// .join()
/// .expect("it does not panic")?;
/// # Ok::<(), u2i_index::IndexError>(())
/// ```
pub fn keep_to_this_thread() -> Result<(), IndexError> {
    if rayon::current_thread_index().is_some() {
        return match rayon::current_num_threads() {
            1 => Ok(()),
            threads => Err(IndexError::OfAPool { threads }),
        };
    }
    let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    // The pool has no thread but this one, which does its work whenever it waits for some.
    pool.map(std::mem::forget).map_err(|source| IndexError::Threads { source })
}
