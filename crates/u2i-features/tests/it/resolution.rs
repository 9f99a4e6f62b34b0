//! Order, cuts and what came before are those of times as the file has them, to the nanosecond.

use u2i_schema::{ColumnData, EventStore};

use crate::sequence_columns::{log_with_sequences, sequence};
use crate::*;

/// A log whose times differ below a second: ten seconds of the other become one.
fn within_seconds(raw: &RawData) -> RawData {
    let finer = |time_s: i64| UnixTime::from_ticks(100 * time_s, 1_000);
    let RawEvents { user, item, time_s, .. } = &raw.events;
    let mut events = RawEvents::default();
    user.iter()
        .zip(item)
        .zip(time_s)
        .for_each(|((&user, &item), &time_s)| events.push(user, item, finer(time_s)));
    let of_sequence = |sequence: &RawSequence| {
        let mut found = RawSequence {
            name: sequence.name.clone(),
            values: sequence.values.clone(),
            event: sequence.event.clone(),
            ..RawSequence::default()
        };
        let rows = sequence.user.iter().zip(&sequence.value).zip(&sequence.time_s);
        rows.for_each(|((&user, &value), &time_s)| found.push(user, value, finer(time_s)));
        found
    };
    RawData { events, sequences: raw.sequences.iter().map(of_sequence).collect(), ..raw.clone() }
}

/// What is prepared of a log, but for the times that it still has: in whole seconds.
fn untimed(data: &Prepared) -> impl PartialEq + std::fmt::Debug {
    let untimed = |events: &EventStore| {
        (events.offsets().to_vec(), events.all_items().to_vec(), events.request().to_vec())
    };
    let n_targets = (data.validation.clone(), data.test.clone(), data.n_test_without_history, data.n_ties);
    let train = untimed(data.train.events());
    (untimed(&data.events), train, data.samples.samples().to_vec(), data.columns.clone(), n_targets)
}

/// That of whole seconds is held free of what happened later by `leakage` and `sequence_columns`, so this is, too.
#[test]
fn a_log_is_prepared_the_same_whether_its_times_differ_in_seconds_or_below() {
    let ties = [Ties::File, Ties::ItemId, Ties::Shuffled { seed: 3 }];
    let splits = ties.into_iter().flat_map(|ties| {
        let cut = SplitConfig::TimeCut { ties, validation_quantile: 0.6, test_quantile: 0.8 };
        [SplitConfig::LeaveLastOut { ties }, cut]
    });
    let splits: Vec<SplitConfig> = splits.chain([SplitConfig::Book { min_events: 5 }]).collect();
    let mut n_windows = 0;
    for (seed, split) in (0..40).flat_map(|seed| splits.iter().map(move |split| (seed, split))) {
        let raw = log_with_sequences(seed);
        let finer = within_seconds(&raw);
        assert!(!finer.events.subsec_ns.is_empty() && finer.events.time_s != raw.events.time_s);
        let columns = features(vec![sequence("searches", 3), sequence("liked", 2)]);
        let [wanted, found] =
            [&raw, &finer].map(|raw| prepare(raw, split, &columns, &all_samples(), seed).unwrap());
        assert_eq!(untimed(&found), untimed(&wanted), "seed {seed}, {split:?}");
        for column in found.events.request() {
            let ColumnData::Windows { from, to, .. } = column else { panic!("{column:?}") };
            n_windows += from.iter().zip(to).filter(|(from, to)| from < to).count();
        }
    }
    assert!(n_windows > 10_000, "{n_windows}");
}

/// How a time is written, in a unit and a column of a file.
struct Writing {
    unit: TimeUnit,
    /// So many different times a second.
    per_second: u32,
    text: fn(i64) -> String,
    column: Option<fn(&[i64]) -> Column>,
}

fn iso(ticks: i64, per_second: i64, digits: usize, zone: &str) -> String {
    let time = jiff::Timestamp::from_second(ticks.div_euclid(per_second)).unwrap().to_string();
    format!("{}.{:0digits$}{zone}", time.trim_end_matches('Z'), ticks.rem_euclid(per_second))
}

