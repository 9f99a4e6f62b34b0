//! `u2i serve` as a process: how it starts and how it ends.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use u2i_bundle::IndexPlan;

use crate::fixture::{Fixture, Kind, SMALL};
use crate::http::{Client, JSON, request};

/// A bundle in a folder.
pub(crate) fn bundle(folder: &Path) -> PathBuf {
    let path = folder.join("bundle");
    Fixture::new(Kind::Fm, SMALL, 1).write(&path, IndexPlan::Exact).unwrap();
    path
}

/// `u2i serve` in a process of its own, which is killed when this is dropped.
pub(crate) struct Process {
    pub child: Child,
    pub addr: SocketAddr,
    log: PathBuf,
}

fn command(bundle: &Path, more: &[&str], log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_u2i"));
    command.arg("serve").arg(bundle).args(["--addr", "127.0.0.1:0", "--threads", "2"]).args(more);
    command.env_remove("U2I_TOKEN").stdout(Stdio::null()).stderr(File::create(log).unwrap());
    command
}

impl Process {
    /// On any port, which the log names once it listens.
    pub(crate) fn start(bundle: &Path, more: &[&str]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let log = bundle.with_file_name(format!("log-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut child = command(bundle, more, &log).spawn().unwrap();
        let addr = loop {
            let text = std::fs::read_to_string(&log).unwrap();
            let rest = text.split_once("http://").map(|(_, rest)| rest);
            if let Some(addr) = rest.and_then(|rest| rest.split_once('/')?.0.parse().ok()) {
                break addr;
            }
            assert!(child.try_wait().unwrap().is_none(), "{text}");
            std::thread::sleep(Duration::from_millis(10));
        };
        Process { child, addr, log }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.addr)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits until it says that it stops.
    fn stopping(&self) {
        while !self.log().contains("stopping: ") {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const BODY: &[u8] = br#"{"history":["film 3"],"k":4}"#;

/// A request that the service has begun to read: it has asked for its body.
fn under_way(process: &Process) -> Client {
    let mut client = process.client();
    let head = format!("{JSON}expect: 100-continue\r\ncontent-length: {}\r\n", BODY.len());
    client.send(&request("POST", "/v1/recommend", &head, b"")).unwrap();
    assert_eq!(client.answer().unwrap().status, 100);
    client
}

/// H6: who is under way is answered; who comes to the end of a header is told that the service is not ready; who is new is
/// not let in; and the end is a good one.
#[test]
fn after_sigterm_requests_under_way_are_answered_and_no_others_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    for name in ["TERM", "INT"] {
        let mut process = Process::start(&bundle, &[]);
        assert_eq!(process.client().get("/readyz").status, 200);
        let mut idle = process.client();
        assert_eq!(idle.get("/healthz").status, 200);
        let mut held: Vec<Client> = (0..4).map(|_| under_way(&process)).collect();
        let mut probe = process.client();
        let asked = request("GET", "/readyz", "", b"");
        let (first, last) = asked.split_at(20);
        probe.send(first).unwrap();
        // Once another is answered this one is open, too: they are let in as they come.
        assert_eq!(process.client().get("/healthz").status, 200);
        process.signal(name);
        process.stopping();
        probe.send(last).unwrap();
        assert_eq!(probe.answer().unwrap().problem(), (503, "stopping".to_owned(), None));
        assert_eq!(idle.rest(), b"");
        assert!(Client::try_new(process.addr).is_err());
        for client in &mut held {
            client.send(BODY).unwrap();
            let answer = client.answer().unwrap();
            assert_eq!(answer.ok()["items"].as_array().unwrap().len(), 4);
            assert_eq!(answer.header("connection"), Some("close"));
        }
        assert_eq!(process.end().code(), Some(0), "{}", process.log());
    }
}

/// H6: ten times under load. An answer that has begun comes to its end, and the end is a good one.
#[test]
fn stopped_under_load_no_answer_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    for round in 0..10 {
        let mut process = Process::start(&bundle, &[]);
        let n = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        let code = std::thread::scope(|scope| {
            for i in 0..4 {
                let (addr, n, done) = (process.addr, &n, &done);
                scope.spawn(move || {
                    while let Ok(mut client) = Client::try_new(addr) {
                        // Whoever is not heard any more hears nothing: no half of an answer.
                        while client.send(&request("POST", "/v1/recommend", JSON, BODY)).is_ok() {
                            if client.is_silent() {
                                break;
                            }
                            let answer = client.answer().unwrap();
                            assert_eq!(answer.ok()["items"].as_array().unwrap().len(), 4);
                            n.fetch_add(1, Ordering::Relaxed);
                            if i == 0 {
                                break;
                            }
                        }
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            while n.load(Ordering::Relaxed) < 40 + 7 * round {
                std::thread::sleep(Duration::from_millis(1));
            }
            process.signal("TERM");
            let code = process.end().code();
            done.store(true, Ordering::Relaxed);
            code
        });
        assert_eq!(code, Some(0), "round {round}: {}", process.log());
    }
}

/// H6: who takes longer than the time to drain is cut, and the code says so. The request's own time begins after the signal,
/// so that it is not over before.
#[test]
fn who_takes_too_long_is_cut_and_the_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&bundle(folder.path()), &[]);
    let head = request("POST", "/v1/recommend", &format!("{JSON}content-length: 1000\r\n"), b"");
    let mut client = process.client();
    client.send(&head[..30]).unwrap();
    assert_eq!(process.client().get("/healthz").status, 200);
    process.signal("TERM");
    process.stopping();
    std::thread::sleep(Duration::from_secs(2));
    client.send(&head[30..]).unwrap();
    assert_eq!(process.end().code(), Some(143), "{}", process.log());
    assert!(process.log().contains("1 connections were cut"), "{}", process.log());
    assert_eq!(client.rest(), b"");
}

/// H6: a second signal ends it at once, whoever waits.
#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&bundle(folder.path()), &[]);
    let mut client = under_way(&process);
    process.signal("TERM");
    process.stopping();
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(143));
    assert!(!process.log().contains("were cut"), "{}", process.log());
    assert_eq!(client.rest(), b"");
}

const SECRET: &str = "a-secret-of-24-characters";

fn refused(bundle: &Path, more: &[&str], code: i32, said: &str) {
    let log = bundle.with_file_name("refused");
    let status = command(bundle, more, &log).status().unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert_eq!(status.code(), Some(code), "{more:?}: {log}");
    assert!(log.contains(said), "{more:?}: {log}");
}

/// H8: what does not start, with the code of its cause.
#[test]
fn what_cannot_be_served_ends_with_the_code_of_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bundle = bundle(folder);
    let secret = folder.join("token");
    std::fs::write(&secret, "short").unwrap();
    let secret = secret.to_str().unwrap();
    refused(&bundle, &["--addr", "0.0.0.0:0"], 2, "--token-file");
    refused(&bundle, &["--token-file", secret], 2, "16 to 512");
    refused(&bundle, &["--token-file", "/nothing/there"], 4, "/nothing/there");
    refused(&folder.join("nothing"), &["--events", "none"], 4, "manifest.json");
    refused(&bundle, &["--shadow", "/nothing/there"], 4, "/nothing/there");
    refused(&bundle, &["--keep-events", "soon"], 2, "90d");
    let events = folder.join("no.sqlite");
    std::fs::write(&events, "this is no database, but it is longer than a header".repeat(40)).unwrap();
    refused(&bundle, &["--events", events.to_str().unwrap()], 5, "no.sqlite");
    let process = Process::start(&bundle, &[]);
    let taken = process.addr.to_string();
    refused(&bundle, &["--addr", &taken, "--events", "none"], 4, &taken);
    // The file of events is another's.
    refused(&bundle, &[], 75, "bundle.events.sqlite");
    std::fs::write(bundle.join("items.parquet"), "other").unwrap();
    refused(&bundle, &["--events", "none"], 5, "items.parquet");
    // What is in force goes on.
    assert_eq!(process.client().post("/v1/recommend", &json!({ "user": "user 3" })).status, 200);
}

/// H8: whatever is sent and wherever the secret comes from, the log does not have it, nor what was asked for.
#[test]
fn the_log_holds_no_secret_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bundle = bundle(folder);
    let secret = folder.join("token");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    for format in ["text", "json"] {
        let options = [
            "--token-file",
            secret.to_str().unwrap(),
            "--addr",
            "0.0.0.0:0",
            "--log-level",
            "debug",
            "--log",
            format,
        ];
        let mut process = Process::start(&bundle, &options);
        let addr = SocketAddr::from(([127, 0, 0, 1], process.addr.port()));
        let bearer = format!("authorization: Bearer {SECRET}\r\n");
        for (method, path, headers, status) in [
            ("GET", "/v1/users/user%203/recommendations?where=year+%3E%3D+1960", bearer.as_str(), 200),
            ("GET", "/v1/hidden", &bearer, 200),
            ("POST", "/v1/events", &format!("{bearer}{JSON}"), 200),
            ("POST", "/v1/events", &bearer, 415),
            ("GET", "/v1/hidden", &format!("authorization: Basic {SECRET}\r\n"), 401),
            ("GET", &format!("/v1/hidden?token={SECRET}"), "", 401),
            ("GET", &format!("/{SECRET}"), &bearer, 404),
            ("GET", "/v1/nothing", &format!("x-request-id: {SECRET}/\r\n{bearer}"), 404),
        ] {
            let answer =
                Client::new(addr).ask(method, path, headers, br#"{"user":"somebody","item":"something"}"#);
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        }
        let mut odd = Client::new(addr);
        odd.send(format!("GET /v1/hidden HTTP/9.9\r\n{bearer}\r\n\r\n").as_bytes()).unwrap();
        odd.rest();
        process.signal("TERM");
        process.end();
        let log = process.log();
        assert!(log.lines().count() >= 9 && log.contains("answered"), "{log}");
        for private in [SECRET, "somebody", "something", "user 3", "user%203", "1960"] {
            assert!(!log.contains(private), "{private}: {log}");
        }
    }
}

/// The id of a request is in its answer and in each of its lines.
#[test]
fn the_log_names_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    for format in ["text", "json"] {
        let process = Process::start(&bundle, &["--log", format]);
        let mut client = process.client();
        let own = client.ask("GET", "/healthz", "x-request-id: my-own-id\r\n", b"");
        let drawn = client.get("/v1/items?query=title");
        let ids = [own.header("x-request-id").unwrap(), drawn.header("x-request-id").unwrap()];
        assert_eq!(ids[0], "my-own-id");
        // The line is written before the answer is sent, but by another process.
        while ids.iter().any(|id| !process.log().contains(id)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = process.log();
        let line = log.lines().find(|line| line.contains(ids[1])).unwrap();
        assert!(line.contains("/v1/items") && line.contains("200") && line.contains("GET"), "{line}");
        if format == "json" {
            assert!(
                log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object()),
                "{log}"
            );
        }
    }
}
