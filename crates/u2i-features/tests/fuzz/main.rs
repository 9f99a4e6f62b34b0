//! Mutated files against every reader of a format: no input may end in a panic, and what is read adds up.

mod harness;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use polars_arrow::datatypes::ArrowSchema;
use polars_arrow::io::ipc::write::{Compression, FileWriter, StreamWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use u2i_features::formats::{Arrow, Csv, JsonLines, Parquet, Tsv};
use u2i_features::polars::prelude::{
    Column, CompatLevel, DataFrame, NamedFrom as _, ParquetCompression, ParquetWriter, Series,
};
use u2i_features::{
    AttributeConfig, AttributeKind, AttributesConfig, Encoding, EventsConfig, FeatureError, FileFormat,
    Formats, Incomplete, RawData, ReadLimits, SequencesConfig, SequencesLayout, TablesConfig, TimeConfig,
    TimeUnit, profile_table, read_ml_1m, read_ml_10m, read_ml_100k, read_sequences, read_tables,
    table_format,
};

use harness::{clear, corpus, entries, folder, fuzz, word};

/// Every bad row is put up with, so that the rows behind it are read, too.
const ALL: ReadLimits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };

/// A file that is as it should be.
fn good(target: &str) -> Vec<u8> {
    fs::read(corpus(target).join("good")).unwrap()
}

/// What is left of a reason without what was found.
fn reason(text: &str) -> String {
    text.split(", found").next().unwrap_or_default().chars().filter(char::is_ascii_alphabetic).collect()
}

/// D4 for what was read: rows add up, and each event is of a user and an item.
fn outcome(input: &[u8], name: &str, read: Result<RawData, FeatureError>) -> String {
    let raw = match read {
        Ok(raw) => raw,
        Err(error) => return word(&error),
    };
    for file in &raw.files {
        assert_eq!(file.read, file.kept + file.rejects.len() as u64 + file.filtered, "{file:?}");
        if file.path.ends_with(name) {
            let lines = input.split(|&byte| byte == b'\n').count() as u64;
            assert!(file.read <= lines, "{} rows of {lines} lines", file.read);
            let mut rejected: Vec<u64> = file.rejects.iter().map(|reject| reject.line).collect();
            rejected.dedup();
            assert_eq!(rejected.len(), file.rejects.len(), "a line is rejected once");
            assert!(rejected.iter().all(|line| (1..=lines).contains(line)), "{rejected:?} of {lines} lines");
        }
    }
    assert!(raw.events.user.iter().all(|&user| (user as usize) < raw.user_ids.len()));
    assert!(raw.events.item.iter().all(|&item| (item as usize) < raw.item_ids.len()));
    let reasons: Vec<String> = raw
        .files
        .iter()
        .flat_map(|file| &file.rejects)
        .map(|reject| reason(&reject.reason))
        .take(2)
        .collect();
    format!("read, {} {reasons:?}", raw.n_events().min(1))
}

/// One file of a MovieLens folder is fuzzed, the others are good.
fn movielens<const N: usize>(
    target: &str,
    name: &str,
    others: [(&str, &str); N],
    tokens: &[&[u8]],
    read: fn(&Path, &ReadLimits) -> Result<RawData, FeatureError>,
) {
    let folder = folder(target);
    for (other, corpus) in others {
        fs::write(folder.join(other), good(corpus)).unwrap();
    }
    fuzz(target, vec![], tokens, 4_000, &mut |input| {
        fs::write(folder.join(name), input).unwrap();
        outcome(input, name, read(&folder, &ALL))
    });
}

const COLONS: [&[u8]; 5] = [b"::", b":", b":::", b"\r\n", b"1::2::3::978300760\n"];
const TABS: [&[u8]; 3] = [b"\t", b"\r\n", b"1\t2\t3\t881250949\n"];
const PIPES: [&[u8]; 4] = [b"|", b"\r\n", b"|0|0|0", b"\xe9"];

