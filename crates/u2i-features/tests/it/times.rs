//! D6: times are numbers of their unit or dates, from 1970 to 2099.

use crate::*;

/// The time in one row, in CSV and, if it is an integer there, in Parquet.
fn check_time(unit: TimeUnit, text: &str, wanted: Result<i64, &str>) {
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.time.as_mut().unwrap().unit = unit.clone();
    let csv = format!("who,what,when\nu,a,5000\nu,b,{text}\n");
    let mut found = vec![read_tables(&config, folder(&[("events", csv.as_bytes())]).path()).unwrap()];
    let mut in_parquet = |when: Column| {
        config.events.format = FileFormat::from(Parquet {});
        let dir = parquet(vec![
            Column::new("who".into(), ["u", "u"]),
            Column::new("what".into(), ["a", "b"]),
            when,
        ]);
        found.push(read_tables(&config, dir.path()).unwrap());
    };
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => in_parquet(Column::new("when".into(), [5000, number])),
        (_, Ok(number)) if number.is_finite() => in_parquet(Column::new("when".into(), [5000.0, number])),
        _ => {}
    }
    for raw in found {
        match wanted {
            Ok(time_s) => assert_eq!(raw.events.time_s.get(1), Some(&time_s), "{unit:?} {text:?}"),
            Err(reason) => {
                let [reject] = raw.files[0].rejects.as_slice() else { panic!("{unit:?} {text:?} passes") };
                assert_eq!(reject.column, "when", "{unit:?} {text:?}");
                assert!(reject.reason.starts_with(reason), "{unit:?} {text:?}: {}", reject.reason);
            }
        }
    }
}

#[test]
fn times_outside_of_their_century_are_rejected() {
    let range = Err("expected seconds from 1970 to 2099 (key time.unit), found ");
    let number = Err("expected a number, found ");
    let cases = [
        ("0", Ok(0)),
        ("4102444799", Ok(4_102_444_799)),
        ("4102444800", range),
        ("-1", range),
        ("-9223372036854775808", range),
        ("9223372036854775807", range),
        ("9223372036854775808", range),
        ("978300760000", range),
        ("978300760.0", Ok(978_300_760)),
        ("978300760.999", Ok(978_300_760)),
        ("9.78300760E8", Ok(978_300_760)),
        ("4102444799.5", Ok(4_102_444_799)),
        ("-0.5", range),
        ("1e999", number),
        ("9.7e8", Ok(970_000_000)),
        ("2001-01-01", number),
        ("NaN", number),
        ("inf", number),
        (" 40", number),
        ("٤٠", number),
        ("", number),
    ];
    cases.into_iter().for_each(|(text, wanted)| check_time(TimeUnit::Seconds, text, wanted));
}

#[test]
fn milliseconds_become_seconds_if_the_config_says_so() {
    let range = Err("expected milliseconds from 1970 to 2099 (key time.unit), found ");
    let cases = [
        ("0", Ok(0)),
        ("999", Ok(0)),
        ("978300760999", Ok(978_300_760)),
        ("4102444799999", Ok(4_102_444_799)),
        ("4102444800000", range),
        ("-1", range),
        ("-9223372036854775808", range),
        ("9223372036854775807", range),
        ("978300760999.5", Ok(978_300_760)),
        ("1e999", Err("expected a number, found ")),
    ];
    cases.into_iter().for_each(|(text, wanted)| check_time(TimeUnit::Milliseconds, text, wanted));
}

#[test]
fn datetimes_are_read_if_the_config_says_so() {
    let range = Err("expected a date from 1970 to 2099 (key time.unit), found ");
    let wrong = Err("expected a date and time such as 2000-12-31 22:12:40 (key time.unit), found ");
    let order =
        Err("expected a date that begins with its year, or day and month in an order that the config names");
    let zone = Err("expected UTC or an offset such as +01:00");
    let cases = [
        ("2000-12-31 22:12:40", Ok(978_300_760)),
        ("2000-12-31T23:12:40+01:00", Ok(978_300_760)),
        ("2000-12-31", Ok(978_220_800)),
        ("2099-12-31T23:59:59Z", Ok(4_102_444_799)),
        ("2100-01-01", range),
        ("1969-12-31 23:59:59", range),
        ("31/12/2000", order),
        ("01/02/2000 10:15", order),
        ("2000-12-31 22:12:40 PST", zone),
        ("978300760", wrong),
        ("yesterday", wrong),
    ];
    for (text, wanted) in cases {
        let mut config = events_csv(Encoding::Utf8, lenient());
        config.events.time.as_mut().unwrap().unit = TimeUnit::Datetime;
        let csv = format!("who,what,when\nu,a,1970-01-02\nu,b,{text}\n");
        let raw = read_tables(&config, folder(&[("events", csv.as_bytes())]).path()).unwrap();
        match wanted {
            Ok(time_s) => assert_eq!(raw.events.time_s, [86_400, time_s], "{text:?}"),
            Err(reason) => {
                let [reject] = raw.files[0].rejects.as_slice() else { panic!("{text:?} passes") };
                assert_eq!((reject.line, reject.column.as_str()), (3, "when"), "{text:?}");
                assert!(reject.reason.starts_with(reason), "{text:?}: {}", reject.reason);
            }
        }
    }
}

