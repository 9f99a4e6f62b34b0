//! Files of users or histories, for whom recommendations are wanted.

use crate::*;
use u2i_schema::ErrorKind;

fn config(format: FileFormat) -> RequestsConfig {
    RequestsConfig {
        format,
        user: Some("who".into()),
        history: Some(HistoryColumn { column: "seen".into(), separator: '|' }),
        at: Some(TimeConfig { column: "at".into(), unit: TimeUnit::Seconds }),
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
