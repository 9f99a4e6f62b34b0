//! All tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{cargo, root, run as run_command, target_dir};
use crate::python::is_skipped;
use crate::real_data::DATA_DIR;
use crate::real_data::skipped::SKIP_LOG;
use crate::unchecked::unchecked;

/// Every test and doc test of the workspace, in the profile of the runs, so that dependencies are built once.
pub fn run() -> Result<()> {
    run_with(&[])
}

/// Runs all tests at the full figures of docs/reliability.md.
pub fn run_full() -> Result<()> {
    run_with(&[("U2I_FULL", "1")])
}

fn run_with(more: &[(&str, &str)]) -> Result<()> {
    let target = target_dir();
    announce_long_build(&target);
    let data_dir = env::var_os(DATA_DIR).map(std::path::absolute).transpose().context(DATA_DIR)?;
    let log = skip_log()?;

    let mut command = cargo();
    // criterion asks for more features of a crate that burn stands on: with the benches among the tests, burn would
    // be built once for the tests and once for the binary. Clippy sees the benches.
    command.args(["test", "--release", "--locked", "--workspace", "--exclude", "u2i-benches"]);
    command.current_dir(root()).env(SKIP_LOG, &log).envs(more.iter().copied());
    if let Some(dir) = &data_dir {
        // Tests run in the folders of their crates, where a relative path means something else.
        command.env(DATA_DIR, dir);
    }
    run_command(&mut command)?;
    check_skipped(&read(&log)?, data_dir)
}

/// The tests of models, losses and training on a GPU, or on a driver that does its work on the CPU, and those of burn's
/// ndarray backend. Fails if there is neither a GPU nor a driver.
pub fn run_gpu() -> Result<()> {
    let log = skip_log()?;
    let mut command = cargo();
    command.args(["test", "--release", "--locked", "--package", "u2i-device"]);
    command.args(["--features", "wgpu,ndarray"]);
    run_command(command.current_dir(root()).env(SKIP_LOG, &log))?;
    let skipped = read(&log)?;
    ensure!(
        skipped.is_empty(),
        "{} tests skipped; scripts/vulkan.sh installs a software driver:\n{}",
        skipped.lines().count(),
        skipped.trim_end()
    );
    Ok(())
}

/// The tests of stores of events, beside a server that `scripts/postgres.sh` starts. Says so where there is none.
pub fn run_postgres() -> Result<()> {
    let log = skip_log()?;
    let mut command = Command::new(root().join("scripts/postgres.sh"));
    // Alone the crate has neither burn nor polars, so that features of its own cost a minute.
    command.arg(cargo().get_program()).args(["test", "--release", "--locked", "--package", "u2i-live"]);
    command.args(["--features", "postgres"]).current_dir(root()).env(SKIP_LOG, &log);
    match run_command(&mut command) {
        Err(error) if is_skipped(&error) => {
            unchecked(
                "PostgreSQL cannot be had (scripts/serving_tools.sh installs it)",
                "events on a server",
            );
            return Ok(());
        }
        tested => tested?,
    }
    let skipped = read(&log)?;
    ensure!(skipped.is_empty(), "tests skipped beside a server:\n{}", skipped.trim_end());
    Ok(())
}

/// An empty list of skipped tests.
fn skip_log() -> Result<PathBuf> {
    let target = target_dir();
    let log = target.join("skipped-tests.txt");
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
    Ok(log)
}

fn read(log: &Path) -> Result<String> {
    fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))
}

/// Skipped tests are fine without data and an error with it.
fn check_skipped(skipped: &str, data_dir: Option<PathBuf>) -> Result<()> {
    let n = skipped.lines().count();
    match data_dir {
        Some(dir) if n > 0 => {
            bail!("{n} tests skipped although {DATA_DIR} is {}:\n{}", dir.display(), skipped.trim_end())
        }
        Some(dir) => eprintln!("xtask: tests passed, none skipped, real data from {}", dir.display()),
        None if n > 0 => {
            eprintln!("xtask: tests passed, {n} skipped for want of real data (set {DATA_DIR}):\n{skipped}");
        }
        None => eprintln!("xtask: tests passed, none skipped"),
    }
    Ok(())
}

/// Says that a long build is coming, where the slow dependencies are not built yet.
pub fn announce_long_build(target: &Path) {
    const SLOW: [&str; 3] = ["libburn_flex-", "libfaiss_sys-", "libpolars-"];
    let built: Vec<String> = fs::read_dir(target.join("release").join("deps"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".rlib"))
        .collect();
    if !SLOW.iter().all(|slow| built.iter().any(|name| name.starts_with(slow))) {
        eprintln!(
            "xtask: a long build is coming: burn, polars and faiss are compiled and optimised, about \
             {BUILD_MINUTES} minutes on 2 cores the first time and seconds from then on"
        );
    }
}

/// Measured; `docs/development.md` says how.
const BUILD_MINUTES: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_tests_fail_only_where_the_data_was_promised() {
        let line = "skipped: crates/u2i/tests/it/main.rs:7: no ml-1m\n";
        assert!(check_skipped("", None).is_ok());
        assert!(check_skipped(line, None).is_ok());
        assert!(check_skipped("", Some("data".into())).is_ok());
        let error = check_skipped(line, Some("data".into())).unwrap_err().to_string();
        assert!(error.contains("1 tests skipped") && error.contains("main.rs:7"), "{error}");
    }

    #[test]
    fn each_skipped_test_adds_its_line_to_the_log() {
        let log = env::temp_dir().join(format!("u2i-skip-log-{}", std::process::id()));
        crate::real_data::skipped::record("skipped: it.rs:1: one\n", &log);
        crate::real_data::skipped::record("skipped: it.rs:2: two\n", &log);
        let lines = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(lines, "skipped: it.rs:1: one\nskipped: it.rs:2: two\n");
    }
}
