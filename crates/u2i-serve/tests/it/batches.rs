//! H12: one bad request of a batch is that entry's error.

use serde_json::{Value, json};
use u2i_random::{Purpose, Stream};

use crate::running::{Bundle, Running, options};

/// Entries at fault, with the field that is named.
fn bad() -> Vec<(Value, Option<&'static str>)> {
    vec![
        (json!({ "user": 1.5 }), Some("user")),
        (json!({ "user": "user 1", "k": 0 }), Some("k")),
        (json!({ "user": "user 1", "k": 1001 }), Some("k")),
        (json!({ "user": "user 1", "k": -1 }), Some("k")),
        (json!({ "user": "user 1", "explain": 11 }), Some("explain")),
        (
            json!({ "history": ["film 1", { "item": "film 2", "time": "yesterday" }] }),
            Some("history[1].time"),
        ),
        (json!({ "history": ["film 1", ""] }), Some("history[1]")),
        (json!({ "history": "film 1" }), Some("history")),
        (json!({ "user": "user 1", "where": "no such thing" }), Some("where")),
        (json!({ "user": "user 1", "where": "nothing >= 5" }), Some("where")),
        (json!({ "user": "user 1", "at": "yesterday" }), Some("at")),
        (json!({ "user": "user 1", "seen": "sometimes" }), Some("seen")),
        (json!({ "user": "user 1", "bundle": "shadow" }), Some("bundle")),
        (json!({ "user": "user 1", "bundle": "other" }), Some("bundle")),
        (json!({ "user": "user 1", "userr": "user 1" }), Some("userr")),
        (
            json!({ "user": "nobody", "attributes": { "no such column": 1 } }),
            Some("attributes.no such column"),
        ),
        (json!({ "user": "nobody", "attributes": { "age": "old" } }), Some("attributes.age")),
        (json!({ "user": "user 1", "context": { "hour": "noon" } }), Some("context.hour")),
        (json!({ "user": "user 1", "context": { "hour": { "of": "day" } } }), Some("context.hour")),
        (json!({ "user": "user 1", "context": [] }), Some("context")),
        (json!("user 1"), None),
        (json!(["user 1"]), None),
        (json!(null), None),
        (json!(7), None),
    ]
}

fn good(row: usize) -> Value {
    match row % 3 {
        0 => json!({ "user": format!("user {}", row % 30), "at": 200_000, "k": 1 + row % 9 }),
        1 => json!({ "history": [format!("film {}", row % 40), "film 2"], "at": 200_000 }),
        _ => json!({ "user": "nobody", "at": 200_000 }),
    }
}

#[test]
fn one_bad_request_is_that_entrys_error_and_the_others_are_answered() {
    let bundle = Bundle::small();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let bad = bad();
    let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    // Batches of one to 100 entries: all good, all bad, and both.
    for round in 0..12 {
        let n = 1 + rng.index(100);
        let entries: Vec<Option<usize>> = (0..n)
            .map(|_| (round > 0 && (round == 1 || rng.index(3) == 0)).then(|| rng.index(bad.len())))
            .collect();
        let request =
            |(i, entry): (usize, &Option<usize>)| entry.map_or_else(|| good(i), |at| bad[at].0.clone());
        let requests: Vec<Value> = entries.iter().enumerate().map(request).collect();
        let answer = client.post("/v1/recommend", &json!({ "requests": requests })).ok();
        assert_eq!(answer["bundle_id"], running.bundle_id);
        let answers = answer["answers"].as_array().unwrap();
        assert_eq!(answers.len(), n);
        for (i, (answer, entry)) in answers.iter().zip(&entries).enumerate() {
            match entry {
                None => {
                    let mut single = client.post("/v1/recommend", &good(i)).ok();
                    single.as_object_mut().unwrap().remove("bundle_id");
                    assert_eq!(*answer, single, "round {round}, entry {i}");
                }
                Some(at) => {
                    let (request, field) = &bad[*at];
                    let error = &answer["error"];
                    assert_eq!(error["field"].as_str(), *field, "{request}: {error}");
                    assert!(error["code"].is_string() && error["message"].is_string(), "{request}: {error}");
                    assert!(answer.get("items").is_none());
                }
            }
        }
    }
    // Alone, each is the request's error, with the same field.
    for (request, field) in &bad {
        let (status, _, found) = client.post("/v1/recommend", request).problem();
        assert!((400..500).contains(&status), "{request}: {status}");
        assert_eq!(found.as_deref(), *field, "{request}");
    }
}

/// A batch is answered by one bundle: that of the first request that is none at fault.
#[test]
fn an_entry_for_another_bundle_is_that_entrys_error() {
    let (bundle, other) = (Bundle::small(), Bundle::small());
    let running =
        Running::start(&u2i_serve::ServeOptions { shadow: Some(other.path()), ..options(&bundle.path()) });
    let mut client = running.client();
    for (first, second) in [("current", "shadow"), ("shadow", "current")] {
        let requests = json!([{ "k": 0, "bundle": second }, { "bundle": first }, { "bundle": second }, { "bundle": first }]);
        let answer = client.post("/v1/recommend", &json!({ "requests": requests })).ok();
        let field = |i: usize| answer["answers"][i]["error"]["field"].clone();
        assert_eq!(
            [field(0), field(1), field(2), field(3)],
            [json!("k"), json!(null), json!("bundle"), json!(null)]
        );
    }
}

/// What is wrong with the batch itself.
#[test]
fn a_batch_has_one_to_a_thousand_entries_and_no_other_key() {
    let bundle = Bundle::small();
    let running = Running::start(&bundle.options());
    let mut client = running.client();
    let cases = [
        (json!({ "requests": [] }), "requests"),
        (json!({ "requests": vec![good(0); 1001] }), "requests"),
        (json!({ "requests": good(0) }), "requests"),
        (json!({ "requests": [good(0)], "k": 5 }), "k"),
    ];
    for path in ["/v1/recommend", "/v1/vectors"] {
        for (body, field) in &cases {
            let (status, _, found) = client.post(path, body).problem();
            assert_eq!((status, found.as_deref()), (400, Some(*field)), "{path}");
        }
    }
    let most = client.post("/v1/recommend", &json!({ "requests": vec![json!({ "k": 1 }); 1000] })).ok();
    assert_eq!(most["answers"].as_array().unwrap().len(), 1000);
    let event = json!({ "user": "u", "item": "i" });
    for (body, field) in [
        (json!({ "events": [] }), "events"),
        (json!({ "events": vec![event.clone(); 1001] }), "events"),
        (json!({ "events": [event.clone(), { "user": "u" }] }), "events[1].item"),
        (
            json!({ "events": [event.clone(), event.clone(), event.clone(), { "user": "u", "item": "" }] }),
            "events[3].item",
        ),
        (json!({ "events": [event], "user": "u" }), "user"),
    ] {
        let (status, _, found) = client.post("/v1/events", &body).problem();
        assert_eq!((status, found.as_deref()), (400, Some(field)), "{body}");
    }
    // All or nothing: none of the good ones before a bad one was taken.
    assert_eq!(client.get("/v1/users/u").problem().0, 404);
}
