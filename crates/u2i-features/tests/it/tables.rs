use polars::prelude::{Column, DataFrame, ParquetWriter};

use crate::*;

fn csv(separator: char) -> FileFormat {
    FileFormat::Csv { separator, encoding: Encoding::Utf8 }
}

fn config(format: FileFormat) -> TablesConfig {
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    TablesConfig {
        events: EventsConfig {
            file: "events".into(),
            format: format.clone(),
            user: "who".into(),
            item: "what".into(),
            time: TimeConfig { column: "when".into(), unit: TimeUnit::Seconds },
            request: vec![attribute("device", AttributeKind::Text {})],
        },
        users: None,
        items: Some(AttributesConfig {
            file: "items".into(),
            format,
            id: "id".into(),
            attributes: vec![
                attribute("title", AttributeKind::Text {}),
                attribute("price", AttributeKind::Number {}),
                attribute("tags", AttributeKind::List { separator: '|' }),
            ],
        }),
        limits: lenient(),
    }
}

const EVENTS: &str = "who,what,when,device\nann,007,10,phone\nbob,7,20,\nann,7,30,\"a \"\"b\"\", c\"\n";
const ITEMS: &str = "id,title,price,tags\n7,\"Two\nlines\",1.5,a|b\n007,,,\n8,Unseen,2,a\n";

fn read(config: &TablesConfig, events: &str, items: &str) -> Result<RawData, FeatureError> {
    let dir = folder(&[("events", events.as_bytes()), ("items", items.as_bytes())]);
    read_tables(config, dir.path())
}

#[test]
fn csv_files_become_events_and_attributes() {
    let raw = read(&config(csv(',')), EVENTS, ITEMS).unwrap();
    assert_eq!(raw.user_ids, ["ann", "bob"]);
    assert_eq!(raw.item_ids, ["007", "7"]);
    assert_eq!((raw.events.user, raw.events.item), (vec![0, 1, 0], vec![0, 1, 1]));
    assert_eq!(raw.events.time_s, [10, 20, 30]);
    assert_eq!(text_column(&raw.request, "device"), [Some("phone"), None, Some("a \"b\", c")]);
    assert_eq!(raw.titles, [None, Some("Two\nlines".into())]);
    assert!(number_column(&raw.items, "price")[0].is_nan());
    assert_eq!(number_column(&raw.items, "price")[1], 1.5);
    assert_eq!(list_column(&raw.items, "tags"), [vec![], vec!["a".to_owned(), "b".into()]]);
    let counts: Vec<_> = raw.files.iter().map(|f| (file_name(&f.path), f.read, f.kept, f.filtered)).collect();
    assert_eq!(counts, [("events", 3, 3, 0), ("items", 3, 2, 1)]);
}

#[test]
fn line_ends_separators_and_a_byte_order_mark_do_not_matter() {
    let wanted =
        RawData { files: vec![], hash: String::new(), ..read(&config(csv(',')), EVENTS, ITEMS).unwrap() };
    let tabs = |text: &str| text.replace("\", c", "\"\u{0}c").replace(", c", "\u{0}c").replace(',', "\t");
    let tabs = |text: &str| tabs(text).replace('\u{0}', ", ");
    let cases = [
        (csv(','), EVENTS.replace('\n', "\r\n"), ITEMS.into()),
        (csv(','), format!("\u{feff}{EVENTS}"), ITEMS.into()),
        (csv('\t'), tabs(EVENTS), tabs(ITEMS)),
        (csv(','), EVENTS.trim_end().into(), ITEMS.into()),
    ];
    for (format, events, items) in cases {
        let raw = read(&config(format), &events, &items).unwrap();
        let found = RawData { files: vec![], hash: String::new(), ..raw };
        // NaN differs from itself, so the comparison is of what is printed.
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "{events:?}");
    }
}

