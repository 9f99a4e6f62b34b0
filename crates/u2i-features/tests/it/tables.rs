use mutations::{Field, MAX_LINE_BYTES, assert_rejected, mutated};
use reference::{Format, Rule};

use crate::*;
use u2i_schema::ErrorKind;

fn csv(separator: char) -> FileFormat {
    FileFormat::from(Csv::new(separator, Encoding::Utf8))
}

fn config(format: FileFormat) -> TablesConfig {
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    TablesConfig {
        events: EventsConfig {
            file: "events".into(),
            format: format.clone(),
            user: "who".into(),
            item: "what".into(),
            time: Some(TimeConfig { column: "when".into(), unit: TimeUnit::Seconds }),
            request: vec![attribute("device", AttributeKind::Text {})],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
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
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
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
        (csv(','), format!("\u{feff}\"who\"{}", &EVENTS[3..]), ITEMS.replacen("id", "\"id\"", 1)),
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

/// All orders of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    (0..n).fold(vec![vec![]], |shorter, last| {
        let insert = |order: &Vec<usize>, place: usize| [&order[..place], &[last], &order[place..]].concat();
        shorter.iter().flat_map(|order| (0..=last).map(move |place| insert(order, place))).collect()
    })
}

/// D3: every order, deletion and repetition of the columns of two files, one of which nothing binds and may be there twice.
#[test]
fn columns_are_bound_by_name() {
    let events = [
        ["who", "what", "when", "device", "note"],
        ["ann", "7", "10", "x", "n"],
        ["bob", "007", "20", "", "m"],
    ];
    let items = [
        ["id", "title", "price", "tags", "note"],
        ["7", "Up", "1.5", "a|b", "n"],
        ["007", "Down", "2", "", "m"],
    ];
    let table = |rows: &[[&str; 5]; 3], order: &[usize]| {
        let line = |row: &[&str; 5]| order.iter().map(|&i| row[i]).collect::<Vec<_>>().join(",") + "\n";
        rows.iter().map(line).collect::<String>()
    };
    let all = [0, 1, 2, 3, 4];
    let config = config(csv(','));
    let read = |events: &str, items: &str| read(&config, events, items);
    let content = |raw: RawData| RawData { files: vec![], hash: String::new(), ..raw };
    let wanted = content(read(&table(&events, &all), &table(&items, &all)).unwrap());
    assert_eq!(wanted.titles, [Some("Up".into()), Some("Down".into())]);
    for order in orders(5) {
        let found = content(read(&table(&events, &order), &table(&items, &order)).unwrap());
        assert_eq!(found, wanted, "{order:?}");
    }
    let refused = |order: &[usize], is_events: bool, message: &str| {
        let (events_order, items_order) = if is_events { (order, &all[..]) } else { (&all[..], order) };
        let error = read(&table(&events, events_order), &table(&items, items_order)).unwrap_err();
        let names = if is_events { events[0] } else { items[0] };
        let found = format!("{:?}", order.iter().map(|&i| names[i]).collect::<Vec<_>>());
        let text = error.to_string();
        assert!(text.contains(message) && text.ends_with(&found), "{order:?}: {text}");
        assert_eq!(error.kind(), ErrorKind::Data);
    };
    for (i, is_events) in (0..5).flat_map(|i| [(i, true), (i, false)]) {
        let without: Vec<usize> = (0..5).filter(|&other| other != i).collect();
        if i < 4 {
            refused(&without, is_events, "there is no column");
        }
        // Once more, at every place; and in the place of each other column.
        for place in 0..=5 {
            let order = [&all[..place], &[i], &all[place..]].concat();
            if i < 4 {
                refused(&order, is_events, "two columns are called");
                continue;
            }
            let (events_order, items_order) =
                if is_events { (&order[..], &all[..]) } else { (&all[..], &order[..]) };
            let found = content(read(&table(&events, events_order), &table(&items, items_order)).unwrap());
            assert_eq!(found, wanted, "{order:?}");
        }
        for place in without {
            let mut order = all;
            order[place] = i;
            // One is missing or there twice, or both.
            let message = match (i, place) {
                (4, _) => "there is no column",
                (_, 4) => "two columns are called",
                _ => "column",
            };
            refused(&order, is_events, message);
        }
    }
}

