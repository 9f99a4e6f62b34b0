//! The command line `u2i`.

mod signals;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use u2i::data::{DatasetName, Mirror, Places};
use u2i::device::DeviceChoice;
use u2i::experiments::{ModelName, Protocol, Recipe, ReproduceOptions, dry_run, reproduce};
use u2i::{Error, exit_code, report};

use signals::Signals;
use terminal::Terminal;

/// U2I recall: FM, DSSM and YouTubeDNN from raw events to ranked items.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train, evaluate and compare the chapter's models.
    Reproduce(Reproduce),
}

/// Example: `u2i reproduce youtube_dnn --dataset ml-1m --protocol time --recipe tuned --seeds 3`
#[derive(Args)]
struct Reproduce {
    /// Models: fm, dssm, youtube_dnn (the chapter's fm_recall and youtubednn, too). All of them if none is named.
    /// dssm_text, the chapter's words instead of its code, has the recipe book only.
    models: Vec<ModelName>,
    /// auto, synthetic, ml-100k or ml-1m. auto takes ml-1m where it is or can be had, else synthetic.
    #[arg(long, default_value = "auto")]
    dataset: DatasetName,
    /// The folder of the data set, or the one that holds it. Then $U2I_DATA_DIR and the cache are looked into.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// time, cut, book or all. time and then book if none is named.
    #[arg(long)]
    protocol: Option<Protocols>,
    /// tuned or book. Each that belongs to a protocol if none is named.
    #[arg(long)]
    recipe: Option<Recipe>,
    /// Runs of each model, with seeds 1 to N.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// auto, cpu, ndarray, wgpu or wgpu:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Where reports go.
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Only read and prepare the data, and print how much memory each run would take. Trains and writes nothing.
    #[arg(long, conflicts_with_all = ["check", "resume", "write_docs"])]
    dry_run: bool,
    /// Run the guards, too, and fail if one does.
    #[arg(long)]
    check: bool,
    /// Go on from the checkpoints of an earlier job in the same --out, where there are any.
    #[arg(long)]
    resume: bool,
    /// Seconds between checkpoints.
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    checkpoint_every: f64,
    /// Write the tables to a file, docs/results.md if none is named.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "docs/results.md")]
    write_docs: Option<PathBuf>,
    /// A folder of experiment files instead of those built in.
    #[arg(long)]
    configs: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) => Ok(seconds),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Clone)]
struct Protocols(Vec<Protocol>);

impl std::str::FromStr for Protocols {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Protocols(if text == "all" { Protocol::ALL.to_vec() } else { vec![text.parse()?] }))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            terminal::error(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    let result = match cli.command {
        Command::Reproduce(arguments) => run_reproduce(arguments, &signals),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            let code = error.exit_code();
            let terminated = code == exit_code::INTERRUPTED && signals.terminated();
            ExitCode::from(if terminated { exit_code::TERMINATED } else { code })
        }
    }
}

fn run_reproduce(arguments: Reproduce, signals: &Signals) -> Result<(), Error> {
    let mut models = arguments.models;
    let mut named = std::collections::BTreeSet::new();
    models.retain(|model| named.insert(*model));
    if models.is_empty() {
        models = ModelName::ALL.to_vec();
    }
    let options = ReproduceOptions {
        models,
        dataset: arguments.dataset,
        places: Places {
            data_dir: arguments.data_dir,
            env_dir: std::env::var_os("U2I_DATA_DIR").map(PathBuf::from),
            cache_dir: cache_dir(),
            mirror: Mirror { proxy: proxy(), ..Mirror::grouplens() },
        },
        protocols: arguments.protocol.map_or(vec![Protocol::Time, Protocol::Book], |protocols| protocols.0),
        recipe: arguments.recipe,
        seeds: arguments.seeds,
        device: arguments.device,
        out: arguments.out,
        check: arguments.check,
        resume: arguments.resume,
        checkpoint_every: Duration::from_secs_f64(arguments.checkpoint_every),
        configs: arguments.configs,
    };
    let stage = u2i::Stage::begin();
    let mut terminal = Terminal::new(signals);
    if arguments.dry_run {
        for run in dry_run(&options, &mut terminal)? {
            terminal.print(&run.to_string());
        }
        return Ok(());
    }
    let found = reproduce(&options, &mut terminal)?;
    let cost = stage.cost();
    terminal.print(&format!("all of it: {:.0} s, {:.0} s CPU (user + system)", cost.wall_s, cost.cpu_s));
    if let Some(path) = arguments.write_docs {
        report::write_text(&path, &results(&found.tables))?;
        terminal.print(&format!("wrote {}", path.display()));
    }
    // Last: a guard that failed takes no result along.
    found.guards.map_or(Ok(()), |guards| guards.check())
}

fn results(tables: &[u2i::experiments::ProtocolTable]) -> String {
    // Where things lie changes no figure.
    let mut arguments = Vec::new();
    let mut all = std::env::args().skip(2);
    while let Some(argument) = all.next() {
        match argument.as_str() {
            "--out" | "--data-dir" => drop(all.next()),
            _ if argument.starts_with("--write-docs") => arguments.push("--write-docs".to_owned()),
            _ if argument.starts_with("--out=") || argument.starts_with("--data-dir=") => {}
            _ => arguments.push(argument),
        }
    }
    let mut text = format!(
        "# Results\n\nWritten by `cargo xtask reproduce {}`, version {}, on {}-{}, {} worker threads.\n",
        arguments.join(" "),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    for table in tables {
        text += &format!("\n{}", table.markdown());
    }
    text
}

/// The proxy of HTTPS requests, as curl and others take it from the environment.
fn proxy() -> Option<String> {
    let named = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    named.into_iter().find_map(|name| std::env::var(name).ok()).filter(|proxy| !proxy.is_empty())
}

/// The user's cache folder: `$XDG_CACHE_HOME` or `~/.cache`, and below it `u2i/data`.
fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("u2i").join("data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn all_protocols_come_in_the_order_of_the_tables() {
        let Protocols(all) = "all".parse().unwrap();
        assert_eq!(all, Protocol::ALL);
    }
}
