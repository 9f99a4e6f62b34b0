//! H1: what is wrong with a request is said, at the field that is at fault.

use serde_json::{Value, json};

use crate::http::{Client, JSON};
use crate::running::Bundle;

/// Values of every JSON type, to be given where another is wanted.
fn value(of: &str) -> Value {
    match of {
        "null" => json!(null),
        "bool" => json!(true),
        "text" => json!("some text"),
        "integer" => json!(7),
        "fraction" => json!(1.5),
        "list" => json!([[1]]),
        "object" => json!({ "a": 1 }),
        other => panic!("{other}"),
    }
}

const NO_ID: &[&str] = &["bool", "fraction", "list", "object"];
const NO_LIST: &[&str] = &["bool", "text", "integer", "fraction", "object"];
const NO_NUMBER: &[&str] = &["bool", "text", "fraction", "list", "object"];
const NO_TEXT: &[&str] = &["bool", "integer", "fraction", "list", "object"];
const NO_TRUTH: &[&str] = &["null", "text", "integer", "fraction", "list", "object"];
const NO_MOMENT: &[&str] = &["bool", "text", "fraction", "list", "object"];
const NO_OBJECT: &[&str] = &["null", "bool", "text", "integer", "fraction"];
const NO_CHOICE: &[&str] = &["bool", "text", "integer", "fraction", "list"];

/// Every field of every body that clients send, and types that it does not take.
const FIELDS: [(&str, &str, &str, &[&str]); 24] = [
    ("POST", "/v1/recommend", "user", NO_ID),
    ("POST", "/v1/recommend", "history", NO_LIST),
    ("POST", "/v1/recommend", "attributes", NO_OBJECT),
    ("POST", "/v1/recommend", "context", NO_OBJECT),
    ("POST", "/v1/recommend", "k", NO_NUMBER),
    ("POST", "/v1/recommend", "at", NO_MOMENT),
    ("POST", "/v1/recommend", "where", NO_TEXT),
    ("POST", "/v1/recommend", "allow", NO_LIST),
    ("POST", "/v1/recommend", "deny", NO_LIST),
    ("POST", "/v1/recommend", "seen", NO_CHOICE),
    ("POST", "/v1/recommend", "explain", NO_NUMBER),
    ("POST", "/v1/recommend", "exact", NO_TRUTH),
    ("POST", "/v1/recommend", "details", NO_TRUTH),
    ("POST", "/v1/recommend", "bundle", NO_CHOICE),
    ("POST", "/v1/recommend", "requests", NO_LIST),
    ("POST", "/v1/events", "event_id", NO_ID),
    ("POST", "/v1/events", "user", NO_ID),
    ("POST", "/v1/events", "item", NO_ID),
    ("POST", "/v1/events", "time", NO_MOMENT),
    ("POST", "/v1/events", "kind", NO_TEXT),
    ("POST", "/v1/events", "events", NO_LIST),
    ("PUT", "/v1/hidden", "items", NO_LIST),
    ("POST", "/v1/bundle", "bundle_id", NO_TEXT),
    ("POST", "/v1/bundle", "allow_older", NO_TRUTH),
];

/// A body that would be taken without the field.
fn body(path: &str, field: &str) -> Value {
    match (path, field) {
        ("/v1/events", "events") => json!({}),
        ("/v1/events", _) => json!({ "user": "u", "item": "i" }),
        _ => json!({}),
    }
}

fn refused(client: &mut Client, method: &str, path: &str, body: &Value, field: &str) {
    let answer = client.ask(method, path, JSON, body.to_string().as_bytes());
    let (status, _, found) = answer.problem();
    assert_eq!((status, found.as_deref()), (400, Some(field)), "{method} {path} {body}: {}", answer.text());
}

