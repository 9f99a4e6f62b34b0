//! H11: what was acknowledged is there after kill −9, once.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use u2i_live::{NewEvent, open};

use crate::event;
use crate::places::{Place, on_each};

/// Tells a process of this test binary where to write, and what its events are called.
const WRITE_TO: &str = "U2I_TEST_WRITE_TO";
const ROUND: &str = "U2I_TEST_ROUND";

/// Events of one call, of which some were there already.
const CALL: usize = 5;

fn call(round: &str, writer: usize, call: usize) -> Vec<NewEvent> {
    // The last of a call is the first of the next one.
    let of = |i: usize| event(&format!("{round}-{writer}-{}", call * (CALL - 1) + i), "u", "i", i as i64);
    (0..CALL).map(of).collect()
}

/// Not a test: what is killed. Each line that it prints is an event that was acknowledged.
#[test]
#[ignore = "it is started by the tests below"]
fn writes_until_it_is_killed() {
    let (Ok(address), Ok(round)) = (std::env::var(WRITE_TO), std::env::var(ROUND)) else { return };
    let store = open(&address, 4).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (store, round) = (&store, &round);
            scope.spawn(move || {
                for i in 0.. {
                    let events = call(round, writer, i);
                    store.append(&events).unwrap();
                    let lines: String =
                        events.iter().map(|event| format!("ack {}\n", event.event_id)).collect();
                    // At once, so that no line is mixed with that of another thread.
                    std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
                }
            });
        }
    });
}

fn start(place: &Place, round: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::writes_until_it_is_killed", "--ignored", "--nocapture"]);
    command.env(WRITE_TO, &place.address).env(ROUND, round.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a writer some time after its first acknowledgement, and returns what it acknowledged.
fn killed(place: &Place, round: usize) -> Vec<String> {
    let mut child = start(place, round);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut line = String::new();
    let mut take = |acknowledged: &mut Vec<String>| {
        line.clear();
        let is_there = lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n');
        acknowledged.extend(line.trim_end().strip_prefix("ack ").map(str::to_owned).filter(|_| is_there));
        is_there
    };
    while acknowledged.is_empty() && take(&mut acknowledged) {}
    assert!(!acknowledged.is_empty(), "the writer of round {round} ended by itself");
    let waiting = std::thread::spawn(move || {
        // Moments of different lengths, spread over what some transactions take.
        std::thread::sleep(Duration::from_micros((round as u64 * 7919) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    while take(&mut acknowledged) {}
    waiting.join().unwrap();
    acknowledged
}

#[test]
fn after_kill_9_every_acknowledged_event_is_there_once() {
    let n_rounds = if crate::full() { 200 } else { 10 };
    on_each(|place| {
        let mut all: Vec<String> = Vec::new();
        for round in 0..n_rounds {
            all.extend(killed(place, round));
            // With PostgreSQL, whatever the server was told before is done soon.
            let store = place.open();
            // Whoever heard nothing sends again.
            for writer in 0..4 {
                for i in 0..3 {
                    store.append(&call(&round.to_string(), writer, i)).unwrap();
                }
            }
            let mut there: HashMap<String, usize> = HashMap::new();
            store
                .export(None, &mut |event| {
                    *there.entry(event.event_id).or_default() += 1;
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(there.values().all(|&n| n == 1), "round {round}");
            let lost: Vec<&String> = all.iter().filter(|id| !there.contains_key(*id)).collect();
            assert!(lost.is_empty(), "round {round}: {lost:?}");
            assert_eq!(store.n_events(None).unwrap(), there.len() as u64);
            assert_eq!(store.recent(&["u"], there.len() + 1).unwrap()[0].len(), there.len());
        }
        assert!(all.len() > n_rounds * CALL, "{}", all.len());
    });
}
