use std::path::{Path, PathBuf};

use clap::Args;
use u2i::{Error, report, table};
use u2i_chapter::claims::{CLAIMS, Claims, ClaimsOptions, claims, document};

use super::shared::{Data, Device, platform_line};
use crate::output::Output;
use crate::terminal::Terminal;

/// Look at the chapter's statements, each by a small experiment, and say which hold.
///
/// What was found before into the same --out is not run again. A claim whose data is not there is skipped.
///
/// Example: `u2i claims --only unit-vectors --only mean-pooling`
#[derive(Args)]
pub struct Arguments {
    /// Claims by their ids; may be given several times. All of them if none is named.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Print the ids of all claims and what they are about, and run nothing.
    #[arg(long, conflicts_with_all = ["only", "tiny", "rows", "write_docs"])]
    list: bool,
    /// A tiny synthetic data set in place of all data sets, and tiny sizes: shows that each experiment runs, and says
    /// nothing of the chapter.
    #[arg(long)]
    tiny: bool,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    device: Device,
    /// Where what is found goes.
    #[arg(long, default_value = "runs/claims")]
    out: PathBuf,
    /// Write the rows to a file, as a list of {id, verdict, figures}.
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Write the document to a file, docs/chapter.md if none is named, and its pictures below images/chapter beside it.
    /// Nothing is written if a claim is missing.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "docs/chapter.md")]
    write_docs: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        if self.list {
            for claim in &CLAIMS {
                terminal.print(&format!("{:<26} {}", claim.id, claim.title));
            }
            return Ok(());
        }
        let options = ClaimsOptions {
            only: self.only,
            tiny: self.tiny,
            places: self.data.places(),
            device: self.device.device,
            out: self.out,
        };
        let found = claims(&options, terminal)?;
        match output {
            Output::Json => terminal.print_json(&found.rows()),
            Output::Text => terminal.print(&summary(&found)),
        }
        if let Some(path) = self.rows {
            report::write_json(&path, &found.rows())?;
            terminal.say(&format!("wrote {}", path.display()));
        }
        if let Some(path) = self.write_docs {
            write(&path, &found, &options, terminal)?;
        }
        Ok(())
    }
}

fn summary(found: &Claims) -> String {
    let header = ["claim", "verdict", "CPU s"].map(str::to_owned).to_vec();
    let rows = found.found.iter().map(|found| {
        let verdict = found.finding.verdict.words().to_owned();
        vec![found.id.clone(), verdict, format!("{:.0}", found.cpu_s)]
    });
    let skipped = found.skipped.iter().map(|(id, _)| vec![id.clone(), "skipped".to_owned(), String::new()]);
    table::grid(&std::iter::once(header).chain(rows).chain(skipped).collect::<Vec<_>>())
}

fn write(
    path: &Path,
    found: &Claims,
    options: &ClaimsOptions,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    if !found.is_whole() {
        let missing = CLAIMS.len() - found.found.len();
        terminal.say(&format!("{} is not written: {missing} claims are missing", path.display()));
        return Ok(());
    }
    let command = if options.tiny { "cargo xtask claims --tiny" } else { "cargo xtask claims" };
    let document = document(&found.found, command, &platform_line());
    let folder = path.parent().unwrap_or(Path::new(""));
    for (name, svg) in &document.pictures {
        report::write_text(&folder.join(name), svg)?;
    }
    // Last, so that it never shows a picture that is not there.
    report::write_text(path, &document.text)?;
    terminal.say(&format!("wrote {} and {} pictures", path.display(), document.pictures.len()));
    Ok(())
}