#[test]
fn bad_rows_are_rejected_with_line_column_and_reason() {
    let cases = [
        ("ann,1\n", 4, "", "expected 4 fields, found 2"),
        ("ann,1,2,3,4\n", 4, "", "expected 4 fields, found 5"),
        (",1,40,x\n", 4, "who", "expected an id, found nothing"),
        ("ann,  ,40,x\n", 4, "what", "expected an id, found nothing"),
        ("ann,1,1.5.0,x\n", 4, "when", "expected a number, found \"1.5.0\""),
        ("ann,1,,x\n", 4, "when", "expected a number, found nothing"),
        ("ann,1,-1,x\n", 4, "when", "expected seconds from 1970 to 2099 (key time.unit), found -1"),
        (
            "ann,1,978300760000,x\n",
            4,
            "when",
            "expected seconds from 1970 to 2099 (key time.unit), found 978300760000",
        ),
        (
            "ann,1,99999999999999999999,x\n",
            4,
            "when",
            "expected seconds from 1970 to 2099 (key time.unit), found 99999999999999999999",
        ),
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
    let wrong = ["inf", "-inf", "+Infinity", "-nan", "1e999", "-1e999", "one", "0x10", "1 0000", "٧"];
    for text in wrong {
        let items = format!("id,title,price,tags\n7,a,{text},\n007,b,2,\n");
        let raw = read(&config(csv(',')), EVENTS, &items).unwrap();
        let reason = format!("expected a finite number (key kind.number), found {text:?}");
        assert_eq!(raw.files[1].rejects, [Reject { line: 2, column: "price".into(), reason }]);
    }
    for (text, number) in [("1e3", 1e3), ("-0.5", -0.5), (" 2 ", 2.0), ("+.5", 0.5), ("1e308", 1e308)] {
        let items = format!("id,title,price,tags\n7,a,{text},\n007,b,2,\n");
        let raw = read(&config(csv(',')), EVENTS, &items).unwrap();
        assert_eq!(number_column(&raw.items, "price"), [2.0, number], "{text}");
    }
    // In Parquet as well, where a missing number is null, or NaN (`columnar::nan_is_a_missing_number_…`).
    let mut config = TablesConfig { items: None, ..config(FileFormat::from(Parquet {})) };
    config.events.request[0].kind = AttributeKind::Number {};
    for (number, name) in [(f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let dir = parquet(vec![
            Column::new("who".into(), ["u", "u", "u"]),
            Column::new("what".into(), ["a", "b", "c"]),
            Column::new("when".into(), [1i64, 2, 3]),
            Column::new("device".into(), [Some(0.5), Some(number), None]),
        ]);
        let raw = read_tables(&config, dir.path()).unwrap();
        let reason = format!("expected a finite number (key kind.number), found {name}");
        assert_eq!(raw.files[0].rejects, [Reject { line: 2, column: "device".into(), reason }]);
        let load = number_column(&raw.request, "device");
        assert!(load.len() == 2 && load[0] == 0.5 && load[1].is_nan(), "{load:?}");
    }
}

#[test]
fn broken_files_are_refused() {
    let cases = [
        ("", ErrorKind::Data, "the file is empty"),
        ("\n", ErrorKind::Data, "the file is empty"),
        ("who,what,when,device\n", ErrorKind::Data, "no row to use: 0 read"),
        ("who,what,when,device\ra,b,1,c\r", ErrorKind::Data, "there is no column `device`"),
        ("w\0h\0o\0,\0", ErrorKind::Data, "events:1: the header cannot be used: has a NUL byte"),
        (
            "who,what,when,5\" disk\na,b,1,c\n",
            ErrorKind::Data,
            "events:1: the header cannot be used: a quote inside a field",
        ),
        ("who,what,when,device,who\na,b,1,c,d\n", ErrorKind::Data, "two columns are called `who`"),
        (
            "who,what,when,device\na,b,1,\"open\nc,d,2,e\n",
            ErrorKind::Data,
            "events:2: a quote opens here and is not closed",
        ),
    ];
    for (events, kind, message) in cases {
        let error = read(&config(csv(',')), events, ITEMS).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), kind);
    }
    for separator in ['"', '\n', '→', 'x'] {
        assert_eq!(read(&config(csv(separator)), EVENTS, ITEMS).unwrap_err().kind(), ErrorKind::Usage);
    }
}

