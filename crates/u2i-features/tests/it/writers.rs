//! Files of the real writers, which `scripts/writers.py` makes, are read to the one table that they were all given.

use std::path::{Path, PathBuf};

use u2i_features::formats::Arrow;

use crate::*;

/// Names the folder that `scripts/writers.py` wrote; `cargo xtask ci writers` sets it.
const FOLDER: &str = "U2I_WRITERS_DIR";

/// A file, and the columns that its writer had types for.
struct Written {
    path: PathBuf,
    format: FileFormat,
    columns: Vec<String>,
}

fn written(folder: &Path) -> Vec<Written> {
    let listed = std::fs::read_to_string(folder.join("files.json")).unwrap();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let of = |file: &serde_json::Value| Written {
        path: folder.join(file["file"].as_str().unwrap()),
        format: match file["format"].as_str().unwrap() {
            "parquet" => Parquet {}.into(),
            "arrow" => Arrow {}.into(),
            other => panic!("a format of no reader: {other}"),
        },
        columns: file["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().into())
            .collect(),
    };
    listed.as_array().unwrap().iter().map(of).collect()
}

/// What a column holds, by hand.
enum Wanted {
    Text([Option<&'static str>; 4]),
    /// NaN is missing.
    Number([f64; 4]),
    List([&'static [&'static str]; 4]),
    /// Unix time in seconds.
    Time([i64; 4]),
}

use Wanted::*;

/// The columns that are read of one of the table, with what they hold.
fn wanted(column: &str) -> Vec<(&str, Wanted)> {
    const NONE: f64 = f64::NAN;
    let all = |texts: [&'static str; 4]| Text(texts.map(Some));
    let seconds = [978_300_760, 0, 1_582_977_600, 2_147_483_648];
    let one = match column {
        "id" => all(["0", "1", "2", "3"]),
        "name" => Text([Some("Käse"), Some("日本語"), None, Some("a b")]),
        "i8" => all(["-128", "127", "0", "5"]),
        "u8" => all(["0", "255", "7", "5"]),
        "i16" => all(["-32768", "32767", "0", "5"]),
        "u16" => all(["0", "65535", "7", "5"]),
        "i32" => all(["-2147483648", "2147483647", "0", "5"]),
        "u32" => all(["0", "4294967295", "7", "5"]),
        "i64" => all(["-9223372036854775808", "9223372036854775807", "0", "5"]),
        "u64" => all(["0", "18446744073709551615", "7", "5"]),
        "gaps" => Text([Some("7"), Some("9007199254740993"), None, Some("1")]),
        "f32" => Number([0.5, -1.5, NONE, 2.0]),
        "f64" => Number([0.1, NONE, NONE, 1e300]),
        "price" => Number([1.5, -0.01, NONE, 999.99]),
        "whole" => Text([Some("12345678901234567890123456789012345678"), Some("-1"), None, Some("7")]),
        "flag" => Text([Some("true"), Some("false"), None, Some("true")]),
        "kind" => Text([Some("tea"), Some("milk"), None, Some("tea")]),
        "blob" => Text([Some("ab"), Some("é"), None, None]),
        "key" => Text([
            Some("123e4567-e89b-12d3-a456-426614174000"),
            Some("00000000-0000-0000-0000-000000000000"),
            None,
            Some("00000000-0000-0000-0000-000000000001"),
        ]),
        "words" => List([&["a", "b c"], &[], &[], &["ü"]]),
        "codes" => List([&["1", "2"], &[], &[], &["-3"]]),
        "geo" => {
            let city = Text([Some("Oslo"), None, None, Some("Ü")]);
            return vec![("geo.city", city), ("geo.lat", Number([59.9, 1.5, NONE, -1.0]))];
        }
        "day" => Time([978_220_800, 0, 1_582_934_400, 2_147_472_000]),
        "ts_s" | "ts_ms" | "ts_us" | "ts_ns" | "ts_utc" | "ts_berlin" => Time(seconds),
        other => panic!("a column of no table: {other}"),
    };
    vec![(column, one)]
}

/// What is wrong with a column as it is read.
fn check(file: &Written, column: &str, wanted: &Wanted) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    let mut attribute = |kind| {
        std::fs::write(dir.path().join("events"), "who,what,when\nu,0,1\nu,1,2\nu,2,3\nu,3,4\n").unwrap();
        let attributes = vec![AttributeConfig { name: column.into(), column: None, kind }];
        let (path, format) = (file.path.clone(), file.format.clone());
        config.items = Some(AttributesConfig { file: path, format, id: "id".into(), attributes });
    };
    match wanted {
        Text(_) => attribute(AttributeKind::Text {}),
        Number(_) => attribute(AttributeKind::Number {}),
        List(_) => attribute(AttributeKind::List { separator: '|' }),
        Time(_) => {
            (config.events.file, config.events.format) = (file.path.clone(), file.format.clone());
            (config.events.user, config.events.item) = ("id".into(), "id".into());
            config.events.time = Some(TimeConfig { column: column.into(), unit: TimeUnit::Datetime });
        }
    }
    let raw = read_tables(&config, dir.path()).map_err(|error| error.to_string())?;
    let (found, wanted) = match wanted {
        Text(wanted) => (format!("{:?}", text_column(&raw.items, column)), format!("{wanted:?}")),
        Number(wanted) => (format!("{:?}", number_column(&raw.items, column)), format!("{wanted:?}")),
        List(wanted) => (format!("{:?}", list_column(&raw.items, column)), format!("{wanted:?}")),
        Time(wanted) => (format!("{:?}", raw.events.time_s), format!("{wanted:?}")),
    };
    if found == wanted { Ok(()) } else { Err(format!("expected {wanted}, found {found}")) }
}

#[test]
#[ignore = "reads files of the real writers, which `cargo xtask ci writers` makes"]
fn every_type_of_every_writer_is_read_to_the_same_table() {
    let folder = std::env::var_os(FOLDER).expect("a folder of files of the real writers");
    let (mut n_pairs, mut wrong) = (0, Vec::new());
    for file in written(Path::new(&folder)) {
        let name = file_name(&file.path).to_owned();
        let columns = file.columns.iter().flat_map(|column| wanted(column));
        for (column, wanted) in columns {
            n_pairs += 1;
            if let Err(reason) = check(&file, column, &wanted) {
                wrong.push(format!("{name}, {column}: {reason}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {n_pairs} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_pairs > 0, "no file was written");
}
