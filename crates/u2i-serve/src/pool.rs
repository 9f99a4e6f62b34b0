//! Threads that encode and search, behind a bounded queue. Requests that wait are answered together; nothing waits for
//! others to come. Where nothing waits and not all threads are busy, short work is done by the thread that brings it: being
//! handed to another and back takes longer than HTTP does.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::ServeError;
use crate::error::ApiError;

/// What is done in one go, for whoever waits.
pub(crate) trait Work: Send + 'static {
    /// Does what waits, in any order.
    fn run(together: Vec<Self>)
    where
        Self: Sized;
}

/// The most that is done in one go: one's own wait is for others' work, too.
const TOGETHER: usize = 64;

/// As much work as is done at once, by whichever threads: whoever takes one of these does some.
#[derive(Clone)]
struct Turns {
    free: Receiver<()>,
    back: Sender<()>,
}

/// A turn, which is given back in the end, whatever happens.
struct Turn<'a>(&'a Sender<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

impl Turns {
    fn new(n: NonZeroUsize) -> Self {
        let (back, free) = bounded(n.get());
        for _ in 0..n.get() {
            let _ = back.try_send(());
        }
        Turns { free, back }
    }

    /// Waits for a turn.
    fn next(&self) -> Turn<'_> {
        // Never an error: `back` is there.
        let _ = self.free.recv();
        Turn(&self.back)
    }

    fn try_next(&self) -> Option<Turn<'_>> {
        self.free.try_recv().ok().map(|()| Turn(&self.back))
    }
}

struct Queued<W> {
    work: W,
    _place: OwnedSemaphorePermit,
}

/// A bounded queue and its threads, which end when the pool is dropped and the queue is empty.
pub(crate) struct Pool<W: Work> {
    queue: Option<Sender<Queued<W>>>,
    places: Arc<Semaphore>,
    waiting: usize,
    turns: Turns,
    threads: Vec<JoinHandle<()>>,
}

impl<W: Work> Pool<W> {
    pub fn start(threads: NonZeroUsize, waiting: usize) -> Result<Self, ServeError> {
        let (queue, ahead) = unbounded::<Queued<W>>();
        let turns = Turns::new(threads);
        let one = |i: usize| {
            let (ahead, turns) = (ahead.clone(), turns.clone());
            Builder::new().name(format!("u2i-search-{i}")).spawn(move || answer(&ahead, &turns, threads))
        };
        let threads = (0..threads.get()).map(one).collect::<Result<_, _>>().map_err(|error| {
            ServeError::Start { what: "the threads that search", reason: error.to_string() }
        })?;
        Ok(Pool { queue: Some(queue), places: Arc::new(Semaphore::new(waiting)), waiting, turns, threads })
    }

    /// Does work at once if nothing waits and it is somebody's turn, else gives it to the threads as
    /// [`submit`](Self::submit) does. For work that takes about a millisecond: the calling thread does nothing else meanwhile.
    pub fn do_or_submit(&self, work: W) -> Result<(), ApiError> {
        if self.depth() == 0
            && let Some(_turn) = self.turns.try_next()
        {
            to_this_thread();
            run(vec![work]);
            return Ok(());
        }
        self.submit(work)
    }

    /// Gives work to the threads, unless too much waits.
    pub fn submit(&self, work: W) -> Result<(), ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::overloaded())?;
        self.send(work, place)
    }

    /// Gives the threads a further part of work that was let in, as soon as there is a place for it.
    pub async fn submit_further(&self, work: W) -> Result<(), ApiError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ApiError::overloaded())?;
        self.send(work, place)
    }

    fn send(&self, work: W, place: OwnedSemaphorePermit) -> Result<(), ApiError> {
        let queue = self.queue.as_ref().ok_or_else(ApiError::overloaded)?;
        queue
            .send(Queued { work, _place: place })
            .map_err(|_| ApiError::internal("the pool", &"no thread is left"))
    }

    /// What waits now.
    pub fn depth(&self) -> usize {
        self.waiting - self.places.available_permits()
    }
}

impl<W: Work> Drop for Pool<W> {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A search that spread over other threads would take them from other requests.
fn to_this_thread() {
    if let Err(error) = u2i_index::keep_to_this_thread() {
        tracing::warn!(%error, "searches use several threads");
    }
}

fn answer<W: Work>(ahead: &Receiver<Queued<W>>, turns: &Turns, threads: NonZeroUsize) {
    to_this_thread();
    while let Ok(first) = ahead.recv() {
        let _turn = turns.next();
        // A share of what waits: the other threads have theirs.
        let more = ahead.len().div_ceil(threads.get()).min(TOGETHER - 1);
        // Its place is free as soon as it is taken.
        let take = |queued: Queued<W>| queued.work;
        let mut together = Vec::with_capacity(1 + more);
        together.push(take(first));
        together.extend(ahead.try_iter().take(more).map(take));
        run(together);
    }
}

fn run<W: Work>(together: Vec<W>) {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| W::run(together)));
    if done.is_err() {
        // Those who wait see their channel closed, which is answered as an internal error.
        tracing::error!("a search panicked");
    }
}

