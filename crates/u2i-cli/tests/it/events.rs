//! The events that a service was told, back as a file: `u2i export-events`.

use std::path::Path;

use serde_json::json;
use u2i_live::{NewEvent, open};

use crate::runs::{fail, json as read_json, succeed};

/// What people of a shop did within a month, as it reached the service.
fn store(folder: &Path) -> usize {
    let store = open(folder.join("events.db").to_str().unwrap(), 1).unwrap();
    let mut events = Vec::new();
    for step in 0..18_i64 {
        for user in 0..60_i64 {
            let kind = Some(["view", "cart", "purchase"][step as usize % 3].to_owned());
            events.push(NewEvent {
                event_id: format!("{step}-{user}"),
                user: format!("customer {user}"),
                item: format!("a{}", (user * 7 + step * (1 + user % 4)) % 40),
                time_s: 1_700_000_000 + 86_400 * step + 60 * user,
                kind,
            });
        }
    }
    store.append(&events).unwrap();
    events.len()
}

#[test]
fn exported_events_are_a_file_that_init_reads_without_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let n = store(folder);
    let output = succeed(&["export-events", "events.db", "--out", "events.parquet"], folder);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{n} events in events.parquet\n"));
    succeed(&["init", "events.parquet", "--out", "own.toml"], folder);
    let config = std::fs::read_to_string(folder.join("own.toml")).unwrap();
    for line in ["user = \"user_id\"", "item = \"item_id\"", "timestamp"] {
        assert!(config.contains(line), "{line}: {config}");
    }
    succeed(&["validate", "own.toml"], folder);
}

#[test]
fn events_since_a_moment_and_a_copy_of_the_store_are_written_while_a_service_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let n = store(folder);
    let serving = open(folder.join("events.db").to_str().unwrap(), 1).unwrap();
    let arguments = [
        "export-events",
        "events.db",
        "--out",
        "late.parquet",
        "--since",
        "2023-12-01",
        "--backup",
        "copy.db",
        "--json",
    ];
    let said = read_json(&succeed(&arguments, folder));
    // 1 December 2023 is 1,701,388,800 s, and the last day begins at 1,701,468,800 s.
    let wanted = json!({
        "store": "events.db",
        "out": "late.parquet",
        "n_events": 60,
        "since_s": 1_701_388_800,
        "backup": "copy.db",
    });
    assert_eq!(said, wanted);
    drop(serving);
    let said = read_json(&succeed(&["export-events", "copy.db", "--out", "all.parquet", "--json"], folder));
    assert_eq!(said["n_events"], n);
    // Of what is on a server, another program makes copies.
    let help = String::from_utf8(succeed(&["export-events", "--help"], folder).stdout).unwrap();
    assert!(help.contains("pg_dump"), "{help}");
}

#[test]
fn a_store_that_cannot_be_exported_is_told_with_the_exit_code_of_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let out = ["--out", "events.parquet"];
    let export = |store: &str, code, message: &str| {
        fail(&[&["export-events", store][..], &out].concat(), folder, code, message);
        assert!(!folder.join("events.parquet").exists());
    };
    fail(&["export-events", "events.db"], folder, 2, "--out");
    export("events.db", 4, "cannot read events.db");
    assert!(!folder.join("events.db").exists());
    std::fs::write(folder.join("events.csv"), "user_id,item_id\n").unwrap();
    export("events.csv", 5, "events.csv is no store of events");
    export("mysql://me:secret@host/db", 2, "begins with mysql://");
    if cfg!(not(feature = "postgres")) {
        export("postgres://me:secret@host/db", 2, "this build has no PostgreSQL");
    }
    store(folder);
    fail(&["export-events", "events.db", "--out", "no/such/events.parquet"], folder, 4, "cannot write");
    fail(&["export-events", "events.db", "--out", "a", "--since", "noon"], folder, 2, "is no moment");
}
