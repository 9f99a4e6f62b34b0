//! H11: an event that was acknowledged over HTTP is there after kill −9, once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::{Value, json};
use u2i_random::{Purpose, Stream};

use crate::full;
use crate::http::{Client, JSON};
use crate::runs::succeed;
use crate::service::{Process, bundle};

/// Sends events until the connection breaks, and notes those that were acknowledged and the last that was not.
fn write(process: &Process, round: usize, writer: usize, acknowledged: &Mutex<Vec<String>>) -> Vec<Value> {
    let mut client = process.client();
    for i in 0.. {
        let one = |part: usize| {
            let id = format!("killed-{}-{round}-{writer}-{i}-{part}", process.child.id());
            json!({ "event_id": id, "user": format!("killed {writer}"), "item": format!("film {}", i % 40) })
        };
        // One event, or a few at once.
        let events: Vec<Value> = (0..1 + i % 4).map(one).collect();
        let body = if events.len() == 1 { events[0].clone() } else { json!({ "events": events }) };
        match client.try_ask("POST", "/v1/events", JSON, body.to_string().as_bytes()) {
            Ok(answer) => {
                assert_eq!(answer.ok(), json!({ "accepted": events.len(), "duplicates": 0 }));
                let ids = events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned());
                acknowledged.lock().unwrap().extend(ids);
            }
            Err(_) => return events,
        }
    }
    vec![]
}

/// How often each event stands in what is exported.
fn exported(store: &str, folder: &Path) -> HashMap<String, usize> {
    succeed(&["export-events", store, "--out", "events.parquet"], folder);
    let file = std::fs::File::open(folder.join("events.parquet")).unwrap();
    let mut times = HashMap::new();
    for row in SerializedFileReader::new(file).unwrap().get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let id = row.get_column_iter().position(|(name, _)| name == "event_id").unwrap();
        *times.entry(row.get_string(id).unwrap().clone()).or_default() += 1;
    }
    times
}

fn killed(store: &str, folder: &Path) {
    let bundle = bundle(folder);
    let acknowledged = Mutex::new(Vec::new());
    let mut rng = Stream::new(3, Purpose::SYNTHETIC, 0, 0);
    let n_rounds = if full() { 200 } else { 5 };
    for round in 0..n_rounds {
        let mut process = Process::start(&bundle, &["--events", store]);
        let before = acknowledged.lock().unwrap().len();
        let unknown: Vec<Value> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (process, acknowledged) = (&process, &acknowledged);
                    scope.spawn(move || write(process, round, writer, acknowledged))
                })
                .collect();
            while acknowledged.lock().unwrap().len() < before + 20 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros(rng.below(30_000)));
            process.signal("KILL");
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        process.end();
        drop(process);
        // Whoever heard nothing sends again: now or before, it is there once.
        if round % 2 == 0 {
            let process = Process::start(&bundle, &["--events", store]);
            let taken = process.client().post("/v1/events", &json!({ "events": unknown })).ok();
            let sum = taken["accepted"].as_u64().unwrap() + taken["duplicates"].as_u64().unwrap();
            assert_eq!(sum, unknown.len() as u64);
            let ids = unknown.iter().map(|event| event["event_id"].as_str().unwrap().to_owned());
            acknowledged.lock().unwrap().extend(ids);
        }
        // Reading takes as long as there are events.
        if round % 20 == 0 || round + 1 == n_rounds {
            let times = exported(store, folder);
            let acknowledged = acknowledged.lock().unwrap();
            let lost: Vec<&String> = acknowledged.iter().filter(|id| !times.contains_key(*id)).collect();
            assert!(lost.is_empty(), "round {round}: {lost:?}");
            assert!(times.values().all(|&n| n == 1), "round {round}");
        }
    }
    let n = acknowledged.into_inner().unwrap().len();
    assert!(n >= n_rounds * 20);
    // They are in histories, too.
    let process = Process::start(&bundle, &["--events", store]);
    let shown = Client::new(process.addr).get("/v1/users/killed%200").ok();
    assert!(!shown["live"].as_array().unwrap().is_empty());
}

/// Five times, 200 in full, at random moments under the load of four writers.
#[test]
fn after_kill_9_every_event_acknowledged_over_http_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("events.sqlite");
    killed(store.to_str().unwrap(), folder.path());
}

/// As above, with PostgreSQL, where there is a server.
#[cfg(feature = "postgres")]
#[test]
fn after_kill_9_every_event_acknowledged_over_http_is_in_postgresql_once() {
    let Ok(url) = std::env::var("U2I_POSTGRES_URL") else {
        crate::skipped::skip("U2I_POSTGRES_URL is not set; scripts/postgres.sh starts a server");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    killed(&url, folder.path());
}
