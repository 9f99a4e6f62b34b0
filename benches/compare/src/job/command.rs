//! A command in a process of its own, what it takes, and its end if that is too much.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// What commands may take, all of a job together.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When the last must have ended.
    pub end: Instant,
    /// Memory that none may hold more of.
    pub peak_gib: Option<f64>,
}

/// What a command took.
#[derive(Debug, Clone, PartialEq)]
pub struct Took {
    pub wall_s: f64,
    /// User and system, of all threads.
    pub cpu_s: f64,
    pub peak_rss_mib: f64,
    /// What it wrote to standard error.
    pub log: String,
}

/// How often memory and limits are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Ticks a second in `/proc`, whatever the kernel's own are.
const TICKS: f64 = 100.0;

/// Runs it to its end; `None` if its time was up before, and then it is killed. `log` is a file for standard error, and
/// standard output is not kept.
///
/// # Errors
///
/// If it cannot be run, fails, or holds more memory than it may.
pub fn run(command: &mut Command, log: &Path, limits: Limits) -> Result<Option<Took>> {
    let line = format!("{command:?}");
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let (begin, cpu_before) = (Instant::now(), children_cpu_s()?);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
    let mut child = Killed(child.with_context(|| format!("cannot start {line}"))?);
    let mut peak_rss_mib = 0.0f64;
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        // One that ends right now has no memory any more.
        peak_rss_mib = peak_mib(child.0.id()).map_or(peak_rss_mib, |peak| peak_rss_mib.max(peak));
        if let Some(most) = limits.peak_gib.filter(|most| peak_rss_mib > 1024.0 * most) {
            bail!("{line} holds {peak_rss_mib:.0} MiB, more than the {most} GiB that it may");
        }
        if Instant::now() > limits.end {
            return Ok(None);
        }
        thread::sleep(LOOK);
    };
    let wall_s = begin.elapsed().as_secs_f64();
    let log = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    if !status.success() {
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        let last: Vec<&str> = lines.into_iter().rev().collect();
        bail!("{line} ended with {status}:\n{}", last.join("\n"));
    }
    Ok(Some(Took { wall_s, cpu_s: children_cpu_s()? - cpu_before, peak_rss_mib, log }))
}

/// A process that does not outlive its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to be done.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of the children of this process that have ended.
fn children_cpu_s() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat").context("the system tells nothing of this process")?;
    of_stat(&text).with_context(|| format!("no times of children in {text:?}"))
}

fn of_stat(text: &str) -> Option<f64> {
    // The name in brackets may hold anything; state and parent follow it, and times of children are the 14th and 15th word.
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |place: usize| words.get(place)?.parse::<f64>().ok();
    Some((ticks(13)? + ticks(14)?) / TICKS)
}

/// The most that a process held since it last had its peak forgotten, as `u2i` does between stages.
fn peak_mib(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: u64, peak_gib: Option<f64>) -> Result<Option<Took>> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("u2i-bench-command-{}-{number}", std::process::id()));
        let end = Instant::now() + Duration::from_secs(seconds);
        let ran = run(Command::new("/bin/sh").args(["-c", script]), &log, Limits { end, peak_gib });
        fs::remove_file(&log).unwrap();
        ran
    }

    #[test]
    fn a_command_tells_its_time_its_memory_and_its_log() {
        let script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; sleep 0.1; echo done >&2";
        let took = shell(script, 60, None).unwrap().unwrap();
        assert_eq!(took.log, "done\n");
        assert!(took.wall_s >= 0.1 && took.cpu_s > 0.0 && took.peak_rss_mib > 0.1, "{took:?}");
    }

    #[test]
    fn one_that_takes_too_long_is_stopped_and_one_that_takes_too_much_or_fails_is_an_error() {
        assert!(shell("exec sleep 60", 0, None).unwrap().is_none());
        let error = shell("exec sleep 60", 60, Some(1e-6)).unwrap_err().to_string();
        assert!(error.contains("more than the 0.000001 GiB that it may"), "{error}");
        let error = shell("echo a reason >&2; exit 3", 60, None).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("a reason"), "{error}");
    }

    #[test]
    fn times_of_children_are_read_behind_any_name() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 150 25 900 50 20 0 3 0 100 1 1 1";
        assert_eq!(of_stat(line), Some(9.5));
        assert_eq!(of_stat("42 (cut off"), None);
    }
}
