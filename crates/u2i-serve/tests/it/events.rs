//! What users did counts from the next request on.

use serde_json::{Value, json};
use u2i_bundle::{Happened, Request};
use u2i_serve::ServeOptions;

use crate::fixture::{Kind, SMALL, Size, history, top, user};
use crate::http::Client;
use crate::running::{Bundle, Running, listed, wanted};

/// After all events of the fixture, and of these tests.
const AT_S: i64 = 300_000;

fn events(client: &mut Client, user: &str, events: &[(&str, i64)]) -> Value {
    let one = |(item, time_s): &(&str, i64)| json!({ "user": user, "item": item, "time": time_s });
    client.post("/v1/events", &json!({ "events": events.iter().map(one).collect::<Vec<_>>() })).ok()
}

fn happened(events: &[(&str, i64)]) -> Vec<Happened> {
    events.iter().map(|(item, at_s)| Happened { item: (*item).to_owned(), at_s: *at_s }).collect()
}

/// The very next request has them in its history and leaves them out as seen, whatever the model; a stranger becomes one with
/// a history.
#[test]
fn events_count_from_the_next_request_on() {
    for kind in [Kind::Fm, Kind::Attentive] {
        let bundle = Bundle::new(kind, SMALL, 2);
        let recommender = bundle.open();
        let running = bundle.serve();
        let mut client = running.client();
        let told: [(&str, i64); 3] = [("film 3", 200_000), ("film 9", 200_060), ("no item of it", 200_100)];
        for id in ["user 5", "somebody new"] {
            for n in 0..=told.len() {
                if n > 0 {
                    let taken = events(&mut client, id, &told[n - 1..n]);
                    assert_eq!(taken, json!({ "accepted": 1, "duplicates": 0 }));
                }
                let own = Request { live: happened(&told[..n]), at_s: Some(AT_S), ..user(id) };
                let answer = client.post("/v1/recommend", &json!({ "user": id, "at": AT_S, "k": 20 })).ok();
                let list = listed(&answer);
                assert_eq!(list, wanted(&recommender, &own, &top(20)), "{kind:?} {id} {n}");
                assert_eq!(answer["n_live_events"], n.min(2), "{id} {n}");
                assert_eq!(answer["strategy"], if id == "user 5" || n > 0 { "model" } else { "popular" });
                assert!(told[..n].iter().all(|(item, _)| list.iter().all(|(id, _)| id != item)));
                // By GET, and its vector.
                let path = format!("/v1/users/{}/recommendations?at={AT_S}&k=20", id.replace(' ', "%20"));
                assert_eq!(listed(&client.get(&path).ok()), list);
                let vectors = client.post("/v1/vectors", &json!({ "user": id, "at": AT_S })).ok();
                let own = recommender.user_vectors(&[own]).unwrap();
                let found = vectors["vectors"][0].as_array().unwrap();
                assert!(found.iter().zip(&own).all(|(a, b)| a.as_f64().unwrap() as f32 == *b));
            }
            let shown = client.get(&format!("/v1/users/{}", id.replace(' ', "%20"))).ok();
            let live: Vec<(&str, i64)> = shown["live"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (one["id"].as_str().unwrap(), one["time"].as_i64().unwrap()))
                .collect();
            assert_eq!(live, told);
            assert_eq!(shown["known"], id == "user 5");
        }
        // What is asked about is the moment before: none of them has happened.
        let before = client.post("/v1/recommend", &json!({ "user": "user 5", "at": 200_000 })).ok();
        assert_eq!((&before["n_live_events"], &before["n_later_events"]), (&json!(0), &json!(2)));
    }
}

