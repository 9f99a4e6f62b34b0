use std::collections::{HashMap, VecDeque};

use u2i_schema::{ErrorKind, Sample, Side};

use crate::*;

fn prepared(raw: &RawData, split: &SplitConfig) -> Result<Prepared, FeatureError> {
    prepare(raw, split, &features(vec![]), &all_samples(), 0)
}

fn items(prepared: &Prepared, user: usize) -> Vec<&str> {
    prepared.events.items(user).iter().map(|&item| prepared.catalog.item_id(item)).collect()
}

#[test]
fn leave_last_out_holds_the_last_two_events_back() {
    let raw = log(&[
        ("10", "4", 40),
        ("9", "1", 5),
        ("10", "20", 20),
        ("10", "20", 10),
        ("10", "3", 30),
        ("9", "1", 4),
    ]);
    let data = prepared(&raw, &leave_last_out()).unwrap();
    // Ids are integers, so 9 comes before 10; user 9 has two events, which only train.
    assert_eq!(data.users.ids(), ["9", "10"]);
    assert_eq!(items(&data, 1), ["20", "20", "3", "4"]);
    assert_eq!(data.train.events().offsets(), [0, 2, 4]);
    assert_eq!(data.samples.samples(), [(0, 1), (1, 1)].map(|(user, position)| Sample { user, position }));
    assert_eq!(data.validation, [Sample { user: 1, position: 2 }]);
    assert_eq!(data.test, [Sample { user: 1, position: 3 }]);
    // 1 and 20 train; 3 and 4 do not, and come after them.
    let ids: Vec<_> = (1..=4).map(|item| data.catalog.item_id(item)).collect();
    assert_eq!(ids, ["1", "20", "3", "4"]);
    assert_eq!((data.catalog.n_trained(), data.catalog.counts()), (2, [0, 2, 2, 0, 0].as_slice()));
}

#[test]
fn ties_keep_the_file_order_or_follow_the_item_id() {
    let raw = log(&[("u", "10", 1), ("u", "9", 1), ("u", "2", 0), ("u", "1", 1)]);
    let order = |ties| items(&prepared(&raw, &SplitConfig::LeaveLastOut { ties }).unwrap(), 0).join(" ");
    assert_eq!(order(Ties::File), "2 10 9 1");
    assert_eq!(order(Ties::ItemId), "2 1 9 10");
}