fn writings() -> Vec<Writing> {
    let integers: fn(&[i64]) -> Column = |ticks| Column::new("when".into(), ticks);
    vec![
        Writing {
            unit: TimeUnit::Milliseconds,
            per_second: 1_000,
            text: |ms| ms.to_string(),
            column: Some(integers),
        },
        Writing {
            unit: TimeUnit::Microseconds,
            per_second: 1_000_000,
            text: |us| us.to_string(),
            column: Some(integers),
        },
        Writing {
            unit: TimeUnit::Nanoseconds,
            per_second: 1_000_000_000,
            text: |ns| ns.to_string(),
            column: Some(integers),
        },
        Writing {
            unit: TimeUnit::Seconds,
            per_second: 1_000,
            text: |ms| format!("{}.{:03}", ms / 1_000, ms % 1_000),
            column: Some(|ms| {
                Column::new("when".into(), ms.iter().map(|&ms| ms as f64 / 1_000.0).collect::<Vec<_>>())
            }),
        },
        Writing {
            unit: TimeUnit::Milliseconds,
            per_second: 1_000_000,
            text: |us| format!("{}.{:03}", us / 1_000, us % 1_000),
            column: None,
        },
        Writing {
            unit: TimeUnit::Datetime,
            per_second: 1_000,
            text: |ms| iso(ms, 1_000, 3, "Z"),
            column: Some(|ms| {
                let texts: Vec<String> = ms.iter().map(|&ms| iso(ms, 1_000, 3, " UTC")).collect();
                Column::new("when".into(), texts)
            }),
        },
        Writing {
            unit: TimeUnit::Datetime,
            per_second: 1_000_000_000,
            text: |ns| iso(ns, 1_000_000_000, 9, "+00:00"),
            column: None,
        },
        Writing {
            unit: TimeUnit::Strftime("%Y-%m-%dT%H:%M:%S%.f".parse().unwrap()),
            per_second: 1_000_000,
            text: |us| iso(us, 1_000_000, 6, ""),
            column: None,
        },
        Writing {
            unit: TimeUnit::ExcelDays,
            per_second: 1_000,
            text: |ms| (25_569.0 + ms as f64 / 86_400_000.0).to_string(),
            column: Some(|ms| {
                let days = ms.iter().map(|&ms| 25_569.0 + ms as f64 / 86_400_000.0);
                Column::new("when".into(), days.collect::<Vec<_>>())
            }),
        },
    ]
}

/// Times within a few seconds, none twice, in the order of a table and in any other: the same users, events, cuts and
/// targets come of it, and the times that were written.
#[test]
fn the_order_of_rows_decides_nothing_where_times_differ_in_the_file() {
    for (seed, writing) in (0..4).flat_map(|seed| writings().into_iter().map(move |writing| (seed, writing)))
    {
        let Writing { unit, per_second, text, column } = &writing;
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 3, 0);
        let n = 120;
        let mut ticks: Vec<i64> = (0..n)
            .map(|_| 1_569_888_000 * i64::from(*per_second) + rng.below(3 * u64::from(*per_second)) as i64)
            .collect();
        ticks.sort_unstable();
        ticks.dedup();
        let rows: Vec<(u64, u64, i64)> =
            ticks.iter().map(|&ticks| (rng.below(7), rng.below(11), ticks)).collect();
        let mut shuffled = rows.clone();
        rng.shuffle(&mut shuffled);
        let csv = |rows: &[(u64, u64, i64)]| {
            let row = |&(user, item, ticks): &(u64, u64, i64)| format!("u{user},i{item},{}\n", text(ticks));
            let csv = format!("who,what,when\n{}", rows.iter().map(row).collect::<String>());
            (events_csv(Encoding::Utf8, ReadLimits::STRICT), folder(&[("events", csv.as_bytes())]))
        };
        let in_parquet = |rows: &[(u64, u64, i64)], column: &fn(&[i64]) -> Column| {
            let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
            config.events.format = FileFormat::from(Parquet {});
            let texts = |of: fn(&(u64, u64, i64)) -> String| rows.iter().map(of).collect::<Vec<_>>();
            let who = Column::new("who".into(), texts(|row| format!("u{}", row.0)));
            let what = Column::new("what".into(), texts(|row| format!("i{}", row.1)));
            let ticks: Vec<i64> = rows.iter().map(|row| row.2).collect();
            (config, parquet(vec![who, what, column(&ticks)]))
        };
        let mut files = vec![csv(&rows), csv(&shuffled)];
        if let Some(column) = column {
            files.extend([in_parquet(&rows, column), in_parquet(&shuffled, column)]);
        }
        let cut = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.5, test_quantile: 0.75 };
        let splits = [leave_last_out(), cut];
        let mut hashes = [(); 2].map(|()| Vec::new());
        for (mut config, dir) in files {
            config.events.time.as_mut().unwrap().unit = unit.clone();
            let raw = read_tables(&config, dir.path()).unwrap();
            let mut times: Vec<UnixTime> = (0..raw.n_events()).map(|event| raw.events.time(event)).collect();
            times.sort_unstable();
            let written: Vec<_> =
                ticks.iter().map(|&ticks| UnixTime::from_ticks(ticks, *per_second)).collect();
            assert_eq!(times, written, "{unit:?}");
            for (split, hashes) in splits.iter().zip(&mut hashes) {
                let data = prepare(&raw, split, &features(vec![]), &all_samples(), 0).unwrap();
                assert_eq!(data.n_ties, 0, "{unit:?}");
                hashes.push(data.split_hash);
            }
        }
        for hashes in hashes {
            assert!(
                hashes.len() >= 2 && hashes.iter().all(|hash| *hash == hashes[0]),
                "{unit:?}, seed {seed}"
            );
        }
    }
}

