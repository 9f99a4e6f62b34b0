//! Small and degenerate logs through the reader and every split: sane counts, or an error that states them.

use std::collections::BTreeMap;

use crate::*;
use u2i_schema::ErrorKind;

type Event = (String, String, i64);

/// `n` events; event `i` is of the user, item and second that `of` says.
fn events(n: usize, of: impl Fn(usize) -> (usize, usize, usize)) -> Vec<Event> {
    let event = |(user, item, time_s)| (format!("u{user}"), format!("i{item}"), time_s as i64);
    (0..n).map(|i| event(of(i))).collect()
}

fn fixtures() -> Vec<(&'static str, Vec<Event>)> {
    let unicode = [("007", "\u{661}"), ("7", "1"), ("\u{fc}", "1e3"), ("-7", "1000"), (" 7", "01")];
    let text = |i: usize| (unicode[i % 5].0.into(), unicode[i / 5].1.into(), i as i64);
    vec![
        ("one event", events(1, |i| (0, i, i))),
        ("two events of a user", events(2, |i| (0, i, i))),
        ("three events of a user", events(3, |i| (0, i, i))),
        ("four events of a user", events(4, |i| (0, i, i))),
        ("one user", events(30, |i| (0, i, i))),
        ("one item", events(30, |i| (i % 4, 0, i))),
        ("one user and one item", events(30, |i| (0, 0, i))),
        ("one second", events(30, |i| (i % 4, i, 7))),
        ("one row many times", events(30, |_| (0, 0, 7))),
        ("two seconds", events(30, |i| (i % 4, i, i / 15))),
        ("everybody below the minimum", events(20, |i| (i / 2, i, i))),
        ("everybody at three events", events(30, |i| (i / 3, i, i))),
        ("everybody at four events", events(40, |i| (i / 4, i, i))),
        ("each event its own user", events(30, |i| (i, 0, i))),
        ("each event its own user and item", events(30, |i| (i, i, i))),
        ("one user with a history among many without", events(40, |i| (i.saturating_sub(9), i, i))),
        ("users one after the other", events(40, |i| (i / 10, i, i))),
        ("the newest row first", events(40, |i| (i % 4, i, 99 - i))),
        ("all but one event in the last second", events(40, |i| (i % 4, i, i.min(1)))),
        ("all but one event in the first second", events(40, |i| (i % 4, i, i / 39))),
        ("the first second of all", events(12, |i| (i % 2, i, 0))),
        ("the last second of all", events(12, |i| (i % 2, i, 4_102_444_799))),
        ("new items only at the end", events(40, |i| (i % 4, i / 36, i))),
        ("new users only at the end", events(40, |i| (i / 36, i % 3, i))),
        ("ids that look alike", (0..25).map(text).collect()),
        ("a thousand users", events(3_000, |i| (i % 1_000, i % 7, i))),
    ]
}

/// Users, events, training events, training targets, validation targets, test targets, and users without history, by
/// the definition of each split and not by our code. Users and events are those that remain.
fn by_definition(events: &[Event], split: &SplitConfig) -> [usize; 7] {
    let mut users: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    events.iter().for_each(|(user, _, time_s)| users.entry(user).or_default().push(*time_s));
    let mut times: Vec<i64> = events.iter().map(|event| event.2).collect();
    times.sort_unstable();
    let mut counts = [0; 7];
    for own in users.values() {
        let n = own.len();
        // Training events, and whether there is a target to validate on, one to test on, or none for want of history.
        let (train, validation, test, lone) = match *split {
            SplitConfig::Book { min_events } if n < min_events as usize => continue,
            SplitConfig::LeaveLastOut { .. } if n < 3 => (n, false, false, false),
            SplitConfig::LeaveLastOut { .. } | SplitConfig::Book { .. } => (n - 2, true, true, false),
            SplitConfig::TimeCut { validation_quantile, test_quantile, .. } => {
                let before = |quantile: f64| {
                    let cut = times[(quantile * times.len() as f64) as usize];
                    own.iter().filter(|&&time_s| time_s < cut).count()
                };
                let (train, known) = (before(validation_quantile), before(test_quantile));
                (train, 0 < train && train < known, 0 < known && known < n, known == 0)
            }
            SplitConfig::Files(_) => unreachable!("these logs are one file each"),
        };
        let own = [1, n, train, train.saturating_sub(1)];
        let targets = [validation, test, lone].map(usize::from);
        counts.iter_mut().zip(own.into_iter().chain(targets)).for_each(|(sum, own)| *sum += own);
    }
    counts
}