/// D9: 64 bytes are allowed, without the end of the line and with all lines of a quoted field.
#[test]
fn rows_and_open_quotes_are_bounded_by_the_limit() {
    let limits = ReadLimits { max_line_bytes: 64.try_into().unwrap(), ..lenient() };
    let config = TablesConfig { items: None, limits, ..config(csv(',')) };
    let row = |device: usize, end: &str| format!("ann,1,40,{}{end}", "x".repeat(device));
    let too_long = "longer than 64 bytes (key max_line_bytes)";
    // "ann,1,40," is 9 bytes.
    for (row, is_kept) in [
        (row(55, "\n"), true),
        (row(55, "\r\n"), true),
        (row(56, "\n"), false),
        (row(56, "\r\n"), false),
        (row(1 << 20, "\n"), false),
    ] {
        let raw = read(&config, &format!("who,what,when,device\nbob,1,1,y\n{row}bob,1,2,y\n"), "").unwrap();
        let rejects = &raw.files[0].rejects;
        assert_eq!(raw.n_events() - 2, usize::from(is_kept), "{row:.70}");
        assert!(rejects.iter().all(|reject| reject.line == 3 && reject.reason == too_long), "{rejects:?}");
        assert_balanced(&raw.files);
    }
    // The last line as well, with and without a newline.
    for (end, device, n_events) in [("", 55, 2), ("\r", 55, 2), ("\n\n", 55, 2), ("", 56, 1), ("\r", 56, 1)] {
        let raw =
            read(&config, &format!("who,what,when,device\nbob,1,1,y\n{}", row(device, end)), "").unwrap();
        assert_eq!(raw.n_events(), n_events, "{end:?} {device}");
    }
    let lines = |n: usize| format!("ann,1,40,\"{}\"\n", "x\n".repeat(n));
    let good = read(&config, &format!("who,what,when,device\n{}", lines(26)), "").unwrap();
    assert_eq!(text_column(&good.request, "device"), [Some("x\n".repeat(26).as_str())]);
    let after = "bob,1,2,y\n".repeat(100_000);
    for open in [lines(40), "ann,1,40,\"x\n".to_owned()] {
        let error =
            read(&config, &format!("who,what,when,device\nbob,1,1,y\n{open}{after}"), "").unwrap_err();
        assert!(matches!(error, FeatureError::OpenQuote { line: 3, max_line_bytes: 64, .. }), "{error}");
    }
    let header = format!("who,what,when,device,{}\n", "x".repeat(64));
    let error = read(&config, &header, "").unwrap_err();
    assert!(
        error.to_string().ends_with(&format!("events:1: the header cannot be used: {too_long}")),
        "{error}"
    );
    let none = TablesConfig {
        sequences: vec![],
        missing: None,
        limits: ReadLimits { max_line_bytes: std::num::NonZeroUsize::MAX, ..lenient() },
        ..config
    };
    assert_eq!(read(&none, EVENTS, "").unwrap().n_events(), 3);
}

/// A blank line in a file of one column is a row without an id, not a row less.
#[test]
fn a_blank_line_is_a_row_whatever_the_number_of_columns() {
    let mut config = config(csv(','));
    config.items.as_mut().unwrap().attributes.clear();
    for blank in ["", " ", "\"\"", "\r"] {
        let raw = read(&config, EVENTS, &format!("id\n7\n{blank}\n007\n")).unwrap();
        let reason = "expected an id, found nothing".to_owned();
        assert_eq!(raw.files[1].rejects, [Reject { line: 3, column: "id".into(), reason }], "{blank:?}");
        assert_eq!((raw.files[1].read, raw.files[1].kept), (3, 2), "{blank:?}");
    }
}

