use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::export::{ExportOptions, IndexChoice, export};

use super::inspect;
use super::shared::{Data, Device};
use crate::output::Output;
use crate::terminal::Terminal;

/// Write a finished run as a bundle: the model, vectors, an index, titles and histories, for serving anywhere.
///
/// Example: `u2i export run --out bundle`
///
/// The index is the first of the experiment's that has `min_recall`, else one chosen by the number of items. It is
/// measured against exact search before anything is published, and refused (exit code 1) if it finds less than it must.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a finished run.
    run: PathBuf,
    /// The bundle's folder. Nothing may be there: a bundle is never written over.
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
    /// Publish no index: searches are exact.
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    data: Data,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let options = ExportOptions {
            run: self.run,
            out: self.out,
            index: if self.exact { IndexChoice::Exact } else { IndexChoice::Auto },
            device: self.device.device,
            places: self.data.places(),
        };
        let manifest = export(&options, terminal)?;
        inspect::print(&manifest, output, terminal);
        terminal.say(&format!("wrote {}", options.out.display()));
        Ok(())
    }
}
