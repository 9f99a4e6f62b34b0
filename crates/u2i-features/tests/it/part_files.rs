//! Folders and patterns of part files as one table.

use crate::*;
use u2i_schema::ErrorKind;

fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

fn read(dir: &Path, file: &str, format: FileFormat, limits: ReadLimits) -> Result<RawData, FeatureError> {
    let mut config = events_csv(Encoding::Utf8, limits);
    config.events.file = file.into();
    config.events.format = format;
    read_tables(&config, dir)
}

fn csv() -> FileFormat {
    Csv::new(',', Encoding::Utf8).into()
}

fn times(raw: &RawData) -> &[i64] {
    &raw.events.time_s
}

#[test]
fn parts_are_read_in_their_order_whatever_the_order_of_their_columns() {
    let dir = tree(&[
        ("events/part-00010.csv", b"when,extra,who,what\n5,x,cid,7\n"),
        ("events/part-00002.csv", b"what,who,when\n8,bob,3\n9,bob,4\n"),
        ("events/part-00001.csv", b"who,what,when,note\nann,7,1,x\n\"ann\",8,2,\n"),
        ("events/part-00003.csv", b"who,what,when\n"),
        ("events/part-00004.csv", b""),
        ("events/_SUCCESS", b""),
        ("events/.part-00001.csv.crc", b"crc"),
    ]);
    for file in ["events", "events/", "events/part-*.csv", "ev*/part-*"] {
        let raw = read(dir.path(), file, csv(), ReadLimits::STRICT).unwrap();
        assert_eq!(times(&raw), [1, 2, 3, 4, 5], "{file}");
        assert_eq!(
            (&raw.user_ids[..], &raw.item_ids[..]),
            (&["ann", "bob", "cid"].map(String::from)[..], &["7", "8", "9"].map(String::from)[..])
        );
        assert_eq!((raw.files.len(), raw.files[0].read), (1, 5));
    }
}

#[test]
fn every_format_of_text_may_be_in_parts_and_each_part_packed() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"who,what,when\nbob,8,2\n").unwrap();
    let dir = tree(&[
        ("a/1.csv", b"who,what,when\nann,7,1\n"),
        ("a/2.csv.gz", &packed.finish().unwrap()),
        ("t/1.tsv", b"who\twhat\twhen\nann\t7\t1\n"),
        ("t/2.tsv", b"when\twhat\twho\n2\t8\tbob\n"),
        ("j/1.jsonl", b"{\"who\":\"ann\",\"what\":7,\"when\":1}\n"),
        ("j/2.jsonl", b"{\"when\":2,\"who\":\"bob\",\"what\":8,\"late\":\"x\"}\n"),
    ]);
    let formats = [("a", csv()), ("t", Tsv { encoding: Encoding::Utf8 }.into()), ("j", JsonLines {}.into())];
    for (file, format) in formats {
        let raw = read(dir.path(), file, format.clone(), ReadLimits::STRICT).unwrap();
        assert_eq!((times(&raw), raw.user_ids.len()), (&[1, 2][..], 2), "{file}");
        if format != (Tsv { encoding: Encoding::Utf8 }).into() {
            assert_eq!(table_format(&dir.path().join(file)).unwrap(), format, "{file}");
        }
    }
    // A key of rows in the second file alone is a column.
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    (config.events.file, config.events.format) = ("j".into(), JsonLines {}.into());
    config.events.request =
        vec![AttributeConfig { name: "late".into(), column: None, kind: AttributeKind::Text {} }];
    assert_eq!(text_column(&read_tables(&config, dir.path()).unwrap().request, "late"), [None, Some("x")]);
}

