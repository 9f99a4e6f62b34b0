//! A format of somebody else's is read as the built-in ones are.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use crate::*;

/// CSV without quotes in parts of two rows, by a reader that shares nothing with ours.
#[derive(Debug)]
struct Plain;

struct PlainRows {
    names: Vec<String>,
    lines: Vec<String>,
    next: usize,
    hash: [u8; 32],
}

impl RowFormat for Plain {
    fn name(&self) -> &str {
        "plain"
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        let is_own = beginning.bytes().starts_with(b"who,");
        Ok(match is_own {
            true => Recognition::Yes {
                format: Box::new(Plain),
                evidence: Evidence::Looks,
                reason: "It begins with who.".into(),
            },
            false => Recognition::No { reason: "expected who".into() },
        })
    }

    fn open(&self, path: &Path, _limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let bytes = std::fs::read(path).map_err(|source| FeatureError::Io { path: path.into(), source })?;
        let hash = content_hash(&bytes);
        let text = String::from_utf8(bytes)
            .map_err(|error| FeatureError::Other { path: path.into(), source: Box::new(error) })?;
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().ok_or_else(|| FeatureError::Empty { path: path.into() })?;
        let names = header.split(',').map(str::to_owned).collect();
        Ok(Box::new(PlainRows { names, lines: lines.collect(), next: 0, hash }))
    }
}

impl RowSource for PlainRows {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        if self.next == self.lines.len() {
            return Ok(None);
        }
        let mut cells: Vec<Vec<Option<String>>> = vec![vec![]; self.names.len()];
        let (mut at, mut rejects) = (vec![], vec![]);
        let until = (self.next + 2).min(self.lines.len());
        for (line, row) in (self.next + 2..).zip(&self.lines[self.next..until]) {
            let fields: Vec<&str> = row.split(',').collect();
            if fields.len() != cells.len() {
                let reason = format!("expected {} fields, found {}", cells.len(), fields.len());
                rejects.push(Reject { line: line as u64, column: String::new(), reason });
                continue;
            }
            for (column, field) in cells.iter_mut().zip(fields) {
                column.push(Some(field.to_owned()).filter(|field| !field.is_empty()));
            }
            at.push(line as u64);
        }
        self.next = until;
        Ok(Some(FilePart::new(cells.into_iter().map(Cells::text).collect(), at).with_rejects(rejects)))
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.hash
    }
}

fn other(name: &str) -> FileFormat {
    FileFormat::Other(OtherFormat { name: name.into() })
}

fn of_format(format: FileFormat) -> TablesConfig {
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = format.clone();
    config.events.request = vec![attribute("device", AttributeKind::Text {})];
    config.items = Some(AttributesConfig {
        file: "items".into(),
        format,
        id: "id".into(),
        attributes: vec![
            attribute("price", AttributeKind::Number {}),
            attribute("tags", AttributeKind::List { separator: '|' }),
        ],
    });
    config
}

const EVENTS: &[u8] =
    b"who,what,when,device\nann,007,10,phone\nbob,7,20,\nshort\nann,7,30,tv\n,7,40,tv\nann,8,soon,tv\nbob,007,50,\n";
const ITEMS: &[u8] = b"id,price,tags\n7,1.5,a|b\n007,2,\n7,3,\n9,4,c\n";

/// Events, attributes, hash, counts, and rejects with their lines.
#[test]
fn a_format_of_ones_own_gives_what_the_csv_of_the_same_rows_gives() {
    let dir = folder(&[("events", EVENTS), ("items", ITEMS)]);
    let csv = FileFormat::from(Csv::new(',', Encoding::Utf8));
    let wanted = read_tables(&of_format(csv), dir.path()).unwrap();
    let formats = Formats::built_in().with(Plain);
    let found = formats.read_tables(&of_format(other("plain")), dir.path()).unwrap();
    assert_eq!(found, wanted);
    let lines = |file: &FileCounts| file.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>();
    assert_eq!(found.files.iter().map(lines).collect::<Vec<_>>(), [vec![4, 6, 7], vec![4]]);
    assert_balanced(&found.files);

    let strict = TablesConfig { limits: ReadLimits::STRICT, ..of_format(other("plain")) };
    let error = formats.read_tables(&strict, dir.path()).unwrap_err().to_string();
    assert!(error.contains("events:4: expected 4 fields, found 1"), "{error}");
}