fn check(name: &str, events: &[Event], split: &SplitConfig) {
    let rows = events.iter().map(|(user, item, time_s)| format!("{user},{item},{time_s}\n"));
    let csv = "who,what,when\n".to_owned() + &rows.collect::<String>();
    let raw = read_events(csv.as_bytes(), Encoding::Utf8, ReadLimits::STRICT).unwrap();
    let one = 1.try_into().unwrap();
    let columns = features(vec![
        column("user_id", Side::User, ColumnKind::Categorical { min_count: one }),
        column("item_id", Side::Item, ColumnKind::Hashed { buckets: one }),
        column("time_s", Side::Request, ColumnKind::Standardized {}),
        column("hour", Side::Request, ColumnKind::BucketizedQuantiles { buckets: 3.try_into().unwrap() }),
    ]);
    let wanted @ [_, _, train, targets, _, test, _] = by_definition(events, split);
    for per_user in
        [PerUser::All {}, PerUser::Newest { n: one }, PerUser::Drawn { n: one }, PerUser::Fixed { n: one }]
    {
        let context = format!("{name}, {split:?}, {per_user:?}");
        let data = match prepare(&raw, split, &columns, &SamplesConfig { per_user }, 0) {
            Ok(data) => data,
            Err(error) => {
                let nothing = if test == 0 { "nobody to test" } else { "no training targets" };
                let (users, events) = (raw.user_ids.len(), events.len());
                let counts =
                    format!("{nothing}: {users} users with {events} events, {train} of them to train on");
                assert!(test == 0 || targets == 0, "{context}: {error}");
                assert_eq!(error.to_string(), format!("the split leaves {counts}"), "{context}");
                assert_eq!(error.kind(), ErrorKind::Data, "{context}");
                continue;
            }
        };
        let found = [
            data.users.ids().len(),
            data.events.n_events(),
            data.train.events().n_events(),
            if per_user == (PerUser::All {}) { data.samples.len() } else { targets },
            data.validation.len(),
            data.test.len(),
            data.n_test_without_history,
        ];
        assert_eq!(found, wanted, "{context}");
        assert!(test > 0 && targets > 0 && !data.samples.is_empty(), "{context}");
        assert_eq!(data.catalog.n_items(), raw.item_ids.len(), "{context}");
    }
}

/// D8.
#[test]
fn every_small_log_has_the_counts_of_its_definition_or_an_error_that_states_them() {
    let fixtures = fixtures();
    let splits = [
        leave_last_out(),
        SplitConfig::LeaveLastOut { ties: Ties::ItemId },
        SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.8, test_quantile: 0.9 },
        SplitConfig::TimeCut { ties: Ties::ItemId, validation_quantile: 0.001, test_quantile: 0.999 },
        SplitConfig::LeaveLastOut { ties: Ties::Shuffled { seed: 1 } },
        SplitConfig::Book { min_events: 3 },
        SplitConfig::Book { min_events: 10 },
    ];
    for (name, events) in &fixtures {
        splits.iter().for_each(|split| check(name, events, split));
    }
}

#[test]
fn files_without_a_usable_row_are_refused_with_counts() {
    let cases = [
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        ("\u{feff}", "there is no column `who` (key data.tables.events.user), only [\"column_1\"]"),
        ("who,what,when", "no row to use: 0 read, 0 rejected, 0 of users or items without events"),
        ("who,what,when\r\n\r\n", "no row to use: 0 read, 0 rejected, 0 of users or items without events"),
        (
            "who,what,when\n,,\na,b,c\n",
            "no row to use: 2 read, 2 rejected, 0 of users or items without events",
        ),
        (
            "who;what;when\na;b;1\n",
            "there is no column `who` (key data.tables.events.user), only [\"who;what;when\"]",
        ),
    ];
    let limits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };
    for (csv, message) in cases {
        let error = read_events(csv.as_bytes(), Encoding::Utf8, limits).unwrap_err();
        assert!(error.to_string().ends_with(&format!("events: {message}")), "{csv:?}: {error}");
        assert_eq!(error.kind(), ErrorKind::Data, "{csv:?}");
    }
}

#[test]
fn a_column_without_a_number_to_fit_on_is_refused() {
    let mut raw = random_log(0);
    let n_items = raw.item_ids.len();
    raw.items[1].values = RawValues::Number(vec![f64::NAN; n_items]);
    let error = prepare(&raw, &leave_last_out(), &every_kind(), &all_samples(), 0).unwrap_err();
    assert!(
        matches!(&error, FeatureError::NothingToFit { column, side: Side::Item } if column == "price"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Data);
}
