//! Running one test of the copy, with a bug or without.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::bug::SEEDED_BUG;
use crate::cargo::{PROGRAM, cargo, output};

/// A test that takes longer hangs, which is not how a bug is caught.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Test executables by package and target.
pub type Tests = HashMap<(String, String), TestTarget>;

/// Builds the tests of a checkout that `wanted` names, by package and target, without line tables.
pub fn build<'a>(
    checkout: &Path,
    target: &Path,
    wanted: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Tests> {
    // With the program among the packages, dependencies have the features of the workspace and are not built again.
    let (mut packages, mut targets) = (BTreeSet::from([PROGRAM]), BTreeSet::new());
    for (package, target) in wanted {
        packages.insert(package);
        targets.insert(target);
    }
    let mut command = cargo();
    command.current_dir(checkout).env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command.args(["test", "--release", "--locked", "--no-run", "--message-format=json-render-diagnostics"]);
    command.args(packages.into_iter().flat_map(|name| ["--package", name]));
    for target in targets {
        match target {
            "lib" => command.arg("--lib"),
            name => command.args(["--test", name]),
        };
    }
    Ok(test_targets(&output(&mut command)?))
}

/// The test executables that cargo's messages name.
pub fn test_targets(messages: &str) -> Tests {
    messages.lines().filter_map(|line| test_target(&serde_json::from_str(line).ok()?)).collect()
}

/// What one of cargo's messages says of a test executable, if it is of one.
fn test_target(message: &Value) -> Option<((String, String), TestTarget)> {
    let executable = PathBuf::from(message["executable"].as_str()?);
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != Value::Bool(true) {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    let package = folder.file_name()?.to_str()?.to_owned();
    let target = match message["target"]["kind"][0].as_str()? {
        "lib" => "lib",
        "test" => message["target"]["name"].as_str()?,
        _ => return None,
    };
    Some(((package, target.to_owned()), TestTarget { executable, folder }))
}

/// A test executable, and the folder of its package, where cargo would run it.
pub struct TestTarget {
    pub executable: PathBuf,
    pub folder: PathBuf,
}

impl TestTarget {
    /// Runs one test alone, with a bug or without. What it says goes into the file `log`.
    pub fn run(&self, test: &str, bug: Option<&str>, log: &Path) -> Result<Outcome> {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder).args([test, "--exact", "--test-threads=1"]);
        command.env_remove(SEEDED_BUG).envs(bug.map(|bug| (SEEDED_BUG, bug)));
        watch(&mut command, log, TIME_LIMIT)
    }
}

/// How a test ended.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Passed,
    /// An assertion did not hold: the harness lived to say so.
    Failed,
    /// It did not end in time.
    Hung,
    /// Anything else: no test of that name, a signal, an abort, an exit from within.
    Odd(String),
}

impl Outcome {
    /// A bug is caught by a test that fails, and by nothing else.
    pub fn catches_bug(&self) -> Result<(), String> {
        match self {
            Outcome::Failed => Ok(()),
            other => Err(format!("with the bug, the test {other}")),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passes"),
            Outcome::Failed => f.write_str("fails"),
            Outcome::Hung => write!(f, "takes longer than {} s", TIME_LIMIT.as_secs()),
            Outcome::Odd(how) => write!(f, "neither passes nor fails: {how}"),
        }
    }
}

/// Runs a test harness to its end or its time limit. It writes to a file, since a pipe could fill up and would stay
/// open in what a hung test has started.
fn watch(command: &mut Command, log: &Path, limit: Duration) -> Result<Outcome> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let end = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for a test")? {
            break status;
        }
        if Instant::now() >= end {
            // It may have ended by now; either way it is gone after the wait.
            let _ = child.kill();
            child.wait().context("cannot wait for a test")?;
            return Ok(Outcome::Hung);
        }
        sleep(Duration::from_millis(5));
    };
    let said = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let said = String::from_utf8_lossy(&said);
    let verdict = said.lines().rev().find(|line| line.starts_with("test result: ")).unwrap_or("no verdict");
    let outcome = |n: &str| said.contains("running 1 test\n") && verdict.contains(n);
    Ok(match status.code() {
        Some(0) if outcome("ok. 1 passed; 0 failed;") => Outcome::Passed,
        Some(101) if outcome("FAILED. 0 passed; 1 failed;") => Outcome::Failed,
        _ => Outcome::Odd(format!("{status}, {verdict}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn test_executables_are_known_by_package_and_target() {
        let message = |kind: &str, test: bool| {
            json!({
                "reason": "compiler-artifact", "executable": "/t/it-1", "profile": {"test": test},
                "manifest_path": "/w/crates/u2i-eval/Cargo.toml", "target": {"kind": [kind], "name": "it"},
            })
        };
        let key = |kind, test| test_target(&message(kind, test)).map(|(key, _)| key);
        assert_eq!(key("test", true), Some(("u2i-eval".into(), "it".into())));
        assert_eq!(key("lib", true), Some(("u2i-eval".into(), "lib".into())));
        assert_eq!((key("bin", true), key("lib", false)), (None, None));
        assert!(test_target(&json!({"reason": "build-finished", "success": true})).is_none());
    }

    /// Shell scripts stand in for test harnesses.
    #[cfg(unix)]
    #[test]
    fn only_a_failed_test_catches_a_bug() {
        let log = std::env::temp_dir().join(format!("u2i-seeded-bugs-{}", std::process::id()));
        let run = |script: &str| {
            let limit = Duration::from_millis(500);
            watch(Command::new("/bin/sh").args(["-c", script]), &log, limit).unwrap()
        };
        let said = |n: u32, verdict: &str, then: &str| {
            format!("echo 'running {n} test\ntest result: {verdict}'; {then}")
        };
        let failed = "FAILED. 0 passed; 1 failed; 0 ignored";
        assert_eq!(run(&said(1, "ok. 1 passed; 0 failed; 0 ignored", "exit 0")), Outcome::Passed);
        assert_eq!(run(&said(1, failed, "exit 101")), Outcome::Failed);
        assert_eq!(run("exec sleep 60"), Outcome::Hung);
        let odd = [
            said(0, "ok. 0 passed; 0 failed; 0 ignored", "exit 0"),
            said(1, "ok. 0 passed; 0 failed; 1 ignored", "exit 0"),
            said(1, failed, "exit 1"),
            said(1, failed, "kill -9 $$"),
            "exit 101".to_owned(),
        ];
        for script in odd {
            assert!(matches!(run(&script), Outcome::Odd(_)), "{script}");
        }
        fs::remove_file(&log).unwrap();
        assert!(Outcome::Failed.catches_bug().is_ok());
        for other in [Outcome::Passed, Outcome::Hung, Outcome::Odd(String::new())] {
            assert!(other.catches_bug().is_err());
        }
    }
}
