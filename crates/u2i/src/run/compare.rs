use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i_eval::{Metric, Rank, RelevantPlaces};
use u2i_index::Seen;

use super::bootstrap::paired_bootstrap;
use super::{CONFIG, RANKS, REPORT, RunFiles, TargetRow};
use crate::Error;
use crate::config::EvaluationConfig;
use crate::table::grid;

/// Resamples of users. The interval's ends move in the fourth digit beyond.
const RESAMPLES: usize = 2000;
/// Draws are the same each time.
const SEED: u64 = 1;

/// Runs on the same test users, set beside the first of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Test users that all runs were evaluated on.
    pub n_users: usize,
    /// Test users that each run was evaluated on: more than `n_users` where others have a smaller sample.
    pub n_users_of_runs: Vec<usize>,
    /// The folders, the one that others are compared with first.
    pub runs: Vec<PathBuf>,
    /// What each is: model, recipe and seed.
    pub names: Vec<String>,
    /// A row for each run but the first and each metric.
    pub rows: Vec<Compared>,
}

/// One metric of one run beside that of the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Which of the runs, counted from 0; never 0, which is what it is compared with.
    pub run: usize,
    /// For instance `ndcg@10`.
    pub metric: String,
    /// Mean over users of the first run.
    pub first: f64,
    /// Mean over users of this run.
    pub mean: f64,
    /// `mean - first`.
    pub difference: f64,
    /// 95 % interval of the difference, from a paired bootstrap over users.
    pub interval_95: [f64; 2],
    /// Two-sided p of a difference of 0.
    pub p: f64,
}

/// Sets finished runs side by side, user by user. Runs with samples of test users of other sizes are compared on the users
/// that are in all of them, which are those of the smallest ([`sample_users`](crate::held_out::sample_users)).
///
/// # Errors
///
/// If there are fewer than two, a folder holds no finished run, or the runs were not measured on the same targets under
/// the same rule for seen items.
pub fn compare(folders: &[PathBuf]) -> Result<Comparison, Error> {
    if folders.len() < 2 {
        return Err(Error::Usage("wanted two runs or more to compare".into()));
    }
    let mut runs = folders.iter().map(|folder| RunFiles::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let evaluation = |(folder, run): (&PathBuf, &RunFiles)| {
        EvaluationConfig::of_experiment(&run.config, &folder.join(CONFIG))
    };
    let evaluations = folders.iter().zip(&runs).map(evaluation).collect::<Result<Vec<_>, _>>()?;
    let seen = evaluations[0].seen;
    for (folder, run) in folders.iter().zip(&runs) {
        for key in ["split_hash", "seen"] {
            let (expected, found) = (text(&folders[0], &runs[0], key)?, text(folder, run, key)?);
            if expected != found {
                return Err(Error::OtherRun {
                    path: folder.join(REPORT),
                    key: format!("the first run's {key}"),
                    expected: expected.to_owned(),
                    found: found.to_owned(),
                });
            }
        }
    }
    let n_users_of_runs = runs.iter().map(|run| n_users(&run.ranks)).collect();
    let sample = |run: &RunFiles| run.report["n_users_evaluated"].as_u64();
    if runs.iter().any(|run| sample(run) != sample(&runs[0])) {
        leave_common_users(&mut runs);
    }
    for (folder, run) in folders.iter().zip(&runs) {
        let users = |run: &RunFiles| run.ranks.iter().map(|row| row.user_id.clone()).collect::<Vec<_>>();
        if run.ranks.is_empty() || users(run) != users(&runs[0]) {
            return Err(Error::RunFile {
                path: folder.join(RANKS),
                reason: "its users are not those of the first run, though the report says so".into(),
            });
        }
    }
    let cutoffs = evaluations[0].cutoffs();
    let kinds: [fn(usize) -> Metric; 2] = [Metric::HitRate, Metric::Ndcg];
    let at = |kind: fn(usize) -> Metric| cutoffs.iter().map(move |&k| kind(k));
    let metrics: Vec<Metric> = kinds.into_iter().flat_map(at).chain([Metric::Mrr]).collect();
    let mut rows = Vec::new();
    for (run, files) in runs.iter().enumerate().skip(1) {
        for &metric in &metrics {
            let [first, own] = [&runs[0], files].map(|files| values(&files.ranks, seen, metric));
            let found = paired_bootstrap(&first, &own, RESAMPLES, SEED);
            rows.push(Compared {
                run,
                metric: metric.to_string(),
                first: mean(&first),
                mean: mean(&own),
                difference: found.difference,
                interval_95: found.interval_95,
                p: found.p,
            });
        }
    }
    let name = |(folder, run): (&PathBuf, &RunFiles)| -> Result<String, Error> {
        let [model, recipe] = ["model", "recipe"].map(|key| text(folder, run, key));
        Ok(format!("{} ({}, seed {})", model?, recipe?, run.report["seed"]))
    };
    Ok(Comparison {
        n_users: n_users(&runs[0].ranks),
        n_users_of_runs,
        runs: folders.to_vec(),
        names: folders.iter().zip(&runs).map(name).collect::<Result<_, _>>()?,
        rows,
    })
}

fn n_users(ranks: &[TargetRow]) -> usize {
    ranks.chunk_by(|a, b| a.user_id == b.user_id).count()
}

/// Drops the ranks of users that are not in all runs.
fn leave_common_users(runs: &mut [RunFiles]) {
    let users = |run: &RunFiles| run.ranks.iter().map(|row| row.user_id.clone()).collect::<HashSet<String>>();
    let common = runs.iter().map(users).reduce(|mut common, own| {
        common.retain(|user| own.contains(user));
        common
    });
    let common = common.unwrap_or_default();
    runs.iter_mut().for_each(|run| run.ranks.retain(|row| common.contains(&row.user_id)));
}

fn text<'a>(folder: &Path, run: &'a RunFiles, key: &str) -> Result<&'a str, Error> {
    run.report[key].as_str().ok_or_else(|| Error::RunFile {
        path: folder.join(REPORT),
        reason: format!("there is no text under `{key}`"),
    })
}

