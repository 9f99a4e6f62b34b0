//! Tests of the public API: readers, splits, columns and samples, on small files that they write themselves, and
//! on MovieLens where `U2I_DATA_DIR` names it.

mod bytes;
mod columnar;
mod columns;
mod docs;
mod encodings;
mod feasible;
mod fixtures;
mod followed;
mod ids;
mod json_lines;
mod kinds;
mod leakage;
mod movielens;
mod movielens_whole;
mod mutations;
mod own_formats;
mod packed;
mod part_files;
mod parts;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
mod reference;
mod requests;
mod resolution;
mod samples_of_rows;
mod sequence_columns;
mod sequences;
mod split_files;
mod splits;
mod tables;
mod text_tables;
mod times;
mod writers;

use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetWriter};
use u2i_features::formats::{Csv, JsonLines, Parquet, Tsv};
use u2i_features::*;
use u2i_random::{Purpose, Stream};
use u2i_schema::Side;

/// A folder with one Parquet file, `events`.
fn parquet(columns: Vec<Column>) -> tempfile::TempDir {
    let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
    let dir = tempfile::tempdir().unwrap();
    ParquetWriter::new(std::fs::File::create(dir.path().join("events")).unwrap()).finish(&mut frame).unwrap();
    dir
}

/// A folder with files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// Limits that let half of the rows be bad.
fn lenient() -> ReadLimits {
    ReadLimits { max_reject_ratio: 0.5, ..ReadLimits::STRICT }
}

/// Events in a CSV file with the columns who, what and when.
fn events_csv(encoding: Encoding, limits: ReadLimits) -> TablesConfig {
    TablesConfig {
        events: EventsConfig {
            file: "events".into(),
            format: Csv::new(',', encoding).into(),
            user: "who".into(),
            item: "what".into(),
            time: Some(TimeConfig { column: "when".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: None,
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
        limits,
    }
}

fn read_events(csv: &[u8], encoding: Encoding, limits: ReadLimits) -> Result<RawData, FeatureError> {
    read_tables(&events_csv(encoding, limits), folder(&[("events", csv)]).path())
}

fn leave_last_out() -> SplitConfig {
    SplitConfig::LeaveLastOut { ties: Ties::File }
}

fn all_samples() -> SamplesConfig {
    SamplesConfig { per_user: PerUser::All {} }
}

fn column(name: &str, side: Side, kind: ColumnKind) -> ColumnConfig {
    ColumnConfig { name: name.into(), side, source: None, kind, id_dropout: None }
}

fn features(column: Vec<ColumnConfig>) -> FeaturesConfig {
    FeaturesConfig { column, history: None, item_id: None }
}

/// One column of each kind, over the attributes of [`random_log`].
fn every_kind() -> FeaturesConfig {
    let one = 1.try_into().unwrap();
    features(vec![
        column("group", Side::User, ColumnKind::Categorical { min_count: one }),
        column("user_id", Side::User, ColumnKind::Hashed { buckets: 7.try_into().unwrap() }),
        column("tags", Side::Item, ColumnKind::MultiCategorical { min_count: one }),
        column("price", Side::Item, ColumnKind::Standardized {}),
        column("device", Side::Request, ColumnKind::Categorical { min_count: one }),
        column("load", Side::Request, ColumnKind::BucketizedQuantiles { buckets: 4.try_into().unwrap() }),
    ])
}

/// Events `(user, item, time)` in file order.
fn log(events: &[(&str, &str, i64)]) -> RawData {
    let mut raw = RawData::default();
    let intern = |ids: &mut Vec<String>, id: &str| {
        ids.iter().position(|known| known == id).unwrap_or_else(|| {
            ids.push(id.into());
            ids.len() - 1
        }) as u32
    };
    for &(user, item, time_s) in events {
        raw.events.user.push(intern(&mut raw.user_ids, user));
        raw.events.item.push(intern(&mut raw.item_ids, item));
        raw.events.time_s.push(time_s);
    }
    raw.titles = vec![None; raw.item_ids.len()];
    raw
}

/// A log of up to 8 users and 12 items in random file order with ties, and attributes of every type.
fn random_log(seed: u64) -> RawData {
    let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
    let (n_users, n_items, n_events) = (3 + rng.index(6), 4 + rng.index(9), 40 + rng.index(40));
    let mut raw = RawData {
        user_ids: (0..n_users).map(|user| (10 * user + 3).to_string()).rev().collect(),
        item_ids: (0..n_items).map(|item| (7 * item + 5).to_string()).rev().collect(),
        titles: vec![None; n_items],
        hash: "random".into(),
        ..RawData::default()
    };
    for event in 0..n_events {
        // Every user and item occurs.
        let user = if event < n_users { event } else { rng.index(n_users) };
        let item = if event < n_items { event } else { rng.index(n_items) };
        raw.events.user.push(user as u32);
        raw.events.item.push(item as u32);
        raw.events.time_s.push(rng.below(30) as i64);
    }
    let mut texts =
        |n: usize, of: u64| (0..n).map(|_| Some(format!("v{}", rng.below(of)))).collect::<Vec<_>>();
    let list = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    raw.users = vec![RawColumn { name: "group".into(), values: RawValues::Text(texts(n_users, 4)) }];
    let tags = texts(n_items, 5).into_iter().map(list).collect();
    let device = texts(n_events, 9);
    let mut numbers = |n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<_>>();
    raw.items = vec![
        RawColumn { name: "tags".into(), values: RawValues::List(tags) },
        RawColumn { name: "price".into(), values: RawValues::Number(numbers(n_items)) },
    ];
    raw.request = vec![
        RawColumn { name: "device".into(), values: RawValues::Text(device) },
        RawColumn { name: "load".into(), values: RawValues::Number(numbers(n_events)) },
    ];
    raw
}

/// `read = kept + rejected + filtered` in every file.
fn assert_balanced(files: &[FileCounts]) {
    for file in files {
        assert_eq!(
            file.read,
            file.kept + file.filtered + file.rejects.len() as u64,
            "{}",
            file.path.display()
        );
    }
}

fn text_column<'a>(columns: &'a [RawColumn], name: &str) -> Vec<Option<&'a str>> {
    match &columns.iter().find(|column| column.name == name).unwrap().values {
        RawValues::Text(values) => values.iter().map(Option::as_deref).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

fn number_column(columns: &[RawColumn], name: &str) -> Vec<f64> {
    match &columns.iter().find(|column| column.name == name).unwrap().values {
        RawValues::Number(values) => values.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn list_column<'a>(columns: &'a [RawColumn], name: &str) -> &'a [Vec<String>] {
    match &columns.iter().find(|column| column.name == name).unwrap().values {
        RawValues::List(values) => values,
        other => panic!("{name}: {other:?}"),
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}