#[test]
fn a_wrong_type_in_any_field_is_named() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    for (method, path, field, types) in FIELDS {
        for of in types {
            let mut body = body(path, field);
            body[field] = value(of);
            refused(&mut client, method, path, &body, field);
            // Of an entry of a batch the field is below its own.
            if path == "/v1/events" && field != "events" {
                let good = json!({ "user": "u", "item": "i" });
                refused(
                    &mut client,
                    method,
                    path,
                    &json!({ "events": [good, body] }),
                    &format!("events[1].{field}"),
                );
            }
            if path == "/v1/recommend" {
                refused(&mut client, method, "/v1/vectors", &body, field);
            }
        }
    }
    let nested = [
        (json!({ "history": [1, true] }), "history[1]"),
        (json!({ "history": [{ "item": 1.5 }] }), "history[0].item"),
        (json!({ "history": [{ "item": 1, "time": 1.5 }] }), "history[0].time"),
        (json!({ "history": [{ "item": 1, "when": 1 }] }), "history[0].when"),
        (json!({ "allow": ["a", null] }), "allow[1]"),
        (json!({ "deny": [{}] }), "deny[0]"),
        (json!({ "attributes": { "age": [[1]] } }), "attributes.age"),
        (json!({ "context": { "hour": {} } }), "context.hour"),
    ];
    for (body, field) in nested {
        refused(&mut client, "POST", "/v1/recommend", &body, field);
    }
    refused(&mut client, "PUT", "/v1/hidden", &json!({ "items": ["a", ["b"]] }), "items[1]");
    // What is not sent can be at fault, too.
    refused(&mut client, "POST", "/v1/events", &json!({ "user": "u" }), "item");
    refused(&mut client, "POST", "/v1/events", &json!({ "item": "i" }), "user");
    refused(&mut client, "PUT", "/v1/hidden", &json!({}), "items");
    refused(&mut client, "POST", "/v1/recommend", &json!({ "history": [{}] }), "history[0].item");
    // Nothing of all that was taken.
    assert_eq!(client.get("/v1/users/u").problem().0, 404);
    assert_eq!(client.get("/v1/hidden").ok(), json!({ "items": [] }));
}

/// A list is no object, though its entries might be taken for the fields in their order.
#[test]
fn a_body_is_an_object() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let bodies = [
        ("POST", "/v1/events", json!(["id", "u", "i", 5, "view"])),
        ("POST", "/v1/events", json!({ "events": [["id", "u", "i", 5, "view"]] })),
        ("POST", "/v1/events", json!([[{ "user": "u", "item": "i" }]])),
        (
            "POST",
            "/v1/recommend",
            json!(["user 1", null, {}, {}, null, null, null, null, [], null, null, false, false, "current"]),
        ),
        ("POST", "/v1/recommend", json!([[{ "user": "user 1" }]])),
        ("POST", "/v1/vectors", json!("user 1")),
        ("PUT", "/v1/hidden", json!([["film 1"]])),
        ("POST", "/v1/bundle", json!([null, true])),
        ("POST", "/v1/bundle", json!(null)),
    ];
    for (method, path, body) in bodies {
        let (status, code, _) = client.ask(method, path, JSON, body.to_string().as_bytes()).problem();
        assert_eq!((status, code.as_str()), (400, "invalid_field"), "{method} {path} {body}");
    }
    assert_eq!(client.get("/v1/users/u").problem().0, 404);
    assert_eq!(client.get("/v1/hidden").ok(), json!({ "items": [] }));
}

#[test]
fn a_misspelt_field_is_named_with_the_one_that_may_have_been_meant() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    for (path, body, field, meant) in [
        ("/v1/recommend", json!({ "usr": 1 }), "usr", "`user`"),
        ("/v1/recommend", json!({ "users": 1 }), "users", "`user`"),
        ("/v1/recommend", json!({ "explian": 1 }), "explian", "`explain`"),
        ("/v1/recommend", json!({ "history": [{ "item": 1, "tim": 1 }] }), "history[0].tim", "`time`"),
        ("/v1/events", json!({ "user": 1, "itm": 1 }), "itm", "`item`"),
        ("/v1/bundle", json!({ "bundel_id": "a" }), "bundel_id", "`bundle_id`"),
    ] {
        let answer = client.post(path, &body);
        assert_eq!(answer.problem().2.as_deref(), Some(field), "{}", answer.text());
        assert!(answer.text().contains(&format!("did you mean {meant}?")), "{}", answer.text());
    }
}

