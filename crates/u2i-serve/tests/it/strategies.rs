//! H2: whom an answer is for.

use std::collections::HashSet;

use serde_json::{Value, json};
use u2i_bundle::{Request, Strategy};

use crate::fixture::{history, top, user};
use crate::running::{Bundle, Running, listed, options, wanted};

/// Known users, strangers with and without a history, and nobody at all, one by one and mixed in a batch: each gets what the
/// library says for them alone, and nothing of whoever is answered beside them.
#[test]
fn nobody_is_answered_with_anothers_vector() {
    let bundle = Bundle::small();
    let recommender = bundle.open();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let at_s = 200_000;
    let ids = ["film 3", "film 7", "film 11"];
    let mut asked: Vec<(Value, Request, &str)> = Vec::new();
    let moment = |request: Request| Request { at_s: Some(at_s), ..request };
    for row in 1..30 {
        let id = format!("user {row}");
        asked.push((json!({ "user": id, "at": at_s }), moment(user(&id)), "model"));
        // Between two users whom the bundle knows, one whom it does not know.
        asked.push((
            json!({ "user": format!("nobody {row}"), "at": at_s }),
            moment(user("nobody")),
            "popular",
        ));
        let own = [ids[row % 3], ids[(row + 1) % 3]];
        let stranger = Request { user: Some("nobody".into()), ..moment(history(&own)) };
        asked.push((json!({ "user": "nobody", "history": own, "at": at_s }), stranger, "model"));
        asked.push((json!({ "history": own, "at": at_s }), moment(history(&own)), "model"));
        asked.push((json!({ "at": at_s }), moment(Request::default()), "popular"));
        let unknown = ["nothing", "nor this"];
        asked.push((json!({ "history": unknown, "at": at_s }), moment(history(&unknown)), "popular"));
    }
    let requests: Vec<&Value> = asked.iter().map(|(request, ..)| request).collect();
    let batch = client.post("/v1/recommend", &json!({ "requests": requests })).ok();
    for ((request, own, strategy), in_batch) in asked.iter().zip(batch["answers"].as_array().unwrap()) {
        let single = client.post("/v1/recommend", request).ok();
        let lists = wanted(&recommender, own, &top(10));
        for answer in [&single, in_batch] {
            assert_eq!(answer["strategy"], *strategy, "{request}");
            assert_eq!(listed(answer), lists, "{request}");
        }
        let is_unknown = own.user.as_deref() == Some("nobody");
        assert_eq!(single["unknown_user"], is_unknown, "{request}");
    }
    // The lists of different people do differ, so that a mistake would be seen.
    let different: HashSet<_> =
        (1..30).map(|row| wanted(&recommender, &moment(user(format!("user {row}"))), &top(10))).collect();
    assert!(different.len() > 25, "{}", different.len());
}

#[test]
fn what_is_not_known_is_named() {
    let bundle = Bundle::small();
    let recommender = bundle.open();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let request = json!({ "user": "nobody", "history": ["film 3", "film 999", 7], "at": 200_000 });
    let answer = client.post("/v1/recommend", &request).ok();
    assert_eq!(answer["unknown_items"], json!(["film 999", "7"]));
    assert_eq!((&answer["unknown_user"], &answer["strategy"]), (&json!(true), &json!("model")));
    assert!(answer.get("unknown_allowed").is_none() && answer.get("unknown_denied").is_none());
    let lists = json!({ "user": "user 3", "allow": ["film 4", "no film"], "deny": ["film 5", "nor this"] });
    let limited = client.post("/v1/recommend", &lists).ok();
    assert_eq!(
        (&limited["unknown_allowed"], &limited["unknown_denied"]),
        (&json!(["no film"]), &json!(["nor this"]))
    );
    let own = Request { user: Some("nobody".into()), at_s: Some(200_000), ..history(&["film 3"]) };
    assert_eq!(listed(&answer), wanted(&recommender, &own, &top(10)));
    assert_eq!(recommender.recommend(&[own], &top(10)).unwrap()[0].strategy, Strategy::Model);
}