/// A Parquet file with a column `when`, written by another library than the one that reads it.
fn timestamps(when: &str, values: &[i64]) -> tempfile::TempDir {
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
    let message = format!(
        "message events {{ required binary who (UTF8); required binary what (UTF8); optional {when}; optional int32 old (TIME(MILLIS,true)); }}"
    );
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(&message).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("events")).unwrap();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut place = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let texts: Vec<ByteArray> =
            values.iter().map(|value| ByteArray::from(format!("{place}{value}").as_str())).collect();
        let there = vec![1i16; values.len()];
        match place {
            0 => drop(column.typed::<ByteArrayType>().write_batch(
                &vec![ByteArray::from("u"); values.len()],
                None,
                None,
            )),
            1 => drop(column.typed::<ByteArrayType>().write_batch(&texts, None, None)),
            2 if when.starts_with("int32") => {
                let days: Vec<i32> = values.iter().map(|&days| days as i32).collect();
                column.typed::<Int32Type>().write_batch(&days, Some(&there), None).map(drop).unwrap();
            }
            2 => drop(column.typed::<Int64Type>().write_batch(values, Some(&there), None).unwrap()),
            _ => {
                let times = vec![0i32; values.len()];
                column.typed::<Int32Type>().write_batch(&times, Some(&there), None).map(drop).unwrap();
            }
        }
        place += 1;
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    dir
}

#[test]
fn timestamps_of_parquet_are_read_whatever_they_count() {
    let cases = [
        ("int64 when (TIMESTAMP(MILLIS,true))", 1_000),
        ("int64 when (TIMESTAMP(MICROS,true))", 1_000_000),
        ("int64 when (TIMESTAMP(NANOS,false))", 1_000_000_000),
        ("int64 when (TIMESTAMP_MILLIS)", 1_000),
        ("int32 when (DATE)", 0),
    ];
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = FileFormat::from(Parquet {});
    config.events.time.as_mut().unwrap().unit = TimeUnit::Datetime;
    for (when, per_second) in cases {
        let (values, wanted) = match per_second {
            // 2000-12-31, and a day that is too late.
            0 => ([11_322, 47_482], 978_220_800),
            n => ([978_300_760 * n + n - 1, 4_102_444_800 * n], 978_300_760),
        };
        let dir = timestamps(when, &values);
        let raw = read_tables(&config, dir.path()).unwrap();
        assert_eq!(raw.events.time_s, [wanted], "{when}");
        let [reject] = raw.files[0].rejects.as_slice() else { panic!("{when}: {:?}", raw.files[0].rejects) };
        assert_eq!((reject.line, reject.column.as_str()), (2, "when"), "{when}");
        assert!(reject.reason.starts_with("expected a date from 1970 to 2099"), "{}", reject.reason);

        let seconds = TablesConfig {
            events: EventsConfig {
                time: Some(TimeConfig { unit: TimeUnit::Seconds, column: "when".into() }),
                ..config.events.clone()
            },
            ..config.clone()
        };
        let error = read_tables(&seconds, dir.path()).unwrap_err().to_string();
        assert!(error.contains("column `when` (key data.tables.events.time.column) is of type "), "{error}");
        let mut old = config.clone();
        old.events.time.as_mut().unwrap().column = "old".into();
        let error = read_tables(&old, dir.path()).unwrap_err();
        assert!(matches!(error, FeatureError::ColumnType { .. }), "{error}");
    }
    // Numbers are no timestamps.
    let dir = timestamps("int64 when", &[5, 6]);
    let error = read_tables(&config, dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("is of type i64, expected text, timestamps or dates"), "{error}");
}
