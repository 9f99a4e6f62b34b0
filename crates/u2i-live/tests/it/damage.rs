//! Files that are no store, or were one.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::Connection;
use u2i_live::{LiveError, LiveStore, SqliteStore, open, open_log};
use u2i_schema::ErrorKind;

use crate::event;
use crate::places::Place;

fn filled() -> Place {
    let place = Place::file();
    let store = place.open();
    let events: Vec<_> = (0..2000)
        .map(|i| event(&format!("event-{i}"), &format!("user-{}", i % 97), &format!("item-{}", i % 31), i))
        .collect();
    store.append(&events).unwrap();
    store.set_hidden(&["item-3".to_owned()]).unwrap();
    store.forget_user("user-5").unwrap();
    place
}

/// Everything that a store is asked for; the first error ends it.
fn use_it(store: &dyn LiveStore) -> Result<(), LiveError> {
    store.check()?;
    store.recent(&["user-1", "user-5", "nobody"], 50)?;
    store.counts_since(0)?;
    store.hidden()?;
    store.forgotten()?;
    store.is_forgotten(&["user-5"])?;
    store.n_events(None)?;
    store.export(None, &mut |_| ControlFlow::Continue(()))?;
    store.append(&[event("new", "user-1", "i", 1), event("event-7", "user-2", "i", 1)])?;
    store.forget_user("user-2")?;
    store.expire(10)?;
    store.set_hidden(&[])
}

#[test]
fn a_damaged_file_is_refused_or_read_and_never_takes_the_service_down() {
    let place = filled();
    let bytes = fs::read(&place.address).unwrap();
    let n_mutants = if crate::full() { 4000 } else { 400 };
    let mut draw = 1_u64;
    let mut below = |n: usize| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) as usize % n
    };
    let mut n_refused = 0;
    for mutant in 0..n_mutants {
        let mut changed = bytes.clone();
        match mutant % 4 {
            0 => changed.truncate(below(bytes.len())),
            // Headers of the file and of its pages, where lengths and offsets stand.
            1 => (0..4).for_each(|_| {
                let at = below(bytes.len() / 4096) * 4096 + below(112);
                changed[at] = below(256) as u8;
            }),
            2 => (0..16).for_each(|_| {
                let at = below(bytes.len());
                changed[at] = below(256) as u8;
            }),
            _ => {
                let (from, to) = (below(bytes.len() / 4096) * 4096, below(bytes.len() / 4096) * 4096);
                changed.copy_within(from..from + 4096, to);
            }
        }
        let place = Place::file();
        fs::write(&place.address, &changed).unwrap();
        let kinds = [ErrorKind::Integrity, ErrorKind::Mixture, ErrorKind::Files];
        let used = open(&place.address, 1).and_then(|store| use_it(&*store));
        if let Err(error) = used {
            assert!(kinds.contains(&error.kind()), "mutant {mutant}: {error}");
            n_refused += usize::from(error.kind() == ErrorKind::Integrity);
        }
    }
    assert!(n_refused > n_mutants / 3, "{n_refused}");
}

#[test]
fn a_file_of_something_else_is_refused_and_stays_as_it_is() {
    let check = |bytes: &[u8], wanted: &str| {
        let place = Place::file();
        fs::write(&place.address, bytes).unwrap();
        for error in [open(&place.address, 1).err().unwrap(), open_log(&place.address).err().unwrap()] {
            assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
            assert_eq!(error.to_string(), format!("{} is no store of events: {wanted}", place.address));
        }
        assert_eq!(fs::read(&place.address).unwrap(), bytes);
    };
    check(&b"user_id,item_id,timestamp\n".repeat(400), "file is not a database");
    check(&[0x50, 0x41, 0x52, 0x31].repeat(3000), "file is not a database");
    let other = Place::file();
    Connection::open(&other.address).unwrap().execute_batch("CREATE TABLE songs (title)").unwrap();
    check(&fs::read(&other.address).unwrap(), "a database of another program, with application_id 0");
}

#[test]
fn a_store_of_a_newer_version_is_refused_with_both_versions() {
    let place = filled();
    Connection::open(&place.address).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    for error in [open(&place.address, 1).err().unwrap(), open_log(&place.address).err().unwrap()] {
        assert_eq!(error.kind(), ErrorKind::Mixture);
        let wanted = format!(
            "{} has schema 2, and this version reads up to 1; a newer version wrote it",
            place.address
        );
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn a_store_without_one_of_its_tables_is_refused() {
    for table in ["users", "events", "state"] {
        let place = filled();
        Connection::open(&place.address).unwrap().execute_batch(&format!("DROP TABLE {table}")).unwrap();
        let error = open(&place.address, 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{table}: {error}");
    }
    let place = filled();
    let shorter = "UPDATE state SET salt = x'00'";
    Connection::open(&place.address).unwrap().execute_batch(shorter).unwrap();
    let error = open(&place.address, 1).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("{} is no store of events: its salt has 1 bytes instead of 32", place.address)
    );
}

#[test]
fn a_place_where_no_file_can_be_is_named() {
    let place = Place::file();
    let below = place.beside("no/such/folder/events.db");
    let error = SqliteStore::open(&below, 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Files);
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    let folder = place.beside("folder");
    fs::create_dir(&folder).unwrap();
    let error = SqliteStore::open(&folder, 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Files, "{error}");
    // To read one back makes none.
    let error = open_log(&place.address).err().unwrap();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Files, format!("cannot read {}", place.address))
    );
    assert!(!Path::new(&place.address).exists());
    // What was left by a service that ended at once is a store of nothing for a service, and none for a reader.
    fs::write(&place.address, "").unwrap();
    assert_eq!(open_log(&place.address).err().unwrap().kind(), ErrorKind::Integrity);
    place.open().check().unwrap();
}

#[test]
fn a_name_that_means_something_else_to_sqlite_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:events.db?mode=memory", "a b%20c"] {
        let path = folder.path().join(name);
        let store = SqliteStore::open(&path, 1).unwrap();
        store.append(&[event("1", "u", "i", 1)]).unwrap();
        drop(store);
        assert!(path.is_file(), "{name}");
        assert_eq!(
            SqliteStore::open(&path, 1).unwrap().append(&[event("1", "u", "i", 1)]).unwrap().duplicates,
            1
        );
    }
}
