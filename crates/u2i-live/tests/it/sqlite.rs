//! What only a store in a file does.

use std::fs;
use std::path::Path;
use std::process::id;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use u2i_live::{EventLog as _, LiveStore as _, SqliteStore, open, open_log};
use u2i_schema::ErrorKind;

use crate::event;
use crate::places::Place;

#[test]
fn of_two_services_with_one_file_the_second_hears_who_has_it() {
    let place = Place::file();
    let store = place.open();
    store.append(&[event("1", "u", "i", 1)]).unwrap();
    let error = open(&place.address, 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let wanted = format!("{}.lock is held by process {}, which serves with this store", place.address, id());
    assert_eq!(error.to_string(), wanted);
    // Reading back needs no lock.
    assert_eq!(open_log(&place.address).unwrap().n_events(None).unwrap(), 1);
    drop(store);
    assert_eq!(place.open().n_events(None).unwrap(), 1);
}

/// Transactions in a write-ahead log: a frame that ends one has the size of the file in bytes 4 to 8 of its header.
fn transactions(log: &Path) -> usize {
    let bytes = fs::read(log).unwrap();
    let page = u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
    bytes[32..].chunks(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn calls_that_wait_share_a_transaction() {
    let place = Place::file();
    let store = place.open();
    store.append(&[event("first", "u", "i", 1)]).unwrap();
    let log = place.beside("events.db-wal");
    let before = transactions(&log);
    // Another program holds the file until all have asked.
    let holder = Connection::open(&place.address).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let n = 16;
    std::thread::scope(|scope| {
        for i in 0..n {
            let store = &store;
            scope.spawn(move || {
                let appended = store.append(&[event(&i.to_string(), "u", "i", 1)]).unwrap();
                assert_eq!((appended.accepted, appended.was_there), (1, vec![false]));
            });
        }
        // All wait by then, or a few more transactions are seen.
        std::thread::sleep(Duration::from_millis(300));
        holder.execute_batch("ROLLBACK").unwrap();
    });
    // One of the call that found the thread idle, one of those that waited meanwhile.
    let n_transactions = transactions(&log) - before;
    assert!((1..=4).contains(&n_transactions), "{n_transactions} for {n} calls");
    assert_eq!(store.n_events(None).unwrap(), n + 1);
}

#[test]
fn a_failed_transaction_is_an_error_of_every_call_in_it_and_the_next_one_works() {
    let place = Place::file();
    let store = place.open();
    let other = Connection::open(&place.address).unwrap();
    other.execute_batch("ALTER TABLE events RENAME TO hidden_away").unwrap();
    let n_failed = std::thread::scope(|scope| {
        let caller = |i: usize| {
            let store = &store;
            scope.spawn(move || store.append(&[event(&i.to_string(), "u", "i", 1)]).is_err())
        };
        let callers: Vec<_> = (0..8).map(caller).collect();
        callers.into_iter().filter_map(|caller| caller.join().unwrap().then_some(())).count()
    });
    assert_eq!(n_failed, 8);
    other.execute_batch("ALTER TABLE hidden_away RENAME TO events").unwrap();
    assert_eq!(store.append(&[event("1", "u", "i", 1)]).unwrap().accepted, 1);
    assert_eq!(store.n_events(None).unwrap(), 1);
}

#[test]
fn a_program_that_reads_an_old_state_keeps_no_user_from_being_forgotten() {
    let place = Place::file();
    let store = place.open();
    store.append(&[event("1", "ada", "i", 1), event("2", "bob", "i", 1)]).unwrap();
    let reader = Connection::open(&place.address).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let n: i64 = reader.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(n, 2);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let forgetting = scope.spawn(|| store.forget_user("ada"));
        while store.n_events(None).unwrap() > 1 {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(10));
        }
        // Removed for every request, while the file waits for the reader.
        assert!(store.recent(&["ada"], 9).unwrap()[0].is_empty());
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(forgetting.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_backup_while_events_arrive_is_a_store_of_one_moment() {
    let place = Place::file();
    let store = SqliteStore::open(place.address.as_ref(), 2).unwrap();
    store.set_hidden(&["h".to_owned()]).unwrap();
    let backup = place.beside("backup.db");
    fs::write(&backup, "an older one").unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Two events a call, which are never one apart.
        let appending = scope.spawn(|| {
            let mut n = 0;
            while !is_done.load(Ordering::Relaxed) || n < 50 {
                store
                    .append(&[event(&format!("a{n}"), "u", "i", n), event(&format!("b{n}"), "u", "i", n)])
                    .unwrap();
                n += 1;
            }
        });
        for _ in 0..5 {
            store.backup(&backup).unwrap();
            let copy = Place::file();
            fs::copy(&backup, &copy.address).unwrap();
            let copy = copy.open();
            assert!(copy.n_events(None).unwrap().is_multiple_of(2));
            assert_eq!(copy.hidden().unwrap(), ["h"]);
        }
        is_done.store(true, Ordering::Relaxed);
        appending.join().unwrap();
    });
    // By whoever reads it back, also when nobody serves; and put in its place it goes on.
    let n = store.n_events(None).unwrap();
    drop(store);
    open_log(&place.address).unwrap().backup(&backup).unwrap();
    fs::remove_file(&place.address).unwrap();
    fs::rename(&backup, &place.address).unwrap();
    let store = place.open();
    assert_eq!(store.n_events(None).unwrap(), n);
    assert_eq!(
        store.append(&[event("a0", "u", "i", 0), event("new", "u", "i", 0)]).unwrap().was_there,
        [true, false]
    );
}

#[test]
fn a_backup_that_cannot_be_written_leaves_the_one_before() {
    let place = Place::file();
    let store = SqliteStore::open(place.address.as_ref(), 1).unwrap();
    let nowhere = place.beside("no/such/folder/backup.db");
    let error = store.backup(&nowhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Files, "{error}");
    let backup = place.beside("backup.db");
    fs::write(&backup, "before").unwrap();
    // Damage that a copy meets: a page of the table of events is no page.
    let events: Vec<_> = (0..500).map(|i| event(&i.to_string(), "u", "i", i)).collect();
    store.append(&events).unwrap();
    drop(store);
    let mut bytes = fs::read(&place.address).unwrap();
    let n_pages = bytes.len() / 4096;
    for page in 8..n_pages {
        bytes[page * 4096..page * 4096 + 64].fill(0xff);
    }
    fs::write(&place.address, bytes).unwrap();
    let error = open_log(&place.address).and_then(|log| log.backup(&backup)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert_eq!(fs::read(&backup).unwrap(), b"before");
}
