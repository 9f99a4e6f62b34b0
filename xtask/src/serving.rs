//! The service as others meet it: by its documentation, its OpenAPI document, its page in a browser, systemd and Docker; and
//! beside a server of PostgreSQL and a collector of traces.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};

use crate::cargo::{PROGRAM, cargo, root, run as run_command, target_dir};
use crate::python::is_skipped;
use crate::unchecked::unchecked;

/// What is linted, and how it is installed in the end.
const INTEGRATIONS: &str = "integrations/serving";
/// The most that systemd may say of what the unit exposes, in tenths.
const MOST_EXPOSED: &str = "20";

/// Checks what of it can be checked on this machine, and says what cannot.
pub fn run() -> Result<()> {
    // As `cargo xtask test` builds it.
    run_command(cargo().current_dir(root()).args(["build", "--release", "--locked", "-p", PROGRAM]))?;
    let u2i = target_dir().join("release/u2i");
    unit(&u2i)?;
    dockerfile()?;
    let python = || {
        let mut command = Command::new("python3");
        command.arg(root().join("scripts/serving/documents.py")).arg(&u2i);
        command
    };
    where_there_is("docs/serving.md is not followed", "Python, Node.js or curl are missing", &mut python())?;
    let mut openapi = Command::new(root().join("scripts/peers.sh"));
    where_there_is(
        "the OpenAPI document is not held against the service",
        "schemathesis cannot be had",
        openapi.arg("--openapi").arg(&u2i),
    )?;
    let pictures = target_dir().join("page");
    let mut page = Command::new(root().join("scripts/page.sh"));
    where_there_is(
        "the page is not looked at",
        "Node.js, playwright-core or Chromium cannot be had",
        page.arg(&u2i).arg(&pictures),
    )
}

/// The service's tests beside a server of PostgreSQL and a collector of traces, with the features for both.
pub fn run_with_features() -> Result<()> {
    let arguments = [
        &["test", "--release", "--locked", "-p", PROGRAM, "-p", "u2i-serve"][..],
        &["--features", "u2i-cli/postgres,u2i-cli/otel", "--tests", "--"],
    ]
    .concat();
    let beside_a_server = || {
        let mut command = Command::new(root().join("scripts/postgres.sh"));
        command.arg(cargo().get_program()).args(&arguments).args(["postgres", "traces"]);
        command.current_dir(root()).env_remove("CARGO_MANIFEST_DIR");
        command
    };
    match run_command(&mut beside_a_server()) {
        Err(error) if is_skipped(&error) => {
            unchecked(
                "PostgreSQL cannot be had (scripts/serving_tools.sh installs it)",
                "services that share a store",
            );
            run_command(cargo().current_dir(root()).args(&arguments).arg("traces"))
        }
        tested => tested,
    }
}

/// Runs a script that ends with 77 where the machine lacks what it needs.
fn where_there_is(what: &str, why: &str, command: &mut Command) -> Result<()> {
    if !is_there(command) {
        unchecked(why, what);
        return Ok(());
    }
    match run_command(command.current_dir(root())) {
        Err(error) if is_skipped(&error) => {
            unchecked(why, what);
            Ok(())
        }
        done => done,
    }
}

fn is_there(command: &Command) -> bool {
    let program = Path::new(command.get_program());
    let on_path = || {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).any(|folder| folder.join(program).is_file())
    };
    program.is_file() || on_path()
}

/// The unit of systemd, with the program where it was built.
fn unit(u2i: &Path) -> Result<()> {
    let what = "integrations/serving/u2i.service";
    if !is_there(&Command::new("systemd-analyze")) {
        unchecked("there is no systemd-analyze", what);
        return Ok(());
    }
    let folder = env::temp_dir().join(format!("u2i-unit-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let checked = verify(&folder.join("u2i.service"), u2i);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    checked
}

fn verify(unit: &PathBuf, u2i: &Path) -> Result<()> {
    let source = root().join(INTEGRATIONS).join("u2i.service");
    let text = fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let text = text.replace("/usr/local/bin/u2i", &u2i.display().to_string());
    fs::write(unit, text).with_context(|| format!("cannot write {}", unit.display()))?;
    run_command(Command::new("systemd-analyze").arg("verify").arg(unit))?;
    let exposure = ["security", "--offline=true", "--no-pager", "--threshold", MOST_EXPOSED];
    run_command(Command::new("systemd-analyze").args(exposure).arg(unit).stdout(Stdio::null()))
}

fn dockerfile() -> Result<()> {
    let mut lint = Command::new(root().join("scripts/peers.sh"));
    lint.arg("--dockerfile").arg(root().join(INTEGRATIONS).join("Dockerfile"));
    where_there_is("integrations/serving/Dockerfile is not linted", "hadolint cannot be had", &mut lint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> String {
        fs::read_to_string(root().join(path)).unwrap()
    }

    /// Names and texts of the metrics, as the service describes them: `("u2i_…", "…")`.
    fn measures() -> Vec<(String, String)> {
        let source = read("crates/u2i-serve/src/measures.rs");
        let (tables, _) = source.split_once("fn registry").unwrap();
        let words: Vec<&str> = tables.split('"').collect();
        let described = words.windows(3).filter(|of| of[0].starts_with("u2i_") && of[1].trim() == ",");
        described.map(|of| (of[0].to_owned(), of[2].to_owned())).collect()
    }

    #[test]
    fn the_documents_list_every_metric_as_the_service_describes_it() {
        let measures = measures();
        assert!(measures.len() > 20, "{measures:?}");
        let document = read("docs/serving.md");
        let listed: Vec<(String, String)> = document
            .lines()
            .filter_map(|line| line.strip_prefix("| `u2i_")?.strip_suffix(" |")?.split_once("` | "))
            .map(|(name, text)| (format!("u2i_{name}"), text.to_owned()))
            .collect();
        assert_eq!(listed, measures);
        // Rules of alerts name no metric that there is not.
        let words = document.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named = words.filter(|word| word.starts_with("u2i_"));
        let is_known = |name: &&str| {
            let name = name.trim_end_matches("_bucket");
            name.ends_with('_') || measures.iter().any(|(known, _)| known == name)
        };
        assert_eq!(named.filter(|name| !is_known(name)).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn a_script_that_is_not_there_is_said_to_be_unchecked() {
        let mut nothing = Command::new("/nothing/at/all");
        assert!(where_there_is("a", "b", &mut nothing).is_ok());
        assert!(is_there(&Command::new("sh")));
        let mut failing = Command::new("sh");
        assert!(where_there_is("a", "b", failing.args(["-c", "exit 3"])).is_err());
        let mut skipped = Command::new("sh");
        assert!(where_there_is("a", "b", skipped.args(["-c", "exit 77"])).is_ok());
    }
}
