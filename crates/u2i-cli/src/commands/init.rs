use std::path::PathBuf;

use clap::Args;
use u2i::{Error, report};
use u2i_onboarding::{InitOptions, ModelChoice, init};

use crate::output::Output;
use crate::terminal::Terminal;

/// Look at files of events and write an experiment for them, each guess under its reason.
///
/// Example: `u2i init events.csv items.csv --out experiment.toml`
///
/// Takes CSV and Parquet files, MovieLens folders, RecBole's atomic files (.inter, .user, .item) and text of `user item`
/// per line in time order. Where it is not clear what a column holds, it says what there is to choose from.
#[derive(Args)]
pub struct Arguments {
    /// Files of events, users and items, or the one folder that holds them.
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// The experiment file to write. It must not be there.
    #[arg(long, value_name = "CONFIG")]
    out: PathBuf,
    /// The column of users.
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// The column of items.
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// The column of times.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// fm, dssm or youtube_dnn.
    #[arg(long, default_value = "youtube_dnn")]
    model: ModelChoice,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let Arguments { data, out, user, item, time, model } = self;
        if out.exists() {
            let message =
                format!("{} is there already, and may have been edited; name another file", out.display());
            return Err(Error::Usage(message));
        }
        let made = init(&InitOptions { data, out: out.clone(), user, item, time, model })?;
        report::write_text(&out, &made.text)?;
        match output {
            Output::Json => terminal.print_json(&made),
            Output::Text => terminal.print(&made.to_string()),
        }
        terminal.say(&format!("wrote {}; every guess stands there under its reason", out.display()));
        Ok(())
    }
}