/// Requests of many users that are answered together: each has their own events and no others'.
#[test]
fn events_are_of_their_user_alone() {
    let bundle = Bundle::new(Kind::Fm, Size { users: 60, ..SMALL }, 2);
    let recommender = bundle.open();
    let running = bundle.serve();
    let mut client = running.client();
    let item = |row: usize| format!("film {}", row % 40);
    for row in (0..60).step_by(2) {
        events(&mut client, &format!("user {row}"), &[(&item(row), 200_000 + row as i64)]);
    }
    let requests: Vec<Value> =
        (0..60).map(|row| json!({ "user": format!("user {row}"), "at": AT_S })).collect();
    let answers = client.post("/v1/recommend", &json!({ "requests": requests })).ok();
    for (row, answer) in answers["answers"].as_array().unwrap().iter().enumerate() {
        let live = if row % 2 == 0 { happened(&[(&item(row), 200_000 + row as i64)]) } else { vec![] };
        let own = Request { live, at_s: Some(AT_S), ..user(format!("user {row}")) };
        assert_eq!(listed(answer), wanted(&recommender, &own, &top(10)), "user {row}");
    }
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let event = |id: Value, item: &str| json!({ "event_id": id, "user": "u", "item": item, "time": 200_000 });
    let post = |client: &mut Client, body: Value| {
        let taken = client.post("/v1/events", &body).ok();
        (taken["accepted"].as_u64().unwrap(), taken["duplicates"].as_u64().unwrap())
    };
    assert_eq!(post(&mut client, event(json!("a"), "film 1")), (1, 0));
    assert_eq!(post(&mut client, event(json!("a"), "film 1")), (0, 1));
    // The id names it, whatever else is said; a number is its digits.
    let batch = json!({ "events": [event(json!("a"), "film 2"), event(json!(7), "film 3"), event(json!("7"), "film 4")] });
    assert_eq!(post(&mut client, batch.clone()), (1, 2));
    assert_eq!(post(&mut client, batch), (0, 3));
    // Without an id each is an event.
    let nameless = json!({ "user": "u", "item": "film 5", "time": 200_000 });
    assert_eq!(post(&mut client, nameless.clone()), (1, 0));
    assert_eq!(post(&mut client, nameless), (1, 0));
    let items = |client: &mut Client| -> Vec<String> {
        let shown = client.get("/v1/users/u").ok();
        shown["live"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(items(&mut client), ["film 1", "film 3", "film 5", "film 5"]);
    // After a restart, too.
    drop(running);
    let running = bundle.serve();
    let mut client = running.client();
    assert_eq!(post(&mut client, event(json!("a"), "film 9")), (0, 1));
    assert_eq!(items(&mut client), ["film 1", "film 3", "film 5", "film 5"]);
}

/// What somebody gets of whom nothing is known.
fn nobody(client: &mut Client) -> Vec<String> {
    let answer = client.post("/v1/recommend", &json!({ "user": "nobody", "k": 40 })).ok();
    assert_eq!(answer["strategy"], "popular");
    listed(&answer).into_iter().map(|(id, _)| id).collect()
}

/// Whoever is not known gets what is popular today before what was popular in training.
#[test]
fn the_popularity_of_the_day_is_that_of_its_events() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let before = nobody(&mut client);
    // Not the first ones anyway.
    let (last, other) = (before[38].clone(), before[37].clone());
    let mut n = 0;
    let mut now = |client: &mut Client, item: &str, times: usize| {
        for _ in 0..times {
            n += 1;
            client.post("/v1/events", &json!({ "user": format!("u{n}"), "item": item })).ok();
        }
    };
    now(&mut client, &last, 1);
    assert_eq!(nobody(&mut client)[0], last);
    now(&mut client, &other, 2);
    let with_both = nobody(&mut client);
    assert_eq!(with_both[..2], [other.clone(), last.clone()]);
    let rest: Vec<&String> = before.iter().filter(|id| **id != last && **id != other).collect();
    assert!(with_both[2..].iter().eq(rest));
    // What lies days back is not of today, and what the bundle does not know is passed over.
    let old: Vec<(&str, i64)> = vec![("film 2", 200_000); 5];
    events(&mut client, "u", &old);
    now(&mut client, "no item of it", 9);
    assert_eq!(nobody(&mut client), with_both);
    drop(running);
    let running = bundle.serve();
    assert_eq!(nobody(&mut running.client()), with_both);
}

/// Only the kinds that were named count in histories; all are kept.
#[test]
fn kinds_that_do_not_count_are_kept_and_no_more() {
    let bundle = Bundle::new(Kind::Fm, SMALL, 2);
    let recommender = bundle.open();
    let options = ServeOptions { kinds: Some(vec!["buy".to_owned()]), ..bundle.options() };
    let running = Running::start(&options);
    let mut client = running.client();
    for (item, kind) in [("film 1", Some("buy")), ("film 2", Some("view")), ("film 3", None)] {
        client.post("/v1/events", &json!({ "user": "u", "item": item, "time": 200_000, "kind": kind })).ok();
    }
    let answer = client.post("/v1/recommend", &json!({ "user": "u", "at": AT_S })).ok();
    assert_eq!(answer["n_live_events"], 2);
    let own = Request { user: Some("u".into()), at_s: Some(AT_S), ..history(&["film 1", "film 3"]) };
    assert_eq!(listed(&answer), wanted(&recommender, &own, &top(10)));
    assert_eq!(client.get("/v1/users/u").ok()["live"].as_array().unwrap().len(), 3);
    // Nor do they make anything popular, now or after a restart.
    for (item, kind) in [("film 5", "view"), ("film 5", "view"), ("film 6", "buy")] {
        client.post("/v1/events", &json!({ "user": "v", "item": item, "kind": kind })).ok();
    }
    let first = nobody(&mut client)[0].clone();
    assert_eq!(first, "film 6");
    drop(running);
    let running = Running::start(&options);
    assert_eq!(nobody(&mut running.client())[0], first);
}

#[test]
fn without_a_store_events_are_refused_and_requests_are_answered() {
    let bundle = Bundle::small();
    let running = Running::start(&crate::running::options(&bundle.path()));
    let mut client = running.client();
    for answer in [
        client.post("/v1/events", &json!({ "user": "u", "item": "i" })),
        client.put("/v1/hidden", &json!({ "items": [] })),
        client.delete("/v1/users/u"),
    ] {
        assert_eq!(answer.problem(), (409, "no_store".to_owned(), None));
    }
    assert_eq!(client.get("/readyz").status, 200);
    assert_eq!(client.post("/v1/recommend", &json!({ "user": "user 3" })).status, 200);
}

/// Two services on one file would not hear of each other.
#[test]
fn a_second_service_on_the_same_file_does_not_start() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let error = u2i_serve::Service::start(&bundle.options(), &crate::fixture::device()).unwrap_err();
    assert_eq!(error.kind(), u2i_schema::ErrorKind::Busy, "{error}");
    assert_eq!(running.client().get("/readyz").status, 200);
    drop(running);
    drop(bundle.serve());
}
