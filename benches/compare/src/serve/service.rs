//! A server of a bundle, and what is asked of it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::bundle::{K, LEAST_RECALL, Size};
use super::client::{Connection, get, post};
use super::load::{Load, Told};
use super::process::Server;
use crate::scratch::Scratch;

/// One that is ready.
pub struct Service {
    pub server: Server,
    /// Requests of the histories that belong to the bundle.
    pub requests: Vec<Vec<u8>>,
    /// The exact lists of the first requests.
    expected: Vec<Vec<String>>,
    /// Where it says that it is ready.
    ready: &'static str,
    #[expect(dead_code, reason = "removed after the server has ended")]
    scratch: Scratch,
}

/// What the server took meanwhile.
#[derive(Clone, Copy)]
pub struct Spent {
    pub cpu_s: f64,
    pub rss_mib: f64,
}

impl Service {
    /// `u2i serve`, with a store of events.
    pub fn ours(u2i: &Path, size: Size, data: &Path, threads: usize) -> Result<Self> {
        let scratch = Scratch::new(data)?;
        let command = |address: SocketAddr| {
            let mut command = Command::new(u2i);
            command.arg("serve").arg(size.bundle(data));
            command.args(["--addr", &address.to_string(), "--threads", &threads.to_string()]);
            command.arg("--events").arg(scratch.0.join("events.sqlite"));
            // No line for each request, as on the other side.
            command.args(["--log-level", "warn"]);
            command
        };
        let server = Server::start(command, "/readyz", &data.join("serve-ours.log"))?;
        Self::new(server, "/readyz", "/v1/recommend", size, data, scratch)
    }

    /// What the script serves, by a process for each core.
    pub fn peer(python: &Path, script: &Path, size: Size, data: &Path, workers: usize) -> Result<Self> {
        let module = Path::new(script.file_stem().context("a script has a name")?);
        let folder = script.parent().context("a script is in a folder")?;
        let scratch = Scratch::new(data)?;
        let command = |address: SocketAddr| {
            let mut command = Command::new(python);
            command.env("U2I_PEER_BUNDLE", size.bundle(data)).args(["-m", "uvicorn"]);
            command.arg(format!("{}:app", module.display())).arg("--app-dir").arg(folder);
            command.args(["--port", &address.port().to_string(), "--workers", &workers.to_string()]);
            command.args(["--loop", "uvloop", "--http", "httptools", "--no-access-log"]);
            // A worker that imports PyTorch on a busy machine is not dead.
            command.args(["--log-level", "warning", "--timeout-worker-healthcheck", "120"]);
            command
        };
        let server = Server::start(command, "/healthz", &data.join("serve-peer.log"))?;
        Self::new(server, "/healthz", "/recommend", size, data, scratch)
    }

    fn new(
        server: Server,
        ready: &'static str,
        path: &str,
        size: Size,
        data: &Path,
        scratch: Scratch,
    ) -> Result<Self> {
        let asked = size.asked(data)?;
        let body = |history: &Vec<String>| json!({ "history": history, "k": K }).to_string();
        let requests = asked.histories.iter().map(|history| post(path, &body(history))).collect();
        Ok(Service { server, requests, expected: asked.expected, ready, scratch })
    }

    /// What its packages are, where it says so when it is asked whether it is ready.
    pub fn versions(&self) -> Result<Value> {
        let mut connection = Connection::new(self.server.address);
        connection.ask(&get(self.ready))?;
        let said: Value = serde_json::from_slice(connection.body()).unwrap_or(Value::Null);
        let is_list = said.as_object().is_some_and(|object| object.contains_key("fastapi"));
        Ok(if is_list { said } else { json!({ "u2i": env!("CARGO_PKG_VERSION") }) })
    }

    /// Has so many clients ask the usual requests.
    pub fn during(
        &self,
        clients: usize,
        ask: impl FnOnce(Load<'_>) -> Result<Told>,
    ) -> Result<(Told, Spent)> {
        let before = self.server.taken()?;
        let told = ask(Load { address: self.server.address, requests: &self.requests, clients })?;
        let after = self.server.taken()?;
        Ok((told, Spent { cpu_s: after.cpu_s - before.cpu_s, rss_mib: after.rss_mib }))
    }

    /// The share of the exact lists that is served.
    ///
    /// # Errors
    ///
    /// If it is below what is wanted, or a list has not as many items as were asked for.
    pub fn recall(&self) -> Result<f64> {
        let mut connection = Connection::new(self.server.address);
        let mut found = 0;
        for (request, expected) in self.requests.iter().zip(&self.expected) {
            let status = connection.ask(request)?;
            let text = String::from_utf8_lossy(connection.body());
            ensure!(status == 200, "status {status}: {text}");
            let answer: Value = serde_json::from_str(&text).context("an answer is JSON")?;
            let items = answer["items"].as_array().context("an answer has items")?;
            let ids: HashSet<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
            ensure!(ids.len() == K, "{} different items of {K}: {text}", ids.len());
            found += expected.iter().filter(|id| ids.contains(id.as_str())).count();
        }
        let recall = found as f64 / (K * self.expected.len()) as f64;
        ensure!(recall >= LEAST_RECALL, "recall@{K} of what is served is {recall}");
        Ok(recall)
    }
}

/// What a round says of itself: what was answered, what the server took for it, and what else is to be known.
pub fn round(told: &Told, spent: Spent, more: &[(&str, f64)]) -> Result<Value> {
    told.check()?;
    let mut said = json!({
        "answered a second": told.per_s(),
        "p50, ms": 1e3 * told.quantile_s(0.5),
        "p99, ms": 1e3 * told.quantile_s(0.99),
    });
    for (name, value) in more {
        said[*name] = json!(value);
    }
    Ok(json!({
        "work": told.answered(),
        "wall_s": told.wall_s,
        "cpu_s": spent.cpu_s,
        "peak_rss_mib": spent.rss_mib,
        "p50_s": told.quantile_s(0.5),
        "p99_s": told.quantile_s(0.99),
        "p99_ms": 1e3 * told.quantile_s(0.99),
        "said": said,
    }))
}
