//! An object on each line.

use crate::*;
use u2i_schema::ErrorKind;

fn config(limits: ReadLimits) -> TablesConfig {
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let mut config = events_csv(Encoding::Utf8, limits);
    config.events.format = JsonLines {}.into();
    config.events.request = vec![
        attribute("device.name", AttributeKind::Text {}),
        attribute("price", AttributeKind::Number {}),
        attribute("tags", AttributeKind::List { separator: '|' }),
        attribute("late", AttributeKind::Text {}),
    ];
    config
}

fn read(text: &[u8], limits: ReadLimits) -> Result<RawData, FeatureError> {
    read_tables(&config(limits), folder(&[("events", text)]).path())
}

#[test]
fn rows_are_objects_and_columns_their_keys() {
    let text = br#"{"who":"ann","what":9007199254740993,"when":978300760,"device":{"name":"a\tb"},"price":1.5,"tags":["x",2,null]}

{"when":978300761.5,"what":18446744073709551615,"who":"ann","price":null,"tags":"y","device":null}
{"who":true,"what":-7,"when":"978300762","price":"2.5","tags":[],"more":{"of":[1]}}
{"who":"\u00e9","what":17.0,"when":978300763,"price":NaN,"late":"here"}
{"who":"e","what":1e3,"when":978300764}"#;
    let raw = read(text, ReadLimits::STRICT).unwrap();
    assert_eq!(raw.user_ids, ["ann", "true", "é", "e"]);
    // Not one digit goes through a float.
    assert_eq!(raw.item_ids, ["9007199254740993", "18446744073709551615", "-7", "17.0", "1e3"]);
    assert_eq!(text_column(&raw.request, "device.name"), [Some("a\tb"), None, None, None, None]);
    assert_eq!(text_column(&raw.request, "late"), [None, None, None, Some("here"), None]);
    let prices = number_column(&raw.request, "price");
    assert_eq!((prices[0], prices[2]), (1.5, 2.5));
    assert!([1, 3, 4].iter().all(|&row| prices[row].is_nan()), "{prices:?}");
    let tags: [&[&str]; 5] = [&["x", "2"], &["y"], &[], &[], &[]];
    assert_eq!(
        list_column(&raw.request, "tags"),
        tags.map(|tags| tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>())
    );
    assert_eq!((raw.files[0].read, raw.files[0].kept), (5, 5));
}

/// The value of each key is one that the reader before the part of 4 MiB has not met.
#[test]
fn a_column_that_turns_up_in_the_last_row_is_found() {
    let row =
        |row: usize| format!("{{\"who\":\"u{row}\",\"what\":\"i\",\"when\":{row},\"note\":\"{:80}\"}}\n", "");
    let n_rows = 60_000;
    let mut text: String = (0..n_rows).map(row).collect();
    assert!(text.len() > 1 << 22);
    text += "{\"who\":\"u\",\"what\":\"i\",\"when\":1,\"late\":\"x\",\"price\":1,\"tags\":[\"a\"],\"device\":{\"name\":\"n\"}}\n";
    let raw = read(text.as_bytes(), ReadLimits::STRICT).unwrap();
    let late = text_column(&raw.request, "late");
    assert_eq!((late.len(), late[n_rows], late[0]), (n_rows + 1, Some("x"), None));
    assert_eq!(list_column(&raw.request, "tags")[n_rows], ["a"]);
    let unknown = read(row(1).as_bytes(), ReadLimits::STRICT).unwrap_err();
    assert!(unknown.to_string().contains("there is no column `device.name`"), "{unknown}");
}

