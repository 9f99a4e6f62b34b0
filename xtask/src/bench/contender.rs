//! A process that runs a round for each line it is sent, and says in a line of JSON what that took.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One that is ready.
pub struct Contender {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// What it said when it was.
    ready: Value,
}

/// What libraries read how many threads they may use from.
const THREADS: [&str; 5] =
    ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"];

impl Contender {
    /// Starts it and waits until it is ready. It may use so many threads, and none waits by spinning, so that one side
    /// costs nothing while the other runs.
    pub fn start(command: &mut Command, threads: usize) -> Result<Self> {
        for name in THREADS {
            command.env(name, threads.to_string());
        }
        command.env("OMP_WAIT_POLICY", "passive").env("KMP_BLOCKTIME", "0");
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut contender = Contender { child, to, from, ready: Value::Null };
        contender.ready = contender.line()?;
        ensure!(contender.ready["ready"] == true, "it should be ready, and says {}", contender.ready);
        Ok(contender)
    }

    /// Has it run a round.
    pub fn round(&mut self) -> Result<Value> {
        let to = self.to.as_mut().context("it was not ended")?;
        to.write_all(b"\n").and_then(|()| to.flush()).context("it does not listen any more")?;
        self.line()
    }

    /// Lets it end, and returns what it said when it was ready.
    pub fn end(mut self) -> Result<Value> {
        self.to = None;
        let status = self.child.wait().context("cannot wait for it")?;
        ensure!(status.success(), "it ended with {status}");
        Ok(std::mem::take(&mut self.ready))
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        let n = self.from.read_line(&mut line).context("cannot hear what it says")?;
        ensure!(n > 0, "it ended without a word, with {}", self.child.wait()?);
        serde_json::from_str(&line).with_context(|| format!("it says no JSON: {}", line.trim_end()))
    }
}

/// How long one may take that has servers of its own to end.
const TO_END: Duration = Duration::from_secs(30);

/// One that was not ended is not left behind, and neither is what it has started, if it waits for a line.
impl Drop for Contender {
    fn drop(&mut self) {
        self.to = None;
        let end = Instant::now() + TO_END;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
        // It may have ended already, and then there is nothing to be done.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_round_is_run_for_each_line_and_the_threads_are_told() {
        let script = r#"echo '{"ready": true, "versions": {"a": "1"}}'
            while read -r line; do echo "{\"wall_s\": 2, \"threads\": $RAYON_NUM_THREADS}"; done"#;
        let mut contender = Contender::start(&mut shell(script), 3).unwrap();
        for _ in 0..2 {
            let round = contender.round().unwrap();
            assert_eq!((round["wall_s"].as_f64(), round["threads"].as_u64()), (Some(2.0), Some(3)));
        }
        assert_eq!(contender.end().unwrap()["versions"]["a"], "1");
    }

    #[test]
    fn one_that_dies_or_talks_nonsense_is_an_error() {
        let error = Contender::start(&mut shell("exit 3"), 1).err().unwrap();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(Contender::start(&mut shell("echo hello"), 1).is_err());
        assert!(Contender::start(&mut shell("echo '{\"ready\": false}'"), 1).is_err());
        let mut dies = Contender::start(&mut shell("echo '{\"ready\": true}'; read -r line"), 1).unwrap();
        assert!(dies.round().is_err());
    }
}
