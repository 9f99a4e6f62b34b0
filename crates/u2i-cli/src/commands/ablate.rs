use std::path::PathBuf;

use clap::Args;
use u2i::{Error, report};
use u2i_chapter::{AblateOptions, Ablated, ablate};

use super::shared::{Data, Device, platform_line};
use crate::output::Output;
use crate::terminal::Terminal;

/// Change one thing at a time in an experiment, and see what it does on validation targets.
///
/// Test targets are not looked at. What was run before into the same --out is not run again.
///
/// Example: `u2i ablate ml-1m/ablations/youtube_dnn --seeds 3`
#[derive(Args)]
pub struct Arguments {
    /// Files of changes, or names of those that are built in: ml-1m/ablations/ with fm, dssm, youtube_dnn or tables. All of
    /// those if none is named.
    files: Vec<PathBuf>,
    #[command(flatten)]
    data: Data,
    /// Runs of each change, with seeds 1 to N.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    #[command(flatten)]
    device: Device,
    /// Where results of runs go.
    #[arg(long, default_value = "runs/ablations")]
    out: PathBuf,
    /// Write the tables to a file.
    #[arg(long, value_name = "FILE")]
    write_docs: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let options = AblateOptions {
            files: self.files,
            seeds: self.seeds,
            device: self.device.device,
            places: self.data.places(),
            out: self.out,
        };
        let found = ablate(&options, terminal)?;
        if output == Output::Json {
            terminal.print_json(&found);
        }
        if let Some(path) = self.write_docs {
            let tables: Vec<String> = found.iter().map(Ablated::markdown).collect();
            let files: String = options.files.iter().map(|file| format!("{} ", file.display())).collect();
            let seeds = options.seeds;
            let text = format!(
                "# Ablations\n\nWritten by `cargo xtask ablate {files}--seeds {seeds}`, {}.\n\n{}",
                platform_line(),
                tables.join("\n")
            );
            report::write_text(&path, &text)?;
            terminal.say(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}