#[test]
fn a_wrong_value_in_a_query_is_named() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let of_lists = |query: &str| format!("/v1/users/user%201/recommendations?{query}");
    let cases = [
        (of_lists("k=x"), "k"),
        (of_lists("k=0"), "k"),
        (of_lists("k=1001"), "k"),
        (of_lists("k=-1"), "k"),
        (of_lists("k=1&k=2"), "k"),
        (of_lists("k=99999999999999999999"), "k"),
        (of_lists("where=no+such+thing"), "where"),
        (of_lists("seen=sometimes"), "seen"),
        (of_lists("explain=11"), "explain"),
        (of_lists("explain=x"), "explain"),
        (of_lists("exact=yes"), "exact"),
        (of_lists("details=1"), "details"),
        (of_lists("at=yesterday"), "at"),
        (of_lists("bundle=other"), "bundle"),
        (of_lists("kk=1"), "kk"),
        ("/v1/users?limit=0".to_owned(), "limit"),
        ("/v1/users?limit=101".to_owned(), "limit"),
        ("/v1/users?limit=x".to_owned(), "limit"),
        ("/v1/users?q=x".to_owned(), "q"),
        ("/v1/items?limit=x".to_owned(), "limit"),
        ("/v1/items?q=x".to_owned(), "q"),
        (format!("/v1/items?query={}", "x".repeat(1025)), "query"),
        ("/v1/items/film%203/similar?k=0".to_owned(), "k"),
        ("/v1/items/film%203/similar?k=x".to_owned(), "k"),
        ("/v1/items/film%203/similar?details=x".to_owned(), "details"),
    ];
    for (path, field) in cases {
        let answer = client.get(&path);
        let (status, _, found) = answer.problem();
        assert_eq!((status, found.as_deref()), (400, Some(field)), "{path}: {}", answer.text());
    }
}

#[test]
fn what_is_not_there_or_not_allowed_has_its_status() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    for (method, path, wanted) in [
        ("GET", "/v1/nothing", (404, "not_found")),
        ("GET", "/v1/users//recommendations", (400, "invalid_path")),
        ("GET", "/v1/items/a%00b", (400, "invalid_path")),
        ("GET", "/v1/users/nobody", (404, "unknown_user")),
        ("GET", "/v1/items/nothing", (404, "unknown_item")),
        ("GET", "/v1/items/nothing/similar", (404, "unknown_item")),
        ("GET", "/v1/items/%ff", (400, "invalid_path")),
        ("GET", "/v1/recommend", (405, "method_not_allowed")),
        ("DELETE", "/v1/hidden", (405, "method_not_allowed")),
        ("PATCH", "/v1/users/user%201", (405, "method_not_allowed")),
        ("BREW", "/v1/bundle", (405, "method_not_allowed")),
        ("POST", "/v1/recommend", (415, "unsupported_media_type")),
    ] {
        let (status, code, _) = client.ask(method, path, "", b"").problem();
        assert_eq!((status, code.as_str()), wanted, "{method} {path}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "x"] {
        let (status, ..) =
            client.ask("POST", "/v1/events", &format!("content-type: {kind}\r\n"), b"{}").problem();
        assert_eq!(status, 415, "{kind}");
    }
    let answer =
        client.ask("POST", "/v1/recommend", "content-type: Application/JSON ; charset=utf-8\r\n", b"{}");
    assert_eq!(answer.status, 200);
    for body in [
        "",
        "{",
        "{\"user\":}",
        "\u{feff}{}",
        "{}{}",
        "{\"k\":1e999}",
        "NaN",
        "{'user':1}",
        "{\"user\":\"\\ud800\"}",
    ] {
        let (status, code, _) = client.ask("POST", "/v1/recommend", JSON, body.as_bytes()).problem();
        assert_eq!((status, code.as_str()), (400, "invalid_json"), "{body}");
    }
    let deep = format!("{{\"user\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(client.ask("POST", "/v1/recommend", JSON, deep.as_bytes()).problem().1, "invalid_json");
    assert_eq!(client.ask("POST", "/v1/recommend", JSON, b"{\"user\":\"\xff\"}").problem().1, "invalid_json");
}
