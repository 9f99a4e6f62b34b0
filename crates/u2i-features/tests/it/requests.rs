//! Files of users or histories, for whom recommendations are wanted.

use crate::*;
use u2i_schema::ErrorKind;

fn config(format: FileFormat) -> RequestsConfig {
    RequestsConfig {
        format,
        user: Some("who".into()),
        history: Some(HistoryColumn { column: "seen".into(), separator: '|' }),
        at: Some(TimeConfig { column: "at".into(), unit: TimeUnit::Seconds }),
        attributes: vec![],
        ignored: vec![],
        missing: None,
        whole_number_ids: false,
        limits: lenient(),
    }
}

fn csv() -> FileFormat {
    FileFormat::from(Csv::new(',', Encoding::Utf8))
}

fn read(config: &RequestsConfig, text: &str) -> Result<Vec<RequestRow>, FeatureError> {
    read_requests(&folder(&[("users", text.as_bytes())]).path().join("users"), config)
}

fn row(
    user: Option<&str>,
    history: Option<&[&str]>,
    at_s: Option<i64>,
    context: &[(&str, &str)],
) -> RequestRow {
    RequestRow {
        user: user.map(str::to_owned),
        history: history.map(|items| items.iter().map(|item| (*item).to_owned()).collect()),
        at_s,
        context: context.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        lists: vec![],
    }
}

#[test]
fn rows_name_users_histories_times_and_context() {
    let text = "who,seen,at,device,load\n007,,,phone,\n,a| b |c,978300760,,0.5\nx,a,,,\n";
    let wanted = [
        row(Some("007"), None, None, &[("device", "phone")]),
        row(None, Some(&["a", "b", "c"]), Some(978_300_760), &[("load", "0.5")]),
        row(Some("x"), Some(&["a"]), None, &[]),
    ];
    assert_eq!(read(&config(csv()), text).unwrap(), wanted);
    let users = RequestsConfig { history: None, at: None, ..config(csv()) };
    assert_eq!(
        read(&users, "who\n7\n007\n").unwrap(),
        [row(Some("7"), None, None, &[]), row(Some("007"), None, None, &[])]
    );
    let dates = RequestsConfig {
        at: Some(TimeConfig { column: "at".into(), unit: TimeUnit::Datetime }),
        history: None,
        ..config(csv())
    };
    assert_eq!(
        read(&dates, "who,at\n7,2000-12-31 22:12:40\n").unwrap(),
        [row(Some("7"), None, Some(978_300_760), &[])]
    );
}

#[test]
fn bad_rows_are_named_with_line_and_column() {
    let cases = [
        (",,978300760,x,1", "", "expected a user or a history, found neither"),
        (", | ,978300760,x,1", "", "expected a user or a history, found neither"),
        ("u,,soon,x,1", "at", "expected a number, found \"soon\""),
        ("u,,978300760", "", "expected 5 fields, found 3"),
    ];
    for (line, column, reason) in cases {
        let text = format!("who,seen,at,device,load\nv,a,,,\n{line}\nw,a,,,\n");
        assert_eq!(read(&config(csv()), &text).unwrap().len(), 2, "{line}");
        let strict = RequestsConfig { limits: ReadLimits::STRICT, ..config(csv()) };
        let FeatureError::TooManyRejects { rejects, .. } = read(&strict, &text).unwrap_err() else {
            panic!("{line}")
        };
        assert_eq!(rejects, [Reject { line: 3, column: column.into(), reason: reason.into() }]);
    }
}

