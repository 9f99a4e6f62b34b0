//! The OpenAPI document says what there is; and H9: no request names a path or an address.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::JSON;
use crate::running::{Bundle, Running, options};

/// The names of all parameters and of all fields of bodies that clients send, by a walk through the document.
fn names(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                names.insert(parameter["name"].as_str().unwrap().to_owned());
            }
            fields(document, &operation["requestBody"], &mut names);
        }
    }
    names
}

fn fields(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(parts) => {
            if let Some(Value::Object(properties)) = parts.get("properties") {
                names.extend(properties.keys().cloned());
            }
            if let Some(Value::String(reference)) = parts.get("$ref") {
                let target = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
                fields(document, target, names);
            }
            parts.values().for_each(|part| fields(document, part, names));
        }
        Value::Array(parts) => parts.iter().for_each(|part| fields(document, part, names)),
        _ => {}
    }
}

#[test]
fn no_parameter_and_no_field_is_a_path_or_an_address() {
    let bundle = Bundle::small();
    let running = Running::start(&options(&bundle.path()));
    let document = running.client().get("/openapi.json").ok();
    // All that clients can send. Whoever adds a name here says by it that it is neither.
    let wanted = [
        "allow",
        "allow_older",
        "at",
        "attributes",
        "bundle",
        "bundle_id",
        "context",
        "deny",
        "details",
        "event_id",
        "events",
        "exact",
        "explain",
        "history",
        "id",
        "item",
        "items",
        "k",
        "kind",
        "limit",
        "query",
        "requests",
        "seen",
        "time",
        "user",
        "where",
    ];
    assert_eq!(names(&document).iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[test]
fn paths_and_addresses_are_refused_wherever_they_are_tried() {
    let bundle = Bundle::small();
    let other = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let folder = other.path().display().to_string();
    let tries = ["../other", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/", &folder];
    for tried in tries {
        let (status, code, _) = client.post("/v1/bundle", &json!({ "bundle_id": tried })).problem();
        assert_eq!((status, code.as_str()), (409, "other_bundle"), "{tried}");
        for field in ["path", "folder", "url", "uri", "file", "dir", "source", "from"] {
            for path in ["/v1/bundle", "/v1/recommend", "/v1/events", "/v1/vectors"] {
                let answer = client.post(path, &json!({ field: tried }));
                assert_eq!(answer.problem(), (400, "invalid_field".to_owned(), Some(field.to_owned())));
            }
        }
        let (status, _, field) = client.post("/v1/recommend", &json!({ "bundle": tried })).problem();
        assert_eq!((status, field.as_deref()), (400, Some("bundle")));
    }
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.js/../../Cargo.toml",
        "//etc/passwd",
        "/page.js%00.html",
        "/v1/items/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/users/..%2f..%2fmanifest.json",
        "/v1/items/file:%2f%2f%2fetc%2fpasswd",
    ] {
        assert_eq!(client.get(path).problem().0, 404, "{path}");
    }
    // An absolute address in the line of a request, as one asks a proxy.
    client.send(b"GET http://localhost/v1/hidden HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(client.answer().unwrap().status < 500);
    assert_eq!(running.client().ask("CONNECT", "localhost:1", "", b"").status / 100, 4);
    assert_eq!(running.client().get("/v1/bundle").ok()["bundle_id"], running.bundle_id);
}

/// Every operation of the document is there, answers as it says, and there is nothing else under `/v1`.
#[test]
fn the_document_lists_what_there_is() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let document = client.get("/openapi.json").ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut n = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            n += 1;
            let real = path.replace("users/{id}", "users/user%203").replace("items/{id}", "items/film%203");
            let body = match (method.as_str(), path.as_str()) {
                ("post", "/v1/events") => r#"{"user":"u","item":"i"}"#,
                ("put", _) => r#"{"items":[]}"#,
                ("post", _) => "{}",
                _ => "",
            };
            let answer = client.ask(&method.to_uppercase(), &real, JSON, body.as_bytes());
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
            assert!(answer.header("x-request-id").is_some());
            let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
            let described = operation["responses"]["200"]["content"].as_object().unwrap();
            assert!(described.contains_key(kind), "{method} {path}: {kind}");
        }
    }
    assert_eq!(n, 17, "operations");
}

/// A client may name its request, in words that a log can hold.
#[test]
fn a_request_keeps_the_id_that_it_was_given() {
    let bundle = Bundle::small();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let mut own = |id: &str| {
        let answer = client.ask("GET", "/healthz", &format!("x-request-id: {id}\r\n"), b"");
        answer.header("x-request-id").unwrap().to_owned()
    };
    for id in ["a", "A-1_b.c:d", &"x".repeat(64)] {
        assert_eq!(own(id), id);
    }
    let drawn: BTreeSet<String> = ["", "a b", "a\"b", "a\tb", "\u{e9}", &"x".repeat(65)].map(&mut own).into();
    assert!(drawn.len() == 6 && drawn.iter().all(|id| id.len() > 12), "{drawn:?}");
}
