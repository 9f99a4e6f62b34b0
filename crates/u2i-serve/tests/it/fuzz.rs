//! H1: whatever is sent, the answer is never a fault of ours, and what is wrong is told in one shape.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use u2i_random::{Purpose, Stream};

use crate::full;
use crate::http::{Answer, JSON, request};
use crate::running::{Bundle, listed};

/// Good requests, which are changed.
fn good() -> Vec<(&'static str, &'static str, Option<Value>)> {
    let full = json!({
        "user": "user 3", "history": ["film 1", 2, { "item": "film 3", "time": 5 }, { "item": "film 4", "time": "2001-02-03" }],
        "attributes": { "gender": "F", "age": 30, "interests": ["books", "games"], "income": 1.5 },
        "context": { "hour": 13, "device": "tv", "searched": ["drama", "war"] }, "k": 5, "at": "2001-02-03T04:05:06Z",
        "where": "genres has Comedy and year >= 1990 and title = \"US\"", "allow": ["film 1", "film 5", 7], "deny": ["film 2"],
        "seen": "kept", "explain": 3, "exact": true, "details": true, "bundle": "current",
    });
    let event =
        json!({ "event_id": "e", "user": "u", "item": "film 3", "time": 1_700_000_000, "kind": "view" });
    vec![
        ("POST", "/v1/recommend", Some(full.clone())),
        (
            "POST",
            "/v1/recommend",
            Some(json!({ "requests": [full, { "user": "user 4" }, { "user": 5, "k": 3 }] })),
        ),
        (
            "POST",
            "/v1/vectors",
            Some(json!({ "requests": [{ "user": "user 4" }, { "history": ["film 1"] }] })),
        ),
        ("POST", "/v1/events", Some(event.clone())),
        ("POST", "/v1/events", Some(json!({ "events": [event, { "user": 1, "item": 2 }] }))),
        ("PUT", "/v1/hidden", Some(json!({ "items": ["film 6", 7] }))),
        ("POST", "/v1/bundle", Some(json!({ "allow_older": false }))),
        (
            "GET",
            "/v1/users/user%203/recommendations?k=5&where=year%20%3E%201960&seen=kept&explain=2&exact=true&details=true&at=2001-02-03&bundle=current",
            None,
        ),
        ("GET", "/v1/users?query=user&limit=7", None),
        ("GET", "/v1/users/user%203", None),
        ("DELETE", "/v1/users/nobody", None),
        ("GET", "/v1/items?query=titel%203&limit=9", None),
        ("GET", "/v1/items/film%203", None),
        ("GET", "/v1/items/film%203/similar?k=4&details=true", None),
        ("GET", "/v1/bundle", None),
        ("GET", "/v1/hidden", None),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/metrics", None),
        ("GET", "/openapi.json", None),
        ("GET", "/", None),
        ("GET", "/page.js", None),
    ]
}

/// A value that may stand where another was.
fn odd(rng: &mut Stream) -> Value {
    match rng.index(18) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(""),
        3 => json!(0),
        4 => json!(-1),
        5 => json!(1.5),
        6 => json!(u64::MAX),
        7 => json!(i64::MIN),
        8 => json!(1e300),
        9 => json!([]),
        10 => json!({}),
        11 => json!("x".repeat(600)),
        12 => json!("nul\0, \u{202e}, \u{1f375} and \u{fffd}"),
        13 => json!(["film 1", ["film 2"], null]),
        14 => json!({ "item": "film 1", "time": "9999-12-31" }),
        15 => json!("year >= nan and (genres has \"\" or not title = '"),
        16 => json!(rng.next_u32()),
        _ => json!(format!("film {}", rng.index(50))),
    }
}

/// Changes one value somewhere in a body, or takes it away, or adds one.
fn change(value: &mut Value, rng: &mut Stream) {
    match value {
        Value::Object(fields) if !fields.is_empty() && rng.index(8) > 0 => {
            let key = fields.keys().nth(rng.index(fields.len())).unwrap().clone();
            match rng.index(6) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(format!("{key}x"), odd(rng))),
                2 => {
                    let value = fields.remove(&key).unwrap();
                    fields.insert(
                        ["user", "items", "k", "where", "requests", "events"][rng.index(6)].to_owned(),
                        value,
                    );
                }
                _ => change(fields.get_mut(&key).unwrap(), rng),
            }
        }
        Value::Array(list) if !list.is_empty() && rng.index(8) > 0 => {
            let at = rng.index(list.len());
            match rng.index(5) {
                0 => drop(list.remove(at)),
                1 => list.insert(at, odd(rng)),
                2 => *list = vec![list[at].clone(); rng.index(1100)],
                _ => change(&mut list[at], rng),
            }
        }
        other => *other = odd(rng),
    }
}

/// Changes bytes without looking at what they mean.
fn garble(bytes: &mut Vec<u8>, rng: &mut Stream) {
    for _ in 0..=rng.index(4) {
        let at = rng.index(bytes.len() + 1);
        match rng.index(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.index(8),
            1 if at < bytes.len() => bytes[at] = rng.index(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let more = bytes[at..(at + rng.index(20)).min(bytes.len())].to_vec();
                bytes.splice(at..at, more);
            }
            _ => bytes.insert(at, b"{}[]\",:\\\0 eE-+.%/?&=#;"[rng.index(22)]),
        }
    }
}