/// A metric for each user, whose rows stand together.
fn values(ranks: &[TargetRow], seen: Seen, metric: Metric) -> Vec<f64> {
    let own = |row: &TargetRow| {
        Rank::from_value(match seen {
            Seen::Excluded => row.rank,
            Seen::Kept => row.rank_kept,
        })
    };
    let of_user = |rows: &[TargetRow]| match rows {
        [row] => metric.of(own(row)),
        rows => {
            let ranks: Vec<Rank> = rows.iter().map(own).collect();
            RelevantPlaces::of_ranks(&ranks).map_or(0.0, |places| metric.of_set(&places))
        }
    };
    ranks.chunk_by(|a, b| a.user_id == b.user_id).map(of_user).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A table for a terminal.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} test users; differences from {}: {}",
            self.n_users,
            self.runs[0].display(),
            self.names[0]
        )?;
        if self.n_users_of_runs.iter().any(|&n| n != self.n_users) {
            let each: Vec<String> = self.n_users_of_runs.iter().map(usize::to_string).collect();
            writeln!(f, "The runs were evaluated on {} users: these are the users of all.", each.join(", "))?;
        }
        for run in 1..self.runs.len() {
            writeln!(f, "\n{}: {}", self.runs[run].display(), self.names[run])?;
            let header = ["metric", "first", "this", "difference", "95 % interval", "p"];
            let mut cells = vec![header.map(str::to_owned).to_vec()];
            for row in self.rows.iter().filter(|row| row.run == run) {
                cells.push(vec![
                    row.metric.clone(),
                    format!("{:.4}", row.first),
                    format!("{:.4}", row.mean),
                    format!("{:+.4}", row.difference),
                    format!("{:+.4} to {:+.4}", row.interval_95[0], row.interval_95[1]),
                    if row.p < 0.001 { "< 0.001".to_owned() } else { format!("{:.3}", row.p) },
                ]);
            }
            f.write_str(&grid(&cells))?;
        }
        Ok(())
    }
}
