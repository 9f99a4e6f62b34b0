//! Ids are exact text, whatever they look like.

use std::collections::HashMap;

use crate::*;

/// The `base`-th of many texts that are easily taken for each other.
fn confusing(base: u64) -> String {
    const FORMS: u64 = 16;
    let n = base / FORMS;
    let digits = |zero: char| {
        n.to_string().bytes().map(|b| char::from_u32(zero as u32 + u32::from(b - b'0')).unwrap()).collect()
    };
    match base % FORMS {
        0 => n.to_string(),
        1 => format!("0{n}"),
        2 => format!("{n}.0"),
        3 => format!("{n}e3"),
        // Not a number on its own, and a number with its last digits after it.
        4 => format!("{n}000"),
        5 => format!("-{n}"),
        6 => format!("+{n}"),
        7 => format!(" {n}"),
        8 => format!("{n}\u{200b}"),
        9 => format!("{}", i64::MAX - n as i64),
        10 => format!("{}", i64::MIN + n as i64),
        11 => format!("{}", i128::from(u64::MAX) + 1 + i128::from(n)),
        12 => digits('\u{660}'),
        13 => digits('\u{ff10}'),
        // Composed and not.
        14 => format!("caf\u{e9}{n}"),
        _ => format!("cafe\u{301}{n}"),
    }
}

/// D5: a million events by 800,000 possible users, a quarter of the ids in quotes; and the attributes of all users.
#[test]
fn a_million_ids_are_exact_text_and_do_not_collide() {
    let mut rng = Stream::new(5, Purpose::SYNTHETIC, 0, 0);
    let (mut wanted, mut numbers, mut texts) = (Vec::new(), HashMap::new(), Vec::new());
    let (mut events, mut users) = ("who,what,when\n".to_owned(), "id,copy\n".to_owned());
    for _ in 0..1_000_000 {
        let text = confusing(rng.below(800_000));
        events += &if rng.below(4) == 0 { format!("\"{text}\",a,1\n") } else { format!("{text},a,1\n") };
        let number = *numbers.entry(text.clone()).or_insert_with(|| {
            users += &format!("{text},{text}\n");
            texts.push(text);
            texts.len() as u32 - 1
        });
        wanted.push(number);
    }
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.users = Some(AttributesConfig {
        file: "users".into(),
        format: config.events.format.clone(),
        id: "id".into(),
        attributes: vec![AttributeConfig { name: "copy".into(), column: None, kind: AttributeKind::Text {} }],
    });
    let dir = folder(&[("events", events.as_bytes()), ("users", users.as_bytes())]);
    let raw = read_tables(&config, dir.path()).unwrap();
    assert!(texts.len() > 500_000, "{}", texts.len());
    assert!(raw.user_ids == texts, "ids are not the texts that were written");
    assert!(raw.events.user == wanted, "an event is not of the user that was written");
    let copies = text_column(&raw.users, "copy");
    assert!(copies.into_iter().flatten().eq(&texts), "the attributes of an id are not its own");
}

#[test]
fn blank_ids_are_rejected() {
    let csv = |id: &str| format!("who,what,when\nu,a,1\n{id},a,2\nu,{id},3\n");
    let limits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };
    for blank in ["", " ", "\t", "\u{a0}", "\u{2003}\u{3000}", "\"\"", "\"  \""] {
        let raw = read_events(csv(blank).as_bytes(), Encoding::Utf8, limits).unwrap();
        let rejects: Vec<_> = raw.files[0].rejects.iter().map(|r| (r.line, r.column.as_str())).collect();
        assert_eq!((rejects, raw.n_events()), (vec![(3, "who"), (4, "what")], 1), "{blank:?}");
    }
}

/// Events and items in CSV; the ids of each side in one of two forms.
fn with_items(events: &str, items: &str, whole_number_ids: bool) -> Result<RawData, FeatureError> {
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.whole_number_ids = whole_number_ids;
    config.items = Some(AttributesConfig {
        file: "items".into(),
        format: config.events.format.clone(),
        id: "id".into(),
        attributes: vec![AttributeConfig {
            name: "title".into(),
            column: None,
            kind: AttributeKind::Text {},
        }],
    });
    let events: String = events.split(' ').map(|id| format!("u,{id},1\n")).collect();
    let items: String = items.split(' ').map(|id| format!("{id},title {id}\n")).collect();
    let (events, items) = (format!("who,what,when\n{events}"), format!("id,title\n{items}"));
    read_tables(&config, folder(&[("events", events.as_bytes()), ("items", items.as_bytes())]).path())
}

#[test]
fn decimals_are_the_ids_of_integers_only_if_the_config_says_so() {
    for (events, items) in [("17.0 4.0 17.0", "17 4"), ("17 4", "4.0 17.0")] {
        let error = with_items(events, items, false).unwrap_err();
        assert!(matches!(error, FeatureError::DecimalIds { .. }), "{error}");
        assert!(error.to_string().contains("set whole_number_ids = true in [data.files.tables]"), "{error}");
        let raw = with_items(events, items, true).unwrap();
        assert_eq!(raw.item_ids, ["17", "4"]);
        assert!(raw.titles.iter().all(Option::is_some), "{:?}", raw.titles);
        assert_eq!(raw.files[1].kept, 2);
    }
    // Where some are found, text is text; and one that is no number has no other form.
    let raw = with_items("17 4.0 v1.0", "17 4 v1", false).unwrap();
    assert_eq!((raw.item_ids, raw.files[1].filtered), (["17", "4.0", "v1.0"].map(String::from).to_vec(), 2));
    assert!(matches!(with_items("v1.0", "v1", false), Err(FeatureError::NoRows { .. })));
    // Of two rows that are one id then, the second is a reject.
    assert!(matches!(with_items("17", "17 17.0", true), Err(FeatureError::TooManyRejects { .. })));
    let error = with_items("9007199254740993.0", "17", true).unwrap_err().to_string();
    assert!(error.contains("which floating-point numbers round"), "{error}");
}

