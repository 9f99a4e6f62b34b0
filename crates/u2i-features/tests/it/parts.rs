//! A text file is read in parts of 4 MiB. Here one of three is read for every purpose: each row comes once, with the
//! cells and the line that are its own.

use crate::*;

const N_ROWS: usize = 45_000;
/// A row with a time that is none; it is behind the first part, as all rows are that cannot be used.
const NO_TIME: usize = 25_000;
/// A row with a price that is none.
const NO_PRICE: usize = 30_000;
/// A row that lacks fields.
const SHORT: usize = 35_000;
/// A second row of the item of row 1.
const AGAIN: usize = 40_000;

/// The fields of a row: who, note, what, when, device, title, price, tags. The note goes on over two or three lines, so
/// that it does wherever a part ends.
fn fields(row: usize) -> [String; 8] {
    let note =
        format!("{row},\n{:170}{}", "of many letters", if row.is_multiple_of(3) { "\n." } else { "." });
    [
        format!("u{}", row % 1_000),
        note,
        format!("i{}", if row == AGAIN { 1 } else { row }),
        if row == NO_TIME { "soon".to_owned() } else { row.to_string() },
        format!("device {row}"),
        format!("title {row}"),
        if row == NO_PRICE { "dear".to_owned() } else { format!("{row}.5") },
        format!("a{row}|b"),
    ]
}

/// A folder with the file, `rows`, and the line on which each row begins.
fn written() -> (tempfile::TempDir, Vec<u64>) {
    let (mut text, mut lines, mut line) =
        ("who,note,what,when,device,title,price,tags".to_owned(), vec![], 2);
    for row in 0..N_ROWS {
        let [who, note, rest @ ..] = fields(row);
        let written = match row {
            SHORT => format!("{who},\"{note}\""),
            _ => format!("{who},\"{note}\",{}", rest.join(",")),
        };
        lines.push(line);
        line += 1 + written.matches('\n').count() as u64;
        text += "\n";
        text += &written;
    }
    // The last line has no end.
    assert!(text.len() > 2 * (1 << 22) + (1 << 20), "{} bytes are less than three parts", text.len());
    (folder(&[("rows", text.as_bytes())]), lines)
}

fn csv() -> FileFormat {
    FileFormat::from(Csv::new(',', Encoding::Utf8))
}

fn when() -> TimeConfig {
    TimeConfig { column: "when".into(), unit: TimeUnit::Seconds }
}