/// Of six orders of three events each comes up in a sixth of 600 seeds: 100, with a standard deviation of 9.1. The same
/// seed gives the same order, and events of other seconds stay where they are.
#[test]
fn shuffled_ties_come_in_any_order_and_nothing_else_moves() {
    let raw = log(&[("u", "10", 1), ("u", "9", 1), ("u", "2", 0), ("u", "1", 1), ("u", "7", 2)]);
    let order = |seed| {
        let ties = Ties::Shuffled { seed };
        items(&prepared(&raw, &SplitConfig::LeaveLastOut { ties }).unwrap(), 0).join(" ")
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for seed in 0..600 {
        *counts.entry(order(seed)).or_default() += 1;
        assert_eq!(order(seed), order(seed));
    }
    assert_eq!(counts.len(), 6, "{counts:?}");
    for (order, n) in counts {
        assert!(order.starts_with("2 ") && order.ends_with(" 7"), "{order}");
        assert!(n.abs_diff(100) < 46, "{order}: {n}");
    }
}

#[test]
fn the_book_goes_by_file_order_and_drops_short_users() {
    let raw =
        log(&[("u", "a", 9), ("u", "b", 1), ("v", "c", 1), ("u", "c", 5), ("v", "d", 2), ("u", "d", 3)]);
    let data = prepared(&raw, &SplitConfig::Book { min_events: 3 }).unwrap();
    assert_eq!(data.users.ids(), ["u"]);
    assert_eq!(items(&data, 0), ["a", "b", "c", "d"]);
    assert_eq!((data.validation[0].position, data.test[0].position), (2, 3));
    assert_eq!(data.catalog.n_items(), 4);
    assert!(matches!(
        prepared(&raw, &SplitConfig::Book { min_events: 5 }),
        Err(FeatureError::NobodyToTest { .. })
    ));
    assert_eq!(prepared(&raw, &SplitConfig::Book { min_events: 2 }).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_time_cut_takes_each_users_first_event_of_a_window() {
    let mut events: Vec<(&str, &str, i64)> = (0..6).map(|time| ("u", "a", time)).collect();
    // Ten times 0..10: the 60 % cut is 6, the 80 % cut is 8.
    events.extend([("v", "b", 6), ("u", "b", 7), ("u", "c", 8), ("w", "c", 9)]);
    let cut = |validation_quantile, test_quantile| {
        prepared(
            &log(&events),
            &SplitConfig::TimeCut { ties: Ties::File, validation_quantile, test_quantile },
        )
    };
    let data = cut(0.6, 0.8).unwrap();
    assert_eq!(data.train.events().offsets(), [0, 6, 6, 6]);
    assert_eq!(data.validation, [Sample { user: 0, position: 6 }]);
    assert_eq!(data.test, [Sample { user: 0, position: 7 }]);
    // w has no event before its target. v has one before the test cut, and none after it.
    assert_eq!(data.n_test_without_history, 1);
    assert!(data.train.events().all_times_s().iter().all(|&time_s| time_s < 6));
    assert_eq!(cut(0.5, 0.8).unwrap().train.events().n_events(), 5);
    // With the test from 9 on, w is the only user with an event there, and has no history.
    assert!(matches!(cut(0.6, 0.9), Err(FeatureError::NobodyToTest { .. })));
    for (validation, test) in [(0.8, 0.8), (0.0, 0.5), (0.5, 1.0), (f64::NAN, 0.5)] {
        assert_eq!(cut(validation, test).unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn data_that_leaves_nothing_to_train_or_test_is_refused_with_counts() {
    let one_user: Vec<_> = (0..4).map(|time| ("u", "a", time)).collect();
    let data = prepared(&log(&one_user), &leave_last_out()).unwrap();
    assert_eq!((data.catalog.n_items(), data.samples.len(), data.test.len()), (1, 1, 1));
    let cases = [
        (0, "nobody to test: 0 users with 0 events, 0 of them to train on"),
        (1, "nobody to test: 1 users with 1 events, 1 of them to train on"),
        (2, "nobody to test: 1 users with 2 events, 2 of them to train on"),
        (3, "no training targets: 1 users with 3 events, 1 of them to train on"),
    ];
    for (n, message) in cases {
        let error = prepared(&log(&one_user[..n]), &leave_last_out()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
}

/// User, item and time.
type Row<'a> = (&'a str, &'a str, i64);
/// Names the group of a row from its number and itself.
type Group<'a> = &'a dyn Fn(usize, Row) -> (usize, String);

/// The rows in random order, but those of one group in theirs.
fn shuffled_but<'a>(rows: &[Row<'a>], group: Group, seed: u64) -> Vec<Row<'a>> {
    let mut places: Vec<usize> = (0..rows.len()).collect();
    Stream::new(seed, Purpose::PERMUTATION, 0, 0).shuffle(&mut places);
    let mut groups: HashMap<_, VecDeque<Row>> = HashMap::new();
    for (i, &row) in rows.iter().enumerate() {
        groups.entry(group(i, row)).or_default().push_back(row);
    }
    places.iter().map(|&i| groups.get_mut(&group(i, rows[i])).unwrap().pop_front().unwrap()).collect()
}

/// D7. Of a log with about six events in each second of each user, the order of rows in the file decides
///
/// - with `ties = "item_id"` and with `ties.shuffled`: nothing;
/// - with `ties = "file"`: the order of the events of one user and second, and nothing else;
/// - with `book`: the order of the events of one user, and nothing else.
///
/// 1,000 shuffles that leave alone what decides have one hash; some of those that do not have another.
#[test]
fn the_split_hash_depends_on_the_file_order_only_where_ties_do() {
    let mut rng = Stream::new(7, Purpose::SYNTHETIC, 0, 0);
    let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
    let rows: Vec<Row> =
        (0..300).map(|_| (&*ids[rng.index(5)], &*ids[rng.index(20)], rng.below(10) as i64)).collect();
    let hash = |rows: &[Row], split: &SplitConfig| prepared(&log(rows), split).unwrap().split_hash;
    let cut = |ties| SplitConfig::TimeCut { ties, validation_quantile: 0.6, test_quantile: 0.8 };
    let nothing = |i, _: Row| (i, String::new());
    let tie = |_, (user, _, time_s): Row| (time_s as usize, user.to_owned());
    let user = |_, (user, _, _): Row| (0, user.to_owned());
    let cases: [(_, Group); 7] = [
        (SplitConfig::LeaveLastOut { ties: Ties::ItemId }, &nothing),
        (cut(Ties::ItemId), &nothing),
        (SplitConfig::LeaveLastOut { ties: Ties::Shuffled { seed: 3 } }, &nothing),
        (cut(Ties::Shuffled { seed: 3 }), &nothing),
        (leave_last_out(), &tie),
        (cut(Ties::File), &tie),
        (SplitConfig::Book { min_events: 3 }, &user),
    ];
    for (split, decides) in &cases {
        let wanted = hash(&rows, split);
        for seed in 0..1_000 {
            assert_eq!(hash(&shuffled_but(&rows, decides, seed), split), wanted, "seed {seed}, {split:?}");
        }
    }
    for (split, _) in &cases[4..] {
        let wanted = hash(&rows, split);
        assert!((0..10).any(|seed| hash(&shuffled_but(&rows, &nothing, seed), split) != wanted), "{split:?}");
    }
}

#[test]
fn users_give_as_many_targets_as_the_config_says() {
    let mut events: Vec<(&str, &str, i64)> = (0..12).map(|time| ("u", "a", time)).collect();
    events.extend((0..5).map(|time| ("v", "a", time)));
    let raw = log(&events);
    let positions = |per_user, seed| {
        let data =
            prepare(&raw, &leave_last_out(), &features(vec![]), &SamplesConfig { per_user }, seed).unwrap();
        [0, 1].map(|user| {
            let own = data.samples.samples().iter().filter(|sample| sample.user == user);
            own.map(|sample| sample.position).collect::<Vec<_>>()
        })
    };
    let n = |n: u32| n.try_into().unwrap();
    // u trains on 10 events and v on 3; the first of each has no history.
    assert_eq!(positions(PerUser::All {}, 0), [(1..10).collect::<Vec<_>>(), vec![1, 2]]);
    assert_eq!(positions(PerUser::Newest { n: n(4) }, 0), [vec![6, 7, 8, 9], vec![1, 2]]);
    assert_eq!(positions(PerUser::Newest { n: n(99) }, 0), positions(PerUser::All {}, 0));
    let mut draws = Vec::new();
    for seed in 0..20 {
        let [mut u, v] = positions(PerUser::Drawn { n: n(4) }, seed);
        assert_eq!(v, [1, 2]);
        u.dedup();
        assert!(u.len() == 4 && u.iter().all(|position| (1..10).contains(position)), "{u:?}");
        assert_eq!(positions(PerUser::Drawn { n: n(4) }, seed)[0], u);
        draws.push(u);
        let [mut u, v] = positions(PerUser::Fixed { n: n(4) }, seed);
        u.dedup();
        assert_eq!(u.len(), 4);
        assert!(v.len() == 4 && v.iter().all(|position| (1..3).contains(position)), "{v:?}");
    }
    draws.sort();
    draws.dedup();
    assert!(draws.len() > 10, "{draws:?}");
}

#[test]
fn each_position_is_drawn_equally_often() {
    let raw = log(&(0..12).map(|time| ("u", "a", time)).collect::<Vec<_>>());
    let per_user = PerUser::Drawn { n: 3.try_into().unwrap() };
    let mut counts = [0.0f64; 10];
    for seed in 0..3_000 {
        let samples = SamplesConfig { per_user };
        let data = prepare(&raw, &leave_last_out(), &features(vec![]), &samples, seed).unwrap();
        data.samples.samples().iter().for_each(|sample| counts[sample.position as usize] += 1.0);
    }
    // Each of 9 positions is expected 1,000 times, with a variance of 3000 · (1/3) · (2/3); 5 sd are 130.
    assert!(counts[1..].iter().all(|count| (count - 1_000.0).abs() < 130.0), "{counts:?}");
    assert_eq!(counts[0], 0.0);
}

#[test]
fn request_columns_follow_their_events() {
    let mut raw = log(&[("u", "a", 30), ("u", "b", 10), ("u", "c", 20), ("u", "d", 40)]);
    let device = ["x", "y", "x", "z"].map(|device| Some(device.into())).to_vec();
    raw.request = vec![RawColumn { name: "device".into(), values: RawValues::Text(device) }];
    let kind = ColumnKind::Categorical { min_count: 1.try_into().unwrap() };
    let data = prepare(
        &raw,
        &leave_last_out(),
        &features(vec![column("device", Side::Request, kind)]),
        &all_samples(),
        0,
    )
    .unwrap();
    // In time order: y x | x z; z is unknown to training.
    assert_eq!(data.events.request(), [u2i_schema::ColumnData::Rows(vec![3, 2, 2, 1])]);
}
