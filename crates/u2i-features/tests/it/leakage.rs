use u2i_schema::{Chunk, PADDING};

use crate::*;

/// Raw rows that do not train, by the definition of the split and not by our code: of each user with at least
/// three events, the last two by (time, row).
fn held_out(raw: &RawData) -> Vec<usize> {
    let mut held_out = Vec::new();
    for user in 0..raw.user_ids.len() as u32 {
        let mut rows: Vec<usize> = (0..raw.n_events()).filter(|&row| raw.events.user[row] == user).collect();
        rows.sort_by_key(|&row| (raw.events.time_s[row], row));
        if rows.len() >= 3 {
            held_out.extend_from_slice(&rows[rows.len() - 2..]);
        }
    }
    held_out
}

/// L2: 200 random logs. Every validation and test event gets another item, a later time and other request
/// values, one of them never seen; nothing that training sees may change.
#[test]
fn held_out_events_leave_every_training_artefact_equal() {
    for seed in 0..200 {
        let before = random_log(seed);
        let mut after = before.clone();
        let mut rng = Stream::new(seed, Purpose::PERMUTATION, 0, 0);
        for row in held_out(&before) {
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
            [before, after].map(|raw| prepare(&raw, &leave_last_out(), &every_kind(), &samples, 3).unwrap());
        assert_eq!(before.columns, after.columns, "seed {seed}");
        assert_eq!(before.train, after.train, "seed {seed}");
        assert_eq!(before.samples, after.samples, "seed {seed}");
        assert_eq!(before.catalog, after.catalog, "seed {seed}");
        assert_eq!(before.users, after.users, "seed {seed}");
        let chunks: Vec<Chunk> = before.samples.samples().iter().map(|&sample| sample.into()).collect();
        assert_eq!(
            before.train_batches(5).users(&chunks),
            after.train_batches(5).users(&chunks),
            "seed {seed}"
        );
        assert_ne!(before.split_hash, after.split_hash, "seed {seed}");
    }
}

#[test]
fn histories_are_the_events_before_the_target() {
    for seed in 0..50 {
        let data = prepare(&random_log(seed), &leave_last_out(), &every_kind(), &all_samples(), 0).unwrap();
        for &sample in data.test.iter().chain(&data.validation).chain(data.samples.samples()) {
            let batch = data.eval_batches(4).users(&[sample.into()]);
            let position = sample.position as usize;
            assert!(position > 0, "a first event is never a target");
            let events = &data.events.items(sample.user as usize)[position.saturating_sub(4)..position];
            let mut history = vec![PADDING; 4 - events.len()];
            history.extend(events.iter().map(|&item| data.catalog.id_row(item)));
            assert_eq!(batch.history, history);
        }
        assert!(
            data.test.iter().all(|s| s.position as usize + 1 == data.events.items(s.user as usize).len())
        );
    }
}

#[test]
fn the_same_input_gives_the_same_output() {
    let samples = SamplesConfig { per_user: PerUser::Fixed { n: 3.try_into().unwrap() } };
    let raw = random_log(9);
    let [a, b] = [0, 0].map(|_| prepare(&raw, &leave_last_out(), &every_kind(), &samples, 1).unwrap());
    assert_eq!(format!("{a:?}").len(), format!("{b:?}").len());
    assert_eq!((a.split_hash, a.columns, a.catalog.digest()), (b.split_hash, b.columns, b.catalog.digest()));
}