/// What work sends back.
pub(crate) async fn answered<T>(answer: oneshot::Receiver<T>) -> Result<T, ApiError> {
    answer.await.map_err(|_| ApiError::internal("the pool", &"a search did not end"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use axum::http::StatusCode;

    use super::*;

    /// Says that it has begun, waits for a word, and says what it was done with.
    struct Gated {
        begun: Sender<()>,
        go: Arc<std::sync::Mutex<Receiver<()>>>,
        together: Sender<usize>,
    }

    impl Work for Gated {
        fn run(together: Vec<Self>) {
            let first = &together[0];
            first.begun.send(()).unwrap();
            first.go.lock().unwrap().recv().unwrap();
            first.together.send(together.len()).unwrap();
        }
    }

    #[test]
    fn one_too_many_is_refused_and_taken_when_there_is_a_place() {
        // Before the channels, so that it outlives them: its thread waits for them if an assertion fails.
        let pool = Pool::start(NonZeroUsize::MIN, 3).unwrap();
        let ((begun, has_begun), (go, gone), (together, n_together)) = (channel(), channel(), channel());
        let gone = Arc::new(std::sync::Mutex::new(gone));
        let work = || Gated { begun: begun.clone(), go: Arc::clone(&gone), together: together.clone() };
        pool.submit(work()).unwrap();
        has_begun.recv().unwrap();
        // The thread is busy: three may wait, and no fourth.
        for waiting in 0..3 {
            assert_eq!(pool.depth(), waiting);
            pool.submit(work()).unwrap();
        }
        for _ in 0..2 {
            let error = pool.submit(work()).unwrap_err();
            assert_eq!((error.status, error.code), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
            assert_eq!(error.header.unwrap().0, axum::http::header::RETRY_AFTER);
        }
        go.send(()).unwrap();
        assert_eq!(n_together.recv().unwrap(), 1);
        // What waited is done in one go, and its places are free.
        has_begun.recv().unwrap();
        assert_eq!(pool.depth(), 0);
        pool.submit(work()).unwrap();
        go.send(()).unwrap();
        assert_eq!(n_together.recv().unwrap(), 3);
        go.send(()).unwrap();
        assert_eq!(n_together.recv().unwrap(), 1);
    }

    /// Says which thread does it.
    struct Names(Sender<Option<String>>);

    impl Work for Names {
        fn run(together: Vec<Self>) {
            for Names(name) in together {
                name.send(std::thread::current().name().map(str::to_owned)).unwrap();
            }
        }
    }

    #[test]
    fn short_work_is_done_at_once_where_nothing_waits() {
        let pool = Pool::start(NonZeroUsize::MIN, 3).unwrap();
        let (name, named) = channel();
        let own = std::thread::current().name().map(str::to_owned);
        pool.do_or_submit(Names(name.clone())).unwrap();
        assert_eq!(named.try_recv().unwrap(), own);
        // Not while all turns are taken: then it waits as any other.
        let turn = pool.turns.try_next().unwrap();
        pool.do_or_submit(Names(name.clone())).unwrap();
        assert!(named.try_recv().is_err());
        drop(turn);
        assert_eq!(named.recv().unwrap().as_deref(), Some("u2i-search-0"));
        // A turn comes back from work that panics, too.
        let (reply, answer) = oneshot::channel();
        let fails = Pool::start(NonZeroUsize::MIN, 3).unwrap();
        fails.do_or_submit(Fails(true, reply)).unwrap();
        assert!(answer.blocking_recv().is_err());
        let (reply, answer) = oneshot::channel();
        fails.do_or_submit(Fails(false, reply)).unwrap();
        answer.blocking_recv().unwrap();
    }

    struct Fails(bool, oneshot::Sender<()>);

    impl Work for Fails {
        fn run(together: Vec<Self>) {
            for Fails(fails, reply) in together {
                assert!(!fails, "as planned");
                let _ = reply.send(());
            }
        }
    }

    #[test]
    fn a_thread_outlives_work_that_panics() {
        let pool = Pool::start(NonZeroUsize::MIN, 3).unwrap();
        for fails in [true, false, true, false] {
            let (reply, answer) = oneshot::channel();
            pool.submit(Fails(fails, reply)).unwrap();
            assert_eq!(answer.blocking_recv().is_err(), fails);
        }
    }
}
