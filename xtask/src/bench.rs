//! `cargo xtask bench`: ours and the peers in one run, a round of each in turn, and `docs/benchmarks.md` from what that took.

mod contender;
mod contests;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cargo::{cargo, output, root, run as run_command, target_dir};
use contender::Contender;
use contests::{CONTESTS, Contest, Peer};
use table::Row;

/// Measured side by side.
#[derive(Args)]
pub struct Options {
    /// With the peers in Python, too: they go into a virtual environment outside of the checkout, about 7 GB
    #[arg(long)]
    against: Option<Against>,
    /// Only these contests, by their ids or the first part of them (`serve`); docs/benchmarks.md keeps what it says of the
    /// others
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
        let known: Vec<&str> = CONTESTS.iter().map(|contest| contest.id).collect();
        ensure!(
            known.iter().any(|own| names(id, own)),
            "there is no contest `{id}`, of {}",
            known.join(", ")
        );
    }
    // What is named is run whatever it takes.
    let is_asked = |contest: &&Contest| match options.only.is_empty() {
        true => options.against.is_some() || !contest.peer.needs_python(),
        false => options.only.iter().any(|id| names(id, contest.id)),
    };
    let asked: Vec<&Contest> = CONTESTS.iter().filter(is_asked).collect();
    // As tests and binaries are built: `-p` would give burn other features and build it again.
    let scope = ["--release", "--locked", "--workspace", "--exclude", "u2i-benches"];
    run_command(cargo().current_dir(root()).arg("build").args(scope).args([
        "--bin",
        "bench_u2i",
        "--bin",
        "u2i",
    ]))?;
    let needs_python = asked.iter().any(|contest| contest.peer.needs_python());
    let place = Place {
        ours: target_dir().join("release/bench_u2i"),
        program: target_dir().join("release/u2i"),
        python: if needs_python { Some(python()?) } else { None },
        data: target_dir().join("bench"),
        commit: commit()?,
        movielens: movielens(options.movielens.as_deref()),
    };
    fs::create_dir_all(&place.data).with_context(|| format!("cannot make {}", place.data.display()))?;
    let (json, markdown) = (root().join("docs/benchmarks.json"), root().join("docs/benchmarks.md"));
    let mut rows: Vec<Value> = Vec::new();
    for contest in asked {
        for &threads in contest.threads {
            eprintln!("xtask: {} {}, {threads} thread(s)", contest.id, contest.variant);
            let row = place.run(contest, threads).with_context(|| format!("the contest {}", contest.id))?;
            eprintln!("xtask: {row}");
            rows.push(row.json());
            // At once, so that what was measured is kept if a later contest fails or is stopped.
            table::update(vec![row], &json, &markdown)?;
            if let Some(path) = &options.json {
                let list = Value::Array(rows.clone());
                fs::write(path, format!("{list:#}\n"))
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Whether `given` is this id, or the first part of it where no id is just that: `serve` names all that begin so.
fn names(given: &str, id: &str) -> bool {
    let is_id = CONTESTS.iter().any(|contest| contest.id == given);
    id == given || !is_id && id.strip_prefix(given).is_some_and(|rest| rest.starts_with('-'))
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

/// Python with the peers' packages, as `scripts/peers.sh --python` makes it.
fn python() -> Result<PathBuf> {
    let path = output(Command::new(root().join("scripts/peers.sh")).arg("--python"))?;
    Ok(PathBuf::from(path.trim()))
}

fn movielens(given: Option<&Path>) -> Option<PathBuf> {
    given
        .map(Path::to_path_buf)
        .or_else(|| Some(PathBuf::from(std::env::var_os("U2I_DATA_DIR")?).join("ml-1m")))
}

/// How the arguments of contests of the service begin.
const SERVE: &str = "serve ";

/// Where everything is.
struct Place {
    ours: PathBuf,
    /// What serves bundles.
    program: PathBuf,
    python: Option<PathBuf>,
    data: PathBuf,
    commit: String,
    movielens: Option<PathBuf>,
}

impl Place {
    fn run(&self, contest: &Contest, threads: usize) -> Result<Row> {
        self.write(contest.ours)?;
        if let Peer::Ours(arguments) = contest.peer {
            self.write(arguments)?;
        }
        let sides: &[usize] = if matches!(contest.peer, Peer::Nobody) { &[0] } else { &[0, 1] };
        let start = |side: usize| -> Result<Contender> {
            let mut command = match (side, &contest.peer) {
                (0, _) | (_, Peer::Nobody) => self.ours(&[], contest.ours)?,
                (_, Peer::Ours(arguments)) => self.ours(&[], arguments)?,
                (_, Peer::Python(line)) => self.peer(line, threads)?,
                (_, Peer::Served(script, arguments)) => {
                    let python = self.python.as_ref().context("peers run in Python")?;
                    let mut command = self.ours(&[], arguments)?;
                    command.arg("--python").arg(python);
                    command.arg("--script").arg(root().join("benches/peers").join(script));
                    command
                }
            };
            if contest.ours.starts_with(SERVE) {
                command.arg("--u2i").arg(&self.program).arg("--threads").arg(threads.to_string());
            }
            Contender::start(&mut command, threads)
        };
        let mut rounds = [Vec::new(), Vec::new()];
        let mut ready = [Value::Null, Value::Null];
        if contest.fresh {
            for _ in 0..contest.rounds {
                for &side in sides {
                    let mut contender = start(side)?;
                    rounds[side].push(contender.round()?);
                    ready[side] = contender.end()?;
                }
            }
        } else {
            let mut contenders: Vec<Contender> =
                sides.iter().map(|&side| start(side)).collect::<Result<_>>()?;
            for round in 0..=contest.rounds {
                // Neither is always first.
                for place in 0..sides.len() {
                    let side = (place + round) % sides.len();
                    let took = contenders[side].round()?;
                    // The first round warms caches up.
                    if round > 0 {
                        rounds[side].push(took);
                    }
                }
            }
            for (side, contender) in contenders.into_iter().enumerate() {
                ready[side] = contender.end()?;
            }
        }
        let [ours, peer] = &rounds;
        let mut row = Row::new(contest, threads, (ours, &ready[0]), (peer, &ready[1]))?;
        row.set("commit", Value::from(self.commit.as_str()));
        if ["evaluate", "exact"].contains(&contest.id) {
            let lists =
                ["ours", "peer"].map(|side| lists(&self.data.join(format!("{}_{side}.npy", contest.id))));
            let [ours, peer] = lists;
            let same = same_lists(&ours?, &peer?)?;
            // Rounding may exchange the last item of a list for one next to it.
            ensure!(same > 0.98, "only {:.2} % of the lists are the same on both sides", 100.0 * same);
            row.set("same_lists", Value::from(same));
        }
        Ok(row)
    }

    /// Has our side write what both sides read.
    fn write(&self, arguments: &str) -> Result<()> {
        run_command(&mut self.ours(&["--write"], arguments)?)
    }

    fn ours(&self, options: &[&str], arguments: &str) -> Result<Command> {
        let mut command = Command::new(&self.ours);
        command.args(options).arg("--data").arg(&self.data).args(arguments.split_whitespace());
        if arguments == "prepare movielens" {
            command.arg("--files").arg(self.movielens()?);
        }
        Ok(command)
    }

    fn peer(&self, line: &str, threads: usize) -> Result<Command> {
        let mut words = line.split_whitespace();
        let script = words.next().context("a script")?;
        let python = self.python.as_ref().context("peers run in Python")?;
        let mut command = Command::new(python);
        command.arg(root().join("benches/peers").join(script)).args(words);
        command.arg("--threads").arg(threads.to_string()).arg("--data");
        match script {
            "prepare_pandas.py" => command.arg(self.movielens()?),
            _ => command.arg(&self.data),
        };
        Ok(command)
    }

    fn movielens(&self) -> Result<&Path> {
        let folder = self.movielens.as_deref();
        folder.context("MovieLens 1M is read here: name its folder with --movielens, or set U2I_DATA_DIR")
    }
}

/// Items of a list of 100 for each query, as both sides write them: `int32` behind the header of a `.npy` file.
fn lists(path: &Path) -> Result<Vec<[u8; 4]>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let wrong = || format!("{} is no list of items", path.display());
    let length = file.get(8..10).with_context(wrong)?;
    let begin = 10 + usize::from(length[0]) + 256 * usize::from(length[1]);
    ensure!(file[10..].starts_with(b"{'descr': '<i4'"), wrong());
    let (items, rest) = file.get(begin..).with_context(wrong)?.as_chunks::<4>();
    ensure!(rest.is_empty() && items.len().is_multiple_of(LIST), wrong());
    Ok(items.to_vec())
}

const LIST: usize = 100;

/// Share of the lists that hold the same items, in whatever order.
fn same_lists(ours: &[[u8; 4]], peer: &[[u8; 4]]) -> Result<f64> {
    ensure!(ours.len() == peer.len() && !ours.is_empty(), "{} and {} items", ours.len(), peer.len());
    let sorted = |list: &[[u8; 4]]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    let pairs = ours.chunks(LIST).zip(peer.chunks(LIST));
    let same = pairs.filter(|(a, b)| sorted(a) == sorted(b)).count();
    Ok(same as f64 / (ours.len() / LIST) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_of_ids_names_all_that_begin_so_but_an_id_names_itself_alone() {
        let named = |given| CONTESTS.iter().filter(move |contest| names(given, contest.id)).map(|own| own.id);
        assert!(named("serve").count() >= 8 && named("serve").all(|id| id.starts_with("serve-")));
        assert!(named("prepare-vs-pandas").all(|id| id == "prepare-vs-pandas"));
        assert_eq!((named("serv").count(), named("").count()), (0, 0));
    }
}