#[test]
fn floating_point_columns_hold_ids_only_if_the_config_says_so() {
    let columns = |whats: [Option<f64>; 4]| {
        let who = Column::new("who".into(), ["u"; 4]);
        parquet(vec![who, Column::new("what".into(), whats), Column::new("when".into(), [1i64, 2, 3, 4])])
    };
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = FileFormat::from(Parquet {});
    let dir = columns([Some(17.0), None, Some(f64::NAN), Some(-4.0)]);
    let error = read_tables(&config, dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("whole_number_ids = true in [data.files.tables] reads 17.0 as 17"), "{error}");
    config.whole_number_ids = true;
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(raw.item_ids, ["17", "-4"]);
    let reasons: Vec<&str> = raw.files[0].rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(reasons, ["expected an id, found nothing"; 2]);
    config.events.without_item = Incomplete::LeftOut;
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!((raw.files[0].rejects.len(), raw.files[0].incomplete), (0, 2));
    let raw = read_tables(&config, columns([Some(17.0), Some(17.5), Some(1e300), Some(2.0)]).path()).unwrap();
    assert_eq!((raw.item_ids.len(), raw.files[0].rejects.len()), (2, 2));
}

#[test]
fn rows_without_an_id_or_a_time_are_left_out_and_counted_if_the_config_says_so() {
    let csv = b"who,what,when\nu,a,1\n,a,2\nu,,3\nu,a,\n,,\n  ,b,4\nv,b,x\n";
    let dir = folder(&[("events", csv)]);
    let count = |of: fn(&mut EventsConfig)| {
        let mut config =
            events_csv(Encoding::Utf8, ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT });
        of(&mut config.events);
        let raw = read_tables(&config, dir.path()).unwrap();
        assert_balanced(&raw.files);
        let FileCounts { read, kept, filtered, incomplete, ref rejects, .. } = raw.files[0];
        assert_eq!((read, kept, filtered), (7, 1, incomplete));
        (incomplete, rejects.len())
    };
    assert_eq!(count(|_| ()), (0, 6));
    assert_eq!(count(|events| events.without_user = Incomplete::LeftOut), (3, 3));
    assert_eq!(count(|events| events.without_item = Incomplete::LeftOut), (2, 4));
    assert_eq!(count(|events| events.without_time = Incomplete::LeftOut), (2, 4));
    let all = |events: &mut EventsConfig| {
        events.without_user = Incomplete::LeftOut;
        events.without_item = Incomplete::LeftOut;
        events.without_time = Incomplete::LeftOut;
    };
    // A time that is none is a reject in any case.
    assert_eq!(count(all), (5, 1));
}

/// Hashes of 64 bits, UUIDs and the rest of what people have for ids are exact text.
#[test]
fn ids_of_every_kind_come_back_as_they_were_written() {
    let ids = [
        "18446744073709551615",
        "9223372036854775808",
        "-9223372036854775808",
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400-E29B-41D4-A716-446655440000",
        "0017",
        "1e5",
        "用户7",
    ];
    for whole_number_ids in [false, true] {
        let raw = with_items(&ids.join(" "), &ids.join(" "), whole_number_ids).unwrap();
        assert_eq!(raw.item_ids, ids);
        assert_eq!(raw.files[1].kept, ids.len() as u64);
    }
    let who = Column::new("who".into(), [u64::MAX, 1 << 63, 7]);
    let dir =
        parquet(vec![who, Column::new("what".into(), ["a"; 3]), Column::new("when".into(), [1i64, 2, 3])]);
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.events.format = FileFormat::from(Parquet {});
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(raw.user_ids, ["18446744073709551615", "9223372036854775808", "7"]);
    let dir = folder(&[("events", "who,what,when\n18446744073709551615,a,1\n17.0,b,2\n".as_bytes())]);
    let profile = profile_table(
        &dir.path().join("events"),
        &events_csv(Encoding::Utf8, ReadLimits::STRICT).events.format,
        ReadLimits::STRICT.max_line_bytes,
    );
    let who = &profile.unwrap().columns[0];
    assert_eq!((who.n_integers, who.n_whole_decimals, who.n_numbers), (1, 1, 2));
    assert_eq!(who.integers, Some((i128::from(u64::MAX), i128::from(u64::MAX))));
}

/// `NULL` is no id, however ids are read.
#[test]
fn marks_of_missing_values_are_no_ids_where_decimals_are_integers() {
    let dir = folder(&[("events", b"who,what,when\nu,17.0,1\nu,NULL,2\nNA,17,3\nu,18,4\n")]);
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.whole_number_ids = true;
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!((raw.item_ids, raw.user_ids), (vec!["17".to_owned(), "18".to_owned()], vec!["u".to_owned()]));
    let reasons: Vec<&str> = raw.files[0].rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert!(reasons.iter().all(|reason| reason.starts_with("expected an id, found nothing")), "{reasons:?}");
    assert_eq!(reasons.len(), 2);
}
