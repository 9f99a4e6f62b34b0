//! `u2i serve` sends a span for each request to the collector that a variable names.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::runs::succeed;

/// Of the caller whose span the request belongs to.
const TRACE: [u8; 16] = *b"\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c";
const PARENT: [u8; 8] = *b"\xb7\xad\x6b\x71\x69\x20\x33\x31";

/// The path and body of what a client sends.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first).ok().filter(|&n| n > 0)?;
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.split(' ').nth(1)?.to_owned(), body))
}

/// A collector that takes whatever it is sent.
fn collector() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while let Some(request) = request(&mut stream) {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                // Who is answered ends, and then all must have been seen.
                if sender.send(request).is_err() || stream.write_all(head.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (addr, receiver)
}

/// Ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn asked(addr: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {addr}\r\n{header}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn has(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_request_is_a_span_below_that_of_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = "user,item,time\n".to_owned();
    for user in 0..40 {
        for step in 0..8 {
            events += &format!("{user},{},{}\n", (user * 3 + step * 5) % 30, 1_700_000_000 + 86_400 * step);
        }
    }
    std::fs::write(folder.path().join("events.csv"), events).unwrap();
    succeed(&["init", "events.csv", "--out", "own.toml"], folder.path());
    succeed(&["train", "own.toml", "--set", "train.epochs=1", "--out", "run"], folder.path());
    succeed(&["export", "run", "--out", "bundle"], folder.path());

    let (collector, spans) = collector();
    let log = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_u2i"));
    command.args(["serve", "bundle", "--addr", "127.0.0.1:0", "--events", "none"]).current_dir(folder.path());
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .env("OTEL_SERVICE_NAME", "cinema");
    command.env("NO_PROXY", "*").env_remove("U2I_TOKEN");
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut served = Served(command.spawn().unwrap());
    let addr = loop {
        let text = std::fs::read_to_string(&log).unwrap();
        let rest = text.split_once("http://").map(|(_, rest)| rest);
        if let Some((addr, _)) = rest.and_then(|rest| rest.split_once('/')) {
            break addr.to_owned();
        }
        assert!(served.0.try_wait().unwrap().is_none(), "{text}");
        thread::sleep(Duration::from_millis(10));
    };
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-request-id: seen-in-the-log\r\n";
    let answer = asked(&addr, "/v1/users/7/recommendations?k=3", parent);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(asked(&addr, "/v1/items/nothing", "").starts_with("HTTP/1.1 404"));

    // What waits is sent before the service ends.
    let id = served.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(served.0.wait().unwrap().code(), Some(0), "{}", std::fs::read_to_string(&log).unwrap());
    let sent: Vec<(String, Vec<u8>)> = spans.try_iter().collect();
    assert!(!sent.is_empty(), "{}", std::fs::read_to_string(&log).unwrap());
    assert!(sent.iter().all(|(path, _)| path == "/v1/traces"));
    let bodies: Vec<u8> = sent.into_iter().flat_map(|(_, body)| body).collect();
    let wanted: [&[u8]; 8] = [
        b"GET /v1/users/{id}/recommendations",
        b"GET /v1/items/{id}",
        b"http.response.status_code",
        b"http.route",
        b"seen-in-the-log",
        b"cinema",
        &TRACE,
        &PARENT,
    ];
    for part in wanted {
        assert!(has(&bodies, part), "{}", String::from_utf8_lossy(part));
    }
    // Whose request it was is nobody's business.
    assert!(!has(&bodies, b"/v1/users/7"));
}
