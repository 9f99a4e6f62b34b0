//! Pairs in time order without times, and tab-separated files without quotes.

use mutations::{Field, MAX_LINE_BYTES, N_ROWS, assert_rejected, mutated};
use u2i_schema::{ErrorKind, Side};

use crate::*;

fn config(limits: ReadLimits) -> SequencesConfig {
    SequencesConfig { file: "pairs".into(), layout: SequencesLayout::Pairs, encoding: Encoding::Utf8, limits }
}

fn read(text: &[u8], limits: ReadLimits) -> Result<RawData, FeatureError> {
    read_sequences(&config(limits), folder(&[("pairs", text)]).path())
}

#[test]
fn pairs_become_events_in_the_order_of_the_file() {
    let raw = read(b"\xef\xbb\xbf7 a\n007\tb\r\n7  c\n\n", ReadLimits::STRICT).unwrap();
    assert_eq!(
        (raw.user_ids, raw.item_ids),
        (vec!["7".into(), "007".into()], vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!((raw.events.user, raw.events.item), (vec![0, 1, 0], vec![0, 1, 2]));
    assert_eq!((raw.times, raw.events.time_s), (Times::Unknown, vec![0; 3]));
    assert_eq!(raw.titles, vec![None; 3]);
    assert_eq!((raw.files[0].read, raw.files[0].kept), (3, 3));
}

#[test]
fn lines_that_are_no_pairs_are_rejected_with_their_line() {
    let cases: [(&[u8], &str); 6] = [
        (b"7 caf\xe9", "not UTF-8: the byte 0xe9 behind \"7 caf\""),
        (b"7", "expected the 2 fields user, item, found 1"),
        (b"7 a 978300760", "expected the 2 fields user, item, found 3"),
        (b" ", "expected the 2 fields user, item, found 0"),
        (b"7 a\0", "has a NUL byte"),
        (b"7 aaaaaaaaaaaaaaaaaaaa", "longer than 20 bytes (key max_line_bytes)"),
    ];
    let limits = ReadLimits { max_line_bytes: 20.try_into().unwrap(), ..lenient() };
    for (line, reason) in cases {
        let text = [b"7 a\n7 b\n".as_slice(), line, b"\n7 c\n"].concat();
        let raw = read(&text, limits).unwrap();
        assert_eq!(raw.files[0].rejects, [Reject { line: 3, column: String::new(), reason: reason.into() }]);
        assert_eq!(raw.n_events(), 3, "{reason}");
        assert_balanced(&raw.files);
        let error = read(&text, ReadLimits { max_reject_ratio: 0.0, ..limits }).unwrap_err();
        assert!(
            matches!(error, FeatureError::TooManyRejects { .. }) && error.to_string().contains("pairs:3"),
            "{error}"
        );
    }
}

/// D4: 10,000 lines of which a tenth is broken.
#[test]
fn no_bad_line_passes_and_no_good_line_is_lost() {
    // What is wrong with a field makes another number of fields, so it is the row as a whole.
    let id = || Field {
        name: "",
        good: |rng, row| format!("{}-{row}", rng.below(50)),
        bad: &[b"", b"a b", b" ", b"a\tb c"],
    };
    let pairs = mutated(9, b" ", &[id(), id()], 1);
    let max_line_bytes = MAX_LINE_BYTES.try_into().unwrap();
    let raw = read(&pairs.file, ReadLimits { max_reject_ratio: 0.5, max_line_bytes }).unwrap();
    assert_balanced(&raw.files);
    assert_rejected(&raw.files[0], &pairs.broken);
    assert_eq!((raw.files[0].read as usize, raw.n_events()), (N_ROWS, N_ROWS - pairs.broken.len()));
    let kept = (0..N_ROWS as u64).filter(|row| !pairs.broken.contains(&(row + 1, "")));
    let rows = raw.events.user.iter().map(|&user| raw.user_ids[user as usize].rsplit_once('-').unwrap().1);
    assert!(rows.eq(kept.map(|row| row.to_string())), "a line is another one than that which was written");
}

#[test]
fn files_without_a_pair_are_refused() {
    let cases: [(&[u8], &str); 3] = [
        (b"", "the file is empty"),
        (b"a\nb\n", "no row to use: 2 read, 2 rejected"),
        (b"7 caf\xe9\n", "no row to use: 1 read, 1 rejected"),
    ];
    for (text, message) in cases {
        let error = read(text, ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT }).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
    let latin_1 = SequencesConfig { encoding: Encoding::Latin1, ..config(ReadLimits::STRICT) };
    let raw = read_sequences(&latin_1, folder(&[("pairs", b"7 caf\xe9\n")]).path()).unwrap();
    assert_eq!(raw.item_ids, ["caf\u{e9}"]);
}

fn adjacency(text: &[u8], limits: ReadLimits) -> Result<RawData, FeatureError> {
    let config = SequencesConfig { layout: SequencesLayout::Adjacency, ..config(limits) };
    read_sequences(&config, folder(&[("pairs", text)]).path())
}

#[test]
fn a_line_of_adjacency_is_a_user_and_all_items() {
    let raw = adjacency(b"\xef\xbb\xbf0 4 2 \n1\t2\r\n2\n0 9 4\n", ReadLimits::STRICT).unwrap();
    assert_eq!(raw.user_ids, ["0", "1"], "a user without items is none of the data");
    assert_eq!(raw.item_ids, ["4", "2", "9"]);
    assert_eq!(raw.events.user, [0, 0, 1, 0, 0]);
    assert_eq!(raw.events.item, [0, 1, 1, 2, 0]);
    assert_eq!((raw.times, raw.events.time_s, raw.titles), (Times::Unknown, vec![0; 5], vec![None; 3]));
    let file = &raw.files[0];
    assert_eq!((file.read, file.kept, file.filtered, file.rejects.len()), (4, 3, 1, 0));
}

#[test]
fn lines_of_adjacency_without_a_user_are_rejected() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "expected a user and items, found nothing"),
        (b" \t", "expected a user and items, found nothing"),
        (b"7 a\0", "has a NUL byte"),
        (b"7 aaaaaaaaaaaaaaaaaaaa", "longer than 20 bytes (key max_line_bytes)"),
    ];
    let limits = ReadLimits { max_line_bytes: 20.try_into().unwrap(), ..lenient() };
    for (line, reason) in cases {
        let text = [b"7 a b\n".as_slice(), line, b"\n7 c\n"].concat();
        let raw = adjacency(&text, limits).unwrap();
        assert_eq!(raw.files[0].rejects, [Reject { line: 2, column: String::new(), reason: reason.into() }]);
        assert_eq!(raw.n_events(), 3, "{reason}");
        assert_balanced(&raw.files);
    }
    let nobody = adjacency(b"7\n8\n", ReadLimits::STRICT).unwrap_err();
    assert!(nobody.to_string().contains("no row to use: 2 read, 0 rejected, 2 of users"), "{nobody}");
}