#[test]
fn requests_and_profiles_are_read_in_a_format_of_ones_own() {
    let dir = folder(&[("events", EVENTS)]);
    let (path, formats) = (dir.path().join("events"), Formats::built_in().with(Plain));
    let csv = FileFormat::from(Csv::new(',', Encoding::Utf8));
    let requests = |format| RequestsConfig {
        format,
        user: Some("who".into()),
        history: None,
        at: None,
        attributes: vec![],
        ignored: vec![],
        missing: None,
        whole_number_ids: false,
        limits: lenient(),
    };
    let wanted = read_requests(&path, &requests(csv.clone())).unwrap();
    assert_eq!(formats.read_requests(&path, &requests(other("plain"))).unwrap(), wanted);
    let profile = |format| formats.profile_table(&path, &format, 100.try_into().unwrap()).unwrap();
    let counts = |table: TableProfile| {
        let of = |column: &ColumnProfile| (column.name.clone(), column.n_missing, column.n_distinct);
        (table.n_rows, table.rejects, table.columns.iter().map(of).collect::<Vec<_>>())
    };
    assert_eq!(counts(profile(other("plain"))), counts(profile(csv)));
}

#[test]
fn a_format_of_ones_own_is_asked_first_but_a_mark_goes_before_looks() {
    let dir = folder(&[("events", EVENTS), ("atomic", b"who,:token\twhat:token\n"), ("items", ITEMS)]);
    let formats = Formats::built_in().with(Plain);
    let found = |name: &str| {
        let beginning = FileBeginning::read(&dir.path().join(name)).unwrap();
        formats.recognise(&beginning).unwrap().format
    };
    assert_eq!(
        ["events", "atomic", "items"].map(|name| found(name).name().to_owned()),
        ["plain", "tsv", "csv"]
    );
}

#[test]
fn a_format_that_nobody_has_added_is_refused_with_those_that_there_are() {
    let dir = folder(&[("events", EVENTS)]);
    let error = read_tables(&of_format(other("plain")), dir.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.tables.events.format.other.name: there is no format `plain`, only [\"parquet\", \"arrow\", \"json_lines\", \"tsv\", \"csv\"]"
    );
    assert_eq!(error.kind(), u2i_schema::ErrorKind::Usage);
    let parse = |text: &str| toml::from_str::<BTreeMap<String, FileFormat>>(text);
    assert_eq!(parse("format = { other = { name = \"plain\" } }").unwrap()["format"], other("plain"));
    let error = parse("format = { plain = {} }").unwrap_err().to_string();
    assert!(error.contains("unknown variant `plain`"), "{error}");
}

/// Numbers, times and lists that are no text, in two parts; rows come from memory.
#[test]
fn rows_in_memory_keep_their_types() {
    #[derive(Debug)]
    struct Memory;

    struct MemoryRows(Vec<String>, Cell<u64>);

    impl RowFormat for Memory {
        fn name(&self) -> &str {
            "memory"
        }

        fn open(&self, _: &Path, _: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
            let names = ["who", "what", "when", "price", "tags", "photo"].map(String::from);
            Ok(Box::new(MemoryRows(names.into(), Cell::new(0))))
        }
    }

    impl RowSource for MemoryRows {
        fn columns(&self) -> &[String] {
            &self.0
        }

        fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
            let part = self.1.replace(self.1.get() + 1);
            let columns = vec![
                Cells::text([Some("ann"), Some(" ")]),
                Cells::integers([Some(7 + part as i64), Some(8)]),
                Cells::times_s([Some(100 * (part as i64 + 1)), Some(5)]),
                Cells::floats([None, Some(1.0)]),
                Cells::lists([vec!["a".into(), " ".into(), "b".into()], vec![]]),
                Cells::unreadable("bytes"),
            ];
            Ok((part < 2).then(|| FilePart::numbered(columns, 2 * part + 1, 2)))
        }

        fn finish(self: Box<Self>) -> [u8; 32] {
            [1; 32]
        }
    }

    let formats = Formats::built_in().with(Memory);
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = other("memory");
    config.events.time.as_mut().unwrap().unit = TimeUnit::Datetime;
    config.events.request = vec![
        attribute("price", AttributeKind::Number {}),
        attribute("tags", AttributeKind::List { separator: '|' }),
    ];
    let raw = formats.read_tables(&config, Path::new("nowhere")).unwrap();
    assert_eq!((raw.user_ids, raw.item_ids), (vec!["ann".to_owned()], vec!["7".to_owned(), "8".into()]));
    assert_eq!(raw.events.time_s, [100, 200]);
    assert!(number_column(&raw.request, "price").iter().all(|price| price.is_nan()));
    assert_eq!(
        list_column(&raw.request, "tags"),
        [["a", "b"], ["a", "b"]].map(|list| list.map(String::from))
    );
    let rejects: Vec<_> = raw.files[0].rejects.iter().map(|bad| (bad.line, bad.column.as_str())).collect();
    assert_eq!(rejects, [(2, "who"), (4, "who")]);

    config.events.request = vec![attribute("photo", AttributeKind::Text {})];
    let error = formats.read_tables(&config, Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.ends_with("is of type bytes, expected text or integers"), "{error}");
}
