use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use u2i::run::{HTML, RunFiles};
use u2i::{Error, report};
use u2i_page::render;

use crate::output::Output;
use crate::terminal::Terminal;

/// Write a finished run as one HTML page with pictures, to be opened in any browser.
///
/// Example: `u2i report run` writes run/report.html
#[derive(Args)]
pub struct Arguments {
    /// The folder of a finished run.
    run: PathBuf,
    /// Where the page goes, RUN/report.html if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let page = render(&RunFiles::read(&self.run)?)?;
        let path = self.out.unwrap_or_else(|| self.run.join(HTML));
        report::write_text(&path, &page)?;
        match output {
            Output::Json => terminal.print_json(&json!({ "report": path, "bytes": page.len() })),
            Output::Text => terminal.print(&format!("wrote {}", path.display())),
        }
        Ok(())
    }
}
