//! Reading and preparing are told as they go, and stop when they are asked to.

use std::ops::ControlFlow;

use crate::*;

/// Rows that are read in several parts: enough that somebody is told in the middle.
const N_ROWS: usize = 300_000;

fn rows() -> String {
    let row = |row: usize| format!("u{},{},{}\n", row % 1_000, row % 333, 1_500_000_000 + row);
    std::iter::once("who,what,when\n".to_owned()).chain((0..N_ROWS).map(row)).collect()
}

fn tables(dir: &Path) -> DataConfig {
    std::fs::write(dir.join("events"), rows()).unwrap();
    std::fs::write(dir.join("items"), "id,price\n1,2.5\n2,3.5\n").unwrap();
    let attribute = AttributeConfig { name: "price".into(), column: None, kind: AttributeKind::Number {} };
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.items = Some(AttributesConfig {
        file: "items".into(),
        format: config.events.format.clone(),
        id: "id".into(),
        attributes: vec![attribute],
    });
    DataConfig::Tables(Box::new(config))
}

fn sequences(dir: &Path) -> DataConfig {
    let pair = |n: usize| format!("u{} {}\n", n % 1_000, n % 333);
    std::fs::write(dir.join("pairs"), (0..N_ROWS).map(pair).collect::<String>()).unwrap();
    DataConfig::Sequences(SequencesConfig {
        file: "pairs".into(),
        layout: SequencesLayout::Pairs,
        encoding: Encoding::Utf8,
        limits: ReadLimits::STRICT,
    })
}

fn movielens(dir: &Path) -> DataConfig {
    let rating = |n: usize| format!("{}::{}::5::{}\n", 1 + n % 1_000, 1 + n % 333, 978_300_000 + n);
    std::fs::write(dir.join("ratings.dat"), (0..N_ROWS).map(rating).collect::<String>()).unwrap();
    std::fs::write(dir.join("users.dat"), "1::F::25::3::12345\n").unwrap();
    std::fs::write(dir.join("movies.dat"), "1::Alien (1979)::Horror\n").unwrap();
    DataConfig::Ml1m(MovieLensConfig { dir: "".into(), limits: ReadLimits::STRICT })
}

#[test]
fn reading_is_told_in_bytes_of_its_files_and_stops_when_asked_to() {
    let kinds =
        [("tables", tables as fn(&Path) -> DataConfig), ("sequences", sequences), ("movielens", movielens)];
    for (name, kind) in kinds {
        let dir = tempfile::tempdir().unwrap();
        let config = kind(dir.path());
        let n_bytes = config.n_bytes(None, dir.path());
        let written: u64 = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert_eq!(n_bytes, written, "{name}");
        let mut told = Vec::new();
        let mut go_on = |n_bytes| {
            told.push(n_bytes);
            ControlFlow::Continue(())
        };
        let raw = config.read_following(None, dir.path(), &mut ReadProgress::new(&mut go_on)).unwrap();
        let wanted = config.read(dir.path()).unwrap();
        assert!(raw.events == wanted.events && raw.hash == wanted.hash, "{name}");
        assert!(told.is_sorted() && told.len() > 2 && told.last() == Some(&n_bytes), "{name}: {told:?}");
        for at in [0, told.len() / 2, told.len() - 1] {
            let mut n_told = 0;
            let mut stop = |_| {
                n_told += 1;
                if n_told <= at { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            let stopped = config.read_following(None, dir.path(), &mut ReadProgress::new(&mut stop));
            assert!(matches!(stopped, Err(FeatureError::Stopped)), "{name} at {at}: {stopped:?}");
            assert_eq!(n_told, at + 1, "{name}");
        }
    }
}

#[test]
fn preparing_is_told_in_events_and_stops_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let raw = tables(dir.path()).read(dir.path()).unwrap();
    let columns = features(vec![column("price", Side::Item, ColumnKind::Standardized {})]);
    let prepare = |tell: &mut dyn FnMut(u64) -> ControlFlow<()>| {
        prepare_following(&raw, &leave_last_out(), &columns, &all_samples(), 1, &mut ReadProgress::new(tell))
    };
    let can = |tell: &mut dyn FnMut(u64) -> ControlFlow<()>| {
        can_prepare(&raw, &leave_last_out(), &columns, &all_samples(), 1, &mut ReadProgress::new(tell))
    };
    let mut told = Vec::new();
    let mut go_on = |n_events| {
        told.push(n_events);
        ControlFlow::Continue(())
    };
    prepare(&mut go_on).unwrap();
    assert!(told.is_sorted() && told.len() > 5 && told.last() == Some(&(N_ROWS as u64)), "{told:?}");
    for at in 0..told.len() {
        let mut n_told = 0;
        let stopped = prepare(&mut |_| {
            n_told += 1;
            if n_told <= at { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(matches!(stopped, Err(FeatureError::Stopped)), "at {at}");
    }
    let stopped = can(&mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(FeatureError::Stopped)), "{stopped:?}");
    can(&mut |_| ControlFlow::Continue(())).unwrap();
}
