use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::run::compare;

use crate::output::Output;
use crate::terminal::Terminal;

/// Set finished runs side by side, user by user: differences from the first, their 95 % intervals, and p.
///
/// Example: `u2i compare runs/dssm runs/youtube_dnn`
///
/// The runs must have been measured on the same test targets. Intervals and p come from a paired bootstrap over users.
#[derive(Args)]
pub struct Arguments {
    /// Folders of finished runs; the others are compared with the first.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let comparison = compare(&self.runs)?;
        match output {
            Output::Json => terminal.print_json(&comparison),
            Output::Text => terminal.print(comparison.to_string().trim_end()),
        }
        Ok(())
    }
}
