//! All checks, each timed.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::cargo::{cargo, root, run as run_command};
use crate::{fence, import_check, smoke, test};

/// One check. The order is that of a full run: cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Every file is formatted
    Format,
    /// Who may depend on whom
    Fence,
    /// Licences, sources and advisories, where cargo-deny is installed
    Deny,
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
}

/// Runs the stages, or all of them.
pub fn run(stages: &[Stage]) -> Result<()> {
    let stages = if stages.is_empty() { Stage::value_variants() } else { stages };
    for stage in stages {
        let begin = Instant::now();
        eprintln!("\n== {stage:?}");
        stage.run()?;
        eprintln!("== {stage:?}: {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

impl Stage {
    fn run(self) -> Result<()> {
        match self {
            Stage::Format => in_root(&["fmt", "--all", "--check"]),
            Stage::Fence => fence::run(),
            Stage::Deny => deny(),
            Stage::Test => test::run(),
            Stage::Clippy => {
                let scope = ["--workspace", "--all-targets", "--release", "--locked"];
                in_root(&[&["clippy"], &scope[..], &["--", "-D", "warnings"]].concat())
            }
            Stage::Doc => {
                let mut command = cargo();
                command.current_dir(root()).env("RUSTDOCFLAGS", "-D warnings");
                run_command(command.args(["doc", "--workspace", "--no-deps", "--release", "--locked"]))
            }
            Stage::ImportCheck => import_check::run(&[]),
            Stage::Smoke => smoke::run(),
        }
    }
}

fn deny() -> Result<()> {
    let mut version = Command::new("cargo-deny");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if version.status().is_ok_and(|status| status.success()) {
        return in_root(&["deny", "--locked", "check"]);
    }
    eprintln!("xtask: cargo-deny is not installed, so licences and advisories go unchecked");
    Ok(())
}

fn in_root(args: &[&str]) -> Result<()> {
    run_command(cargo().current_dir(root()).args(args))
}