/// One file as all files of tables.
fn tables() -> TablesConfig {
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    TablesConfig {
        events: EventsConfig {
            file: "rows".into(),
            format: csv(),
            user: "who".into(),
            item: "what".into(),
            time: Some(when()),
            request: vec![attribute("device", AttributeKind::Text {})],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: Some(AttributesConfig {
            file: "rows".into(),
            format: csv(),
            id: "what".into(),
            attributes: vec![
                attribute("title", AttributeKind::Text {}),
                attribute("price", AttributeKind::Number {}),
                attribute("tags", AttributeKind::List { separator: '|' }),
            ],
        }),
        whole_number_ids: false,
        sequences: vec![SequenceFileConfig {
            name: "seen".into(),
            file: "rows".into(),
            format: csv(),
            user: "who".into(),
            value: "title".into(),
            time: when(),
        }],
        missing: None,
        limits: lenient(),
    }
}

/// Rows that are whole and have a time.
fn timed() -> impl Iterator<Item = usize> {
    (0..N_ROWS).filter(|row| ![NO_TIME, SHORT].contains(row))
}

#[test]
fn each_row_of_each_part_is_read_with_its_own_cells_and_line() {
    let (dir, lines) = written();
    let reject = |row: usize, column: &str, reason: &str| Reject {
        line: lines[row],
        column: column.into(),
        reason: reason.into(),
    };
    let no_time = reject(NO_TIME, "when", "expected a number, found \"soon\"");
    let no_price = reject(NO_PRICE, "price", "expected a finite number (key kind.number), found \"dear\"");
    let short = reject(SHORT, "", "expected 8 fields, found 2");
    let again = reject(AGAIN, "what", "a second row of the id \"i1\"");

    let raw = read_tables(&tables(), dir.path()).unwrap();
    assert_balanced(&raw.files);
    let [events, items, sequence] = &raw.files[..] else { panic!("{:?}", raw.files) };
    assert_eq!(events.rejects, [no_time.clone(), short.clone()]);
    assert_eq!(items.rejects, [no_price, short.clone(), again]);
    // The item of the row without a time is in no event.
    assert_eq!((items.read, items.filtered), (N_ROWS as u64, 1));
    assert_eq!(sequence.rejects, events.rejects);

    let RawEvents { user, item, time_s, .. } = &raw.events;
    let devices = text_column(&raw.request, "device");
    assert_eq!([devices.len(), raw.n_events()], [N_ROWS - 2; 2]);
    for (event, row) in timed().enumerate() {
        let [who, _, what, when, device, ..] = fields(row);
        assert_eq!(raw.user_ids[user[event] as usize], who, "row {row}");
        assert_eq!(raw.item_ids[item[event] as usize], what, "row {row}");
        assert_eq!(time_s[event].to_string(), when, "row {row}");
        assert_eq!(devices[event], Some(&*device), "row {row}");
    }

    let (titles, prices) = (text_column(&raw.items, "title"), number_column(&raw.items, "price"));
    let tags = list_column(&raw.items, "tags");
    for (i, row) in timed().filter(|&row| row != AGAIN).enumerate() {
        let [_, _, what, _, _, title, price, _] = fields(row);
        assert_eq!(raw.item_ids[i], what);
        if row == NO_PRICE {
            assert!(titles[i].is_none() && prices[i].is_nan() && tags[i].is_empty(), "row {row}");
            continue;
        }
        assert_eq!((titles[i], prices[i].to_string()), (Some(&*title), price), "row {row}");
        assert_eq!(tags[i], [format!("a{row}"), "b".to_owned()], "row {row}");
    }

    let [RawSequence { user, value, values, time_s, .. }] = &raw.sequences[..] else { panic!() };
    assert_eq!(user.len(), N_ROWS - 2);
    for (entry, row) in timed().enumerate() {
        let [who, _, _, when, _, title, ..] = fields(row);
        assert_eq!(raw.user_ids[user[entry] as usize], who, "row {row}");
        assert_eq!((&values[value[entry] as usize], time_s[entry].to_string()), (&title, when), "row {row}");
    }

    let path = dir.path().join("rows");
    let requests = RequestsConfig {
        format: csv(),
        user: Some("who".into()),
        history: Some(HistoryColumn { column: "tags".into(), separator: '|' }),
        at: Some(when()),
        attributes: vec![],
        ignored: vec![],
        missing: None,
        whole_number_ids: false,
        limits: lenient(),
    };
    let rows = read_requests(&path, &requests).unwrap();
    assert_eq!(rows.len(), N_ROWS - 2);
    for (found, row) in rows.into_iter().zip(timed()) {
        let [who, note, what, when, device, title, price, _] = fields(row);
        let context =
            [("note", note), ("what", what), ("device", device), ("title", title), ("price", price)];
        let wanted = RequestRow {
            user: Some(who),
            history: Some(vec![format!("a{row}"), "b".to_owned()]),
            at_s: when.parse().ok(),
            context: context.map(|(name, text)| (name.to_owned(), text)).into(),
            lists: vec![],
        };
        assert_eq!(found, wanted, "row {row}");
    }
    let strict = RequestsConfig { limits: ReadLimits::STRICT, ..requests };
    let error = read_requests(&path, &strict).unwrap_err();
    let FeatureError::TooManyRejects { rejects, .. } = error else { panic!("{error}") };
    assert_eq!(rejects, [no_time, short]);
}

#[test]
fn a_profile_is_of_all_parts() {
    let (dir, lines) = written();
    let profile = profile_table(&dir.path().join("rows"), &csv(), (1 << 20).try_into().unwrap()).unwrap();
    assert_eq!(profile.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [lines[SHORT]]);
    let n = N_ROWS - 1;
    assert_eq!(profile.n_rows, n);
    let column = |name: &str| profile.columns.iter().find(|column| column.name == name).unwrap();
    assert!(profile.columns.iter().all(|column| (column.n_rows, column.n_missing) == (n, 0)));
    // Different users and devices; the item of row 1 is there twice.
    let distinct = ["who", "device", "what"].map(|name| column(name).n_distinct);
    assert_eq!(distinct, [1_000, n, n - 1]);
    let (when, price) = (column("when"), column("price"));
    assert_eq!((when.n_integers, when.n_numbers, when.min, when.max), (n - 1, n - 1, 0.0, n as f64));
    assert_eq!((price.n_integers, price.n_numbers, price.min, price.max), (0, n - 1, 0.5, n as f64 + 0.5));
    let tags = &column("tags").separated[0];
    let wanted = Separated { separator: '|', n_rows: n, n_distinct: n + 1, n_entries: 2 * n };
    assert_eq!(tags, &wanted);
    assert_eq!(column("title").example.as_deref(), Some("title 0"));
}