#[test]
fn latin_1_is_read_as_such_and_is_a_reject_of_utf_8() {
    let dir = folder(&[("events", b"who,what,when,device\na,b,1,c\na,b,2,Caf\xe9\n".as_slice())]);
    let mut config = TablesConfig { items: None, ..config(csv(',')) };
    let raw = read_tables(&config, dir.path()).unwrap();
    let reason = "not UTF-8: the byte 0xe9 behind \"a,b,2,Caf\"".into();
    assert_eq!(raw.files[0].rejects, [Reject { line: 3, column: String::new(), reason }]);
    config.limits = ReadLimits::STRICT;
    let error = read_tables(&config, dir.path()).unwrap_err();
    assert!(error.to_string().contains("events:3: not UTF-8"), "{error}");
    config.events.format = FileFormat::from(Csv::new(',', Encoding::Latin1));
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(text_column(&raw.request, "device"), [Some("c"), Some("Café")]);
}

#[test]
fn parquet_ids_are_text_or_integers_and_never_floats() {
    let config = TablesConfig { items: None, ..config(FileFormat::from(Parquet {})) };
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
    assert_eq!(read_tables(&config, dir.path()).unwrap_err().kind(), ErrorKind::Data);
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

/// D4: 10,000 events and 10,000 items. The reference says what is kept, the mutator what is not.
#[test]
fn no_bad_row_passes_and_no_good_row_is_lost() {
    let id = |name| Field {
        name,
        good: |rng, row| match row {
            0 => "1".to_owned(),
            _ => format!("{}{}", ["", "0", "-", " ", "x"][rng.index(5)], rng.below(2_000)),
        },
        bad: &[b"", b" ", b"\t", b"\xa0"],
    };
    let number = |name| Field {
        name,
        good: |rng, _| ["", "0.5", "-1e3", " 7 "][rng.index(4)].to_owned(),
        bad: &[b"-NaN", b"inf", b"1e999", b"one", b"\xe9"],
    };
    let when = Field {
        name: "when",
        good: |rng, _| rng.below(1_000_000_000).to_string(),
        bad: &[b"", b"abc", b"-1", b"1.5e10", b"1e", b"4102444800", b"978300760000", b" 40", b"4\xff"],
    };
    let title = Field { name: "title", good: |rng, row| format!("{row}: {}", rng.below(9)), bad: &[] };
    let events = mutated(7, b",", &[id("who"), when, number("device"), id("what")], 2);
    let items = mutated(8, b",", &[id("id"), title, number("price")], 2);

    let max_line_bytes = MAX_LINE_BYTES;
    let mut config = config(FileFormat::from(Csv::new(',', Encoding::Latin1)));
    config.limits = ReadLimits { max_reject_ratio: 0.9, max_line_bytes: max_line_bytes.try_into().unwrap() };
    config.events.request[0].kind = AttributeKind::Number {};
    config.items.as_mut().unwrap().attributes.truncate(2);
    let dir = folder(&[
        ("events", &[b"who,when,device,what\n", events.file.as_slice()].concat()),
        ("items", &[b"id,title,price\n", items.file.as_slice()].concat()),
    ]);
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_balanced(&raw.files);
    assert_rejected(&raw.files[0], &events.broken);
    assert_rejected(&raw.files[1], &items.broken);

    use reference::{any, blank_or_number, not_blank, seconds};
    let format = |columns| Format { separator: ",", columns, max_line_bytes };
    let events_format = format(vec![
        ("who", not_blank as Rule),
        ("when", seconds),
        ("device", blank_or_number),
        ("what", not_blank),
    ]);
    reference::assert_events(&raw, &events_format, [0, 3, 1], &events.file, 2, "events");
    let items_format = format(vec![("id", not_blank as Rule), ("title", any), ("price", blank_or_number)]);
    let rows = reference::of_known_ids(&items_format, &items.file, &raw.item_ids);
    reference::assert_counts(&raw.files[1], &rows, 2, "items");
    assert!(raw.titles == reference::by_id(&rows, &raw.item_ids, |row| row[1].clone()), "titles");
    let price = |row: &[String]| row[2].trim().parse().unwrap_or(f64::NAN);
    let prices =
        reference::by_id(&rows, &raw.item_ids, price).into_iter().map(|price| price.unwrap_or(f64::NAN));
    let same = |(found, wanted): (f64, f64)| found == wanted || found.is_nan() && wanted.is_nan();
    assert!(number_column(&raw.items, "price").into_iter().zip(prices).all(same), "prices");
}