#[test]
fn columns_are_bound_by_name() {
    let names = ["who", "what", "when", "device"];
    let rows = [["ann", "1", "10", "x"], ["bob", "2", "20", "y"]];
    let table = |order: &[usize]| {
        let line = |row: &[&str; 4]| order.iter().map(|&i| row[i]).collect::<Vec<_>>().join(",");
        format!("{}\n{}\n{}\n", line(&names), line(&rows[0]), line(&rows[1]))
    };
    let config = TablesConfig { items: None, ..config(csv(',')) };
    let wanted = read(&config, &table(&[0, 1, 2, 3]), "").unwrap().events;
    for a in 0..4 {
        for b in 0..4 {
            for c in 0..4 {
                let d = 6usize.wrapping_sub(a + b + c);
                let mut order = [a, b, c, d];
                order.sort_unstable();
                if order == [0, 1, 2, 3] {
                    assert_eq!(read(&config, &table(&[a, b, c, d]), "").unwrap().events, wanted);
                }
            }
        }
    }
    for missing in 0..4 {
        let order: Vec<usize> = (0..4).filter(|&i| i != missing).collect();
        let error = read(&config, &table(&order), "").unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let (name, message) = (names[missing], error.to_string());
        assert!(message.contains(&format!("there is no column `{name}`")), "{message}");
        assert!(order.iter().all(|&i| message.contains(names[i])), "{message}");
    }
}

#[test]
fn bad_rows_are_rejected_with_line_column_and_reason() {
    let cases = [
        ("ann,1\n", 4, "", "expected 4 fields, found 2"),
        ("ann,1,2,3,4\n", 4, "", "expected 4 fields, found 5"),
        (",1,40,x\n", 4, "who", "expected an id, found nothing"),
        ("ann,  ,40,x\n", 4, "what", "expected an id, found nothing"),
        ("ann,1,1.5,x\n", 4, "when", "expected an integer, found \"1.5\""),
        ("ann,1,,x\n", 4, "when", "expected an integer, found nothing"),
        ("ann,1,-1,x\n", 4, "when", "expected seconds from 1970 to 2099 (key time.unit), found -1"),
        (
            "ann,1,978300760000,x\n",
            4,
            "when",
            "expected seconds from 1970 to 2099 (key time.unit), found 978300760000",
        ),
        ("ann,1,99999999999999999999,x\n", 4, "when", "expected an integer, found \"99999999999999999999\""),
        ("ann,1,40,5\" disk\n", 4, "", "a quote inside a field that is not quoted"),
        ("ann,1,40,\u{0}\n", 4, "", "has a NUL byte"),
        ("\n", 4, "", "expected 4 fields, found 1"),
    ];
    let config = TablesConfig { items: None, ..config(csv(',')) };
    for (row, line, column, reason) in cases {
        // Line 2 goes on over line 3, so the fourth line is the third row.
        let events = format!("who,what,when,device\nann,7,10,\"two\nlines\"\n{row}bob,7,20,y\n");
        let raw = read(&config, &events, "").unwrap();
        let wanted = Reject { line, column: column.into(), reason: reason.into() };
        assert_eq!(raw.files[0].rejects, [wanted]);
        assert_eq!(raw.events.time_s, [10, 20]);
        assert_balanced(&raw.files);
        let strict = TablesConfig { limits: ReadLimits::STRICT, ..config.clone() };
        let error = read(&strict, &events, "").unwrap_err();
        assert!(error.to_string().contains("events:4"), "{error}");
    }
}

#[test]
fn numbers_that_are_none_are_rejected() {
    for text in ["inf", "-inf", "NaN", "1e999", "one"] {
        let items = format!("id,title,price,tags\n7,a,{text},\n007,b,2,\n");
        let raw = read(&config(csv(',')), EVENTS, &items).unwrap();
        assert_eq!((raw.files[1].rejects[0].line, raw.files[1].rejects[0].column.as_str()), (2, "price"));
    }
}

#[test]
fn milliseconds_become_seconds_if_the_config_says_so() {
    let mut config = TablesConfig { items: None, ..config(csv(',')) };
    config.events.time.unit = TimeUnit::Milliseconds;
    let raw = read(&config, "who,what,when,device\na,b,978300760999,\n", "").unwrap();
    assert_eq!(raw.events.time_s, [978_300_760]);
}

