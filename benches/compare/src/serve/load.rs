//! Load from clients: each asks again as soon as it has its answer (closed), or at moments that do not depend on answers
//! (open). Of an open load latencies begin when a request was meant to be sent, so that a server that keeps clients waiting
//! does not hide it from them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use u2i_random::{Purpose, Stream};

use super::client::{Connection, PATIENCE};

/// Clients that keep a server busy, and those of an open load, of whom most wait for their moment.
pub const BUSY: usize = 16;
pub const OPEN: usize = 64;
/// Seconds of a round.
pub const ROUND_S: f64 = 4.0;

/// What is asked, and by how many clients.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    pub address: SocketAddr,
    /// Whole requests, which clients take in turn.
    pub requests: &'a [Vec<u8>],
    /// Connections, each of a thread of its own.
    pub clients: usize,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Told {
    /// Latencies of answers of status 200, in seconds, ascending.
    pub latencies_s: Vec<f64>,
    /// Answers of status 503.
    pub refused: usize,
    /// All else: other answers, errors of connections, answers that did not come.
    pub failed: usize,
    /// One of these, in words.
    pub failure: Option<String>,
    /// From the first request to the last answer.
    pub wall_s: f64,
}

/// Stacks of clients, of which there may be hundreds.
const STACK: usize = 1 << 18;

impl Load<'_> {
    /// As many requests as clients manage, one after another each, until so many seconds are over or so many requests
    /// were sent.
    pub fn closed(self, seconds: f64, at_most: usize) -> Result<Told> {
        let (begin, next) = (Instant::now(), AtomicUsize::new(0));
        let end = begin + Duration::from_secs_f64(seconds);
        self.run(begin, || {
            let now = Instant::now();
            let place = next.fetch_add(1, Relaxed);
            (now < end && place < at_most).then_some((place, now))
        })
    }

    /// So many requests a second, at moments of a Poisson process.
    pub fn open(self, per_s: f64, seconds: f64) -> Result<Told> {
        ensure!(per_s > 0.0, "{per_s} requests a second");
        let moments = moments(per_s, seconds);
        let (begin, next) = (Instant::now() + Duration::from_millis(50), AtomicUsize::new(0));
        self.run(begin, || {
            let place = next.fetch_add(1, Relaxed);
            let at = begin + Duration::from_secs_f64(*moments.get(place)?);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            Some((place, at))
        })
    }

    /// Each client takes a request from `next`, which waits until it is time and returns its place and its beginning.
    fn run(self, begin: Instant, next: impl Fn() -> Option<(usize, Instant)> + Sync) -> Result<Told> {
        let Load { address, requests, clients } = self;
        ensure!(!requests.is_empty(), "there is nothing to ask");
        let client = || {
            let (mut connection, mut told) = (Connection::new(address), Told::default());
            while let Some((place, at)) = next() {
                let answer = connection.ask(&requests[place % requests.len()]);
                told.add(answer, at.elapsed(), &connection);
            }
            told
        };
        let mut told = Told::default();
        thread::scope(|scope| -> Result<()> {
            let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, client);
            let threads: Vec<_> = (0..clients).map(start).collect::<io::Result<_>>().context("a thread")?;
            for thread in threads {
                let own = thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
                told.latencies_s.extend(own.latencies_s);
                told.refused += own.refused;
                told.failed += own.failed;
                told.failure = told.failure.take().or(own.failure);
            }
            Ok(())
        })?;
        told.wall_s = begin.elapsed().as_secs_f64();
        told.latencies_s.sort_by(f64::total_cmp);
        Ok(told)
    }
}

/// Seconds from the beginning, ascending; the same in each round and of both sides.
fn moments(per_s: f64, seconds: f64) -> Vec<f64> {
    let mut stream = Stream::new(6, Purpose::SYNTHETIC, 0, 0);
    let (mut at, mut all) = (0.0, Vec::new());
    loop {
        at -= (1.0 - stream.unit()).ln() / per_s;
        if at >= seconds {
            return all;
        }
        all.push(at);
    }
}

impl Told {
    fn add(&mut self, answer: io::Result<u16>, took: Duration, connection: &Connection) {
        match answer {
            Ok(200) => self.latencies_s.push(took.as_secs_f64()),
            Ok(503) => self.refused += 1,
            Ok(status) => {
                let body = String::from_utf8_lossy(connection.body()).chars().take(300).collect::<String>();
                self.fail(format!("status {status}: {body}"));
            }
            Err(error) => {
                self.fail(match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("no answer in {PATIENCE:?}"),
                    _ => error.to_string(),
                });
                // A server that is gone is not asked a million times.
                thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failure.get_or_insert(what);
    }

    /// Requests that were answered as they should be.
    pub fn answered(&self) -> usize {
        self.latencies_s.len()
    }

    /// Those a second.
    pub fn per_s(&self) -> f64 {
        self.answered() as f64 / self.wall_s
    }

    /// The latency that a share of the answers stays below.
    pub fn quantile_s(&self, share: f64) -> f64 {
        let n = self.latencies_s.len();
        let place = (share * n as f64).ceil() as usize;
        self.latencies_s.get(place.clamp(1, n.max(1)) - 1).copied().unwrap_or(f64::NAN)
    }

    /// That every request was answered.
    pub fn check(&self) -> Result<()> {
        let Told { refused, failed, failure, .. } = self;
        ensure!(*failed == 0, "{failed} requests failed: {}", failure.as_deref().unwrap_or("no word"));
        ensure!(*refused == 0, "{refused} requests were refused");
        ensure!(self.answered() > 0, "no request was answered");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_many_as_the_rate_says_and_ascend() {
        let moments = moments(500.0, 20.0);
        // 10,000 are expected, with a standard deviation of 100.
        assert!((9_500..10_500).contains(&moments.len()), "{}", moments.len());
        assert!(moments.is_sorted() && moments[0] > 0.0 && moments[moments.len() - 1] < 20.0);
    }

    #[test]
    fn quantiles_are_of_the_answers_that_were_needed() {
        let told = Told { latencies_s: (1..=200).map(f64::from).collect(), ..Told::default() };
        assert_eq!([0.5, 0.99, 1.0].map(|share| told.quantile_s(share)), [100.0, 198.0, 200.0]);
        assert!(Told::default().quantile_s(0.5).is_nan());
    }
}
