//! The whole job as somebody has it who uses the program: a file of events to a config, a trained and evaluated model, a
//! bundle and, if that is asked for, recommendations. Each command is a process of its own.

mod command;
mod events;
mod stages;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use u2i_features::polars::prelude::*;

use crate::rounds::serve;
use crate::scratch::Scratch;
use command::{Limits, Took, run};
use events::{Events, Held, Size, item_id, user_id};
use stages::Stages;

/// How large the job is, and what it ends with.
#[derive(Args)]
pub struct Options {
    /// Events
    #[arg(long)]
    events: Magnitude,
    /// Epochs in place of those that the config has
    #[arg(long)]
    epochs: Option<NonZeroUsize>,
    /// Evaluates every test user, however many there are
    #[arg(long)]
    every_user: bool,
    /// Recommends the best 100 to 10,000 users, and writes them there
    #[arg(long, value_name = "FILE")]
    lists: Option<PathBuf>,
    /// The program `u2i`
    #[arg(long)]
    u2i: Option<PathBuf>,
    /// Seconds after which the job is stopped
    #[arg(long, default_value_t = 36_000)]
    limit_s: u64,
    /// Memory that no command may hold more of
    #[arg(long)]
    limit_gib: Option<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Magnitude {
    #[value(name = "1e4")]
    TenThousand,
    #[value(name = "1e5")]
    HundredThousand,
    #[value(name = "1e6")]
    Million,
    #[value(name = "1e7")]
    TenMillion,
    #[value(name = "1e8")]
    HundredMillion,
}

impl Magnitude {
    fn size(self) -> Size {
        let (events, users, items) = match self {
            Magnitude::TenThousand => (10_000, 1_000, 2_000),
            Magnitude::HundredThousand => (100_000, 15_000, 20_000),
            // Of these items 300,000 are met.
            Magnitude::Million => (1_000_000, 180_000, 500_000),
            Magnitude::TenMillion => (10_000_000, 418_000, 500_000),
            Magnitude::HundredMillion => (100_000_000, 2_000_000, 1_000_000),
        };
        Size { events, users, items }
    }
}

/// Users whose last event is foretold.
const HELD: usize = 10_000;
/// How many are recommended to each.
const K: usize = 100;
/// The events. Written last of the files of a folder, so that it is there when all are.
const EVENTS: &str = "events.csv";
/// For each of the users above what they have met before their last event, oldest first.
const REQUESTS: &str = "requests.csv";
/// Users and their last items, in the same order.
const LAST: &str = "last.csv";

impl Options {
    /// Writes what both sides read.
    pub fn write(&self, data: &Path) -> Result<()> {
        let (size, folder) = (self.events.size(), self.folder(data));
        if folder.join(EVENTS).exists() {
            return Ok(());
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let whole = |name: &str, write: &mut dyn FnMut(&mut BufWriter<File>) -> Result<()>| -> Result<()> {
            // Under another name first, so that half a file is not taken for a whole one.
            let partial = folder.join(name).with_extension("partial");
            let file =
                File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
            let mut file = BufWriter::new(file);
            write(&mut file)?;
            file.into_inner()?.sync_all()?;
            Ok(fs::rename(&partial, folder.join(name))?)
        };
        whole(EVENTS, &mut |events_file| {
            let events = Events::write(size, events_file)?;
            let held = events.held(HELD);
            whole(REQUESTS, &mut |file| {
                writeln!(file, "history")?;
                for Held { before, .. } in &held {
                    let ids: Vec<String> = before.iter().map(|&item| item_id(item)).collect();
                    writeln!(file, "\"{}\"", ids.join(","))?;
                }
                Ok(())
            })?;
            whole(LAST, &mut |file| {
                writeln!(file, "user,item")?;
                for Held { user, last, .. } in &held {
                    writeln!(file, "{},{}", user_id(*user), item_id(*last))?;
                }
                Ok(())
            })
        })
    }

    /// Does the job, a round at a time.
    pub fn run(&self, data: &Path) -> Result<()> {
        // The program runs elsewhere.
        let folder = absolute(self.folder(data))?;
        serve(json!({ "last": folder.join(LAST) }), || {
            let scratch = Scratch::new(&folder)?;
            self.round(&folder, &scratch.0)
        })
    }

    fn folder(&self, data: &Path) -> PathBuf {
        let name =
            self.events.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        data.join(format!("whole-job-{name}"))
    }

    #[expect(clippy::print_stderr, reason = "a job takes minutes, so it says how far it is")]
    fn round(&self, folder: &Path, scratch: &Path) -> Result<Value> {
        let program = absolute(self.u2i.as_ref().context("name the program with --u2i")?)?;
        let limits =
            Limits { end: Instant::now() + Duration::from_secs(self.limit_s), peak_gib: self.limit_gib };
        let step = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.arg(name).args(arguments).current_dir(scratch);
            run(&mut command, &scratch.join(format!("{name}.log")), limits)
        };
        let text = |name: &str| folder.join(name).display().to_string();
        let mut settings = Vec::new();
        if let Some(epochs) = self.epochs {
            settings.push(format!("train.epochs={epochs}"));
        }
        if self.every_user {
            settings.push("evaluation.users=\"all\"".to_owned());
        }
        let mut train = vec!["experiment.toml", "--out", "run"];
        train.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        let (events, requests, k) = (text(EVENTS), text(REQUESTS), K.to_string());
        let mut commands: Vec<(&str, Vec<&str>)> = vec![
            ("init", vec![events.as_str(), "--out", "experiment.toml"]),
            ("train", train),
            ("export", vec!["run", "--out", "bundle"]),
        ];
        if self.lists.is_some() {
            commands.push((
                "recommend",
                vec!["bundle", "--users", requests.as_str(), "--k", k.as_str(), "--out", "lists.parquet"],
            ));
        }
        let mut took: Vec<(&str, Took)> = Vec::new();
        for (name, arguments) in commands {
            let Some(own) = step(name, &arguments)? else {
                return Ok(json!({ "stopped": true, "wall_s": self.limit_s }));
            };
            eprintln!("{name}: {:.1} s, {:.1} CPU s, {:.0} MiB", own.wall_s, own.cpu_s, own.peak_rss_mib);
            took.push((name, own));
        }
        if let Some(lists) = &self.lists {
            let n_requests = fs::read_to_string(&requests)?.lines().count() - 1;
            write_lists(&scratch.join("lists.parquet"), n_requests, lists)?;
        }
        let report = fs::read_to_string(scratch.join("run/report.json")).context("the run has no report")?;
        let tables_bytes = 4 * fs::metadata(scratch.join("run/model.safetensors"))?.len();
        let size = self.events.size();
        Ok(Stages::new(&took, &serde_json::from_str(&report)?)?.round(size.events, tables_bytes))
    }
}

/// Rewrites what `u2i recommend` wrote: a line for each request, its items with commas between them, the best first.
fn write_lists(parquet: &Path, n_requests: usize, lists: &Path) -> Result<()> {
    let frame = ParquetReader::new(File::open(parquet)?).finish()?;
    let (requests, items) = (frame.column("request")?.cast(&DataType::UInt32)?, frame.column("item_id")?);
    // Requests stand in their order. One without an item has an empty line.
    let mut lines = vec![String::new(); n_requests];
    for (request, item) in requests.u32()?.iter().zip(items.str()?.iter()) {
        let (request, item) = (request.context("a request")? as usize, item.context("an item")?);
        let line = lines.get_mut(request).context("a list of nobody")?;
        if !line.is_empty() {
            line.push(',');
        }
        line.push_str(item);
    }
    lines.push(String::new());
    fs::write(lists, lines.join("\n")).with_context(|| format!("cannot write {}", lists.display()))
}