/// Every option of a request does what it does in the library.
#[test]
fn options_over_http_are_those_of_the_library() {
    let bundle = Bundle::small();
    let recommender = bundle.open();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let at_s = 200_000;
    let known = || Request { at_s: Some(at_s), ..user("user 7") };
    let with = |key: &str, value: Value| {
        let mut request = json!({ "user": "user 7", "at": at_s });
        request[key] = value;
        request
    };
    let condition: u2i_bundle::Where = "genres has Comedy and year >= 1960".parse().unwrap();
    let allow: Vec<String> = (0..12).map(|i| format!("film {i}")).collect();
    let hour = |hour: &str| Request { context: [("hour".to_owned(), hour.to_owned())].into(), ..known() };
    let cases = [
        (with("k", json!(3)), known(), top(3)),
        (with("k", json!(1000)), known(), top(1000)),
        (
            with("where", json!("genres has Comedy and year >= 1960")),
            known(),
            u2i_bundle::Options { only: Some(condition), ..top(10) },
        ),
        (
            with("seen", json!("kept")),
            known(),
            u2i_bundle::Options { seen: Some(u2i_bundle::Seen::Kept), ..top(10) },
        ),
        (
            with("seen", json!("excluded")),
            known(),
            u2i_bundle::Options { seen: Some(u2i_bundle::Seen::Excluded), ..top(10) },
        ),
        (with("allow", json!(allow)), Request { allow: Some(allow.clone()), ..known() }, top(10)),
        (with("deny", json!(allow)), Request { deny: allow.clone(), ..known() }, top(10)),
        (with("context", json!({ "hour": 5 })), hour("5"), top(10)),
        (with("context", json!({ "hour": "13" })), hour("13"), top(10)),
        (with("exact", json!(true)), known(), top(10)),
        (with("explain", json!(2)), known(), u2i_bundle::Options { explain: 2, ..top(10) }),
    ];
    for (request, own, options) in &cases {
        let answer = client.post("/v1/recommend", request).ok();
        assert_eq!(listed(&answer), wanted(&recommender, own, options), "{request}");
    }
    let answer = client.post("/v1/recommend", &cases[10].0).ok();
    let own = recommender.recommend(&[known()], &cases[10].2).unwrap();
    for (item, own) in answer["items"].as_array().unwrap().iter().zip(&own[0].items) {
        let because: Vec<(&str, f32)> = item["because"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["id"].as_str().unwrap(), one["similarity"].as_f64().unwrap() as f32))
            .collect();
        let wanted: Vec<(&str, f32)> = own.because.iter().map(|one| (one.item_id, one.similarity)).collect();
        assert_eq!(because, wanted);
        assert_eq!(item["title"].as_str(), own.title);
    }
    // The same by GET, where the path names the user.
    let path = format!(
        "/v1/users/user%207/recommendations?at={at_s}&k=5&where=year%20%3E%3D%201960&seen=kept&explain=1&exact=true"
    );
    let condition: u2i_bundle::Where = "year >= 1960".parse().unwrap();
    let options = u2i_bundle::Options {
        only: Some(condition),
        seen: Some(u2i_bundle::Seen::Kept),
        explain: 1,
        ..top(5)
    };
    assert_eq!(listed(&client.get(&path).ok()), wanted(&recommender, &known(), &options));
    // Vectors, too.
    let vectors = client
        .post(
            "/v1/vectors",
            &json!({ "requests": [with("k", json!(3)), { "history": ["film 3"], "at": at_s }] }),
        )
        .ok();
    let requests = [known(), Request { at_s: Some(at_s), ..history(&["film 3"]) }];
    let own = recommender.user_vectors(&requests).unwrap();
    let dim = vectors["dim"].as_u64().unwrap() as usize;
    let found: Vec<f32> = vectors["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|vector| vector.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32))
        .collect();
    assert!(found.len() == 2 * dim && found.iter().zip(&own).all(|(a, b)| a.to_bits() == b.to_bits()));
}
