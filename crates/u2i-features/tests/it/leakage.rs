use u2i_schema::{BatchMaker, Chunk, EventStore, PADDING, Sample};

use crate::*;

/// Raw rows that do not train, by the definition of each split and not by our code.
fn held_out(raw: &RawData, split: &SplitConfig) -> Vec<usize> {
    let cut = |quantile: f64| {
        let mut times = raw.events.time_s.clone();
        times.sort_unstable();
        times[(quantile * times.len() as f64) as usize]
    };
    let mut held_out = Vec::new();
    for user in 0..raw.user_ids.len() as u32 {
        let mut rows: Vec<usize> = (0..raw.n_events()).filter(|&row| raw.events.user[row] == user).collect();
        if !matches!(split, SplitConfig::Book { .. }) {
            rows.sort_by_key(|&row| (raw.events.time_s[row], row));
        }
        match split {
            // The last two in time order.
            SplitConfig::LeaveLastOut { .. } if rows.len() >= 3 => held_out.extend(&rows[rows.len() - 2..]),
            SplitConfig::LeaveLastOut { .. } => {}
            SplitConfig::TimeCut { validation_quantile, .. } => {
                let first = cut(*validation_quantile);
                held_out.extend(rows.into_iter().filter(|&row| raw.events.time_s[row] >= first));
            }
            // The last two in the file; users with fewer events are dropped and train nothing.
            SplitConfig::Book { min_events } if rows.len() >= *min_events as usize => {
                held_out.extend(&rows[rows.len() - 2..]);
            }
            SplitConfig::Book { .. } => {}
            SplitConfig::Files(_) => {
                let first = raw.parts.unwrap().validation;
                held_out.extend(rows.into_iter().filter(|&row| row >= first));
            }
        }
    }
    held_out
}

/// A random log that is three files, as a split may say.
fn random_files(seed: u64) -> RawData {
    let raw = random_log(seed);
    let n = raw.n_events();
    RawData { parts: Some(EventParts { validation: 3 * n / 5, test: 4 * n / 5 }), ..raw }
}

fn splits() -> [SplitConfig; 4] {
    let files = FilesSplit {
        train: None,
        validation: Some("validation".into()),
        test: "test".into(),
        ties: Ties::File,
        // Times are drawn whatever the file.
        allow_later_training: true,
    };
    [
        SplitConfig::Files(files),
        leave_last_out(),
        SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.6, test_quantile: 0.8 },
        SplitConfig::Book { min_events: 5 },
    ]
}

/// L2: 200 random logs under each split. Every validation and test event gets another item, a later time and other
/// request values, one of them never seen; nothing that training sees may change.
#[test]
fn held_out_events_leave_every_training_artefact_equal() {
    for (seed, split) in (0..200).flat_map(|seed| splits().map(|split| (seed, split))) {
        let before = random_files(seed);
        let mut after = before.clone();
        let mut rng = Stream::new(seed, Purpose::PERMUTATION, 0, 0);
        for row in held_out(&before, &split) {
            // A later row of the file keeps a later time, so that the two swap neither roles nor order.
            after.events.time_s[row] += 100;
            after.events.item[row] = rng.index(before.item_ids.len()) as u32;
            if let RawValues::Text(values) = &mut after.request[0].values {
                values[row] = Some("never seen".into());
            }
            if let RawValues::Number(values) = &mut after.request[1].values {
                values[row] = 1e9;
            }
        }
        let samples = SamplesConfig { per_user: PerUser::Drawn { n: 5.try_into().unwrap() } };
        let [before, after] =
            [before, after].map(|raw| prepare(&raw, &split, &every_kind(), &samples, 3).unwrap());
        assert_eq!(before.columns, after.columns, "seed {seed}, {split:?}");
        assert_eq!(before.train, after.train, "seed {seed}, {split:?}");
        assert_eq!(before.samples, after.samples, "seed {seed}, {split:?}");
        assert_eq!(before.catalog, after.catalog, "seed {seed}, {split:?}");
        assert_eq!(before.users, after.users, "seed {seed}, {split:?}");
        let chunks: Vec<Chunk> = before.samples.samples().iter().map(|&sample| sample.into()).collect();
        assert_eq!(
            before.train_batches(5).users(&chunks),
            after.train_batches(5).users(&chunks),
            "seed {seed}, {split:?}"
        );
        assert_ne!(before.split_hash, after.split_hash, "seed {seed}, {split:?}");
    }
}

