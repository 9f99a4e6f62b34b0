//! Runs the project's jobs as `cargo xtask …`. It sequences commands and checks what only the workspace as
//! a whole can be asked; experiments, tables and guards are library code in `u2i-chapter`.
#![allow(clippy::print_stderr, reason = "a command-line tool says what it does")]

mod bench;
mod cargo;
mod ci;
mod circles;
mod claims;
mod fence;
mod import_check;
mod names;
mod packages;
mod python;
#[cfg_attr(test, allow(dead_code, reason = "tests of other crates call it"))]
mod real_data;
mod reproduce;
mod seeded_bugs;
mod serving;
mod smoke;
mod sources;
mod test;
mod unchecked;
mod writers;

#[cfg(all(test, unix))]
mod bootstrap;
#[cfg(test)]
mod documents;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Runs the project's jobs")]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Train, evaluate and print the tables: `u2i reproduce` with all arguments passed on
    #[command(disable_help_flag = true)]
    Reproduce {
        /// Arguments of `u2i reproduce`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Change one thing at a time in an experiment: `u2i ablate` with all arguments passed on
    #[command(disable_help_flag = true)]
    Ablate {
        /// Arguments of `u2i ablate`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Look at the chapter's claims and write docs/chapter.md: `u2i claims` with all arguments passed on, `--json FILE` as
    /// its `--rows FILE`
    #[command(disable_help_flag = true)]
    Claims {
        /// Arguments of `u2i claims`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure ours beside what people would otherwise use, in one run, and write docs/benchmarks.md
    Bench(bench::Options),
    /// All tests and doc tests, in the profile of the runs; fails if one skipped with U2I_DATA_DIR set
    Test,
    /// Which crate may depend on which, who switches on polars, faiss and burn's backends, which files need each other in
    /// a circle, and which seeded bugs do not fit their sources
    Fence,
    /// Use each crate alone: a project outside the workspace, from the dependency lines of the crate's docs; and a whole
    /// program with a model, a loss and a file format of its own, `outside`
    ImportCheck {
        /// Crates to check, all if none is named
        crates: Vec<String>,
    },
    /// Plant each known bug in turn and see that its test fails
    SeededBugs {
        /// Also writes the table there, as a list of `{row, bug, caught}`
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// All checks of the ordinary run, or the ones named, each with its time
    Ci {
        /// Checks in the order to run them
        stages: Vec<ci::Stage>,
        /// The ordinary checks, then those that take long, at their full figures; goes on after a failure and ends with
        /// a table
        #[arg(long, conflicts_with = "stages")]
        full: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().job {
        Job::Reproduce { args } => reproduce::run("reproduce", &args),
        Job::Ablate { args } => reproduce::run("ablate", &args),
        Job::Claims { args } => reproduce::run("claims", &claims::arguments(&args)),
        Job::Bench(options) => bench::run(&options),
        Job::Test => test::run(),
        Job::Fence => fence::run(),
        Job::ImportCheck { crates } => import_check::run(&crates),
        Job::SeededBugs { json } => seeded_bugs::run(json.as_deref()),
        Job::Ci { full: true, .. } => ci::run_full(),
        Job::Ci { stages, .. } => ci::run(&stages),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            let child = error.downcast_ref::<cargo::ChildFailed>();
            child.map_or(ExitCode::FAILURE, |failed| ExitCode::from(failed.exit_code))
        }
    }
}
