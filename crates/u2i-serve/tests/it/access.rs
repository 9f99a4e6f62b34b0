//! H8: who is let in.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use u2i_schema::ErrorKind;
use u2i_serve::{ServeError, ServeOptions, Service, Token};

use crate::fixture::device;
use crate::http::{Client, JSON};
use crate::running::{Bundle, Running, options};

const SECRET: &str = "a-secret-of-24-characters";

fn token() -> Token {
    Token::new(SECRET, "a test").unwrap()
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let bundle = Bundle::small();
    for (addr, others) in [
        ("127.0.0.1:0", false),
        ("[::1]:0", false),
        ("127.9.9.9:0", false),
        ("0.0.0.0:0", true),
        ("[::]:0", true),
    ] {
        let addr: SocketAddr = addr.parse().unwrap();
        for token in [None, Some(token())] {
            let is_refused = others && token.is_none();
            let found = Service::start(&ServeOptions { addr, token, ..options(&bundle.path()) }, &device());
            match found {
                Ok(service) => assert!(!is_refused && service.addr().port() > 0, "{addr}"),
                // A machine without IPv6 cannot listen on such an address.
                Err(ServeError::Listen { .. }) => assert!(addr.is_ipv6() && !is_refused, "{addr}"),
                Err(error) => {
                    assert!(is_refused, "{addr}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Usage);
                    assert!(error.to_string().contains("--token-file"), "{error}");
                }
            }
        }
    }
}

/// Every path that says something of the data, or changes something.
const CLOSED: [(&str, &str); 17] = [
    ("POST", "/v1/recommend"),
    ("POST", "/v1/vectors"),
    ("POST", "/v1/events"),
    ("GET", "/v1/users"),
    ("GET", "/v1/users/user%201"),
    ("DELETE", "/v1/users/user%201"),
    ("GET", "/v1/users/user%201/recommendations"),
    ("GET", "/v1/items"),
    ("GET", "/v1/items/film%203"),
    ("GET", "/v1/items/film%203/similar"),
    ("GET", "/v1/bundle"),
    ("POST", "/v1/bundle"),
    ("GET", "/v1/hidden"),
    ("PUT", "/v1/hidden"),
    ("GET", "/metrics"),
    ("GET", "/v1/nothing"),
    ("PATCH", "/v1/bundle"),
];

/// Paths that work before a token is known.
const OPEN: [&str; 6] = ["/", "/page.js", "/page.css", "/healthz", "/readyz", "/openapi.json"];

#[test]
fn without_the_token_nothing_is_said_of_the_data_and_nothing_changes() {
    let bundle = Bundle::small();
    let running = Running::start(&ServeOptions { token: Some(token()), ..bundle.options() });
    let wrong = [
        "".to_owned(),
        format!("authorization: Bearer {}\r\n", &SECRET[..23]),
        format!("authorization: Bearer {SECRET}x\r\n"),
        format!("authorization: Bearer {}\r\n", SECRET.to_uppercase()),
        format!("authorization: Basic {SECRET}\r\n"),
        format!("authorization: {SECRET}\r\n"),
        format!("cookie: token={SECRET}\r\n"),
        format!("authorization: Bearer wrong\r\nauthorization: Bearer {SECRET}\r\n"),
    ];
    let body = json!({ "user": "u", "item": "i", "items": ["film 1"] }).to_string();
    for (method, path) in CLOSED {
        for headers in &wrong {
            let answer = running.client().ask(method, path, &format!("{headers}{JSON}"), body.as_bytes());
            assert_eq!(answer.problem(), (401, "unauthorized".to_owned(), None), "{method} {path} {headers}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        // Nor in the query, which logs and histories of browsers keep.
        let path = format!("{path}?token={SECRET}&access_token={SECRET}");
        assert_eq!(running.client().ask(method, &path, JSON, body.as_bytes()).problem().0, 401);
    }
    let mut client = running.client();
    for path in OPEN {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    // With it, from any name.
    client.headers = format!("authorization: Bearer {SECRET}\r\n");
    assert_eq!(client.get("/v1/hidden").ok(), json!({ "items": [] }));
    assert_eq!(client.get("/v1/users/u").problem().0, 404);
    assert_eq!(
        client.post("/v1/events", &json!({ "user": "u", "item": "i" })).ok(),
        json!({ "accepted": 1, "duplicates": 0 })
    );
    let request =
        format!("GET /v1/hidden HTTP/1.1\r\nhost: recall.example\r\nauthorization: bearer {SECRET}\r\n\r\n");
    client.send(request.as_bytes()).unwrap();
    assert_eq!(client.answer().unwrap().status, 200);
}

/// A page that a browser on this machine shows may send requests here by a name of its own, and would read the answers.
#[test]
fn without_a_token_no_name_but_those_of_this_machine_is_answered() {
    let bundle = Bundle::small();
    let running = Running::start(&bundle.options());
    let ask = |host: &str| {
        let mut client = running.client();
        client.send(format!("GET /v1/hidden HTTP/1.1\r\n{host}\r\n").as_bytes()).unwrap();
        client.answer().unwrap()
    };
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:80"] {
        assert_eq!(ask(&format!("host: {host}\r\n")).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]:80",
        "",
        "a b",
        "localhost:evil.example",
    ] {
        let answer = ask(&format!("host: {host}\r\n"));
        assert_eq!(answer.problem(), (403, "foreign_host".to_owned(), None), "{host}");
    }
    // Of two names none is believed.
    for hosts in [["localhost", "evil.example"], ["evil.example", "localhost"]] {
        let answer = ask(&hosts.map(|host| format!("host: {host}\r\n")).concat());
        assert_eq!(answer.problem().0, 403, "{hosts:?}");
    }
}

/// No page of another origin can have a browser send what is acted upon: that takes a type that browsers ask about first,
/// and the answer to that question allows nothing.
#[test]
fn pages_of_other_origins_get_nothing_done() {
    let bundle = Bundle::small();
    let running = Running::start(&bundle.options());
    let mut client = running.client();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = format!("content-type: {kind}\r\norigin: http://evil.example\r\n");
        let answer = running.client().ask("POST", "/v1/events", &headers, br#"{"user":"u","item":"i"}"#);
        assert_eq!(answer.problem().0, 415, "{kind}");
    }
    let headers = "origin: http://evil.example\r\naccess-control-request-method: POST\r\n\
                   access-control-request-headers: content-type\r\n";
    let answer = client.ask("OPTIONS", "/v1/events", headers, b"");
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{answer:?}");
    assert_eq!(client.get("/v1/users/u").problem().0, 404);
}

#[test]
fn the_page_takes_nothing_from_elsewhere() {
    let bundle = Bundle::small();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    for path in ["/", "/page.js", "/page.css"] {
        let answer = client.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe")
                && !policy.contains("http"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let text = answer.text();
        let known = text
            .replace("http://www.w3.org/", "")
            .replace("http://localhost", "")
            .replace("http://127.0.0.1", "");
        assert!(
            !known.contains("http://") && !known.contains("https://") && !known.contains("src=\"//"),
            "{path}"
        );
    }
}

/// The secret is hashed, and hashes are compared by a function whose time tells nothing: nowhere with `==`.
#[test]
fn tokens_are_compared_in_constant_time() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth.rs")).unwrap();
    let begin = source.find("fn is_shown(").unwrap();
    let body = &source[begin..begin + source[begin..].find("\n    }\n").unwrap()];
    assert!(body.contains("Sha256::digest(") && body.contains(".ct_eq("), "{body}");
    assert!(!body.contains("==") && !body.contains("!="), "{body}");
}

#[test]
fn a_token_is_read_from_a_file_and_must_be_long() {
    let bundle = Bundle::small();
    let path = bundle.beside("token");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let running =
        Running::start(&ServeOptions { token: Some(Token::read(&path).unwrap()), ..options(&bundle.path()) });
    let mut client: Client = running.client();
    assert_eq!(client.get("/v1/hidden").status, 401);
    client.headers = format!("authorization: Bearer {SECRET}\r\n");
    assert_eq!(client.get("/v1/hidden").status, 200);
    for (text, kind) in [
        ("short", ErrorKind::Usage),
        ("", ErrorKind::Usage),
        ("two words of enough letters", ErrorKind::Usage),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Token::read(&path).unwrap_err().kind(), kind, "{text}");
    }
    assert_eq!(Token::read(&bundle.beside("nothing")).unwrap_err().kind(), ErrorKind::Files);
}
