//! Events of other kinds, as sequences beside the history.

use u2i_schema::{ColumnData, ErrorKind, OUT_OF_VOCABULARY, Transform};

use crate::*;

/// A random log with searches at times of their own, and with the events of every other item as `liked`.
pub(crate) fn log_with_sequences(seed: u64) -> RawData {
    let mut raw = random_log(seed);
    let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 9, 0);
    let n_users = raw.user_ids.len();
    let mut searches = RawSequence {
        name: "searches".into(),
        values: (0..6).map(|i| format!("word {i}")).collect(),
        ..RawSequence::default()
    };
    for _ in 0..60 {
        searches.user.push(rng.index(n_users) as u32);
        searches.value.push(rng.index(6) as u32);
        searches.time_s.push(rng.below(32) as i64 - 1);
    }
    let event: Vec<u32> = (0..raw.n_events() as u32)
        .filter(|&event| raw.events.item[event as usize].is_multiple_of(2))
        .collect();
    let of = |all: &[u32]| event.iter().map(|&event| all[event as usize]).collect();
    let liked = RawSequence {
        name: "liked".into(),
        user: of(&raw.events.user),
        value: of(&raw.events.item),
        values: raw.item_ids.clone(),
        time_s: event.iter().map(|&event| raw.events.time_s[event as usize]).collect(),
        subsec_ns: Vec::new(),
        event,
    };
    raw.sequences = vec![searches, liked];
    raw
}

pub(crate) fn sequence(name: &str, length: u32) -> ColumnConfig {
    let kind = ColumnKind::Sequence { length: n(length), min_count: n(1) };
    column(name, Side::Request, kind)
}

fn n(n: u32) -> std::num::NonZeroU32 {
    n.try_into().unwrap()
}

fn time_cut() -> SplitConfig {
    SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.6, test_quantile: 0.8 }
}

/// What each event sees, counted anew from the raw data: the newest searches strictly before its time, and the newest
/// liked items before it in the user's order. So nothing at or after a target is in its sample.
#[test]
fn a_sequence_is_what_came_before_each_event() {
    let (mut n_windows, mut n_unknown) = (0, 0);
    for (seed, split) in (0..40).flat_map(|seed| [leave_last_out(), time_cut()].map(|split| (seed, split))) {
        let raw = log_with_sequences(seed);
        let columns = features(vec![sequence("searches", 3), sequence("liked", 2)]);
        let data = prepare(&raw, &split, &columns, &all_samples(), 0).unwrap();
        let seen = |column: usize, event: usize| -> Vec<u32> {
            let ColumnData::Windows { from, to, rows } = &data.events.request()[column] else { panic!() };
            rows[from[event] as usize..to[event] as usize].to_vec()
        };
        let row = |column: usize, text: &str| match &data.columns[column].transform {
            Transform::Sequence { vocabulary, .. } => vocabulary.row(text),
            other => panic!("{other:?}"),
        };
        for user in 0..data.events.n_users() {
            let raw_user = raw.user_ids.iter().position(|id| *id == data.users.ids()[user]).unwrap();
            let mut searches: Vec<(i64, u32)> = (0..raw.sequences[0].user.len())
                .filter(|&i| raw.sequences[0].user[i] as usize == raw_user)
                .map(|i| (raw.sequences[0].time_s[i], raw.sequences[0].value[i]))
                .collect();
            searches.sort_by_key(|&(time_s, _)| time_s);
            let items = data.events.items(user);
            for (position, &time_s) in data.events.times_s(user).iter().enumerate() {
                let event = data.events.start(user) + position;
                let before = searches.iter().filter(|&&(searched, _)| searched < time_s);
                let words: Vec<u32> = before.map(|&(_, word)| row(0, &format!("word {word}"))).collect();
                assert_eq!(seen(0, event), words[words.len().saturating_sub(3)..], "seed {seed}, {split:?}");
                let ids = items[..position].iter().map(|&item| data.catalog.item_id(item));
                let is_liked =
                    |id: &&str| raw.item_ids.iter().position(|known| known == id).unwrap() % 2 == 0;
                let liked: Vec<u32> = ids.filter(is_liked).map(|id| row(1, id)).collect();
                assert_eq!(seen(1, event), liked[liked.len().saturating_sub(2)..], "seed {seed}, {split:?}");
                n_windows += 1;
                n_unknown += seen(0, event).iter().filter(|&&row| row == OUT_OF_VOCABULARY).count();
            }
            let side = &data.sequences[0];
            let own = side.offsets[user] as usize..side.offsets[user + 1] as usize;
            assert_eq!(side.times_s[own], searches.iter().map(|&(time_s, _)| time_s).collect::<Vec<_>>());
        }
        // What training events do not look at is not in the copy that training has.
        let ColumnData::Windows { rows, .. } = &data.train.events().request()[0] else { panic!() };
        assert!(rows.iter().filter(|&&row| row == u2i_schema::PADDING).count() > 0);
    }
    assert!(n_windows > 3_000 && n_unknown > 0, "{n_windows} windows, {n_unknown} unknown words");
}

