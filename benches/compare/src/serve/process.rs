//! A server in a process of its own, and what that process and its children take.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::client::{Connection, get};

/// One that answers.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

/// What the system says of the server and its children together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// User and system.
    pub cpu_s: f64,
    pub rss_mib: f64,
    pub descriptors: usize,
}

/// How long a server may take to be ready: it reads and checks a bundle.
const TO_START: Duration = Duration::from_secs(180);
/// How long it may take to end.
const TO_END: Duration = Duration::from_secs(15);
/// Ticks a second in `/proc`, whatever the kernel's own are.
const TICKS: f64 = 100.0;
/// What contenders are told of threads, which a server decides for itself.
const SETTINGS: [&str; 7] = [
    "RAYON_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "OMP_WAIT_POLICY",
    "KMP_BLOCKTIME",
];

impl Server {
    /// Starts one, with what `command` makes of its address, and waits until it says at `path` that it is ready. What it
    /// prints goes to the file `log`.
    pub fn start(command: impl FnOnce(SocketAddr) -> Command, path: &str, log: &Path) -> Result<Self> {
        // Free now; whoever takes it in the next moment makes the start fail.
        let listener = TcpListener::bind("127.0.0.1:0").context("no address is free")?;
        let address = listener.local_addr()?;
        drop(listener);
        let mut command = command(address);
        for name in SETTINGS {
            command.env_remove(name);
        }
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut server = Server { child, address };
        let end = Instant::now() + TO_START;
        let (mut connection, request) = (Connection::new(address), get(path));
        while connection.ask(&request).ok() != Some(200) {
            let ended = server.child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let said = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = said.lines().rev().take(20).collect();
                let last: Vec<&str> = lines.into_iter().rev().collect();
                bail!("{program} is not ready ({ended:?}):\n{}", last.join("\n"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    /// What it has taken up to now.
    pub fn taken(&self) -> Result<Taken> {
        let mut taken = Taken::default();
        for pid in self.family() {
            // A child may have ended since.
            let Some((_, cpu_s)) = stat(pid) else { continue };
            taken.cpu_s += cpu_s;
            taken.rss_mib += rss_mib(pid).unwrap_or(0.0);
            let folder = fs::read_dir(format!("/proc/{pid}/fd"));
            taken.descriptors += folder.map_or(0, Iterator::count);
        }
        anyhow::ensure!(taken.cpu_s > 0.0 && taken.rss_mib > 0.0, "the system tells nothing of the server");
        Ok(taken)
    }

    /// The process and its descendants.
    fn family(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat(pid)?.0)))
            .collect();
        let mut family = vec![self.child.id()];
        let mut place = 0;
        while let Some(&parent) = family.get(place) {
            family.extend(parents.iter().filter(|(_, own)| *own == parent).map(|(pid, _)| *pid));
            place += 1;
        }
        family
    }
}

/// It ends, and its children with it.
impl Drop for Server {
    fn drop(&mut self) {
        let family = self.family();
        signal("TERM", &family[..1]);
        let end = Instant::now() + TO_END;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        let left: Vec<u32> = family[1..].iter().copied().filter(|&pid| stat(pid).is_some()).collect();
        signal("KILL", &left);
        // It may have ended already, and then there is nothing to be done.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, pids: &[u32]) {
    if !pids.is_empty() {
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let line = format!("kill -{name} {} 2>/dev/null", pids.join(" "));
        let _ = Command::new("/bin/sh").args(["-c", &line]).status();
    }
}

/// The parent of a process, and the seconds of processor time of its threads.
fn stat(pid: u32) -> Option<(u32, f64)> {
    of_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn of_stat(text: &str) -> Option<(u32, f64)> {
    // The name in brackets may hold anything; state and parent follow it, and times are the 12th and 13th word.
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |place: usize| words.get(place)?.parse::<f64>().ok();
    Some((words.get(1)?.parse().ok()?, (ticks(11)? + ticks(12)?) / TICKS))
}

fn rss_mib(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_parent_are_read_behind_any_name() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 150 25 9 9 20 0 3 0 100 1 1 1";
        assert_eq!(of_stat(line), Some((7, 1.75)));
        assert_eq!(of_stat("42 (cut off"), None);
    }
}
