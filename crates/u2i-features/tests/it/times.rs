//! D6: times are integers of their unit, from 1970 to 2099.

use crate::*;

/// The time in one row, in CSV and, if it is an integer there, in Parquet.
fn check_time(unit: TimeUnit, text: &str, wanted: Result<i64, &str>) {
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.time.unit = unit;
    let csv = format!("who,what,when\nu,a,5000\nu,b,{text}\n");
    let mut found = vec![read_tables(&config, folder(&[("events", csv.as_bytes())]).path()).unwrap()];
    if let Ok(number) = text.parse::<i64>() {
        config.events.format = FileFormat::Parquet {};
        let dir = parquet(vec![
            Column::new("who".into(), ["u", "u"]),
            Column::new("what".into(), ["a", "b"]),
            Column::new("when".into(), [5000, number]),
        ]);
        found.push(read_tables(&config, dir.path()).unwrap());
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
    let integer = Err("expected an integer, found ");
    let cases = [
        ("0", Ok(0)),
        ("4102444799", Ok(4_102_444_799)),
        ("4102444800", range),
        ("-1", range),
        ("-9223372036854775808", range),
        ("9223372036854775807", range),
        ("9223372036854775808", integer),
        ("978300760000", range),
        ("978300760.0", integer),
        ("9.7e8", integer),
        ("2001-01-01", integer),
        ("NaN", integer),
        ("inf", integer),
        (" 40", integer),
        ("٤٠", integer),
        ("", integer),
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
        ("978300760.5", Err("expected an integer, found ")),
    ];
    cases.into_iter().for_each(|(text, wanted)| check_time(TimeUnit::Milliseconds, text, wanted));
}
