use std::path::{Path, PathBuf};

use clap::Args;
use u2i::Error;
use u2i::config::Experiment;
use u2i_onboarding::validate_following;

use super::shared::{Data, now_s};
use crate::output::Output;
use crate::terminal::Terminal;

/// Read everything that an experiment names and say what training will meet: rows, rejects, times, ties, the split, cold
/// shares, columns, memory. Changes nothing.
///
/// Example: `u2i validate experiment.toml`
#[derive(Args)]
pub struct Arguments {
    /// The experiment file, or the name of one that is built in.
    config: PathBuf,
    /// Use another value than the file has: a dotted key, and a value as in TOML. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    data: Data,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let experiment = Experiment::load_with(&self.config, &self.set)?;
        let found = validate_following(&experiment, Path::new(""), &self.data.places(), terminal)?;
        let found = found.as_of(now_s());
        match output {
            Output::Json => terminal.print_json(&found),
            Output::Text => terminal.print(found.to_string().trim_end()),
        }
        Ok(())
    }
}