#[test]
fn ratings_of_ml_1m() {
    let others = [("users.dat", "users"), ("movies.dat", "movies")];
    movielens("ratings", "ratings.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn users_of_ml_1m() {
    let others = [("ratings.dat", "ratings"), ("movies.dat", "movies")];
    movielens("users", "users.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn movies_of_ml_1m() {
    let others = [("ratings.dat", "ratings"), ("users.dat", "users")];
    movielens("movies", "movies.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn ratings_of_ml_10m() {
    let tokens = [b"::".as_slice(), b".5", b".0", b"\r\n", b"1::2::3.5::978300760\n"];
    movielens("half_stars", "ratings.dat", [("movies.dat", "movies")], &tokens, read_ml_10m);
}

#[test]
fn ratings_of_ml_100k() {
    movielens("u_data", "u.data", [("u.user", "u_user"), ("u.item", "u_item")], &TABS, read_ml_100k);
}

#[test]
fn users_of_ml_100k() {
    movielens("u_user", "u.user", [("u.data", "u_data"), ("u.item", "u_item")], &PIPES, read_ml_100k);
}

#[test]
fn items_of_ml_100k() {
    movielens("u_item", "u.item", [("u.data", "u_data"), ("u.user", "u_user")], &PIPES, read_ml_100k);
}

#[test]
fn rows_of_a_csv() {
    rows("csv", vec![], Csv::new(',', Encoding::Utf8));
}

/// Escapes, blanks that do not count and decimal commas, each row written anew before it is parsed.
#[test]
fn rows_of_a_csv_of_many_keys() {
    let keys = Csv { escape: Some('\\'), trim: true, decimal: Some(','), ..Csv::new(',', Encoding::Utf8) };
    rows("csv_keys", entries("csv"), keys);
}

fn rows(target: &str, own: Vec<Vec<u8>>, format: Csv) {
    let folder = folder(target);
    let format = FileFormat::from(format);
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let config = TablesConfig {
        events: EventsConfig {
            file: "events.csv".into(),
            format: format.clone(),
            user: "user".into(),
            item: "item".into(),
            time: Some(TimeConfig { column: "time".into(), unit: TimeUnit::Milliseconds }),
            request: vec![
                attribute("device", AttributeKind::Text {}),
                attribute("x", AttributeKind::Number {}),
            ],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: Some(AttributesConfig {
            file: "events.csv".into(),
            format,
            id: "user".into(),
            attributes: vec![attribute("tags", AttributeKind::List { separator: '|' })],
        }),
        items: None,
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
        limits: ALL,
    };
    let tokens: [&[u8]; 10] = [
        b"\"",
        b"\"\"",
        b",",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"user,item,time,device,x,tags\n",
        b"\\\"",
        b", \"",
        b"NULL",
        b"\"['a', 'b']\"",
    ];
    fuzz(target, own, &tokens, 1_500, &mut |input| {
        fs::write(folder.join("events.csv"), input).unwrap();
        outcome(input, "events.csv", read_tables(&config, &folder))
    });
}

#[test]
fn rows_of_json_lines() {
    let folder = folder("json_lines");
    let format = FileFormat::from(JsonLines {});
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let config = TablesConfig {
        events: EventsConfig {
            file: "events.jsonl".into(),
            format: format.clone(),
            user: "user".into(),
            item: "item".into(),
            time: Some(TimeConfig { column: "time".into(), unit: TimeUnit::Milliseconds }),
            request: vec![
                attribute("device", AttributeKind::Text {}),
                attribute("x", AttributeKind::Number {}),
            ],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: Some(AttributesConfig {
            file: "events.jsonl".into(),
            format,
            id: "user".into(),
            attributes: vec![attribute("tags", AttributeKind::List { separator: '|' })],
        }),
        items: None,
        sequences: vec![],
        missing: None,
        whole_number_ids: false,
        limits: ALL,
    };
    let tokens: [&[u8]; 7] = [b"\"", b"\\u00", b"{", b"}", b"[", b"\"user\":", b"null"];
    fuzz("json_lines", vec![], &tokens, 1_500, &mut |input| {
        fs::write(folder.join("events.jsonl"), input).unwrap();
        outcome(input, "events.jsonl", read_tables(&config, &folder))
    });
}

/// Pairs, and a line for each user.
#[test]
fn sequences() {
    let layouts =
        [(SequencesLayout::Pairs, "sequences_pairs"), (SequencesLayout::Adjacency, "sequences_adjacency")];
    for (layout, target) in layouts {
        let folder = folder(target);
        let config =
            SequencesConfig { file: "pairs.txt".into(), layout, encoding: Encoding::Utf8, limits: ALL };
        let tokens: [&[u8]; 5] = [b" ", b"\t", b"\r\n", b"\xef\xbb\xbf", b"1 2 3\n"];
        fuzz(target, entries("pairs"), &tokens, 2_000, &mut |input| {
            fs::write(folder.join("pairs.txt"), input).unwrap();
            outcome(input, "pairs.txt", read_sequences(&config, &folder))
        });
    }
}

#[test]
fn atomic_files() {
    let folder = folder("atomic");
    let config = TablesConfig {
        events: EventsConfig {
            file: "x.inter".into(),
            format: Tsv { encoding: Encoding::Utf8 }.into(),
            user: "user_id:token".into(),
            item: "item_id:token".into(),
            time: Some(TimeConfig { column: "time:token".into(), unit: TimeUnit::Datetime }),
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
        limits: ALL,
    };
    let tokens: [&[u8]; 6] = [b"\t", b"\"", b"2000-12-31", b"T25:00", b"+01:00", b"[UTC]"];
    fuzz("atomic", vec![], &tokens, 1_500, &mut |input| {
        fs::write(folder.join("x.inter"), input).unwrap();
        outcome(input, "x.inter", read_tables(&config, &folder))
    });
}

/// Files of columns, which polars decodes: what it asserts is an error here.
fn columnar(target: &str, format: FileFormat, good: Vec<Vec<u8>>, tokens: &[&[u8]]) {
    let folder = folder(target);
    let config = TablesConfig {
        events: EventsConfig {
            file: "events".into(),
            format: format.clone(),
            user: "user".into(),
            item: "item".into(),
            time: Some(TimeConfig { column: "time".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: None,
        sequences: vec![],
        missing: None,
        whole_number_ids: false,
        limits: ALL,
    };
    fuzz(target, good, tokens, 1_000, &mut |input| {
        fs::write(folder.join("events"), input).unwrap();
        let profile = profile_table(&folder.join("events"), &format, ALL.max_line_bytes);
        match (profile, read_tables(&config, &folder)) {
            (Err(error), _) | (_, Err(error)) => word(&error),
            (Ok(profile), Ok(raw)) => {
                let [file] = raw.files.as_slice() else { panic!("{:?}", raw.files) };
                assert_eq!(file.read, file.kept + file.rejects.len() as u64 + file.filtered, "{file:?}");
                assert_eq!(file.read, profile.n_rows as u64);
                format!("{} rows, {} rejects", raw.n_events().min(3), file.rejects.len().min(3))
            }
        }
    });
}

/// Three rows with a column of each way to store one.
fn frame() -> DataFrame {
    let tags = Series::new("".into(), ["x", "y"]);
    let columns = vec![
        Column::new("user".into(), [Some("ann"), Some("bob"), None]),
        Column::new("item".into(), [7i64, 9, 7]),
        Column::new("time".into(), [Some(1.5), None, Some(3.0)]),
        Column::new("flag".into(), [true, false, true]),
        Column::new("tags".into(), [tags.clone(), tags.clear(), tags]),
    ];
    DataFrame::new(3, columns).unwrap()
}

#[test]
fn files_of_parquet() {
    let written = |compression| {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).with_compression(compression).finish(&mut frame()).unwrap();
        bytes
    };
    let good = vec![written(ParquetCompression::Uncompressed), written(ParquetCompression::Snappy)];
    columnar("parquet", Parquet {}.into(), good, &[b"PAR1", b"\x15\x00", b"\xff\xff\xff\x7f", b"\x1c"]);
}

#[test]
fn files_of_arrow() {
    let frame = frame();
    let fields = frame
        .columns()
        .iter()
        .map(|column| column.dtype().to_arrow_field(column.name().clone(), CompatLevel::newest()));
    let schema: Arc<ArrowSchema> = Arc::new(fields.map(|field| (field.name.clone(), field)).collect());
    let arrays = frame
        .columns()
        .iter()
        .map(|column| column.as_materialized_series().to_arrow(0, CompatLevel::newest()));
    let batch = RecordBatchT::new(3, schema.clone(), arrays.collect());
    let options = |compression| WriteOptions { compression };
    let file = |compression| {
        let mut writer = FileWriter::new(Vec::new(), schema.clone(), None, options(compression));
        writer.start().unwrap();
        writer.write(&batch, None).unwrap();
        writer.finish().unwrap();
        writer.into_inner()
    };
    let mut stream = StreamWriter::new(Vec::new(), options(None));
    stream.start(&schema, None).unwrap();
    stream.write(&batch, None).unwrap();
    stream.finish().unwrap();
    let good = vec![file(None), file(Some(Compression::LZ4)), stream.into_inner()];
    columnar("arrow", Arrow {}.into(), good, &[b"ARROW1", b"\xff\xff\xff\xff", b"\0\0\0\x7f"]);
}

/// The corpus of a format of the list, but for those that have targets of their own.
fn corpus_of(format: &str) -> Option<&'static str> {
    match format {
        "csv" => Some("csv"),
        "tsv" => Some("atomic"),
        "json_lines" => Some("json_lines"),
        "parquet" | "arrow" => None,
        other => panic!("the format {other} has no corpus"),
    }
}

/// Every format of the list is recognised in its own corpus, and whatever is recognised is looked through.
#[test]
fn every_format_of_the_list() {
    for name in Formats::built_in().names() {
        let Some(own) = corpus_of(name) else { continue };
        let target = format!("format_{name}");
        let path = folder(&target).join("rows");
        fs::write(&path, good(own)).unwrap();
        assert_eq!(table_format(&path).unwrap().name(), name);
        let tokens: [&[u8]; 9] =
            [b"\t", b",", b"\"", b"\r\n", b"a:token\tb:float\n", b"sep=;\n", b"# ", b"1.234,5", b"\\\""];
        fuzz(&target, entries(own), &tokens, 1_000, &mut |input| {
            fs::write(&path, input).unwrap();
            let format = match table_format(&path) {
                Ok(format) if corpus_of(format.name()).is_some() => format,
                Ok(format) => return format.name().to_owned(),
                Err(error) => return word(&error),
            };
            match profile_table(&path, &format, ALL.max_line_bytes) {
                Ok(profile) => format!("{}, {} columns", format.name(), profile.columns.len().min(5)),
                Err(error) => word(&error),
            }
        });
    }
}

#[test]
fn an_input_that_panics_is_kept() {
    let run = || {
        fuzz("self", vec![b"abc".to_vec()], &[], 1_000, &mut |input| {
            assert!(!input.ends_with(b"ab"), "the planted bug");
            String::new()
        })
    };
    let message = *catch_unwind(run).unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("self, mutant "), "{message}");
    assert!(fs::read(folder("self").join("failed")).unwrap().ends_with(b"ab"));
    clear("self");
}