#[test]
fn histories_are_the_events_before_the_target() {
    for (seed, split) in (0..50).flat_map(|seed| splits().map(|split| (seed, split))) {
        let data = prepare(&random_files(seed), &split, &every_kind(), &all_samples(), 0).unwrap();
        let held_out: Vec<_> = data.test.iter().chain(&data.validation).copied().collect();
        for &sample in held_out.iter().chain(data.samples.samples()) {
            let batch = data.eval_batches(4).users(&[sample.into()]);
            let position = sample.position as usize;
            assert!(position > 0, "a first event is never a target");
            let events = &data.events.items(sample.user as usize)[position.saturating_sub(4)..position];
            let mut history = vec![PADDING; 4 - events.len()];
            history.extend(events.iter().map(|&item| data.catalog.id_row(item)));
            assert_eq!(batch.history, history);
        }
        let trained = |user: u32| data.train.events().items(user as usize).len();
        assert!(held_out.iter().all(|target| target.position as usize >= trained(target.user)), "{split:?}");
        assert!(
            data.samples.samples().iter().all(|own| (own.position as usize) < trained(own.user)),
            "{split:?}"
        );
        if split == leave_last_out() {
            let last = |user: u32| data.events.items(user as usize).len() - 1;
            assert!(data.test.iter().all(|target| target.position as usize == last(target.user)));
        }
    }
}

/// The events with everything drawn anew that happened at or after a target: items, times and request values, of all
/// users. Of the target itself only its item; its time and request are its own.
fn future_drawn_anew(events: &EventStore, target: Sample, n_items: usize, rng: &mut Stream) -> EventStore {
    let own = events.start(target.user as usize) + target.position as usize;
    let time_s = events.all_times_s()[own];
    let is_future = |user: usize, at: usize| match user == target.user as usize {
        true => at >= own,
        false => events.all_times_s()[at] >= time_s,
    };
    let (mut items, mut times) = (events.all_items().to_vec(), events.all_times_s().to_vec());
    // Where the request values of an event are taken from.
    let mut from: Vec<usize> = (0..events.n_events()).collect();
    for user in 0..events.n_users() {
        for at in events.start(user)..events.start(user) + events.items(user).len() {
            if is_future(user, at) {
                items[at] = 1 + rng.index(n_items) as u32;
                if at != own {
                    times[at] = time_s + rng.below(1000) as i64;
                    from[at] = rng.index(events.n_events());
                }
            }
        }
    }
    let request = events.request().iter().map(|column| column.select(&from)).collect();
    EventStore::new(events.offsets().to_vec(), items, times, request).unwrap()
}

/// L1: 10,000 samples of training, validation and test. Whatever happens at or after a target, its sample is the same
/// bit for bit, request columns and the age of the example included.
#[test]
fn a_sample_is_the_same_whatever_happens_at_or_after_its_target() {
    let (mut checked, mut requests, mut gaps) = (0, 0, [0; 4]);
    for (seed, split) in (0..).flat_map(|seed| splits().map(|split| (seed, split))) {
        let data = prepare(&random_files(seed), &split, &every_kind(), &all_samples(), 0).unwrap();
        let mut rng = Stream::new(seed, Purpose::PERMUTATION, 1, 0);
        let n_items = data.catalog.n_items();
        let held_out: Vec<Sample> = data.test.iter().chain(&data.validation).copied().collect();
        for (makers, targets) in [
            (data.train_batches(4), data.samples.samples()),
            (data.eval_batches(4), &held_out),
            (data.eval_batches(50), &held_out),
        ] {
            for &target in targets {
                let events = future_drawn_anew(makers.events, target, n_items, &mut rng);
                let edges_s = [3, 12];
                let before = makers.with_gap_edges_s(&edges_s).users(&[target.into()]);
                let after = BatchMaker::new(&events, makers.users, makers.catalog, makers.history_len)
                    .with_newest_s(makers.newest_s)
                    .with_gap_edges_s(&edges_s)
                    .users(&[target.into()]);
                assert_eq!(before, after, "seed {seed}, {split:?}, {target:?}");
                checked += 1;
                requests += before.request.len();
                before.gaps.iter().for_each(|&gap| gaps[gap as usize] += 1);
            }
        }
        if checked >= 10_000 {
            break;
        }
    }
    assert_eq!(requests, 2 * checked, "each sample has its two request columns");
    assert!(gaps.iter().all(|&n| n > 1_000), "{gaps:?} events of each age");
}

#[test]
fn the_same_input_gives_the_same_output() {
    let samples = SamplesConfig { per_user: PerUser::Fixed { n: 3.try_into().unwrap() } };
    let raw = random_log(9);
    let [a, b] = [0, 0].map(|_| prepare(&raw, &leave_last_out(), &every_kind(), &samples, 1).unwrap());
    assert_eq!((&a.columns, &a.users, &a.catalog), (&b.columns, &b.users, &b.catalog));
    assert_eq!((&a.events, &a.train, &a.samples), (&b.events, &b.train, &b.samples));
    assert_eq!((a.validation, a.test, a.split_hash), (b.validation, b.test, b.split_hash));
}
