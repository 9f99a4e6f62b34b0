//! All checks, each timed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::cargo::{cargo, output, root, run as run_command};
use crate::packages::{self, Verify};
use crate::seeded_bugs::test_targets;
use crate::unchecked::unchecked;
use crate::{fence, import_check, python, seeded_bugs, serving, smoke, test, writers};

/// One check. The order is that of a full run: cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Every file is formatted
    Format,
    /// Who may depend on whom, files that need each other in a circle, and seeded bugs that do not fit their sources
    Fence,
    /// Licences, bans and sources, and advisories where their database can be had; needs cargo-deny
    Deny,
    /// Each crate can be packaged, with all that a registry shows
    Package,
    /// The public API against that of the last release, where there is one; needs cargo-semver-checks
    Api,
    /// Crates that are Rust alone compile for another processor, where its target is installed
    Portable,
    /// All tests and doc tests
    Test,
    /// clippy without a warning, on everything
    Clippy,
    /// Documentation builds without a warning
    Doc,
    /// Each crate is usable alone
    ImportCheck,
    /// The main job on synthetic data, whose models must beat popularity
    Smoke,
    /// Python reads a bundle as we do, where its packages can be had
    Python,
    /// Files of pandas, pyarrow, polars, DuckDB and Spark are read to one table, where their packages can be had
    Writers,
    /// Stores of events on a PostgreSQL server that is started for them, where there is one
    Postgres,
    /// The service by its documentation, its OpenAPI document, its page, systemd and Docker, as far as they can be had
    Serving,
    /// Models, losses and training on a GPU, or on a software driver for one, and on burn's ndarray backend
    Gpu,
    /// Each known bug fails its test
    SeededBugs,
    /// Services that share a PostgreSQL server, and send traces; takes long, since it builds burn and polars once more
    ServingFeatures,
    /// Each package compiles from what it holds; takes long
    PackageBuild,
    /// All tests at the full figures of docs/reliability.md; takes long
    FullTest,
    /// The tests of faiss's C interface under valgrind; takes long
    Valgrind,
    /// A minute of mutants for each reader of a format of ours; takes long
    Fuzz,
}

/// What takes long and belongs to `--full` only.
const LONG: [Stage; 5] =
    [Stage::ServingFeatures, Stage::PackageBuild, Stage::FullTest, Stage::Valgrind, Stage::Fuzz];