#[test]
fn broken_files_are_refused() {
    let cases = [
        ("", 3, "the file is empty"),
        ("who,what,when,device\n", 3, "no row to use: 0 read"),
        ("who,what,when,who\na,b,1,c\n", 3, "two columns are called `who`"),
        (
            "who,what,when,device\na,b,1,\"open\nc,d,2,e\n",
            3,
            "events:2: a quote opens here and is not closed",
        ),
    ];
    for (events, code, message) in cases {
        let error = read(&config(csv(',')), events, ITEMS).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.exit_code(), code);
    }
    for separator in ['"', '\n', '→', 'x'] {
        assert_eq!(read(&config(csv(separator)), EVENTS, ITEMS).unwrap_err().exit_code(), 2);
    }
}

#[test]
fn latin_1_is_read_as_such_and_refused_as_utf_8() {
    let dir = folder(&[("events", b"who,what,when,device\na,b,1,c\na,b,2,Caf\xe9\n".as_slice())]);
    let mut config = TablesConfig { items: None, ..config(csv(',')) };
    let error = read_tables(&config, dir.path()).unwrap_err();
    assert!(error.to_string().contains("events:3: not UTF-8"), "{error}");
    config.events.format = FileFormat::Csv { separator: ',', encoding: Encoding::Latin1 };
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(text_column(&raw.request, "device"), [Some("c"), Some("Café")]);
}

fn parquet(columns: Vec<Column>) -> tempfile::TempDir {
    let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
    let dir = tempfile::tempdir().unwrap();
    ParquetWriter::new(std::fs::File::create(dir.path().join("events")).unwrap()).finish(&mut frame).unwrap();
    dir
}

#[test]
fn parquet_ids_are_text_or_integers_and_never_floats() {
    let config = TablesConfig { items: None, ..config(FileFormat::Parquet {}) };
    let columns = |who: Column| {
        vec![
            who,
            Column::new("what".into(), ["007", "7", "7"]),
            Column::new("when".into(), [1i64, 2, 3]),
            Column::new("device".into(), [Some("x"), None, Some("y")]),
        ]
    };
    let dir = parquet(columns(Column::new("who".into(), [i64::MAX, -5, i64::MAX])));
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(raw.user_ids, ["9223372036854775807", "-5"]);
    assert_eq!(raw.item_ids, ["007", "7"]);
    assert_eq!(text_column(&raw.request, "device"), [Some("x"), None, Some("y")]);
    let dir = parquet(columns(Column::new("who".into(), [1.0f64, 2.0, 3.0])));
    let error = read_tables(&config, dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("column `who` (key data.tables.events.user) is of type f64"),
        "{error}"
    );
    let dir = folder(&[("events", b"PAR1 not really")]);
    assert_eq!(read_tables(&config, dir.path()).unwrap_err().exit_code(), 3);
}

/// 5,000 rows with quotes, separators and line ends inside fields, a tenth of them cut short: every field comes
/// back as it was written, and every short row is rejected at the line on which it begins.
#[test]
fn quoted_fields_come_back_and_short_rows_are_rejected_at_their_line() {
    let mut rng = Stream::new(5, Purpose::SYNTHETIC, 0, 0);
    let (mut text, mut line) = ("who,what,when,device\n".to_owned(), 2u64);
    let (mut bad_lines, mut devices) = (Vec::new(), Vec::new());
    for time_s in 0..5_000 {
        let n = rng.index(6);
        let device: String = (0..n).map(|_| ["a", ",", "\"", "\n", " ", "é"][rng.index(6)]).collect();
        let quoted = device.contains([',', '"', '\n']) || rng.below(2) == 0;
        let field = if quoted { format!("\"{}\"", device.replace('"', "\"\"")) } else { device.clone() };
        let row = if rng.below(10) == 0 {
            bad_lines.push(line);
            format!("{field},b,{time_s}\n")
        } else {
            devices.push(if device.trim().is_empty() { None } else { Some(device) });
            format!("a,b,{time_s},{field}\n")
        };
        line += row.matches('\n').count() as u64;
        text += &row;
    }
    let raw = read(&TablesConfig { items: None, ..config(csv(',')) }, &text, "").unwrap();
    let rejected: Vec<u64> = raw.files[0].rejects.iter().map(|reject| reject.line).collect();
    assert_eq!(rejected, bad_lines);
    assert_eq!(text_column(&raw.request, "device"), devices.iter().map(Option::as_deref).collect::<Vec<_>>());
    assert_balanced(&raw.files);
}
