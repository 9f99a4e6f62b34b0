//! What writing a checkpoint holds beyond the tables and moments that are written.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::rounds::serve;

/// What is written.
#[derive(Args)]
pub struct Options {
    /// Rows of the tables, of 64 numbers each
    #[arg(long)]
    rows: usize,
}

/// The example that makes a state, writes it, and says in a line of JSON what that took.
const EXAMPLE: &str = "checkpoint_memory";

impl Options {
    /// Writes below `folder` and removes it, a round at a time.
    pub fn run(&self, folder: &Path) -> Result<()> {
        let own = env::current_exe().context("this program has no path")?;
        let example = own.with_file_name("examples").join(EXAMPLE);
        ensure!(example.exists(), "{} is not built", example.display());
        serve(json!({}), || {
            let mut command = Command::new(&example);
            let output = command.arg(self.rows.to_string()).arg(folder).stderr(Stdio::inherit()).output();
            let output = output.with_context(|| format!("cannot start {}", example.display()))?;
            ensure!(output.status.success(), "{EXAMPLE} ended with {}", output.status);
            let took: Value = serde_json::from_slice(&output.stdout).context("it says no JSON")?;
            let peak = took["peak_above_bytes"].as_f64().context("it says no peak")?;
            Ok(json!({
                "share": took["share"],
                "wall_s": took["wall_s"],
                "cpu_s": Value::Null,
                "peak_rss_mib": peak / f64::from(1 << 20),
            }))
        })
    }
}