/// Runs the stages, or all that the ordinary run has.
pub fn run(stages: &[Stage]) -> Result<()> {
    let ordinary: Vec<Stage> =
        Stage::value_variants().iter().copied().filter(|stage| !LONG.contains(stage)).collect();
    for stage in if stages.is_empty() { &ordinary } else { stages } {
        let begin = Instant::now();
        eprintln!("\n== {stage:?}");
        stage.run()?;
        eprintln!("== {stage:?}: {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Runs every stage, whatever becomes of those before, and prints how each ended.
pub fn run_full() -> Result<()> {
    let mut table = format!("{:15} | {:6} | seconds\n", "stage", "");
    let mut failed = 0;
    for stage in Stage::value_variants() {
        let begin = Instant::now();
        eprintln!("\n== {stage:?}");
        let end = match stage.run() {
            Ok(()) => "passed",
            Err(error) => {
                eprintln!("xtask: {error:#}");
                failed += 1;
                "FAILED"
            }
        };
        table += &row(*stage, end, begin.elapsed().as_secs_f64());
        eprintln!("== {stage:?}: {end}");
    }
    std::io::stdout().write_all(table.as_bytes()).context("cannot print the table")?;
    ensure!(failed == 0, "{failed} of {} stages failed", Stage::value_variants().len());
    Ok(())
}

fn row(stage: Stage, end: &str, seconds: f64) -> String {
    format!("{:15} | {end:6} | {seconds:7.1}\n", format!("{stage:?}"))
}

impl Stage {
    fn run(self) -> Result<()> {
        match self {
            Stage::Format => in_root(&["fmt", "--all", "--check"]),
            Stage::Fence => fence::run(),
            Stage::Deny => deny(),
            Stage::Package => packages::package(Verify::Packed),
            Stage::Api => packages::api(),
            Stage::Portable => packages::portable(),
            Stage::Test => test::run(),
            Stage::Clippy => {
                let scope = ["--workspace", "--all-targets", "--release", "--locked"];
                // With what only builds for GPUs, PostgreSQL and collectors of traces have.
                let features = ["--features", "u2i-device/wgpu,u2i-cli/postgres,u2i-cli/otel"];
                in_root(&[&["clippy"], &scope[..], &features, &["--", "-D", "warnings"]].concat())
            }
            Stage::Doc => {
                let mut command = cargo();
                command.current_dir(root()).env("RUSTDOCFLAGS", "-D warnings");
                run_command(command.args(["doc", "--workspace", "--no-deps", "--release", "--locked"]))
            }
            Stage::ImportCheck => import_check::run(&[]),
            Stage::Smoke => smoke::run(),
            Stage::Python => python::run(),
            Stage::Writers => writers::run(),
            Stage::Postgres => test::run_postgres(),
            Stage::Serving => serving::run(),
            Stage::ServingFeatures => serving::run_with_features(),
            Stage::Gpu => test::run_gpu(),
            Stage::SeededBugs => seeded_bugs::run(None),
            Stage::PackageBuild => packages::package(Verify::Built),
            Stage::FullTest => test::run_full(),
            Stage::Valgrind => valgrind(),
            Stage::Fuzz => fuzz(),
        }
    }
}

/// Valgrind hides what it cannot run (AVX-512) from the processor's description, so OpenBLAS and faiss take other
/// kernels by themselves and nothing has to be suppressed. What it does run is read and written as anywhere.
fn valgrind() -> Result<()> {
    let mut command = cargo();
    command.current_dir(root()).args(TESTS).args([
        "--tests",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let tests = test_targets(&output(&mut command)?);
    // Together they reach every `unsafe` block: the errors of faiss and OpenMP's setting from within, the rest of it from
    // the public interface.
    let reaching = [
        ("u2i-index", "lib", "ffi::"),
        ("u2i-index", "it", "faiss::"),
        ("u2i-linalg", "lib", "product::"),
        ("u2i-heap", "lib", ""),
    ];
    for (package, target, filter) in reaching {
        let key = (package.to_owned(), target.to_owned());
        let test = tests.get(&key).with_context(|| format!("{package} has no test `{target}`"))?;
        let mut command = Command::new("valgrind");
        command.args(["--error-exitcode=9", "--leak-check=no", "--quiet"]).arg(&test.executable);
        run_command(command.current_dir(&test.folder).args([filter, "--test-threads=1"]))?;
    }
    Ok(())
}

/// The tests of `cargo xtask test`, so that nothing is built twice.
const TESTS: [&str; 6] = ["test", "--release", "--locked", "--workspace", "--exclude", "u2i-benches"];

/// The readers that have a test `fuzz`, and those of bundles.
fn fuzz() -> Result<()> {
    for (test, filter) in [("fuzz", ""), ("it", "hostile::")] {
        let mut command = cargo();
        command.current_dir(root()).env("U2I_FUZZ_SECONDS", "60").args(TESTS);
        run_command(command.args(["--test", test, "--", filter, "--nocapture"]))?;
    }
    Ok(())
}

/// Licences, bans and sources need the workspace alone. Advisories need a database that is fetched first: where it
/// cannot be had they go unchecked, and that is said, since it is no fault of the workspace.
fn deny() -> Result<()> {
    let mut version = Command::new("cargo-deny");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        unchecked(
            "cargo-deny is not installed (scripts/tools.sh does that)",
            "licences, bans, sources and advisories",
        );
        return Ok(());
    }
    in_root(&["deny", "--locked", "check", "licenses", "bans", "sources"])?;
    if in_root(&["deny", "--locked", "fetch", "db"]).is_err() {
        unchecked("the database of advisories cannot be fetched", "advisories");
        return Ok(());
    }
    in_root(&["deny", "--locked", "check", "--disable-fetch", "advisories"])
}

fn in_root(args: &[&str]) -> Result<()> {
    run_command(cargo().current_dir(root()).args(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_comes_last_and_only_in_the_full_run() {
        let all = Stage::value_variants();
        assert_eq!(all[all.len() - LONG.len()..], LONG);
        assert!(all.contains(&Stage::SeededBugs) && !LONG.contains(&Stage::SeededBugs));
    }

    #[test]
    fn rows_of_the_table_are_aligned() {
        assert_eq!(row(Stage::ImportCheck, "passed", 1.25), "ImportCheck     | passed |     1.2\n");
        assert_eq!(row(Stage::Deny, "FAILED", 1000.0), "Deny            | FAILED |  1000.0\n");
    }
}
