//! What `cargo xtask bench` and its contenders say to each other. A contender makes itself ready and says so in a line of
//! JSON; then each line it reads has it run a round and say in a line of JSON what that took, until there are no more.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use u2i::Stage;

/// A contender that is ready.
pub struct Rounds {
    stage: Option<Stage>,
}

impl Rounds {
    /// Says that it is, and `more`, an object.
    pub fn ready(more: Value) -> Result<Self> {
        say(json!({ "ready": true, "versions": { "u2i": env!("CARGO_PKG_VERSION") } }), more)?;
        Ok(Rounds { stage: None })
    }

    /// Waits until a round is asked for, and begins it; false if there are no more.
    pub fn next(&mut self) -> Result<bool> {
        let mut line = String::new();
        let n = stdin().lock().read_line(&mut line).context("cannot read what is asked for")?;
        self.stage = (n > 0).then(Stage::begin);
        Ok(n > 0)
    }

    /// Ends a round and says what it took, and `more`, an object.
    pub fn end(&mut self, more: Value) -> Result<()> {
        let cost = self.stage.take().context("no round has begun")?.cost();
        let took = json!({ "wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "peak_rss_mib": cost.peak_rss_mib });
        say(took, more)
    }
}

/// Runs rounds until there are no more.
pub fn serve(ready: Value, mut run: impl FnMut() -> Result<Value>) -> Result<()> {
    let mut rounds = Rounds::ready(ready)?;
    while rounds.next()? {
        let more = run()?;
        rounds.end(more)?;
    }
    Ok(())
}

/// What is in `more` stands above what is in `line`.
fn say(mut line: Value, more: Value) -> Result<()> {
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot say what a round took")
}
