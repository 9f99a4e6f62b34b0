//! H3: bodies have a size, which is known before they are kept, and who sends too much gets to know.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use u2i_serve::{Limits, ServeOptions};

use crate::http::{Client, JSON, request};
use crate::running::{Bundle, Running, options};

const ONE: usize = 64 << 10;
const BATCH: usize = 4 << 20;

/// A body of exactly so many bytes: an object, and blanks behind it.
fn body(head: &str, bytes: usize) -> Vec<u8> {
    let mut body = head.as_bytes().to_vec();
    assert!(body.len() <= bytes);
    body.resize(bytes, b' ');
    body
}

const REQUESTS: &str = r#"{"requests":[{"history":["film 3"],"k":3}]}"#;
const EVENTS: &str = r#"{ "events" : [ { "user" : "u", "item" : "i" } ] }"#;

fn ask(running: &Running, path: &str, body: &[u8]) -> u16 {
    let method = if path == "/v1/hidden" { "PUT" } else { "POST" };
    let mut client = running.client();
    // Of a body that is refused the rest may find nobody who reads it. The answer is there all the same.
    let _ = client.send(&request(method, path, JSON, body));
    let answer = client.answer().unwrap_or_else(|error| panic!("{path}, {} bytes: {error}", body.len()));
    if answer.status == 413 {
        assert_eq!(answer.problem().1, "too_large");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    answer.status
}

/// Of one request 64 KiB, of a batch 4 MiB, and not a byte more. All of it is written before the answer is read.
#[test]
fn bodies_are_taken_up_to_their_limit_and_no_further() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    let cases = [
        ("/v1/recommend", r#"{"k":3}"#, ONE),
        ("/v1/vectors", r#"{"history":["film 3"]}"#, ONE),
        ("/v1/events", r#"{"user":"u","item":"i"}"#, ONE),
        ("/v1/hidden", r#"{"items":[]}"#, ONE),
        ("/v1/bundle", "{}", ONE),
        ("/v1/recommend", REQUESTS, BATCH),
        ("/v1/vectors", REQUESTS, BATCH),
        ("/v1/events", EVENTS, BATCH),
    ];
    for (path, head, most) in cases {
        assert_eq!(ask(&running, path, &body(head, most)), 200, "{path}, {most} bytes");
        assert_eq!(ask(&running, path, &body(head, most + 1)), 413, "{path}, {most} bytes and one");
        // And what is drained behind the limit.
        assert_eq!(
            ask(&running, path, &body(head, most + (900 << 10))),
            413,
            "{path}, {most} bytes and 900 KiB"
        );
    }
    // A large body is a batch from its first key on.
    for head in [r#"{"user":1,"requests":[]}"#, r#"[{"requests":[]}]"#, "   "] {
        assert_eq!(ask(&running, "/v1/recommend", &body(head, ONE + 1)), 413, "{head}");
    }
    // A limit of one's own kind of body does not lend itself to another.
    assert_eq!(ask(&running, "/v1/hidden", &body(REQUESTS, ONE + 1)), 413);
}

/// In pieces, whose sum nobody has announced.
fn in_pieces(client: &mut Client, path: &str, body: &[u8], piece: usize) -> u16 {
    client.send(&request("POST", path, &format!("{JSON}transfer-encoding: chunked\r\n"), b"")).unwrap();
    for piece in body.chunks(piece) {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        client.send(&chunk).unwrap();
    }
    client.send(b"0\r\n\r\n").unwrap();
    let answer = client.answer().unwrap();
    if answer.status == 413 {
        assert_eq!(answer.problem().1, "too_large");
    }
    answer.status
}

#[test]
fn a_body_in_pieces_has_the_same_limits() {
    let bundle = Bundle::small();
    let running = bundle.serve();
    for piece in [999, 16 << 10, 300 << 10] {
        for (head, most) in [(r#"{"k":3}"#, ONE), (REQUESTS, BATCH)] {
            for (bytes, status) in [(most, 200), (most + 1, 413), (most + (500 << 10), 413)] {
                let found = in_pieces(&mut running.client(), "/v1/recommend", &body(head, bytes), piece);
                assert_eq!(found, status, "{bytes} bytes in pieces of {piece}");
            }
        }
    }
}

/// Whoever asks first is told before a byte is sent, and whoever announces more than anybody takes is not waited for.
#[test]
fn too_large_a_body_is_refused_before_it_comes() {
    let bundle = Bundle::small();
    // If more were waited for, it would be for longer than the client waits.
    let limits = Limits { body: Duration::from_secs(120), ..Limits::default() };
    let running = Running::start(&ServeOptions { limits, ..options(&bundle.path()) });
    for more in ["expect: 100-continue\r\n", ""] {
        for bytes in [ONE as u64 + 1, 10 << 30, u64::MAX >> 1] {
            let mut client = running.client();
            let head = format!("{JSON}{more}content-length: {bytes}\r\n");
            client.send(&request("PUT", "/v1/hidden", &head, b"")).unwrap();
            assert_eq!(client.answer().unwrap().problem(), (413, "too_large".to_owned(), None), "{bytes}");
        }
    }
    // And a body that fits is asked for.
    let mut client = running.client();
    let head = format!("{JSON}expect: 100-continue\r\ncontent-length: 9\r\n");
    client.send(&request("POST", "/v1/recommend", &head, b"")).unwrap();
    assert_eq!(client.answer().unwrap().status, 100);
    client.send(br#"{"k":  2}"#).unwrap();
    assert_eq!(client.answer().unwrap().ok()["items"].as_array().unwrap().len(), 2);
}

/// Of a body that is refused no more than 1 MiB is read: then the connection ends, whatever else is sent.
#[test]
fn of_a_refused_body_no_more_than_a_mebibyte_is_read() {
    let bundle = Bundle::small();
    let running = Running::start(&options(&bundle.path()));
    let mut client = running.client();
    let head = format!("{JSON}content-length: {}\r\n", 1u64 << 40);
    client.send(&request("POST", "/v1/recommend", &head, b"")).unwrap();
    let piece = vec![b' '; 64 << 10];
    let mut sent = 0;
    while client.send(&piece).is_ok() {
        sent += piece.len();
        // Buffers of the system hold some megabytes in each direction.
        assert!(sent < 64 << 20, "{sent} bytes are read of a body that is refused");
    }
    // Others are answered as before.
    assert_eq!(running.client().post("/v1/recommend", &json!({ "k": 1 })).status, 200);
}

/// Large bodies are few at once, so that they bound memory; small ones are taken meanwhile.
#[test]
fn large_bodies_are_few_at_once() {
    let bundle = Bundle::small();
    let limits = Limits { large_bodies: 2, body: Duration::from_secs(60), ..Limits::default() };
    let running = Running::start(&ServeOptions { limits, ..options(&bundle.path()) });
    let large = body(REQUESTS, 200 << 10);
    let sent = request("POST", "/v1/recommend", JSON, &large);
    let (first, last) = sent.split_at(sent.len() - 1000);
    let mut clients: Vec<Client> = (0..5).map(|_| running.client()).collect();
    for client in &mut clients {
        client.send(first).unwrap();
    }
    // Two have places and are waited for; which two, is theirs to settle.
    let patience = Instant::now() + Duration::from_secs(10);
    while clients.iter_mut().map(Client::has_ended).filter(|ended| *ended).count() < 3 {
        assert!(Instant::now() < patience, "large bodies are taken without number");
        std::thread::sleep(Duration::from_millis(2));
    }
    let (refused, mut held): (Vec<_>, Vec<_>) =
        clients.into_iter().map(|mut client| (client.has_ended(), client)).partition(|(ended, _)| *ended);
    for (_, mut client) in refused {
        // Whoever sends the rest before reading gets the answer, too.
        client.send(last).unwrap();
        let answer = client.answer().unwrap();
        assert_eq!(answer.problem().1, "overloaded");
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    }
    let small: Value = json!({ "requests": [{ "k": 1 }] });
    assert_eq!(running.client().post("/v1/recommend", &small).status, 200);
    for (_, client) in &mut held {
        client.send(last).unwrap();
        assert_eq!(client.answer().unwrap().status, 200);
    }
    assert_eq!(running.client().ask("POST", "/v1/recommend", JSON, &large).status, 200);
}
