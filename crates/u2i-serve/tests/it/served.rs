//! L5: what is served over HTTP is what was evaluated.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use u2i_index::{ExactIndex, Filter, Index as _};
use u2i_models::{TwoTower as _, UserBatch};
use u2i_schema::{BatchMaker, Chunk, Raw};

use crate::fixture::{Fixture, Kind, SMALL, Size, device, device_at};
use crate::full;
use crate::running::{Bundle, List, Running, listed, options};

const K: usize = 10;

/// Each user's last event as evaluation does it: items and scores, seen items left out.
fn evaluated(fixture: &Fixture, targets: &[Chunk]) -> Vec<List> {
    let edges_s = fixture.history.as_ref().map_or(&[][..], |history| &history.gap_edges_s);
    let maker =
        BatchMaker::new(&fixture.events, &fixture.users, &fixture.catalog, fixture.model.history_len())
            .with_gap_edges_s(edges_s);
    let batch = UserBatch::new(&maker.users(targets), None, &device());
    let queries: Vec<f32> = fixture.model.encode_users(&batch).into_data().try_into_vec().unwrap();
    let seen = |target: &Chunk| {
        let mut seen = fixture.events.items(target.user as usize)[..target.first as usize].to_vec();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    let seen: Vec<Vec<u32>> = targets.iter().map(seen).collect();
    let index = ExactIndex::new(fixture.vectors.clone());
    let found = index.search(&queries, K.try_into().unwrap(), Filter::excluding(&seen)).unwrap();
    let id = |item: &u32| fixture.catalog.item_id(*item).to_owned();
    let bits = |score: &f32| score.to_bits();
    (0..targets.len())
        .map(|i| found.ids(i).iter().map(id).zip(found.scores(i).iter().map(bits)).collect())
        .collect()
}

/// Of each user with events the last one.
fn last_events(fixture: &Fixture) -> Vec<Chunk> {
    let last = |user: u32| {
        let n = fixture.events.items(user as usize).len() as u32;
        (n > 0).then(|| Chunk { user, first: n - 1, targets: 1 })
    };
    (0..fixture.users.ids().len() as u32).filter_map(last).collect()
}

/// For 100 users (1,000 in full) the very items and the very bits of their scores, asked for one by one by eight clients at
/// once, so that requests are answered together as they come, and then all in one batch.
#[test]
fn what_is_served_over_http_is_what_was_evaluated() {
    let n = if full() { 1000 } else { 100 };
    for kind in [Kind::Fm, Kind::Book, Kind::Attentive] {
        let bundle = Bundle::new(kind, Size { users: n + 1, ..SMALL }, 3);
        let fixture = &bundle.fixture;
        let targets = last_events(fixture);
        assert_eq!(targets.len(), n);
        let wanted = evaluated(fixture, &targets);
        let requests: Vec<Value> = targets
            .iter()
            .map(|target| {
                let at_s = fixture.events.times_s(target.user as usize)[target.first as usize];
                let id = &fixture.users.ids()[target.user as usize];
                let mut request = json!({ "user": id, "at": at_s, "k": K });
                // The device is what a caller knows of the request; the hour follows from its time.
                if let Raw::Text(device) = device_at(at_s) {
                    request["context"] = json!({ "device": device });
                }
                request
            })
            .collect();
        let running = Running::start(&options(&bundle.path()));
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = running.client();
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(request) = requests.get(i) else { break };
                        let answer = client.post("/v1/recommend", request).ok();
                        assert_eq!(listed(&answer), wanted[i], "{kind:?}: {request}");
                        assert_eq!(answer["strategy"], "model");
                    }
                });
            }
        });
        let mut client = running.client();
        let batch = client.post("/v1/recommend", &json!({ "requests": requests })).ok();
        let lists: Vec<List> = batch["answers"].as_array().unwrap().iter().map(listed).collect();
        assert_eq!(lists, wanted, "{kind:?}");
    }
}