#[test]
fn parquet_parts_may_differ_in_the_width_of_integers() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, columns: Vec<Column>| {
        let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
        ParquetWriter::new(std::fs::File::create(dir.path().join(name)).unwrap()).finish(&mut frame).unwrap();
    };
    let who = || Column::new("who".into(), ["ann", "bob"]);
    write("a", vec![who(), Column::new("what".into(), [7i64, 8]), Column::new("when".into(), [1i64, 2])]);
    write("b", vec![Column::new("when".into(), [3i32, 4]), Column::new("what".into(), [7i32, 9]), who()]);
    let raw = read(dir.path(), "", Parquet {}.into(), ReadLimits::STRICT).unwrap();
    assert_eq!((times(&raw), &raw.item_ids[..]), (&[1, 2, 3, 4][..], &["7", "8", "9"].map(String::from)[..]));
    write("c", vec![who(), Column::new("what".into(), [1.5, 2.5]), Column::new("when".into(), [1i64, 2])]);
    let error = read(dir.path(), "", Parquet {}.into(), ReadLimits::STRICT).unwrap_err();
    assert!(error.to_string().contains("c: column `what`") && error.to_string().contains("f64"), "{error}");
}

#[test]
fn a_part_that_lacks_a_column_is_refused_where_the_config_names_it() {
    let dir = tree(&[
        ("events/1.csv", b"who,what,when,note\nann,7,1,x\n"),
        ("events/2.csv", b"who,item,when\nbob,8,2\n"),
    ]);
    let error = read(dir.path(), "events", csv(), lenient()).unwrap_err();
    let wanted =
        "there is no column `what` (key data.tables.events.item), only [\"who\", \"item\", \"when\"]";
    assert!(error.to_string().contains(wanted) && error.to_string().contains("2.csv"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Data);
    // What nobody names may be missing, and is of no use to a config that is made of it.
    std::fs::write(dir.path().join("events/2.csv"), "who,what,when\nbob,8,2\n").unwrap();
    assert_eq!(read(dir.path(), "events", csv(), lenient()).unwrap().n_events(), 2);
    let profile = profile_table(&dir.path().join("events"), &csv(), 1000.try_into().unwrap()).unwrap();
    let stored: Vec<Stored> = profile.columns.iter().map(|column| column.stored.clone()).collect();
    assert_eq!(stored[..3], [Stored::Text, Stored::Text, Stored::Text]);
    assert_eq!(stored[3], Stored::Other("not alike in all files".into()));
    assert_eq!(profile.n_rows, 2);
}

#[test]
fn a_reject_names_its_file_and_the_line_there() {
    let dir = tree(&[
        ("events/day=1/a.csv", b"who,what,when\nann,7,1\nann,7,soon\nshort\n"),
        ("events/day=2/a.csv", b"who,what,when\nshort\nann,7,4\nann,7,5\nbob,8,6\n"),
    ]);
    let raw = read(dir.path(), "events", csv(), lenient()).unwrap();
    let found: Vec<_> =
        raw.files[0].rejects.iter().map(|bad| (bad.line, bad.column.as_str(), bad.reason.as_str())).collect();
    assert_eq!(
        found,
        [
            (3, "when", "expected a number, found \"soon\" (in day=1/a.csv)"),
            (4, "", "expected 3 fields, found 1 (in day=1/a.csv)"),
            (2, "", "expected 3 fields, found 1 (in day=2/a.csv)"),
        ]
    );
    assert_balanced(&raw.files);
}

#[test]
fn folders_of_partitions_are_columns_of_text() {
    let dir = tree(&[
        ("events/year=2023/city=K%C3%B6ln/a.csv", b"who,what,when\nann,7,1\n"),
        ("events/year=2024/city=__HIVE_DEFAULT_PARTITION__/a.csv", b"who,what,when,year\nbob,8,2,1999\n"),
    ]);
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.events.file = "events".into();
    let attribute =
        |name: &str| AttributeConfig { name: name.into(), column: None, kind: AttributeKind::Text {} };
    config.events.request = vec![attribute("city"), attribute("year")];
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(text_column(&raw.request, "city"), [Some("Köln"), None]);
    // What a file says itself goes before what its folder says.
    assert_eq!(text_column(&raw.request, "year"), [Some("2023"), Some("1999")]);
}

#[test]
fn the_hash_is_that_of_the_names_and_contents_of_all_parts() {
    let files: [(&str, &[u8]); 2] =
        [("e/1.csv", b"who,what,when\nann,7,1\n"), ("e/2.csv", b"who,what,when\nbob,7,2\n")];
    let hash = |files: &[(&str, &[u8])], name: &str| {
        read(tree(files).path(), name, csv(), ReadLimits::STRICT).unwrap().hash
    };
    let first = hash(&files, "e");
    assert_eq!(first, hash(&files, "e"));
    let renamed = [("e/1.csv", files[0].1), ("e/3.csv", files[1].1)];
    let changed: [(&str, &[u8]); 2] = [files[0], ("e/2.csv", b"who,what,when\nbob,7,3\n")];
    let more: [(&str, &[u8]); 3] = [files[0], files[1], ("e/3.csv", b"who,what,when\n")];
    for other in [hash(&renamed, "e"), hash(&changed, "e"), hash(&more, "e"), hash(&files[..1], "e")] {
        assert_ne!(first, other);
    }
}

#[test]
fn folders_and_patterns_without_a_file_are_refused() {
    let dir = tree(&[("events/_SUCCESS", b""), ("events/empty.csv", b"")]);
    for file in ["events", "events/*.csv", "nothing-*.csv"] {
        let error = read(dir.path(), file, csv(), lenient()).unwrap_err();
        assert!(matches!(error, FeatureError::NoPartFiles { .. }), "{file}: {error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
    assert!(matches!(read(dir.path(), "nothing", csv(), lenient()), Err(FeatureError::Io { .. })));
}

#[test]
fn configs_of_folders_and_patterns_have_names_and_move() {
    let config = |file: &str| {
        let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
        config.events.file = file.into();
        DataConfig::Tables(Box::new(config))
    };
    let names = [
        ("data/events", "events"),
        ("data/events/", "events"),
        ("data/events/*.csv", "events"),
        ("events/year=*/part-*.csv", "events"),
        ("plays.csv.gz", "plays"),
        ("plays.parquet", "plays"),
        ("plays.jsonl.zst", "plays"),
    ];
    for (file, wanted) in names {
        assert_eq!(config(file).name(), wanted, "{file}");
        assert_eq!(config(file).rebased(Path::new("/base")), config(&format!("/base/{file}")));
        assert_eq!(config(file).anywhere(), config(&format!("/base/{file}")).anywhere());
    }
    assert_ne!(config("e/year=*/a.csv").anywhere(), config("e/month=*/a.csv").anywhere());
}

/// The encoding is that of all parts, though the first is plain.
#[test]
fn the_encoding_of_a_table_is_told_from_all_of_its_parts() {
    let dir = tree(&[
        ("events/1.csv", b"who,what,when\nann,7,1\n"),
        ("events/2.csv", b"who,what,when\nbob,caf\xe9,2\n"),
    ]);
    let found = table_format(&dir.path().join("events")).unwrap();
    assert_eq!(found, Csv::new(',', Encoding::Latin1).into());
}

#[test]
fn pairs_may_be_in_parts_and_are_in_their_order() {
    let dir = tree(&[
        ("p/part-10", b"7 c\n"),
        ("p/part-9", b"7 b\nbad\n"),
        ("p/part-1", b"7 a\n8 a\n"),
        ("p/_SUCCESS", b""),
    ]);
    let config = SequencesConfig {
        file: "p".into(),
        layout: SequencesLayout::Pairs,
        encoding: Encoding::Utf8,
        limits: lenient(),
    };
    let raw = read_sequences(&config, dir.path()).unwrap();
    assert_eq!(raw.item_ids, ["a", "b", "c"]);
    let reason = "expected the 2 fields user, item, found 1 (in part-9)".into();
    assert_eq!(raw.files[0].rejects, [Reject { line: 2, column: String::new(), reason }]);
}
