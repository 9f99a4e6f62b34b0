//! A user who is forgotten is a stranger from the next request on.

use serde_json::{Value, json};
use u2i_bundle::Request;

use crate::fixture::{Kind, SMALL, history, top, user};
use crate::http::Client;
use crate::running::{Bundle, listed, wanted};

const AT_S: i64 = 300_000;

fn list(client: &mut Client, request: Value) -> Value {
    client.post("/v1/recommend", &request).ok()
}

#[test]
fn of_a_forgotten_user_nothing_is_used_or_shown() {
    for kind in [Kind::Fm, Kind::WithoutHistory] {
        let bundle = Bundle::new(kind, SMALL, 2);
        let recommender = bundle.open();
        let mut running = bundle.serve();
        let mut client = running.client();
        for time in [200_000, 200_060] {
            client.post("/v1/events", &json!({ "user": "user 5", "item": "film 3", "time": time })).ok();
            client.post("/v1/events", &json!({ "user": "user 6", "item": "film 4", "time": time })).ok();
        }
        let before = list(&mut client, json!({ "user": "user 5", "at": AT_S }));
        assert_eq!(client.delete("/v1/users/user%205").ok(), json!({ "forgotten_events": 2 }));
        assert_eq!(client.delete("/v1/users/user%205").ok(), json!({ "forgotten_events": 0 }));
        for restarts in 0..2 {
            let stranger =
                |request: Request| Request { user: Some("nobody".into()), at_s: Some(AT_S), ..request };
            let own = list(&mut client, json!({ "user": "user 5", "at": AT_S }));
            assert_eq!(
                listed(&own),
                wanted(&recommender, &stranger(Request::default()), &top(10)),
                "{kind:?}"
            );
            assert_ne!(listed(&own), listed(&before));
            assert_eq!((&own["unknown_user"], &own["n_live_events"]), (&json!(true), &json!(0)));
            // With what the request itself says: still nothing of the user's columns.
            let own = list(&mut client, json!({ "user": "user 5", "history": ["film 7"], "at": AT_S }));
            assert_eq!(
                listed(&own),
                wanted(&recommender, &stranger(history(&["film 7"])), &top(10)),
                "{kind:?}"
            );
            assert_eq!(own["unknown_user"], true);
            let vectors = client
                .post("/v1/vectors", &json!({ "user": "user 5", "history": ["film 7"], "at": AT_S }))
                .ok();
            let wanted_vector = recommender.user_vectors(&[stranger(history(&["film 7"]))]).unwrap();
            let vector = vectors["vectors"][0].as_array().unwrap();
            assert!(
                vector.iter().zip(&wanted_vector).all(|(a, b)| a.as_f64().unwrap() as f32 == *b),
                "{kind:?}"
            );
            assert_eq!(client.get("/v1/users/user%205").problem().0, 404);
            let found = client.get("/v1/users?query=user%205").ok();
            assert!(found["users"].as_array().unwrap().iter().all(|user| user["id"] != "user 5"), "{found}");
            // Others are as they were.
            assert_eq!(client.get("/v1/users/user%206").ok()["live"].as_array().unwrap().len(), 2);
            if restarts == 0 {
                drop(running);
                running = bundle.serve();
                client = running.client();
            }
        }
        // What they do from now on counts.
        client.post("/v1/events", &json!({ "user": "user 5", "item": "film 7", "time": 200_100 })).ok();
        let own = list(&mut client, json!({ "user": "user 5", "at": AT_S }));
        assert_eq!(own["n_live_events"], 1);
        let live = Request {
            live: vec![u2i_bundle::Happened { item: "film 7".into(), at_s: 200_100 }],
            ..user("nobody")
        };
        assert_eq!(listed(&own), wanted(&recommender, &Request { at_s: Some(AT_S), ..live }, &top(10)));
        let shown = client.get("/v1/users/user%205").ok();
        assert_eq!(
            (shown["history"].as_array().unwrap().len(), shown["live"].as_array().unwrap().len()),
            (0, 1)
        );
    }
}
