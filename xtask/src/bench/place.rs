//! Where everything is that a contest needs, and its rounds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::contender::Contender;
use super::contest::{Contest, Peer};
use super::hits::Hits;
use super::table::Row;
use crate::cargo::{root, run as run_command};

/// How the arguments of contests of the service begin, those of whole jobs, and those of checkpoints.
const SERVE: &str = "serve ";
const JOB: &str = "job ";
pub const CHECKPOINT: &str = "checkpoint ";

/// How long a side of a whole job beside a peer may take.
const LIMIT_S: &str = "1800";

/// Rounds of a side, and what it said when it was ready.
pub type Told = (Vec<Value>, Value);

/// What sides told beside which nothing stands, by their arguments and threads: several bars may be held against one run.
pub type Alone = BTreeMap<(&'static str, usize), [Told; 2]>;

/// Where everything is.
pub struct Place {
    pub ours: PathBuf,
    /// What serves bundles.
    pub program: PathBuf,
    /// Python, by the environment.
    pub pythons: BTreeMap<&'static str, PathBuf>,
    pub data: PathBuf,
    pub commit: String,
    pub movielens: Option<PathBuf>,
}

impl Place {
    /// Runs a contest, or takes what a run for another bar of it told.
    pub fn row(&self, contest: &Contest, threads: usize, alone: &mut Alone) -> Result<Row> {
        let key = (contest.ours, threads);
        let told = match alone.get(&key).filter(|_| matches!(contest.peer, Peer::Nobody)) {
            Some(told) => told.clone(),
            None => self.run(contest, threads)?,
        };
        let [(ours, our_ready), (peer, peer_ready)] = &told;
        let mut row = Row::new(contest, threads, (ours, our_ready), (peer, peer_ready))?;
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
        let is_whole = ours.iter().chain(peer).all(|round| round["stopped"] != true);
        if matches!(contest.peer, Peer::Job(..)) && is_whole {
            let last = our_ready["last"].as_str().context("it says no file of last events")?;
            row.set_hits(Hits::read(Path::new(last), &self.lists("ours"), &self.lists("peer"))?);
        }
        if matches!(contest.peer, Peer::Nobody) {
            alone.insert(key, told);
        }
        Ok(row)
    }

    /// The rounds of both sides; of the second none, where it is nobody.
    fn run(&self, contest: &Contest, threads: usize) -> Result<[Told; 2]> {
        self.write(contest.ours)?;
        if let Peer::Ours(arguments) = contest.peer {
            self.write(arguments)?;
        }
        let sides: &[usize] = if matches!(contest.peer, Peer::Nobody) { &[0] } else { &[0, 1] };
        let start = |side: usize| self.start(contest, side, threads);
        let mut told: [Told; 2] = Default::default();
        if contest.fresh {
            for _ in 0..contest.rounds {
                for &side in sides {
                    let mut contender = start(side)?;
                    told[side].0.push(contender.round()?);
                    told[side].1 = contender.end()?;
                }
            }
            return Ok(told);
        }
        let mut contenders: Vec<Contender> = sides.iter().map(|&side| start(side)).collect::<Result<_>>()?;
        for round in 0..=contest.rounds {
            // Neither is always first.
            for place in 0..sides.len() {
                let side = (place + round) % sides.len();
                let took = contenders[side].round()?;
                // The first round warms caches up.
                if round > 0 {
                    told[side].0.push(took);
                }
            }
        }
        for (side, contender) in contenders.into_iter().enumerate() {
            told[side].1 = contender.end()?;
        }
        Ok(told)
    }

    /// Starts one side and waits until it is ready.
    fn start(&self, contest: &Contest, side: usize, threads: usize) -> Result<Contender> {
        let is_job = matches!(contest.peer, Peer::Job(..));
        let (mut command, threads) = match (side, &contest.peer) {
            (0, _) | (_, Peer::Nobody) => (self.ours(&[], contest.ours)?, threads),
            (_, Peer::OneThread) => (self.ours(&[], contest.ours)?, 1),
            (_, Peer::Ours(arguments)) => (self.ours(&[], arguments)?, threads),
            (_, Peer::Python(line) | Peer::Job(_, line)) => (self.peer(contest, line, threads)?, threads),
            (_, Peer::Served(script, arguments)) => {
                let mut command = self.ours(&[], arguments)?;
                command.arg("--python").arg(self.python(contest)?);
                command.arg("--script").arg(root().join("benches/peers").join(script));
                (command, threads)
            }
        };
        if is_job {
            let lists = self.lists(if side == 0 { "ours" } else { "peer" });
            command.arg("--lists").arg(lists).args(["--limit-s", LIMIT_S]);
        }
        let is_ours = side == 0 || !is_job;
        if is_ours && (contest.ours.starts_with(SERVE) || contest.ours.starts_with(JOB)) {
            command.arg("--u2i").arg(&self.program);
        }
        if contest.ours.starts_with(SERVE) {
            command.arg("--threads").arg(threads.to_string());
        }
        Contender::start(&mut command, threads)
    }

    /// Where a side of a whole job puts what it recommends.
    fn lists(&self, side: &str) -> PathBuf {
        self.data.join(format!("whole-job-{side}.csv"))
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

    fn python(&self, contest: &Contest) -> Result<&Path> {
        let python = contest.peer.environment().and_then(|environment| self.pythons.get(environment));
        python.map(PathBuf::as_path).context("peers run in Python")
    }

    fn peer(&self, contest: &Contest, line: &str, threads: usize) -> Result<Command> {
        let mut words = line.split_whitespace();
        let script = words.next().context("a script")?;
        let mut command = Command::new(self.python(contest)?);
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