/// A file of one layout is not read as the other: nothing is lost and nothing made up.
#[test]
fn the_layout_is_that_of_the_config_and_pairs_if_left_out() {
    let text = "file = \"train.txt\"\nencoding = \"utf-8\"\nlimits = { max_reject_ratio = 0.0, max_line_bytes = 64 }\n";
    let read: SequencesConfig = toml::from_str(text).unwrap();
    assert_eq!(read.layout, SequencesLayout::Pairs);
    assert!(!toml::to_string(&read).unwrap().contains("layout"), "configs are written as before");
    let adjacent: SequencesConfig = toml::from_str(&format!("layout = \"adjacency\"\n{text}")).unwrap();
    assert_eq!(adjacent, SequencesConfig { layout: SequencesLayout::Adjacency, ..read });
    let error = self::read(b"7 a b\n7 c\n", ReadLimits::STRICT).unwrap_err();
    assert!(error.to_string().contains("expected the 2 fields user, item, found 3"), "{error}");
}

/// Two users of whom the file knows the order only. The first meets items in an order that no id has.
fn pairs() -> RawData {
    read(b"u z\nu a\nv m\nu m\nv a\nu b\nv z\n", ReadLimits::STRICT).unwrap()
}

#[test]
fn without_times_events_keep_the_order_of_the_file() {
    let data = prepare(&pairs(), &leave_last_out(), &features(vec![]), &all_samples(), 0).unwrap();
    assert_eq!(data.times, Times::Unknown);
    let ids =
        |user| data.events.items(user).iter().map(|&item| data.catalog.item_id(item)).collect::<Vec<_>>();
    assert_eq!((ids(0), ids(1)), (vec!["z", "a", "m", "b"], vec!["m", "a", "z"]));
}

