//! H10: memory and descriptors do not grow with the number of requests.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::full;
use crate::service::{Process, bundle};

/// Resident memory in KiB, and open descriptors.
fn taken(process: &Process) -> (u64, usize) {
    let folder = format!("/proc/{}", process.child.id());
    let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kib, std::fs::read_dir(format!("{folder}/fd")).unwrap().count())
}

/// The measures, without their values.
fn series(process: &Process) -> BTreeSet<String> {
    let text = process.client().get("/metrics").text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// `n` requests by four clients, each of which opens a connection for every 50; a tenth write an event.
fn load(process: &Process, from: usize, n: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = process.client();
                loop {
                    let i = from + next.fetch_add(1, Ordering::Relaxed);
                    if i >= from + n {
                        break;
                    }
                    if i.is_multiple_of(50) {
                        client = process.client();
                    }
                    let answer = match i % 10 {
                        0 => client.post("/v1/events", &json!({ "user": format!("u{i}"), "item": format!("film {}", i % 40) })),
                        1 => client.post("/v1/recommend", &json!({ "user": format!("u{}", i - 1) })),
                        2 => client.get(&format!("/v1/items?query=title%20{}", i % 40)),
                        3 => client.get(&format!("/v1/items/film%20{}/similar", i % 40)),
                        4 => client.post("/v1/recommend", &json!({ "requests": [{ "user": "user 3" }, { "k": 0 }] })),
                        5 => client.get(&format!("/v1/nothing/{i}")),
                        6 => client.post("/v1/recommend", &json!({ "history": [format!("film {}", i % 40)], "where": format!("year > {}", 1950 + i % 30) })),
                        7 | 8 => client.get(&format!("/v1/users/u{i}/recommendations")),
                        _ => client.post("/v1/recommend", &json!({ "user": format!("user {}", i % 30), "explain": 2 })),
                    };
                    assert_eq!(answer.status, if i % 10 == 5 { 404 } else { 200 }, "{}", answer.text());
                }
            });
        }
    });
}

/// 10,000 requests, a million in full, after as many as it takes to have met everything once: at most 8 MiB more, no
/// descriptor, and no measure of its own for what a client makes up.
#[cfg(target_os = "linux")]
#[test]
fn memory_and_descriptors_do_not_grow_with_requests() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&bundle(folder.path()), &[]);
    let n = if full() { 1_000_000 } else { 10_000 };
    load(&process, 0, n / 4);
    let (before_kib, _) = taken(&process);
    // Reading them is measured, too.
    series(&process);
    let measured = series(&process);
    assert!(measured.len() > 100, "{measured:?}");
    load(&process, n / 4, n);
    let (after_kib, _) = taken(&process);
    assert!(after_kib < before_kib + (8 << 10), "{before_kib} KiB, then {after_kib} KiB");
    assert_eq!(series(&process).difference(&measured).collect::<Vec<_>>(), Vec::<&String>::new());
    // Connections end a moment after their clients.
    let (_, descriptors) = taken(&process);
    assert!(descriptors < 40, "{descriptors} descriptors");
}
