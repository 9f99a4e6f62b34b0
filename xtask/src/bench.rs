//! `cargo xtask bench`: ours and the peers in one run, a round of each in turn, and `docs/benchmarks.md` from what that took.

mod contender;
mod contest;
mod contests;
mod document;
#[cfg(test)]
mod fixture;
mod hits;
mod jobs;
mod place;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cargo::{cargo, output, root, run as run_command, target_dir};
use contest::{Asked, Contest};
use contests::contests;
use place::{Alone, CHECKPOINT, Place};

/// Measured side by side.
#[derive(Args)]
pub struct Options {
    /// With the peers in Python, too: they go into a virtual environment outside of the checkout, about 7 GB
    #[arg(long)]
    against: Option<Against>,
    /// Only these contests, by their ids or the first part of them (`serve`); docs/benchmarks.md keeps what it says of the
    /// others. Whole jobs are run only if they are named, and whole-job-1e8 only in full
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,
    /// Also writes the rows there, as a list of `{id, variant, threads, ours, peer, unit, ratio, …}`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The folder of MovieLens 1M. Then $U2I_DATA_DIR/ml-1m is looked into
    #[arg(long, value_name = "DIR")]
    movielens: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Against {
    Python,
}

/// Runs what is asked for, and writes the tables.
pub fn run(options: &Options) -> Result<()> {
    for id in &options.only {
        let mut known: Vec<&str> = contests().map(|contest| contest.id).collect();
        known.dedup();
        let is_known = contests().any(|contest| names(id, contest));
        ensure!(is_known, "there is no contest `{id}`, of {}", known.join(", "));
    }
    // What is named is run whatever it takes.
    let is_asked = |contest: &&Contest| match options.only.is_empty() {
        true => {
            let is_there = options.against.is_some() || contest.peer.environment().is_none();
            contest.asked == Asked::Always && is_there
        }
        false => options.only.iter().any(|id| names(id, contest)),
    };
    let asked: Vec<&Contest> = contests().filter(is_asked).collect();
    // As tests and binaries are built: `-p` would give burn other features and build it again.
    let scope = ["--release", "--locked", "--workspace", "--exclude", "u2i-benches"];
    let mut build = cargo();
    build.current_dir(root()).arg("build").args(scope).args(["--bin", "bench_u2i", "--bin", "u2i"]);
    if asked.iter().any(|contest| contest.ours.starts_with(CHECKPOINT)) {
        build.args(["--example", "checkpoint_memory"]);
    }
    run_command(&mut build)?;
    let mut pythons = BTreeMap::new();
    for environment in asked.iter().filter_map(|contest| contest.peer.environment()) {
        if !pythons.contains_key(environment) {
            pythons.insert(environment, python(environment)?);
        }
    }
    let place = Place {
        ours: target_dir().join("release/bench_u2i"),
        program: target_dir().join("release/u2i"),
        pythons,
        data: target_dir().join("bench"),
        commit: commit()?,
        movielens: movielens(options.movielens.as_deref()),
    };
    fs::create_dir_all(&place.data).with_context(|| format!("cannot make {}", place.data.display()))?;
    let (json, markdown) = (root().join("docs/benchmarks.json"), root().join("docs/benchmarks.md"));
    let mut rows: Vec<Value> = Vec::new();
    let mut alone = Alone::new();
    for contest in asked {
        for &threads in contest.threads {
            eprintln!("xtask: {} {}, {threads} thread(s)", contest.id, contest.variant);
            let row = place
                .row(contest, threads, &mut alone)
                .with_context(|| format!("the contest {}", contest.id))?;
            eprintln!("xtask: {row}");
            rows.push(row.json());
            // At once, so that what was measured is kept if a later contest fails or is stopped.
            document::update(vec![row], &json, &markdown)?;
            if let Some(path) = &options.json {
                let list = Value::Array(rows.clone());
                fs::write(path, format!("{list:#}\n"))
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Whether `given` is the id of this contest, or the first part of it where no id is just that: `serve` names all that begin
/// so, but for those that want to be named in full.
fn names(given: &str, contest: &Contest) -> bool {
    let is_id = contests().any(|contest| contest.id == given);
    let is_part = || contest.id.strip_prefix(given).is_some_and(|rest| rest.starts_with('-'));
    contest.id == given || contest.asked != Asked::InFull && !is_id && is_part()
}

/// What is measured; with a mark where files are not as they were committed.
fn commit() -> Result<String> {
    let text = output(Command::new("git").current_dir(root()).args([
        "describe",
        "--always",
        "--dirty",
        "--exclude=*",
    ]))?;
    Ok(text.trim().to_owned())
}

/// Python with the peers' packages, as `scripts/peers.sh` makes it.
fn python(environment: &str) -> Result<PathBuf> {
    let path = output(Command::new(root().join("scripts/peers.sh")).arg(environment))?;
    Ok(PathBuf::from(path.trim()))
}

fn movielens(given: Option<&Path>) -> Option<PathBuf> {
    given
        .map(Path::to_path_buf)
        .or_else(|| Some(PathBuf::from(std::env::var_os("U2I_DATA_DIR")?).join("ml-1m")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_of_ids_names_all_that_begin_so_but_an_id_names_itself_alone() {
        let named = |given| contests().filter(move |contest| names(given, contest)).map(|own| own.id);
        assert!(named("serve").count() >= 8 && named("serve").all(|id| id.starts_with("serve-")));
        assert!(named("prepare-vs-pandas").all(|id| id == "prepare-vs-pandas"));
        assert_eq!((named("serv").count(), named("").count()), (0, 0));
        // The longest of whole jobs is run only by its whole name.
        assert!(named("whole-job").all(|id| id != "whole-job-1e8") && named("whole-job-1e8").count() == 1);
        assert!(named("whole-job").count() >= 10 && named("whole-job-vs").all(|id| id.contains("-vs-")));
    }
}