#[test]
fn whatever_needs_times_is_refused_where_there_are_none() {
    let hour = |name: &str| features(vec![column(name, Side::Request, ColumnKind::Standardized {})]);
    let cut = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.4, test_quantile: 0.7 };
    let cases = [
        (cut, features(vec![]), "split.time_cut needs times"),
        (
            SplitConfig::LeaveLastOut { ties: Ties::ItemId },
            features(vec![]),
            "split.leave_last_out.ties = \"item_id\" needs times",
        ),
        (leave_last_out(), hour("hour"), "features.column `hour` needs times"),
        (leave_last_out(), hour("weekday"), "features.column `weekday` needs times"),
        (SplitConfig::Book { min_events: 3 }, hour("time_s"), "features.column `time_s` needs times"),
    ];
    for (split, columns, message) in cases {
        let error = prepare(&pairs(), &split, &columns, &all_samples(), 0).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}

#[test]
fn the_age_of_an_example_without_times_is_zero() {
    let data = prepare(&pairs(), &leave_last_out(), &features(vec![]), &all_samples(), 0).unwrap();
    let chunks = data.samples.chunks(std::num::NonZeroU32::MAX);
    let batch = data.train_batches(4).users(&chunks);
    assert!(
        !batch.example_age_days.is_empty() && batch.example_age_days.iter().all(|&age| age == 0.0),
        "{:?}",
        batch.example_age_days
    );
}

#[test]
fn in_tab_separated_files_a_quote_is_a_letter() {
    let events = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\ta\t3.5\t978300760.0\n1\tb\t4\t978300761\n";
    let items =
        b"item_id:token\ttitle:token_seq\tgenre:token_seq\na\t\"Up\" again\tComedy War\nb\t5\" disk\t\n";
    let tsv = FileFormat::from(Tsv { encoding: Encoding::Utf8 });
    let attribute = |name: &str, column: &str, kind| AttributeConfig {
        name: name.into(),
        column: Some(column.into()),
        kind,
    };
    let config = TablesConfig {
        events: EventsConfig {
            file: "x.inter".into(),
            format: tsv.clone(),
            user: "user_id:token".into(),
            item: "item_id:token".into(),
            time: Some(TimeConfig { column: "timestamp:float".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: Some(AttributesConfig {
            file: "x.item".into(),
            format: tsv,
            id: "item_id:token".into(),
            attributes: vec![
                attribute("title", "title:token_seq", AttributeKind::Text {}),
                attribute("genre", "genre:token_seq", AttributeKind::List { separator: ' ' }),
            ],
        }),
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
        limits: ReadLimits::STRICT,
    };
    let raw = read_tables(&config, folder(&[("x.inter", events), ("x.item", items)]).path()).unwrap();
    assert_eq!(raw.events.time_s, [978_300_760, 978_300_761]);
    assert_eq!(raw.titles, [Some("\"Up\" again".into()), Some("5\" disk".into())]);
    assert_eq!(list_column(&raw.items, "genre"), [vec!["Comedy".to_owned(), "War".into()], vec![]]);
    let short = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\ta\n";
    let error = read_tables(&config, folder(&[("x.inter", short), ("x.item", items)]).path()).unwrap_err();
    assert!(error.to_string().contains("x.inter:2: expected 4 fields, found 2"), "{error}");
}

/// A table with a header and without times: the order is that of the file, and what needs times is refused.
#[test]
fn a_table_without_times_is_read_in_the_order_of_the_file() {
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.events.time = None;
    let dir =
        folder(&[("events", b"who,what,rating\nu,z,5\nv,a,1\nu,a,4\nu,m,3\nv,z,2\nv,m,2\nu,k,1\nv,k,1\n")]);
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!((raw.times, raw.events.time_s.as_slice()), (Times::Unknown, &[0; 8][..]));
    let data = prepare(&raw, &leave_last_out(), &features(vec![]), &all_samples(), 0).unwrap();
    let items = |user| -> Vec<&str> {
        data.events.items(user).iter().map(|&item| data.catalog.item_id(item)).collect()
    };
    assert_eq!([items(0), items(1)], [["z", "a", "m", "k"], ["a", "z", "m", "k"]]);
    let cut = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.5, test_quantile: 0.75 };
    let error = prepare(&raw, &cut, &features(vec![]), &all_samples(), 0).unwrap_err();
    assert!(matches!(error, FeatureError::NoTimes { .. }), "{error}");
    config.sequences = vec![SequenceFileConfig {
        name: "searches".into(),
        file: "events".into(),
        format: config.events.format.clone(),
        user: "who".into(),
        value: "what".into(),
        time: TimeConfig { column: "rating".into(), unit: TimeUnit::Seconds },
    }];
    let error = read_tables(&config, dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("data.tables.sequences needs times"), "{error}");
    let written = toml::to_string(&config.events).unwrap();
    assert!(!written.contains("time") && !written.contains("without"), "{written}");
    assert_eq!(toml::from_str::<EventsConfig>(&written).unwrap(), config.events);
}