#[test]
fn columns_are_bound_by_name_and_one_of_two_must_be() {
    let error = read(&config(csv()), "who,at\nu,1\n").unwrap_err();
    assert!(error.to_string().contains("there is no column `seen` (key requests.history)"), "{error}");
    let neither = RequestsConfig { user: None, history: None, ..config(csv()) };
    assert_eq!(read(&neither, "who\nu\n").unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(read(&config(csv()), "").unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn histories_may_be_lists_of_parquet() {
    use polars::prelude::{IntoSeries as _, ListChunked, NamedFrom as _, Series};
    let lists = |entries: Vec<Series>| entries.into_iter().collect::<ListChunked>().into_series();
    let text = lists(vec![Series::new("".into(), ["a", "b"]), Series::new("".into(), ["c", ""])]);
    let numbers = lists(vec![Series::new("".into(), [7i64, 8]), Series::new("".into(), [9i64, 7])]);
    let config = RequestsConfig { user: None, at: None, ..config(FileFormat::from(Parquet {})) };
    for (mut seen, wanted) in
        [(text, [vec!["a", "b"], vec!["c"]]), (numbers, [vec!["7", "8"], vec!["9", "7"]])]
    {
        seen.rename("seen".into());
        let dir = parquet(vec![seen.into(), Column::new("load".into(), [0.5, 25.0])]);
        let rows = read_requests(&dir.path().join("events"), &config).unwrap();
        let load = ["0.5", "25"];
        for ((found, wanted), load) in rows.iter().zip(&wanted).zip(load) {
            assert_eq!(*found, row(None, Some(wanted), None, &[("load", load)]));
        }
    }
}

/// What a file of users says of them is read by the code that reads attributes of the data.
#[test]
fn attributes_are_read_as_those_of_the_data_and_ignored_columns_not_at_all() {
    let attribute = |name: &str, column: &str, kind| AttributeConfig {
        name: name.into(),
        column: Some(column.into()),
        kind,
    };
    let config = RequestsConfig {
        history: None,
        at: None,
        attributes: vec![
            attribute("gender", "sex", AttributeKind::Text {}),
            attribute("income", "pay", AttributeKind::Number {}),
            attribute("likes", "tags", AttributeKind::List { separator: ';' }),
        ],
        ignored: vec!["note".into()],
        limits: ReadLimits::STRICT,
        ..config(csv())
    };
    let text = "who,sex,pay,tags,note,device\n007,F,25.0,a;b|c,x,tv\n8,,,,,\n";
    let rows = read(&config, text).unwrap();
    let wanted = row(Some("007"), None, None, &[("gender", "F"), ("income", "25"), ("device", "tv")]);
    let lists = vec![("likes".to_owned(), vec!["a".to_owned(), "b|c".to_owned()])];
    assert_eq!(rows, [RequestRow { lists, ..wanted }, row(Some("8"), None, None, &[])]);
    let error = read(&config, "who,sex,pay,tags,note\n7,F,much,a,\n").unwrap_err();
    assert!(error.to_string().contains("users:2 column `pay`: expected a finite number"), "{error}");
    let error = read(&config, "who,sex,pay\n7,F,1\n").unwrap_err();
    assert!(error.to_string().contains("no column `tags` (key requests.attributes)"), "{error}");
    // A column that no context can be made of is no hindrance where nobody looks at it.
    use polars::prelude::{IntoSeries as _, ListChunked, NamedFrom as _, Series};
    let lists = vec![Series::new("".into(), ["a", "b"]), Series::new("".into(), ["c", "d"])];
    let mut notes = lists.into_iter().collect::<ListChunked>().into_series();
    notes.rename("note".into());
    let dir = parquet(vec![Column::new("who".into(), [7i64, 8]), notes.into()]);
    let path = dir.path().join("events");
    let bare = RequestsConfig { attributes: vec![], format: FileFormat::from(Parquet {}), ..config };
    let rows = read_requests(&path, &bare).unwrap();
    assert_eq!(rows, [row(Some("7"), None, None, &[]), row(Some("8"), None, None, &[])]);
    let looked_at = RequestsConfig { ignored: vec![], ..bare };
    assert_eq!(read_requests(&path, &looked_at).unwrap_err().kind(), ErrorKind::Data);
}

/// Whom to recommend for is read as the data was: the same marks of missing values, and ids of the same form.
#[test]
fn cells_are_missing_and_ids_are_whole_numbers_where_they_are_in_the_data() {
    let dir = folder(&[("users", b"who,seen,land\n17.0,4.0|5,NA\nNULL,6,-\n-,7.0,DE\n")]);
    let attribute = AttributeConfig { name: "land".into(), column: None, kind: AttributeKind::Text {} };
    let usual = RequestsConfig { at: None, attributes: vec![attribute], ..config(csv()) };
    let read = |config: &RequestsConfig| {
        let rows = read_requests(&dir.path().join("users"), config).unwrap();
        rows.into_iter().map(|row| (row.user, row.history, row.context)).collect::<Vec<_>>()
    };
    let row = |user: Option<&str>, seen: &[&str], land: Option<&str>| {
        let seen = seen.iter().map(|id| (*id).to_owned()).collect();
        let land = land.map(|land| ("land".to_owned(), land.to_owned()));
        (user.map(str::to_owned), Some(seen), land.into_iter().collect())
    };
    let wanted = [
        row(Some("17.0"), &["4.0", "5"], None),
        row(None, &["6"], Some("-")),
        row(Some("-"), &["7.0"], Some("DE")),
    ];
    assert_eq!(read(&usual), wanted);
    let own = RequestsConfig { missing: Some(vec!["-".into()]), whole_number_ids: true, ..usual };
    let wanted = [
        row(Some("17"), &["4", "5"], Some("NA")),
        row(Some("NULL"), &["6"], None),
        row(None, &["7"], Some("DE")),
    ];
    assert_eq!(read(&own), wanted);
}
