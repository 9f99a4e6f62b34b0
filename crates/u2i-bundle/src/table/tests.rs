use std::path::Path;

use super::*;
use crate::manifest::PartEntry;

fn lists<T: Clone>(lists: &[&[T]]) -> Lists<'static, T> {
    let mut offsets = vec![0];
    let mut values = Vec::new();
    for list in lists {
        values.extend_from_slice(list);
        offsets.push(values.len() as u64);
    }
    Lists { offsets: offsets.into(), values: values.into() }
}

fn entry(rows: u64, columns: u64) -> PartEntry {
    PartEntry { sha256: String::new(), bytes: 0, shape: [rows, columns] }
}

fn written(path: &Path) {
    let columns = vec![
        ("id".to_owned(), Cells::Text(vec!["a", "ü", ""])),
        ("title".to_owned(), Cells::OptionalText(vec![None, Some("x"), Some("")])),
        ("year".to_owned(), Cells::OptionalNumber(vec![Some(-0.5), None, Some(f64::MAX)])),
        ("row".to_owned(), Cells::Rows(vec![0, 7, u32::MAX].into())),
        ("value".to_owned(), Cells::Values(&[0.25, -1.0, 3.0])),
        ("tags".to_owned(), Cells::TextLists(lists(&[&["p", "q"], &[], &["r"]]))),
        ("times".to_owned(), Cells::TimeLists(lists(&[&[], &[i64::MIN, 0, i64::MAX], &[]]))),
    ];
    write(path, &columns, "a stamp").unwrap();
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    written(&path);
    let table = TableFile::open(&path, &entry(3, 7)).unwrap();
    assert_eq!(table.cells::<String>("id").unwrap(), ["a", "ü", ""]);
    assert_eq!(table.optional::<String>("title").unwrap(), [None, Some("x".into()), Some("".into())]);
    assert_eq!(table.optional::<f64>("year").unwrap(), [Some(-0.5), None, Some(f64::MAX)]);
    assert_eq!(table.cells::<u32>("row").unwrap(), [0, 7, u32::MAX]);
    assert_eq!(table.cells::<f32>("value").unwrap(), [0.25, -1.0, 3.0]);
    let tags: (_, Vec<String>) = table.lists("tags").unwrap();
    assert_eq!(tags, (vec![0, 2, 2, 3], vec!["p".into(), "q".into(), "r".into()]));
    let times: (_, Vec<i64>) = table.lists("times").unwrap();
    assert_eq!(times, (vec![0, 0, 3, 3], vec![i64::MIN, 0, i64::MAX]));
    assert_eq!(stamp(&path).as_deref(), Some("a stamp"));
}

#[test]
fn another_shape_or_type_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    written(&path);
    for (rows, columns) in [(2, 7), (4, 7), (3, 6), (u64::MAX, 7)] {
        assert!(TableFile::open(&path, &entry(rows, columns)).is_err());
    }
    let table = TableFile::open(&path, &entry(3, 7)).unwrap();
    let message = |error: crate::BundleError| error.to_string().split_once(": ").unwrap().1.to_owned();
    assert_eq!(message(table.cells::<u32>("rows").unwrap_err()), "column `rows`: is not there");
    assert_eq!(
        message(table.cells::<i64>("row").unwrap_err()),
        "column `row`: is not INT64 as it was written"
    );
    assert!(table.cells::<String>("title").is_err(), "it may be missing");
    assert!(table.optional::<String>("id").is_err(), "it may not be missing");
    assert!(table.lists::<u32>("times").is_err(), "it holds longer numbers");
}

/// More than one row group, with lists that end at their borders.
#[test]
fn long_tables_come_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let n = 150_000usize;
    let ids: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    let mut offsets = vec![0u64];
    for i in 0..n {
        offsets.push(offsets[i] + (i % 4) as u64);
    }
    let values: Vec<u32> = (0..offsets[n] as u32).collect();
    let columns = [
        ("id".to_owned(), Cells::Text(ids.iter().map(String::as_str).collect())),
        ("list".to_owned(), Cells::RowLists(Lists { offsets: (&offsets).into(), values: (&values).into() })),
    ];
    write(&path, &columns, "s").unwrap();
    let table = TableFile::open(&path, &entry(n as u64, 2)).unwrap();
    assert_eq!(table.cells::<String>("id").unwrap(), ids);
    assert_eq!(table.lists::<u32>("list").unwrap(), (offsets, values));
}