/// A path with other letters, of those that can stand in the line of a request.
fn odd_path(path: &str, rng: &mut Stream) -> String {
    let mut bytes = path.as_bytes().to_vec();
    match rng.index(6) {
        0 => bytes.extend_from_slice(b"/../../etc/passwd"),
        1 => bytes.extend_from_slice(b"%00%ff%2f%c3%28"),
        2 => bytes.extend(std::iter::repeat_n(b'a', rng.index(40_000))),
        3 => bytes.extend_from_slice(if path.contains('?') {
            b"&k=1&k=x&limit=&=&&%"
        } else {
            b"?k=-1&&where=%"
        }),
        _ => garble(&mut bytes, rng),
    }
    if bytes.first() != Some(&b'/') {
        bytes.insert(0, b'/');
    }
    bytes.into_iter().map(|byte| if byte.is_ascii_graphic() { byte as char } else { '~' }).collect()
}

const HEADERS: [&str; 12] = [
    "x-request-id: my-own\r\n",
    "x-request-id: a b\r\n",
    "x-request-id: \u{e9}\r\n",
    "authorization: Bearer x\r\n",
    "authorization: \r\n",
    "accept: text/html\r\n",
    "content-type: text/plain\r\n",
    "content-encoding: gzip\r\n",
    "range: bytes=5-1\r\n",
    "if-none-match: *\r\n",
    "cookie: a=b; c\r\n",
    "origin: http://evil.example\r\n",
];

struct Seen {
    by_status: BTreeMap<u16, usize>,
    /// What hyper refuses before it is a request: it has a status and no body.
    not_http: usize,
}

impl Seen {
    fn look(&mut self, answer: &Answer, sent: &[u8], is_head: bool) {
        let shown = || String::from_utf8_lossy(&sent[..sent.len().min(2000)]).into_owned();
        assert!(answer.status < 500, "{}: {}\n{}", answer.status, answer.text(), shown());
        *self.by_status.entry(answer.status).or_default() += 1;
        if answer.header("x-request-id").is_none() {
            assert!(
                [400, 414, 431].contains(&answer.status) && answer.body.is_empty(),
                "{answer:?}\n{}",
                shown()
            );
            self.not_http += 1;
        } else if answer.status >= 400 && !is_head {
            answer.problem();
        }
    }
}

/// 3,000 requests, 100,000 in full: bodies whose values or bytes were changed, odd paths, queries, methods and headers.
#[test]
fn no_request_is_answered_by_a_fault_of_ours_and_the_service_lives() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let mut client = running.client();
    let plain = json!({ "history": ["film 3", "film 7"], "at": 200_000 });
    let before = listed(&client.post("/v1/recommend", &plain).ok());
    let good = good();
    let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let mut seen = Seen { by_status: BTreeMap::new(), not_http: 0 };
    for (method, path, body) in &good {
        let body = body.as_ref().map_or(vec![], |body| body.to_string().into_bytes());
        let answer = client.ask(method, path, JSON, &body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
    }
    for _ in 0..if full() { 100_000 } else { 3_000 } {
        let (method, path, body) = &good[rng.index(good.len())];
        let (mut method, mut path, mut headers) = ((*method).to_owned(), (*path).to_owned(), String::new());
        let mut bytes = body.as_ref().map_or(vec![], |body| body.to_string().into_bytes());
        match rng.index(8) {
            0..=3 => match body {
                Some(body) => {
                    let mut body = body.clone();
                    for _ in 0..=rng.index(3) {
                        change(&mut body, &mut rng);
                    }
                    bytes = body.to_string().into_bytes();
                }
                None => path = odd_path(&path, &mut rng),
            },
            4 => garble(&mut bytes, &mut rng),
            5 => path = odd_path(&path, &mut rng),
            6 => {
                method = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO"]
                    [rng.index(9)]
                .to_owned()
            }
            _ => {}
        }
        for _ in 0..rng.index(3) {
            headers += HEADERS[rng.index(HEADERS.len())];
        }
        let kind = if headers.contains("content-type") { "" } else { JSON };
        let mut sent = request(&method, &path, &format!("{headers}{kind}"), &bytes);
        let is_garbled = rng.index(20) == 0;
        if is_garbled {
            garble(&mut sent, &mut rng);
            // Half of a request would be waited for.
            sent.extend_from_slice(b"\r\n\r\n");
            client = running.client();
        }
        if client.send(&sent).is_err() {
            client = running.client();
            continue;
        }
        if is_garbled {
            // Several answers may come, or none; the end of what is sent ends the connection.
            client.finish();
            while let Ok(answer) = client.answer() {
                seen.look(&answer, &sent, true);
            }
            client = running.client();
            continue;
        }
        let answer = client
            .answer_to(&method)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&sent)));
        // Where a body was not looked at, the connection may have ended behind the answer.
        let is_last = answer.status >= 400 || !bytes.is_empty() && !["POST", "PUT"].contains(&&*method);
        seen.look(&answer, &sent, method == "HEAD");
        if is_last {
            client = running.client();
        }
    }
    // All kinds of ends were met: most requests are at fault, and many are none.
    let n = |status: u16| seen.by_status.get(&status).copied().unwrap_or(0);
    let counts = format!("{:?}, {} not HTTP", seen.by_status, seen.not_http);
    assert!(
        n(200) > 200 && n(400) > 500 && n(404) > 50 && n(405) > 20 && n(415) > 10 && seen.not_http > 5,
        "{counts}"
    );
    // It is as it was.
    client.put("/v1/hidden", &json!({ "items": [] })).ok();
    assert_eq!(listed(&client.post("/v1/recommend", &plain).ok()), before);
    assert_eq!(client.get("/v1/bundle").ok()["bundle_id"], running.bundle_id);
}
