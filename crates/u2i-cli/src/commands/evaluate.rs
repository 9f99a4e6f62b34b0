use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::run::evaluate;

use super::shared::{Data, Device};
use super::train::print;
use crate::output::Output;
use crate::terminal::Terminal;

/// Rank the test targets of a finished run once more, from its model and its data.
///
/// Example: `u2i evaluate run`
///
/// Refuses a run whose data, config or model is not what it was trained with.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a finished run.
    run: PathBuf,
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    data: Data,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let report = evaluate(&self.run, &self.data.places(), self.device.device, terminal)?;
        print(&report, output, terminal);
        Ok(())
    }
}
