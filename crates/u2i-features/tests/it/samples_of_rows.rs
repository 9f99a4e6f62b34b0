//! What is told of a large file by some of its rows.

use std::io::Write as _;
use std::sync::Arc;

use polars::prelude::{Column, DataFrame, ParquetWriter};
use polars_arrow::array::{PrimitiveArray, Utf8Array};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::io::ipc::write::{FileWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use u2i_features::formats::Arrow;

use crate::*;

const N_ROWS: usize = 400_000;
const MOST: std::num::NonZeroUsize = std::num::NonZeroUsize::new(1 << 20).unwrap();

fn user(row: usize) -> String {
    format!("user-{:012}", row % 9_000)
}

fn time_s(row: usize) -> i64 {
    1_500_000_000 + row as i64
}

fn text(separator: char) -> String {
    let row = |row: usize| format!("{}{separator}{}\n", user(row), time_s(row));
    std::iter::once(format!("who{separator}when\n")).chain((0..N_ROWS).map(row)).collect()
}

fn frame() -> DataFrame {
    let users: Vec<String> = (0..N_ROWS).map(user).collect();
    let times: Vec<i64> = (0..N_ROWS).map(time_s).collect();
    DataFrame::new(N_ROWS, vec![Column::new("who".into(), users), Column::new("when".into(), times)]).unwrap()
}

/// Ten batches of rows.
fn arrow_file() -> Vec<u8> {
    let field = |name: &str, dtype: &ArrowDataType| Field::new(name.into(), dtype.clone(), true);
    let fields = [field("who", &ArrowDataType::LargeUtf8), field("when", &ArrowDataType::Int64)];
    let schema: ArrowSchema = fields.into_iter().map(|field| (field.name.clone(), field)).collect();
    let schema = Arc::new(schema);
    let options = WriteOptions { compression: None };
    let mut writer = FileWriter::new(Vec::new(), schema.clone(), None, options);
    writer.start().unwrap();
    for begin in (0..N_ROWS).step_by(N_ROWS / 10) {
        let rows = || begin..begin + N_ROWS / 10;
        let users = Utf8Array::<i64>::from_slice(rows().map(user).collect::<Vec<_>>()).boxed();
        let times = PrimitiveArray::from_vec(rows().map(time_s).collect::<Vec<i64>>()).boxed();
        let batch = RecordBatchT::new(rows().len(), schema.clone(), vec![users, times]);
        writer.write(&batch, None).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

fn sample(path: &Path, format: &FileFormat, seed: u64) -> Option<TableProfile> {
    Formats::built_in().profile_sample(path, format, MOST, RowSample::of_seed(seed)).unwrap()
}

/// The sample says of each column what all rows say, but for how many and how far.
fn check(name: &str, path: &Path, format: &FileFormat) {
    let all = profile_table(path, format, MOST).unwrap();
    let found = sample(path, format, 1).unwrap_or_else(|| panic!("{name}: no sample"));
    assert!(found.n_rows >= 10_000 && found.n_rows < N_ROWS / 2, "{name}: {} rows", found.n_rows);
    assert_eq!(all.n_rows, N_ROWS, "{name}");
    for (found, all) in found.columns.iter().zip(&all.columns) {
        assert_eq!(
            (&found.name, &found.stored, &found.example),
            (&all.name, &all.stored, &all.example),
            "{name}"
        );
        assert_eq!((found.n_missing, all.n_missing), (0, 0), "{name}");
        let share = |n: usize, of: usize| n as f64 / of as f64;
        for n in [|column: &ColumnProfile| column.n_integers, |column: &ColumnProfile| column.n_numbers] {
            assert_eq!(share(n(found), found.n_rows), share(n(all), all.n_rows), "{name}, {}", all.name);
        }
    }
    let times = &found.columns[1];
    // The first rows, and some from the last third.
    assert!(times.max - times.min > 0.6 * N_ROWS as f64, "{name}: from {} to {}", times.min, times.max);
    // Drawn by the seed and nothing else.
    let again = sample(path, format, 1).unwrap();
    assert_eq!((again.columns[1].max, again.columns[0].n_distinct), (times.max, found.columns[0].n_distinct));
    let widened = {
        let mut times = times.clone();
        times.widen_times(&TimeUnit::Seconds, [time_s(0), time_s(N_ROWS - 1)].map(UnixTime::from_s));
        let mut users = found.columns[0].clone();
        users.set_ids(&(0..9_000).map(user).collect::<Vec<_>>());
        (times.min, times.max, times.integers, users.n_distinct, users.share_in(&all.columns[0]))
    };
    let [users, times] = &all.columns[..] else { panic!("{name}") };
    assert_eq!(widened, (times.min, times.max, times.integers, users.n_distinct, 1.0), "{name}");
}

#[test]
fn some_rows_of_every_format_tell_what_columns_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("csv"), text(',')).unwrap();
    check("csv", &path("csv"), &Csv::new(',', Encoding::Utf8).into());
    std::fs::write(path("tsv"), text('\t')).unwrap();
    check("tsv", &path("tsv"), &Tsv { encoding: Encoding::Latin1 }.into());
    let line = |row: usize| format!("{{\"who\":\"{}\",\"when\":{}}}\n", user(row), time_s(row));
    std::fs::write(path("jsonl"), (0..N_ROWS).map(line).collect::<String>()).unwrap();
    check("json lines", &path("jsonl"), &JsonLines {}.into());
    let mut file = std::fs::File::create(path("parquet")).unwrap();
    ParquetWriter::new(&mut file).with_row_group_size(Some(N_ROWS / 10)).finish(&mut frame()).unwrap();
    check("parquet", &path("parquet"), &Parquet {}.into());
    std::fs::write(path("arrow"), arrow_file()).unwrap();
    check("arrow", &path("arrow"), &Arrow {}.into());
    std::fs::create_dir(path("parts")).unwrap();
    let (header, rows) = (text(',').lines().next().unwrap().to_owned(), text(','));
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    for (n, part) in rows.chunks(N_ROWS / 20).enumerate() {
        std::fs::write(
            path("parts").join(format!("part-{n}.csv")),
            format!("{header}\n{}\n", part.join("\n")),
        )
        .unwrap();
    }
    check("part files", &path("parts"), &Csv::new(',', Encoding::Utf8).into());
}

#[test]
fn what_is_small_packed_or_broken_is_looked_at_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let csv: FileFormat = Csv::new(',', Encoding::Utf8).into();
    std::fs::write(path("small"), "who,when\nann,7\n").unwrap();
    assert!(sample(&path("small"), &csv, 1).is_none());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text(',').as_bytes()).unwrap();
    std::fs::write(path("packed"), packed.finish().unwrap()).unwrap();
    assert!(sample(&path("packed"), &csv, 1).is_none());
    // A row of three fields now and then: a place that was drawn may be within a field.
    let broken =
        |(n, line): (usize, &str)| if n % 1_000 == 7 { format!("{line},x\n") } else { format!("{line}\n") };
    std::fs::write(path("broken"), text(',').lines().enumerate().map(broken).collect::<String>()).unwrap();
    assert!(sample(&path("broken"), &csv, 1).is_none());
    let mut file = std::fs::File::create(path("parquet")).unwrap();
    ParquetWriter::new(&mut file).finish(&mut frame().head(Some(1_000))).unwrap();
    assert!(sample(&path("parquet"), &Parquet {}.into(), 1).is_none());
}
