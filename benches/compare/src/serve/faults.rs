//! Long runs and bad company: memory, overload, slow clients.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use u2i_random::{Purpose, Stream};

use super::bundle::{K, REQUESTS, Size};
use super::client::{PATIENCE, post};
use super::drip::Drippers;
use super::load::{BUSY, Load, OPEN, ROUND_S, Told};
use super::process::Taken;
use super::service::{Service, Spent, round};
use crate::rounds::serve as rounds;

/// Requests of the run that looks at memory, and the seconds that they may take.
const MANY: usize = 1_000_000;
const MANY_S: f64 = 210.0;
/// Clients of that run: events wait for the disk.
const WRITERS: usize = 48;
/// Between two looks at memory.
const LOOK: Duration = Duration::from_millis(500);
/// Descriptors that may come and go.
const DESCRIPTORS: usize = 4;

/// Requests of known users, every tenth of which is an event of one instead.
pub fn memory(service: &Service) -> Result<()> {
    let mut stream = Stream::new(9, Purpose::SYNTHETIC, 0, 0);
    let request = |place: usize| {
        let user = format!("user {}", stream.index(REQUESTS));
        let item = (1 + stream.index(10_000)).to_string();
        match place % 10 {
            0 => post("/v1/events", &json!({ "user": user, "item": item }).to_string()),
            _ => post("/v1/recommend", &json!({ "user": user, "k": 10 }).to_string()),
        }
    };
    let requests: Vec<Vec<u8>> = (0..40_000).map(request).collect();
    rounds(json!({}), || {
        let load = Load { address: service.server.address, requests: &requests, clients: WRITERS };
        let (before, over) = (service.server.taken()?, AtomicBool::new(false));
        let (told, looks) = thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut looks = Vec::new();
                while !over.load(Relaxed) {
                    looks.extend(service.server.taken());
                    thread::sleep(LOOK);
                }
                looks
            });
            let told = load.closed(MANY_S, MANY);
            over.store(true, Relaxed);
            (told, looking.join())
        });
        let (told, looks) = (told?, looks.map_err(|_| anyhow::anyhow!("a panic"))?);
        let after = service.server.taken()?;
        let [warm, end] = [(0.2, 0.3), (0.9, 1.0)].map(|(from, to)| middle(&looks, from, to));
        let growth = end.rss_mib - warm.rss_mib;
        ensure!(
            told.answered() == MANY || told.failed > 0,
            "{} of {MANY} requests in {MANY_S} s; until then memory grew by {growth:.1} MiB",
            told.answered()
        );
        ensure!(
            end.descriptors <= warm.descriptors + DESCRIPTORS,
            "{} descriptors after a fifth of the requests, {} in the end",
            warm.descriptors,
            end.descriptors
        );
        let spent = Spent { cpu_s: after.cpu_s - before.cpu_s, rss_mib: after.rss_mib };
        let more = [
            ("MiB after a fifth", warm.rss_mib),
            ("MiB in the end", end.rss_mib),
            ("descriptors after a fifth", warm.descriptors as f64),
            ("descriptors in the end", end.descriptors as f64),
        ];
        let mut round = round(&told, spent, &more)?;
        round["growth_mib"] = json!(growth);
        Ok(round)
    })
}

