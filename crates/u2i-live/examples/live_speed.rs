//! How fast a store is on this machine: appends by one caller and by eight at once, and the newest events of a user.
//!
//! ```text
//! cargo run --release -p u2i-live -p u2i-cli --example live_speed -- STORE [EVENTS]
//! ```
//!
//! STORE must be new. It is filled with EVENTS (1,000,000) of a tenth as many users, 1,000 a call, before it is asked.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use u2i_live::{LiveStore, NewEvent, open};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Numbers that look drawn and are the same each time.
fn mixed(i: u64) -> u64 {
    let i = (i ^ (i >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    i ^ (i >> 29)
}

fn event(i: u64, n_users: u64) -> NewEvent {
    NewEvent {
        event_id: format!("{:016x}-{i}", mixed(i)),
        user: format!("user-{}", mixed(i) % n_users),
        item: format!("item-{}", mixed(i + 1) % 100_000),
        time_s: 1_700_000_000 + i as i64 / 10,
        kind: Some("view".to_owned()),
    }
}

/// Calls of one event by several callers for some seconds, and how many were acknowledged a second.
fn appends_per_s(store: &dyn LiveStore, callers: usize, next: &AtomicU64, n_users: u64) -> Result<f64> {
    let begin = Instant::now();
    let time = Duration::from_secs(3);
    std::thread::scope(|scope| {
        let call = || -> Result<u64> {
            let mut n = 0;
            while begin.elapsed() < time {
                store.append(&[event(next.fetch_add(1, Ordering::Relaxed), n_users)])?;
                n += 1;
            }
            Ok(n)
        };
        let callers: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        let counts = callers.into_iter().map(|caller| caller.join().map_err(|_| "a caller panicked")?);
        let n: u64 = counts.collect::<Result<Vec<_>>>()?.into_iter().sum();
        Ok(n as f64 / begin.elapsed().as_secs_f64())
    })
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: live_speed STORE [EVENTS]")?;
    let n_events: u64 = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let n_users = (n_events / 10).max(1);
    let store = open(&address, 8)?;
    let mut out = std::io::stdout();

    let begin = Instant::now();
    for first in (0..n_events).step_by(1000) {
        let some: Vec<_> = (first..n_events.min(first + 1000)).map(|i| event(i, n_users)).collect();
        store.append(&some)?;
    }
    let per_s = n_events as f64 / begin.elapsed().as_secs_f64();
    writeln!(out, "append, 1,000 events a call: {per_s:.0} events/s")?;
    let next = AtomicU64::new(n_events);
    for callers in [1, 8] {
        let per_s = appends_per_s(&*store, callers, &next, n_users)?;
        writeln!(out, "append, 1 event a call, {callers} callers: {per_s:.0} events/s")?;
    }

    for n_asked in [1, 64] {
        let mut times = Vec::new();
        let mut n_found = 0;
        for round in 0..4000 / n_asked {
            let users: Vec<String> =
                (0..n_asked).map(|i| format!("user-{}", mixed(round * 997 + i) % n_users)).collect();
            let asked: Vec<&str> = users.iter().map(String::as_str).collect();
            let begin = Instant::now();
            let recent = store.recent(&asked, 50)?;
            times.push(begin.elapsed());
            n_found += recent.iter().map(Vec::len).sum::<usize>();
        }
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        let (p50, p99) = (at(0.5), at(0.99));
        writeln!(out, "recent, {n_asked} users: p50 {p50:.1} us, p99 {p99:.1} us ({n_found} events)")?;
    }
    let begin = Instant::now();
    let n = store.counts_since(1_700_000_000)?.len();
    writeln!(out, "counts_since: {n} counts in {:.2} s", begin.elapsed().as_secs_f64())?;
    let begin = Instant::now();
    let n = store.forget_user("user-1")?;
    writeln!(out, "forget_user: {n} events in {:.3} s", begin.elapsed().as_secs_f64())?;
    Ok(())
}