/// A cut lies between two events of one second; equal times keep the order of the file.
#[test]
fn a_cut_parts_a_second() {
    let csv = "who,what,when\n\
               u,late,10.75\nu,first,10.25\nu,mid,10.5\nv,a,10.125\nv,b,10.5\nv,c,10.625\nv,d,10.625\nv,e,10.875\n";
    let raw = read_events(csv.as_bytes(), Encoding::Utf8, ReadLimits::STRICT).unwrap();
    let times: Vec<u32> = raw.events.subsec_ns.iter().map(|ns| ns / 1_000_000).collect();
    assert_eq!((raw.events.time_s, times), (vec![10; 8], vec![750, 250, 500, 125, 500, 625, 625, 875]));
    let raw = read_events(csv.as_bytes(), Encoding::Utf8, ReadLimits::STRICT).unwrap();
    // Sorted, the times are .125, .25, .5, .5, .625, .625, .75, .875: the cuts are .5 and .75.
    let split = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.25, test_quantile: 0.75 };
    let data = prepare(&raw, &split, &features(vec![]), &all_samples(), 0);
    // Nothing but first events trains.
    assert!(matches!(data, Err(FeatureError::NoTrainingTargets { train: 2, .. })), "{data:?}");
    let split = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.5, test_quantile: 0.875 };
    let data = prepare(&raw, &split, &features(vec![]), &all_samples(), 0).unwrap();
    let items = |user| -> Vec<&str> {
        data.events.items(user).iter().map(|&item| data.catalog.item_id(item)).collect()
    };
    assert_eq!((items(0), items(1)), (vec!["first", "mid", "late"], vec!["a", "b", "c", "d", "e"]));
    let trained: Vec<usize> = (0..2).map(|user| data.train.events().items(user).len()).collect();
    assert_eq!((trained, data.n_ties), (vec![2, 2], 1));
    let targets: Vec<(u32, u32)> = data.test.iter().map(|target| (target.user, target.position)).collect();
    assert_eq!(targets, [(1, 4)]);
}

/// A search is history of what happened later in its second, and of nothing at the same time.
#[test]
fn a_search_within_a_second_is_seen_by_what_comes_after_it_alone() {
    let mut config = events_csv(Encoding::Utf8, ReadLimits::STRICT);
    config.events.time.as_mut().unwrap().unit = TimeUnit::Datetime;
    config.sequences = vec![SequenceFileConfig {
        name: "searches".into(),
        file: "searches".into(),
        format: config.events.format.clone(),
        user: "who".into(),
        value: "query".into(),
        time: TimeConfig { column: "at".into(), unit: TimeUnit::Microseconds },
    }];
    let events = "who,what,when\nu,a,2019-10-01 00:00:00.1 UTC\nu,b,2019-10-01 00:00:00.2 UTC\n\
                  u,c,2019-10-01 00:00:00.3 UTC\nu,d,2019-10-01 00:00:01 UTC\n";
    let searches =
        "who,query,at\nu,jazz,1569888000200000\nu,rock,1569888000199999\nu,soul,1569888000999999\n";
    let dir = folder(&[("events", events.as_bytes()), ("searches", searches.as_bytes())]);
    let raw = read_tables(&config, dir.path()).unwrap();
    let columns = features(vec![sequence("searches", 5)]);
    let data = prepare(&raw, &leave_last_out(), &columns, &all_samples(), 0).unwrap();
    let [ColumnData::Windows { from, to, rows }] = data.events.request() else { panic!() };
    let seen: Vec<usize> = from.iter().zip(to).map(|(from, to)| (to - from) as usize).collect();
    // In the order of time: rock, jazz, soul. `b` comes at the time of jazz.
    assert_eq!((seen, rows.len()), (vec![0, 1, 2, 3], 3));
}
