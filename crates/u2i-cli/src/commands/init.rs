use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use u2i::{Error, report};
use u2i_features::{FeatureError, TimeUnit};
use u2i_onboarding::{InitOptions, ModelChoice, init_following, parse_time_unit};

use super::datasets::{self, Asked};
use super::shared::Data;
use crate::output::Output;
use crate::terminal::Terminal;

/// Look at files of events and write an experiment for them, each guess under its reason.
///
/// Example: `u2i init events.csv items.csv --out experiment.toml`
///
/// With `--dataset NAME` it looks at a published data set instead, and downloads it if it is not there.
///
/// Takes CSV and Parquet files, MovieLens folders, RecBole's atomic files (.inter, .user, .item) and text of `user item`
/// per line in time order. It says what each file became and why. Where it is not clear which file or column is meant, it
/// says what there is to choose from and the options that choose. A column is named as COLUMN, or as FILE:COLUMN where
/// several files have one of that name.
#[derive(Args)]
pub struct Arguments {
    /// Files of events, users and items, or the one folder that holds them.
    #[arg(required_unless_present_any = ["events", "dataset"])]
    data: Vec<PathBuf>,
    /// A published data set by its name, ml-25m or amazon-2023-Books for instance. list names all that there are.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["data", "events"])]
    dataset: Option<Asked>,
    #[command(flatten)]
    named: Data,
    /// The experiment file to write. It must not be there.
    #[arg(long, value_name = "CONFIG", required_unless_present = "dataset")]
    out: Option<PathBuf>,
    /// The file of events.
    #[arg(long, value_name = "FILE")]
    events: Option<String>,
    /// The file that describes users, and the column of their ids.
    #[arg(long, value_name = "FILE[:COLUMN]")]
    users: Option<String>,
    /// The file that describes items, and the column of their ids.
    #[arg(long, value_name = "FILE[:COLUMN]")]
    items: Option<String>,
    /// The column of users in the events.
    #[arg(long, value_name = "[FILE:]COLUMN")]
    user: Option<String>,
    /// The column of items in the events.
    #[arg(long, value_name = "[FILE:]COLUMN")]
    item: Option<String>,
    /// The column of times in the events.
    #[arg(long, value_name = "[FILE:]COLUMN")]
    time: Option<String>,
    /// How times are written: s, ms, us, ns, datetime, yyyymmdd, excel_days, or a pattern of strftime such as %d.%m.%Y.
    #[arg(long, value_name = "UNIT", value_parser = parse_time_unit)]
    time_unit: Option<TimeUnit>,
    /// There are no times: events stand in the order in which they happened.
    #[arg(long, conflicts_with_all = ["time", "time_unit"])]
    no_time: bool,
    /// Texts begin with rows, without the names of their columns, which are called 1, 2 and so on: --user 1 --item 2.
    #[arg(long)]
    no_header: bool,
    /// The largest share of the rows of a file that may be unusable, 0.05 for instance.
    #[arg(long, value_name = "SHARE")]
    max_rejects: Option<f64>,
    /// fm, dssm or youtube_dnn.
    #[arg(long, default_value = "youtube_dnn")]
    model: ModelChoice,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let Arguments {
            data,
            dataset,
            named,
            out,
            events,
            users,
            items,
            user,
            item,
            time,
            time_unit,
            no_time,
            no_header,
            max_rejects,
            model,
        } = self;
        let dataset = match dataset {
            Some(Asked::List) => {
                datasets::list(output, terminal);
                return Ok(());
            }
            Some(Asked::Set(name)) => Some(name),
            None => None,
        };
        let out =
            out.ok_or_else(|| Error::Usage("name the experiment file to write: --out CONFIG".to_owned()))?;
        if out.exists() {
            let message =
                format!("{} is there already, and may have been edited; name another file", out.display());
            return Err(Error::Usage(message));
        }
        let (data, columns) = match dataset {
            Some(name) => datasets::files(name, &named.places(), terminal)?,
            None => (data, None),
        };
        let is_headerless = columns.is_some();
        let [own_user, own_item, own_time] = columns.map_or([None, None, None], |columns| columns.map(Some));
        let options = InitOptions {
            events,
            users,
            items,
            user: user.or(own_user),
            item: item.or(own_item),
            time: time.or(own_time),
            time_unit,
            no_time,
            no_header: no_header || is_headerless,
            max_rejects,
            ..InitOptions::new(data, out.clone(), model, now_s())
        };
        let made = init_following(&options, terminal).inspect_err(|error| {
            if matches!(error, Error::Features(FeatureError::TooManyRejects { .. })) {
                terminal.say("--max-rejects SHARE lets a config be made with that share of rows left out");
            }
        })?;
        report::write_text(&out, &made.text)?;
        match output {
            Output::Json => terminal.print_json(&made),
            Output::Text => terminal.print(&made.to_string()),
        }
        terminal.say(&format!("wrote {}; every guess stands there under its reason", out.display()));
        Ok(())
    }
}

/// Unix time in seconds by the system's clock; 0 if that stands before 1970.
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
