//! Tables of text as people have them: what is read, and by which key.

use u2i_features::{FileBeginning, MarkedCells};

use crate::*;

const COMMAS: Csv = Csv::new(',', Encoding::Utf8);

/// Events of users `u` with items of these columns of attributes.
fn config(events: Csv, items: Csv, attributes: Vec<(&str, AttributeKind)>) -> TablesConfig {
    let attribute =
        |(name, kind): (&str, AttributeKind)| AttributeConfig { name: name.into(), column: None, kind };
    TablesConfig {
        events: EventsConfig {
            file: "events".into(),
            format: events.into(),
            user: "user".into(),
            item: "item".into(),
            time: Some(TimeConfig { column: "time".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: Some(AttributesConfig {
            file: "items".into(),
            format: items.into(),
            id: "id".into(),
            attributes: attributes.into_iter().map(attribute).collect(),
        }),
        sequences: vec![],
        missing: None,
        whole_number_ids: false,
        limits: lenient(),
    }
}

fn number() -> AttributeKind {
    AttributeKind::Number {}
}

fn list(separator: char) -> AttributeKind {
    AttributeKind::List { separator }
}

/// One event for each of the items `a` to `d`.
const EVENTS: &str = "user,item,time\nu,a,1\nu,b,2\nu,c,3\nu,d,4\n";

fn read(config: &TablesConfig, events: &str, items: &str) -> Result<RawData, FeatureError> {
    let dir = folder(&[("events", events.as_bytes()), ("items", items.as_bytes())]);
    read_tables(config, dir.path())
}

/// What the items of [`EVENTS`] have in one column.
fn column(items: Csv, kind: AttributeKind, text: &str) -> RawValues {
    let raw = read(&config(COMMAS, items, vec![("x", kind)]), EVENTS, text).unwrap();
    raw.items.into_iter().next().unwrap().values
}

fn numbers(format: Csv, text: &str) -> Vec<Option<f64>> {
    let RawValues::Number(values) = column(format, number(), text) else { panic!() };
    values.into_iter().map(|value| Some(value).filter(|value| !value.is_nan())).collect()
}

fn rejects(raw: &RawData, file: usize) -> Vec<(u64, &str, &str)> {
    let rejects = raw.files[file].rejects.iter();
    rejects.map(|reject| (reject.line, reject.column.as_str(), reject.reason.as_str())).collect()
}

/// The format that a text is recognised as, with the reason.
fn recognised(text: &str) -> Result<(FileFormat, String), FeatureError> {
    let dir = folder(&[("x", text.as_bytes())]);
    let found = Formats::built_in().recognise(&FileBeginning::read(&dir.path().join("x"))?)?;
    Ok((found.format, found.reason))
}

/// The columns of a text, read as it is recognised, each with what it holds.
fn profiled(text: &str) -> Vec<ColumnProfile> {
    let dir = folder(&[("x", text.as_bytes())]);
    let path = dir.path().join("x");
    let format = table_format(&path).unwrap();
    profile_table(&path, &format, (1 << 20).try_into().unwrap()).unwrap().columns
}

#[test]
fn quoted_line_breaks_are_no_hindrance_to_recognise_a_file() {
    // Line by line there would be more rows of three fields than of two.
    let description = "first\n\none, two, three\nfour, five, six\nsay \"\"seven\"\"; ";
    let rows: String = (0..300).map(|row| format!("i{row},\"{description}{row}\"\n")).collect();
    let text = format!("item,description\n{rows}");
    assert_eq!(recognised(&text).unwrap().0, COMMAS.into());
    let columns = profiled(&text);
    assert_eq!((columns.len(), columns[1].n_rows, columns[1].n_distinct), (2, 300, 300));
}

#[test]
fn a_quoted_field_that_was_cut_where_looking_ends_is_no_hindrance() {
    let long = format!("a,\"{}\"\n", "line\n".repeat(70_000));
    let text = format!("user,text\nb,c\nd,e\n{long}f,g\n");
    assert!(text.len() > 1 << 18);
    assert_eq!(recognised(&text).unwrap().0, COMMAS.into());
}

#[test]
fn quotes_are_read_behind_backslashes_if_the_config_says_so() {
    let text = "id,x\na,\"say \\\"hi\\\", you\"\nb,\\N\nc,\"ends with \\\\\"\nd,C:\\dir\n";
    let escape = Csv { escape: Some('\\'), ..COMMAS };
    assert_eq!(recognised(text).unwrap().0, escape.into());
    let RawValues::Text(values) = column(escape, AttributeKind::Text {}, text) else { panic!() };
    let wanted = ["say \"hi\", you", "", "ends with \\", "C:\\dir"];
    assert!(values.iter().map(|value| value.as_deref().unwrap_or_default()).eq(wanted), "{values:?}");

    let raw = read(&config(COMMAS, COMMAS, vec![("x", AttributeKind::Text {})]), EVENTS, text).unwrap();
    let [(2, "", reason), ..] = rejects(&raw, 1)[..] else { panic!("{:?}", rejects(&raw, 1)) };
    assert!(reason.contains("backslash") && reason.contains("key format.csv.escape"), "{reason}");
    let open = read(&config(COMMAS, COMMAS, vec![]), EVENTS, "id,x\na,\"x\\\"\"\n").unwrap_err();
    assert!(open.to_string().contains("key format.csv.escape"), "{open}");
}

#[test]
fn blanks_around_fields_do_not_count_if_the_config_says_so() {
    let events = "user, item, time\nu, a, 1\nu, b , 2\n\"u\" , \"c\", 3\n";
    let items = "id, x\na, \"one, two\"\n b, three\nc,\t \n";
    let trim = Csv { trim: true, ..COMMAS };
    assert_eq!(recognised(events).unwrap().0, trim.into());
    assert_eq!(recognised(items).unwrap().0, trim.into());
    let raw = read(&config(trim, trim, vec![("x", AttributeKind::Text {})]), events, items).unwrap();
    assert_eq!((raw.user_ids, raw.events.time_s), (vec!["u".to_owned()], vec![1, 2, 3]));
    assert_eq!(raw.item_ids, ["a", "b", "c"]);
    assert_eq!(text_column(&raw.items, "x"), [Some("one, two"), Some("three"), None]);

    let mut plain = config(COMMAS, COMMAS, vec![]);
    plain.items = None;
    let raw = read(&plain, "user,item,time\nu,a, 1\nu,b,2\n", "").unwrap();
    let wanted = "expected a number, found \" 1\"; it begins with a blank, which trim = true leaves out (key format.csv.trim)";
    assert_eq!(rejects(&raw, 0), [(2, "time", wanted)]);
    // Names in the header keep theirs, too: that shows at once.
    let error = read(&plain, events, "").unwrap_err();
    assert!(error.to_string().contains("there is no column `item`"), "{error}");
}

#[test]
fn a_column_without_a_name_is_called_by_its_place() {
    let text = "\u{feff},user,item,,time\n0,u,a,x,1\n1,u,b,y,2\n";
    let names = |text: &str| profiled(text).into_iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(names(text), ["column_1", "user", "item", "column_4", "time"]);
    let mut config = TablesConfig { items: None, ..config(COMMAS, COMMAS, vec![]) };
    config.events.request = vec![AttributeConfig {
        name: "device".into(),
        column: Some("column_4".into()),
        kind: AttributeKind::Text {},
    }];
    let raw = read(&config, text, "").unwrap();
    assert_eq!(text_column(&raw.request, "device"), [Some("x"), Some("y")]);
    config.events.user = "who".into();
    let error = read(&config, text, "").unwrap_err().to_string();
    assert!(error.ends_with(r#"only ["column_1", "user", "item", "column_4", "time"]"#), "{error}");
}

#[test]
fn of_columns_with_one_name_each_is_called_by_its_place() {
    let text = "id,user,id,item,time\n1,u,2,a,1\n";
    let mut config = TablesConfig { items: None, ..config(COMMAS, COMMAS, vec![]) };
    assert_eq!(read(&config, text, "").unwrap().user_ids, ["u"]);
    config.events.user = "id".into();
    let error = read(&config, text, "").unwrap_err().to_string();
    assert!(
        error.contains("two columns are called `id` (key data.tables.events.user); name one of [\"column_1\", \"column_3\"]"),
        "{error}"
    );
    config.events.user = "column_3".into();
    assert_eq!(read(&config, text, "").unwrap().user_ids, ["2"]);
    let names: Vec<String> = profiled(text).into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["column_1", "user", "column_3", "item", "time"]);
    // A column of that very name goes before.
    config.events.user = "column_2".into();
    let raw = read(&config, "column_2,user,item,time\nu,v,a,1\n", "").unwrap();
    assert_eq!(raw.user_ids, ["u"]);
}

#[test]
fn without_a_header_columns_are_called_by_their_numbers() {
    for text in ["u,a,1\nv,b,2\n", "\u{feff}\"u\",a,1\nv,b,2\n", "u,a,1\r\nv,b,2"] {
        let none = Csv { header: false, ..COMMAS };
        let mut config = TablesConfig { items: None, ..config(none, COMMAS, vec![]) };
        (config.events.user, config.events.item, config.events.time.as_mut().unwrap().column) =
            ("1".into(), "2".into(), "3".into());
        let raw = read(&config, text, "").unwrap();
        assert_eq!(
            (raw.user_ids, raw.events.time_s),
            (vec!["u".to_owned(), "v".into()], vec![1, 2]),
            "{text:?}"
        );
        assert_eq!(raw.files[0].read, 2);

        let refused = recognised(text).unwrap_err().to_string();
        assert!(refused.contains("--no-header") && refused.contains("header = false"), "{refused}");
        let dir = folder(&[("x", text.as_bytes())]);
        let beginning = FileBeginning::read(&dir.path().join("x")).unwrap().without_header();
        assert_eq!(Formats::built_in().recognise(&beginning).unwrap().format, none.into());
    }
}

#[test]
fn lines_above_the_header_are_passed_over_if_the_config_says_so() {
    let cases = [
        ("sep=;\n", ';', 1),
        ("\u{feff}sep=;\r\n", ';', 1),
        ("# exported by the shop\n#\n", ',', 2),
        ("Events of May 2024\n\n", ',', 2),
        ("Events,,\n", ',', 1),
        ("\n", ',', 1),
    ];
    for (above, separator, skip_lines) in cases {
        let text = above.to_owned() + &EVENTS.replace(',', &separator.to_string());
        let format = Csv { skip_lines, ..Csv::new(separator, Encoding::Utf8) };
        let (found, reason) = recognised(&text).unwrap();
        assert_eq!(found, format.into(), "{text:?}");
        assert!(reason.contains("above the header"), "{reason}");
        let config = TablesConfig { items: None, ..config(format, COMMAS, vec![]) };
        let raw = read(&config, &(text.clone() + &format!("u{separator}a\n")), "").unwrap();
        assert_eq!(raw.n_events(), 4, "{text:?}");
        assert_eq!(rejects(&raw, 0)[0].0, 6 + skip_lines as u64, "lines are those of the file");
        // Without the key the file is refused.
        let mut config = config;
        config.events.format = Csv::new(separator, Encoding::Utf8).into();
        let error = read(&config, &text, "").unwrap_err().to_string();
        if above.contains("sep") {
            assert!(error.contains("key format.csv.skip_lines"), "{error}");
        }
    }
}

#[test]
fn ragged_rows_are_rejects_and_shift_no_value() {
    let rows: String = (0..100).map(|row| format!("u{row},i,{row}\n")).collect();
    let text = format!("user,item,time\nu,i\n{rows}u,i,1,2\nu,,i,3\n");
    assert_eq!(recognised(&text).unwrap().0, COMMAS.into());
    let config = TablesConfig { items: None, ..config(COMMAS, COMMAS, vec![]) };
    let raw = read(&config, &text, "").unwrap();
    assert_eq!((raw.n_events(), raw.item_ids.len()), (100, 1));
    assert!(rejects(&raw, 0).iter().map(|reject| reject.0).eq([2, 103, 104]));
}

#[test]
fn a_separator_at_the_end_of_every_row_is_a_column_without_a_name() {
    let text = "user,item,time\nu,a,1,\nu,b,2,\n";
    assert_eq!(recognised(text).unwrap().0, COMMAS.into());
    let config = TablesConfig { items: None, ..config(COMMAS, COMMAS, vec![]) };
    assert_eq!(read(&config, text, "").unwrap().events.time_s, [1, 2]);
    // At the end of one row it is one field too many.
    let raw = read(&config, "user,item,time\nu,a,1\nu,b,2,\n", "").unwrap();
    assert_eq!(rejects(&raw, 0), [(3, "", "expected 3 fields, found 4")]);
    // Where it is something else that the header lacks, there is no telling which column has no name.
    let text = "user,item,time\n0,u,a,1\n1,u,b,2\n";
    let error = recognised(text).unwrap_err().to_string();
    assert!(error.contains("it has 3 and most others have 4"), "{error}");
    let error = read(&config, text, "").unwrap_err().to_string();
    assert!(error.contains("expected 3 fields, found 4"), "{error}");
}

#[test]
fn decimal_commas_and_separators_of_thousands_are_read_if_the_config_says_so() {
    let comma = Csv { decimal: Some(','), ..Csv::new(';', Encoding::Utf8) };
    let text = "id;x\na;12,50\nb;1.234,5\nc;\nd;7\n";
    assert_eq!(recognised(text).unwrap().0, comma.into());
    assert_eq!(numbers(comma, text), [Some(12.5), Some(1234.5), None, Some(7.0)]);
    let stop = Csv { decimal: Some('.'), ..COMMAS };
    let text = "id,x\na,\"1,234.50\"\nb,\"1,234\"\nc,0.5\nd,NULL\n";
    assert_eq!(recognised(text).unwrap().0, stop.into());
    assert_eq!(numbers(stop, text), [Some(1234.5), Some(1234.0), Some(0.5), None]);

    // A number of the other way is none, rather than another number.
    let raw = read(&config(COMMAS, comma, vec![("x", number())]), EVENTS, "id;x\na;1.5\nb;1,5\n").unwrap();
    assert_eq!(rejects(&raw, 1), [(2, "x", "expected a finite number (key kind.number), found \"1.5\"")]);
    // Without the key, the key is named.
    let plain = Csv::new(';', Encoding::Utf8);
    let raw = read(&config(COMMAS, plain, vec![("x", number())]), EVENTS, "id;x\na;12,50\nb;1.5\n").unwrap();
    let (2, "x", reason) = rejects(&raw, 1)[0] else { panic!() };
    assert!(
        reason.contains("found \"12,50\"; a decimal comma") && reason.contains("format.csv.decimal"),
        "{reason}"
    );
    // Ids and categories are as they are written, and times may have decimals.
    let mut events = TablesConfig { items: None, ..config(comma, comma, vec![]) };
    events.events.request =
        vec![AttributeConfig { name: "x".into(), column: None, kind: AttributeKind::Text {} }];
    let raw = read(&events, "user;item;time;x\n1,50;1.000;978.300.760,5;2,5\n", "").unwrap();
    assert_eq!((raw.user_ids, raw.item_ids), (vec!["1,50".to_owned()], vec!["1.000".to_owned()]));
    assert_eq!((raw.events.time_s, text_column(&raw.request, "x")), (vec![978_300_760], vec![Some("2,5")]));
}

#[test]
fn numbers_that_may_be_written_either_way_are_pointed_out() {
    let (format, reason) = recognised("id;x\na;1,234\nb;2,500\n").unwrap();
    assert_eq!(format, Csv::new(';', Encoding::Utf8).into());
    assert!(reason.contains("`1,234`") || reason.contains("`2,500`"), "{reason}");
    let column = &profiled("id;x\na;1,234\nb;2,500\nc;\n")[1];
    assert_eq!((column.n_numbers, column.n_numbers_with_marks, column.n_values()), (0, 2, 2));
}

#[test]
fn the_usual_marks_are_missing_in_every_role_and_counted() {
    let items = "id,x,y,z\na,NULL,1|2,NA\nb,\\N,None,7\nc,red,,nan\nNULL,blue,3,1\nd,N/A,4,<NA>\n";
    let attributes = vec![("x", AttributeKind::Text {}), ("y", list('|')), ("z", number())];
    let mut config = config(COMMAS, COMMAS, attributes);
    let events = format!("{EVENTS}NULL,a,5\nu,a,\\N\n");
    let raw = read(&config, &events, items).unwrap();
    assert_eq!(text_column(&raw.items, "x"), [None, None, Some("red"), None]);
    assert_eq!(
        list_column(&raw.items, "y"),
        [vec!["1".to_owned(), "2".into()], vec![], vec![], vec!["4".into()]]
    );
    let z: Vec<bool> = number_column(&raw.items, "z").iter().map(|number| number.is_nan()).collect();
    assert_eq!(z, [true, false, true, true]);
    let wanted = [
        (
            6,
            "user",
            "expected an id, found nothing; \"NULL\" stands for a missing value (key data.tables.missing)",
        ),
        (
            7,
            "time",
            "expected a number, found nothing; \"\\\\N\" stands for a missing value (key data.tables.missing)",
        ),
    ];
    assert_eq!(rejects(&raw, 0), wanted);
    assert_eq!(rejects(&raw, 1)[0].0, 5);
    let mark = |column: &str, mark: &str| MarkedCells { column: column.into(), mark: mark.into(), n: 1 };
    assert_eq!(raw.files[0].marked, [mark("time", "\\N"), mark("user", "NULL")]);
    assert_eq!(raw.files[1].marked.iter().filter(|marked| marked.column == "z").count(), 3);

    // A config may have a list of its own, or none.
    config.missing = Some(vec!["red".into()]);
    let own = read(&config, &events, "id,x,y,z\na,NULL,,\nb,red,,\n").unwrap();
    assert_eq!(text_column(&own.items, "x")[..2], [Some("NULL"), None]);
    config.missing = Some(vec![]);
    assert!(read(&config, &events, "id,x,y,z\na,red,,\n").unwrap().user_ids.contains(&"NULL".to_owned()));
}

#[test]
fn a_quantity_with_marks_of_missing_values_stays_one() {
    let marks = ["NULL", "\\N", "NA", "nan", "None", "N/A", "(null)", "#N/A"];
    let rows: String = (0..160)
        .map(|row| match row % 20 {
            7 => format!("{row},{}\n", marks[row / 20]),
            _ => format!("{row},{row}.5\n"),
        })
        .collect();
    let price = &profiled(&format!("id,price\n{rows}"))[1];
    assert_eq!((price.n_missing, price.n_numbers, price.n_values()), (8, 152, 152));
    assert_eq!(price.example.as_deref(), Some("0.5"));
}

#[test]
fn lists_are_read_as_people_write_them() {
    let cases = [
        ("\"Drama, Romance\"", ','),
        ("\" Drama ,Romance,\"", ','),
        ("Drama | Romance", '|'),
        ("\"['Drama', 'Romance']\"", '|'),
        ("\"[\"\"Drama\"\", \"\"Romance\"\"]\"", '|'),
        ("\"{Drama,Romance}\"", ';'),
        ("\"('Drama', 'Romance')\"", ' '),
    ];
    for (cell, separator) in cases {
        let text = format!("id,x\na,{cell}\nb,Drama\nc,\"Romance{separator} \"\nd,[]\n");
        let RawValues::List(values) = column(COMMAS, list(separator), &text) else { panic!() };
        assert_eq!(values, [vec!["Drama", "Romance"], vec!["Drama"], vec!["Romance"], vec![]], "{cell}");
    }
}

#[test]
fn each_entry_of_a_list_is_one_however_it_is_written() {
    let genres = ["Action", "Comedy", "Drama"];
    let pair = |row: usize| [genres[row % 3], genres[(row + 1 + row / 3 % 2) % 3]];
    type Write = fn([&str; 2]) -> String;
    let cases: [(Write, char); 5] = [
        (|[a, b]| format!("{a}|{b}"), '|'),
        (|[a, b]| format!("\"{a}, {b}\""), ','),
        (|[a, b]| format!("\"['{a}', '{b}']\""), ','),
        (|[a, b]| format!("\"[\"\"{a}\"\", \"\"{b}\"\"]\""), ','),
        (|[a, b]| format!("\"{{{a},{b}}}\""), ','),
    ];
    for (write, separator) in cases {
        let rows: String = (0..60).map(|row| format!("{row},{}\n", write(pair(row)))).collect();
        let column = &profiled(&format!("id,genres\n{rows}"))[1];
        let found = column.separated.iter().find(|found| found.separator == separator).unwrap();
        assert_eq!((found.n_rows, found.n_distinct, found.n_entries), (60, 3, 120), "{separator}");
        let others =
            column.separated.iter().filter(|found| found.separator != separator && found.separator != ' ');
        assert!(others.into_iter().all(|found| found.n_rows == 0), "{:?}", column.separated);
    }
}

/// Fields of every kind in files of every dialect, as a writer has them that knows RFC 4180 or backslashes.
#[test]
fn what_a_writer_writes_is_read_back_or_refused() {
    const PIECES: [&str; 12] = ["a", "b c", ",", ";", "\t", "|", "\"", "\n", "\r\n", " ", "é", "x"];
    let (mut n_read, mut n_refused) = (0, 0);
    for seed in 0..600 {
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
        let separator = [',', ';', '\t', '|'][rng.index(4)];
        let (escapes, blanks, quotes_all) = (rng.below(3) == 0, rng.below(4) == 0, rng.below(4) == 0);
        let end = ["\n", "\r\n"][rng.index(2)];
        let n_columns = 2 + rng.index(4);
        let mut rows =
            vec![(0..n_columns).map(|place| format!("name {}", char::from(b'a' + place as u8))).collect()];
        for _ in 0..1 + rng.index(30) {
            let field = |rng: &mut Stream| -> String {
                (0..rng.index(5)).map(|_| PIECES[rng.index(PIECES.len())]).collect()
            };
            rows.push((0..n_columns).map(|_| field(&mut rng)).collect::<Vec<String>>());
        }
        let mut text = String::new();
        for row in &rows {
            for (place, field) in row.iter().enumerate() {
                if place > 0 {
                    text.push(separator);
                    text.push_str(if blanks { " " } else { "" });
                }
                let is_padded = field.len() > field.trim().len();
                let needs_quotes = field.contains([separator, '"', '\n', '\r']) || blanks && is_padded;
                let quote = if escapes { "\\\"" } else { "\"\"" };
                match needs_quotes || quotes_all {
                    true => text += &format!("\"{}\"", field.replace('"', quote)),
                    false => text += field,
                }
            }
            text += end;
        }
        let dir = folder(&[("x", text.as_bytes())]);
        let path = dir.path().join("x");
        // Whatever the file is taken for, no value of it is another one than was written.
        let Ok(found) = Formats::built_in().recognise(&FileBeginning::read(&path).unwrap()) else {
            n_refused += 1;
            continue;
        };
        let requests = RequestsConfig {
            format: found.format.clone(),
            user: Some("name a".into()),
            history: None,
            at: None,
            attributes: vec![],
            ignored: vec![],
            missing: None,
            whole_number_ids: false,
            limits: lenient(),
        };
        let Ok(read) = read_requests(&path, &requests) else {
            n_refused += 1;
            continue;
        };
        let FileFormat::Csv(csv) = found.format else { panic!("{found:?}") };
        assert_eq!(csv.separator, separator, "seed {seed}: {text:?}");
        let is_quoted = |field: &String| field.contains([separator, '"', '\n', '\r']) || quotes_all;
        let shown = |field: &String| {
            let is_trimmed = csv.trim && !blanks && !is_quoted(field);
            let kept = if is_trimmed { field.trim_matches([' ', '\t']) } else { field };
            Some(kept.replace("\r\n", "\n")).filter(|field| !field.trim().is_empty())
        };
        let wanted = rows[1..].iter().filter(|row| shown(&row[0]).is_some()).map(|row| {
            let context = rows[0].iter().zip(row).skip(1);
            RequestRow {
                user: shown(&row[0]),
                context: context.filter_map(|(name, field)| Some((name.clone(), shown(field)?))).collect(),
                ..RequestRow::default()
            }
        });
        // A row that cannot be used is rejected; none of the others is changed.
        let mut read = read.into_iter().peekable();
        for wanted in wanted {
            read.next_if_eq(&wanted);
        }
        assert_eq!(read.next(), None, "seed {seed}, {csv:?}: {text:?}");
        n_read += 1;
    }
    assert!(n_read > 400, "{n_read} were read, {n_refused} refused");
}
