//! H4: clients that are slow, or that never come to an end, are cut and starve nobody.

use std::time::{Duration, Instant};

use serde_json::json;
use u2i_serve::{Limits, ServeOptions};

use crate::full;
use crate::http::{Client, JSON, request};
use crate::running::{Bundle, Running, options};

fn running(bundle: &Bundle, limits: Limits) -> Running {
    Running::start(&ServeOptions { limits, ..options(&bundle.path()) })
}

fn short() -> Limits {
    Limits { header: Duration::from_millis(700), body: Duration::from_millis(1500), ..Limits::default() }
}

fn is_answered(running: &Running) {
    let answer = running.client().post("/v1/recommend", &json!({ "history": ["film 3"], "k": 3 })).ok();
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);
}

/// 300 clients, 1,000 in full, that send a byte now and then: a third never comes to the end of the header, a third to the
/// end of the body, a third says nothing at all. They are cut at their deadlines, however often a byte comes, and a good
/// client is answered while they hang.
#[test]
fn those_who_drip_are_cut_and_others_are_answered_meanwhile() {
    let bundle = Bundle::small();
    let running = running(&bundle, short());
    let n = if full() { 1000 } else { 300 };
    let head = request("POST", "/v1/recommend", &format!("{JSON}content-length: 60000\r\n"), b"");
    let mut dripping: Vec<(usize, Client)> = (0..n).map(|i| (i % 3, running.client())).collect();
    for (kind, client) in &mut dripping {
        match kind {
            0 => client.send(&head[..20]).unwrap(),
            1 => client.send(&head).unwrap(),
            _ => {}
        }
    }
    is_answered(&running);
    let mut told = 0;
    // Whoever is not cut drips for ever: no machine is so slow that this is not enough.
    let begun = Instant::now();
    while !dripping.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} are not cut", dripping.len());
        dripping.retain_mut(|(kind, client)| {
            if client.has_ended() {
                if *kind == 1 {
                    // Who was heard to the end of the header is told why.
                    if let Ok(answer) = client.answer() {
                        assert_eq!(answer.problem().1, "too_slow");
                        told += 1;
                    }
                }
                return false;
            }
            *kind == 2 || client.send(b"a").is_ok()
        });
        is_answered(&running);
        std::thread::sleep(Duration::from_millis(20));
    }
    // A byte that comes after the end may take the word with it.
    assert!(told > 0, "none of {} was told", n / 3);
    is_answered(&running);
}

/// Whoever takes no answers is cut once what they are sent finds no room.
#[test]
fn whoever_does_not_read_is_cut() {
    let bundle = Bundle::small();
    let running = running(&bundle, short());
    let mut client = running.client();
    // Tens of megabytes of answers, more than the buffers of both ends hold.
    let n_asked = 2_000;
    client.send(&request("GET", "/openapi.json", "", b"").repeat(n_asked)).unwrap();
    is_answered(&running);
    let mut n = 0;
    while let Ok(answer) = client.answer() {
        assert_eq!(answer.status, 200);
        n += 1;
        if n == 1 {
            // Long enough for the deadline of the rest.
            std::thread::sleep(Duration::from_millis(4000));
        }
    }
    assert!((1..n_asked).contains(&n), "{n} answers");
    is_answered(&running);
}

/// A connection that waits for its next request has as long as for a header; then it ends without a word.
#[test]
fn an_idle_connection_ends_after_the_time_for_a_header() {
    let bundle = Bundle::small();
    let running = running(&bundle, short());
    let mut client = running.client();
    for _ in 0..3 {
        assert_eq!(client.get("/healthz").status, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.rest(), b"");
}

/// One connection too many is told to come again, and is let in once there is a place.
#[test]
fn connections_are_bounded() {
    let bundle = Bundle::small();
    let limits = Limits { connections: 5, header: Duration::from_secs(60), ..Limits::default() };
    let running = running(&bundle, limits);
    let mut held: Vec<Client> = (0..5).map(|_| running.client()).collect();
    for client in &mut held {
        assert_eq!(client.get("/healthz").status, 200);
    }
    for _ in 0..3 {
        let answer = running.client().answer().unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.json()["code"], "overloaded");
    }
    assert!(held.iter_mut().all(|client| client.get("/healthz").status == 200));
    held.pop();
    // The place is free a moment after the connection has ended.
    while running.client().try_ask("GET", "/healthz", "", b"").is_ok_and(|answer| answer.status == 503) {}
    assert_eq!(held[0].get("/healthz").status, 200);
}

/// A header may have 32 KiB.
#[test]
fn headers_are_bounded() {
    let bundle = Bundle::small();
    let running = running(&bundle, Limits::default());
    let long = |bytes: usize| format!("x-long: {}\r\n", "x".repeat(bytes));
    assert_eq!(running.client().ask("GET", "/healthz", &long(30 << 10), b"").status, 200);
    let mut client = running.client();
    let _ = client.send(&request("GET", "/healthz", &long(100 << 10), b""));
    assert_eq!(client.answer().unwrap().status, 431);
    let many: String = (0..200).map(|i| format!("x-{i}: a\r\n")).collect();
    assert_eq!(running.client().ask("GET", "/healthz", &many, b"").status, 431);
    is_answered(&running);
}