#[test]
fn a_sequence_that_cannot_be_is_refused() {
    let raw = log_with_sequences(1);
    let run = |column| prepare(&raw, &leave_last_out(), &features(vec![column]), &all_samples(), 0);
    let error = run(sequence("seraches", 3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no sequence `seraches`, only [\"searches\", \"liked\"]"), "{error}");
    let of_users = ColumnConfig { side: Side::User, ..sequence("searches", 3) };
    let error = run(of_users).unwrap_err();
    assert!(error.to_string().starts_with("features.column.0.side: expected request"), "{error}");
    let number = column("searches", Side::Request, ColumnKind::Standardized {});
    assert!(matches!(run(number), Err(FeatureError::UnknownSource { .. })));
}

#[test]
fn a_sequence_is_read_from_a_file_of_its_own() {
    let dir = folder(&[
        ("events.csv", b"user,item,time\nu,a,10\nu,b,20\nu,c,30\nu,d,45\nv,a,40\n"),
        ("searches.csv", b"who,what,when\nv,jazz,35\nu,rock,20\nu,jazz,15\nw,rock,5\nu,,8\n"),
    ]);
    let text = r#"
        limits = { max_reject_ratio = 0.25, max_line_bytes = 1048576 }
        [events]
        file = "events.csv"
        format.csv = { separator = ",", encoding = "utf-8" }
        user = "user"
        item = "item"
        time = { column = "time", unit = "s" }
        [[sequences]]
        name = "searches"
        file = "searches.csv"
        format.csv = { separator = ",", encoding = "utf-8" }
        user = "who"
        value = "what"
        time = { column = "when", unit = "s" }
    "#;
    let config: TablesConfig = toml::from_str(text).unwrap();
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_balanced(&raw.files);
    let found = &raw.sequences[0];
    let words: Vec<&str> = found.value.iter().map(|&value| found.values[value as usize].as_str()).collect();
    assert_eq!((words, &found.time_s[..]), (vec!["jazz", "rock", "jazz"], &[35, 20, 15][..]));
    assert_eq!((raw.files[1].filtered, raw.files[1].rejects.len()), (1, 1));
    let data = prepare(&raw, &leave_last_out(), &features(vec![sequence("searches", 9)]), &all_samples(), 0)
        .unwrap();
    // Of u's events at 10, 20, 30 and 45: nothing, what was searched at 15, and at 20, too.
    let ColumnData::Windows { from, to, .. } = &data.events.request()[0] else { panic!() };
    assert_eq!((&from[..], &to[..]), (&[0, 0, 0, 0, 2][..], &[0, 1, 2, 2, 3][..]));
    let twice = TablesConfig { sequences: [&config.sequences[..], &config.sequences[..]].concat(), ..config };
    assert!(read_tables(&twice, dir.path()).unwrap_err().to_string().contains("names that differ"));
}