/// Medians of the looks of a part of the run.
fn middle(looks: &[Taken], from: f64, to: f64) -> Taken {
    let place = |share: f64| (share * looks.len() as f64) as usize;
    let part = &looks[place(from)..place(to)];
    let median = |of: fn(&Taken) -> f64| {
        let mut values: Vec<f64> = part.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Taken {
        cpu_s: 0.0,
        rss_mib: median(|look| look.rss_mib),
        descriptors: median(|look| look.descriptors as f64) as usize,
    }
}

/// Clients of an overload, each with a connection.
const CROWD: usize = 900;
/// How much more is asked than can be answered.
const TIMES: f64 = 10.0;

/// Exact search of 10⁶ items: requests that take long, so that sending ten times as many and refusing them costs the two
/// cores, which this process shares, little beside them.
pub fn overload(service: &Service, data: &Path) -> Result<()> {
    let body = |history: &Vec<String>| json!({ "history": history, "k": K, "exact": true }).to_string();
    let histories = Size::LARGE.asked(data)?.histories;
    let requests: Vec<Vec<u8>> =
        histories.iter().map(|history| post("/v1/recommend", &body(history))).collect();
    let address = service.server.address;
    rounds(json!({}), || {
        let before = service.server.taken()?;
        let peak = Load { address, requests: &requests, clients: BUSY }.closed(ROUND_S, usize::MAX)?;
        peak.check()?;
        let per_s = TIMES * peak.per_s();
        let told = Load { address, requests: &requests, clients: CROWD }.open(per_s, 2.0 * ROUND_S)?;
        let after = service.server.taken()?;
        ensure!(
            told.failed == 0,
            "{} requests were neither answered nor refused: {}",
            told.failed,
            told.failure.as_deref().unwrap_or("no word")
        );
        let share = told.per_s() / peak.per_s();
        Ok(json!({
            "work": told.answered(),
            "cpu_s": after.cpu_s - before.cpu_s,
            "peak_rss_mib": after.rss_mib,
            "goodput": share,
            "said": {
                "peak a second": peak.per_s(),
                "offered a second": per_s,
                "answered a second": told.per_s(),
                "refused a second": told.refused as f64 / told.wall_s,
                "p50 of those answered, ms": 1e3 * told.quantile_s(0.5),
            },
        }))
    })
}

const DRIPPERS: usize = 1_000;
/// Connections of drippers and clients, and of what else there is.
const FILES: usize = DRIPPERS + 200;
/// Requests a second of the good client, and the seconds of each half of a round.
const GOOD_PER_S: f64 = 300.0;
const GOOD_S: f64 = 8.0;
/// Time for the drippers to come, longer than a header may take.
const TO_COME: Duration = Duration::from_secs(7);

/// One load, alone and beside drippers.
pub fn slow_clients(service: &Service) -> Result<()> {
    let limit = open_files();
    ensure!(limit.is_none_or(|limit| limit >= FILES), "`ulimit -n` is {limit:?}, and {FILES} are needed");
    let address = service.server.address;
    rounds(json!({}), || -> Result<Value> {
        let good = |clients| service.during(clients, |load| load.open(GOOD_PER_S, GOOD_S));
        let (alone, _) = good(OPEN)?;
        alone.check()?;
        let (stop, open, closed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let beside = thread::scope(|scope| {
            scope.spawn(|| Drippers { address, n: DRIPPERS }.run(&stop, &open, &closed));
            thread::sleep(TO_COME);
            let told = good(OPEN);
            stop.store(true, Relaxed);
            told
        });
        let (beside, spent) = beside?;
        let [p99_alone, p99] = [&alone, &beside].map(p99_of_all);
        Ok(json!({
            "work": beside.answered(),
            "cpu_s": spent.cpu_s,
            "peak_rss_mib": spent.rss_mib,
            "times": p99 / p99_alone,
            "said": {
                "p99 alone, ms": 1e3 * p99_alone,
                "p99 beside them, ms": 1e3 * p99,
                "connections of theirs that are open": open.load(Relaxed),
                "connections of theirs that were closed": closed.load(Relaxed),
                "requests of the good one that failed": beside.failed + beside.refused,
            },
        }))
    })
}

/// With what was not answered as what took longest.
fn p99_of_all(told: &Told) -> f64 {
    let (n, lost) = (told.answered(), told.failed + told.refused);
    let place = (0.99 * (n + lost) as f64).ceil() as usize;
    told.latencies_s.get(place.max(1) - 1).copied().unwrap_or(PATIENCE.as_secs_f64())
}

/// How many files this process may open, where the system tells it.
fn open_files() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_counts_among_the_slowest() {
        let told = |n: usize, lost| Told {
            latencies_s: (1..=n).map(|i| i as f64 / 1e3).collect(),
            refused: lost,
            ..Told::default()
        };
        assert_eq!(p99_of_all(&told(200, 0)), 0.198);
        assert_eq!(p99_of_all(&told(198, 2)), 0.198);
        assert_eq!(p99_of_all(&told(190, 10)), 10.0);
    }

    #[test]
    fn growth_is_between_the_middles_of_two_parts() {
        let look = |mib: usize| Taken { cpu_s: 0.0, rss_mib: mib as f64, descriptors: mib };
        let looks: Vec<Taken> = (0..100).map(look).collect();
        assert_eq!(middle(&looks, 0.2, 0.3).rss_mib, 25.0);
        assert_eq!(middle(&looks, 0.9, 1.0).descriptors, 95);
    }
}
