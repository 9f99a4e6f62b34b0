//! Events as a Parquet file.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use u2i_live::{NewEvent, export_parquet};

use crate::event;
use crate::places::on_each;

fn read(path: &Path) -> Vec<NewEvent> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let names: Vec<String> = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    assert_eq!(names, ["user_id", "item_id", "timestamp", "kind", "event_id"]);
    let row = |row: Result<parquet::record::Row, _>| {
        let row: parquet::record::Row = row.unwrap();
        let text = |i| row.get_string(i).unwrap().clone();
        let kind = row.get_string(3).ok().cloned();
        NewEvent {
            user: text(0),
            item: text(1),
            time_s: row.get_timestamp_millis(2).unwrap() / 1000,
            kind,
            event_id: text(4),
        }
    };
    reader.get_row_iter(None).unwrap().map(row).collect()
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_exported_file_has_what_was_appended_in_the_order_of_arrival() {
    on_each(|place| {
        let store = place.open();
        let path = place.beside("events.parquet");
        assert_eq!(export_parquet(&*store, None, &path, &mut go_on).unwrap(), Some(0));
        assert_eq!(read(&path), []);
        // More than one row group, times in no order.
        let n = 70_000;
        let own = |i: i64| NewEvent {
            kind: (i % 3 > 0).then(|| format!("kind-{}", i % 3)),
            ..event(&format!("e{i}"), &format!("u{}", i % 501), &format!("i{}", i % 77), i * 7919 % n)
        };
        let events: Vec<NewEvent> = (0..n).map(own).collect();
        for some in events.chunks(10_000) {
            store.append(some).unwrap();
        }
        let mut seen = Vec::new();
        let exported = export_parquet(&*store, None, &path, &mut |n| {
            seen.push(n);
            ControlFlow::Continue(())
        });
        assert_eq!(exported.unwrap(), Some(70_000));
        assert_eq!(seen, [65_536, 70_000]);
        assert_eq!(read(&path), events);
        assert_eq!(export_parquet(&*store, Some(69_000), &path, &mut go_on).unwrap(), Some(1_000));
        let since: Vec<_> = events.iter().filter(|event| event.time_s >= 69_000).cloned().collect();
        assert_eq!(read(&path), since);
        // Nothing of who was forgotten.
        store.forget_user("u7").unwrap();
        export_parquet(&*store, None, &path, &mut go_on).unwrap();
        assert_eq!(read(&path), events.into_iter().filter(|event| event.user != "u7").collect::<Vec<_>>());
    });
}

#[test]
fn an_export_that_is_stopped_or_fails_leaves_the_file_before() {
    on_each(|place| {
        let store = place.open();
        let path = place.beside("events.parquet");
        fs::write(&path, "before").unwrap();
        store.append(&[event("1", "u", "i", 1)]).unwrap();
        let stopped = export_parquet(&*store, None, &path, &mut |_| ControlFlow::Break(()));
        assert_eq!(stopped.unwrap(), None);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        let nowhere = place.beside("no/such/folder/events.parquet");
        let error = export_parquet(&*store, None, &nowhere, &mut go_on).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        let (failed, steps) = u2i_disk::follow(Some(3), || export_parquet(&*store, None, &path, &mut go_on));
        assert_eq!((failed.is_err(), steps.len()), (true, 4));
        assert_eq!(fs::read(&path).unwrap(), b"before");
    });
}