#[test]
fn lines_that_are_no_object_are_rejects_with_their_line() {
    let deep = format!("{{\"who\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let long = format!("{{\"who\":\"{}\"}}", "x".repeat(10 << 20));
    let cases: [(&[u8], &str); 13] = [
        (b"{\"who\":\"u\",\"what\":1", "not JSON: expected `,` or `}` at its end"),
        (b"{'who':'u'}", "not JSON: expected a key in double quotes"),
        (b"[1,2,3]", "not JSON: expected an object in braces"),
        (b"plain", "not JSON: expected an object in braces"),
        (b"{\"who\":\"u\",\"who\":\"v\"}", "expected each key once, `who` comes again"),
        (b"{\"device\":{\"name\":1,\"name\":2}}", "expected each key once, `device.name` comes again"),
        (b"{\"device\":{\"name\":1},\"device\":{}}", "expected each key once, `device` comes again"),
        (b"{\"who\":\"\\ud83d\"}", "an escape that is no character"),
        (b"{\"who\":\"u\"} {\"who\":\"v\"}", "expected nothing behind the object"),
        (b"{\"who\":\"caf\xe9\"}", "not UTF-8: the byte 0xe9"),
        (b"{\"who\":\"\0\"}", "has a NUL byte"),
        (deep.as_bytes(), "expected fewer lists and objects"),
        (long.as_bytes(), "longer than 1048576 bytes (key max_line_bytes)"),
    ];
    let good = br#"{"who":"u","what":"a","when":1,"device":{"name":1},"price":1,"tags":["a"],"late":"l"}"#;
    for (line, wanted) in cases {
        let text = [good, &b"\n"[..], line, b"\n", good, b"\n"].concat();
        let raw = read(&text, lenient()).unwrap();
        let [reject] = raw.files[0].rejects.as_slice() else { panic!("{wanted}: {:?}", raw.files) };
        assert_eq!((reject.line, reject.column.as_str()), (2, ""), "{wanted}");
        assert!(reject.reason.contains(wanted), "{wanted}: {}", reject.reason);
        // Nothing of the row is left in those behind it.
        assert_eq!(text_column(&raw.request, "late"), [Some("l"), Some("l")], "{wanted}");
        assert_eq!((raw.user_ids, raw.files[0].read), (vec!["u".to_owned()], 3), "{wanted}");
        let strict = read(&text, ReadLimits::STRICT).unwrap_err();
        assert!(strict.to_string().contains("events:2: "), "{strict}");
    }
}

#[test]
fn values_that_no_column_holds_are_refused_where_the_config_names_them() {
    let cases: [(&str, &str); 4] = [
        (r#"{"late":{"a":1}}"#, "is of type object"),
        (r#"{"late":[[1]]}"#, "is of type list of lists or objects"),
        (r#"{"late":[{"a":1}]}"#, "is of type list of lists or objects"),
        (r#"{"late":["a"]}"#, "is of type list"),
    ];
    let good = r#"{"who":"u","what":"a","when":1,"device":{"name":1},"price":1,"tags":["a"],"late":"l"}"#;
    for (line, wanted) in cases {
        let error = read(format!("{good}\n{line}\n").as_bytes(), lenient()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn json_that_is_not_in_lines_is_refused_with_how_to_make_it() {
    let cases = [
        ("[{\"who\":1},{\"who\":2}]", "JSON in one array"),
        ("[\n  {\"who\": 1, \"a\": 2},\n  {\"who\": 2, \"a\": 2}\n]\n", "JSON in one array"),
        ("{\n  \"who\": 1\n}\n", "JSON whose objects go on over several lines"),
        (
            "{\"who\":{\"0\":\"u\",\"1\":\"v\"},\"what\":{\"0\":1,\"1\":2}}",
            "JSON with one object for all rows",
        ),
        ("{'who': 'u', 'what': 'a'}\n{'who': 'v', 'what': 'b'}\n", "Python's own notation"),
    ];
    for (text, wanted) in cases {
        let dir = folder(&[("x.json", text.as_bytes())]);
        let error = table_format(&dir.path().join("x.json")).unwrap_err();
        assert!(error.to_string().contains(wanted) && error.to_string().contains("jq -c"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
    for text in ["{\"who\":1}", "\u{feff}{\"who\":1,\"a\":[1]}\n{\"who\":2}\n", "{\"broken\n{\"who\":2}\n"] {
        let dir = folder(&[("x", text.as_bytes())]);
        assert_eq!(table_format(&dir.path().join("x")).unwrap(), JsonLines {}.into(), "{text}");
    }
    let error = read(b"{\"a\n[1]\n", lenient()).unwrap_err();
    assert!(error.to_string().contains("without a line that is an object of JSON"), "{error}");
    assert!(matches!(read(b"", lenient()).unwrap_err(), FeatureError::Empty { .. }));
}

#[test]
fn requests_are_read_from_json_lines() {
    let dir = folder(&[(
        "users",
        br#"{"who":7,"seen":["a","b"],"load":0.5}
{"seen":["c"],"who":null}
"#
        .as_slice(),
    )]);
    let config = RequestsConfig {
        format: JsonLines {}.into(),
        user: Some("who".into()),
        history: Some(HistoryColumn { column: "seen".into(), separator: '|' }),
        at: None,
        attributes: vec![],
        ignored: vec![],
        missing: None,
        whole_number_ids: false,
        limits: ReadLimits::STRICT,
    };
    let rows = read_requests(&dir.path().join("users"), &config).unwrap();
    let row = |user: Option<&str>, seen: &[&str], context: &[(&str, &str)]| RequestRow {
        user: user.map(str::to_owned),
        history: Some(seen.iter().map(|item| item.to_string()).collect()),
        at_s: None,
        context: context.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
        lists: vec![],
    };
    assert_eq!(rows, [row(Some("7"), &["a", "b"], &[("load", "0.5")]), row(None, &["c"], &[])]);
}
