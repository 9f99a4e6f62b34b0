//! Each crate used alone, as its documentation says.
//!
//! For every crate a project is made that has nothing to do with the workspace. Its dependencies are the
//! lines of the first `toml` block in the crate's documentation, its program is the example that the
//! documentation includes. The lines name the repository; a clean checkout stands in for it by
//! `git = "file://…"`, one with changes by `path = "…"`, so that what is checked is what lies here.
//!
//! One more project, `outside`, is a whole program of somebody else's: a model, a loss and a file format that no crate
//! knows. Its dependencies are the lines of the `toml` block in its own documentation.
//!
//! The lock file is the workspace's, and so is the target directory. Alone, a crate gives its dependencies fewer features
//! than the workspace does, so that polars and burn would be built anew for many of them. That it compiles so is therefore
//! checked without generating code (`cargo check`), and the program that is run is the workspace's own build of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{cargo, output, root, run as run_command, target_dir};
use crate::fence::library_crates;

/// As the documentation of the crates names it.
const REPOSITORY: &str = r#"git = "https://github.com/u2i-rs/u2i""#;

/// Must not bring in polars or faiss when used alone.
const LIGHT: &[&str] = &[
    "u2i-bundle",
    "u2i-disk",
    "u2i-eval",
    "u2i-heap",
    "u2i-host",
    "u2i-linalg",
    "u2i-live",
    "u2i-losses",
    "u2i-random",
    "u2i-schema",
    "u2i-serve",
];

/// Must not bring in what only the program `u2i` needs.
const WITHOUT_PROGRAM: [&str; 3] = ["u2i", "u2i-datasets", "u2i-onboarding"];

/// A program with a model, a loss and a file format of its own, by its name and its file.
const OUTSIDE: (&str, &str) = ("outside", "crates/u2i/examples/outside.rs");

/// What must not be in the tree of a crate that is used alone.
fn unwanted(name: &str) -> &'static [&'static str] {
    match name {
        _ if LIGHT.contains(&name) => &["polars", "faiss"],
        _ if WITHOUT_PROGRAM.contains(&name) => &["clap", "indicatif", "maud", "plotters", "ureq", "zip"],
        _ => &[],
    }
}

/// Checks the named crates and programs, or all.
pub fn run(names: &[String]) -> Result<()> {
    let all: Vec<&str> = library_crates().chain([OUTSIDE.0]).collect();
    if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("no library crate {unknown}, only {}", all.join(", "));
    }
    // As `cargo xtask test` builds them.
    let examples =
        ["build", "--release", "--locked", "--workspace", "--exclude", "u2i-benches", "--examples"];
    run_command(cargo().current_dir(root()).args(examples))?;
    let committed = is_committed()?;
    for name in all.into_iter().filter(|name| names.is_empty() || names.iter().any(|one| one == name)) {
        let project = Project::of(name)?;
        project.check(committed).with_context(|| format!("{name} cannot be used alone"))?;
    }
    Ok(())
}

/// What is built and run alone.
struct Project<'a> {
    name: &'a str,
    /// The crate that it must depend on.
    needs: &'a str,
    /// Where its dependencies stand.
    documentation: PathBuf,
    program: PathBuf,
}

impl<'a> Project<'a> {
    fn of(name: &'a str) -> Result<Self> {
        if name == OUTSIDE.0 {
            let program = root().join(OUTSIDE.1);
            return Ok(Project { name, needs: "u2i", documentation: program.clone(), program });
        }
        let folder = root().join("crates").join(name);
        let documentation = folder.join("src/lib.rs");
        let program = folder.join("examples").join(example(&read(&documentation)?)?);
        Ok(Project { name, needs: name, documentation, program })
    }

    fn check(&self, committed: bool) -> Result<()> {
        let Project { name, needs, documentation, program } = self;
        let project = target_dir().join("import-check").join(name);
        fs::create_dir_all(project.join("src"))
            .with_context(|| format!("cannot make {}", project.display()))?;

        let stand_in = |used: &str| {
            if committed {
                format!("git = {:?}", format!("file://{}", root().display()))
            } else {
                format!("path = {:?}", root().join("crates").join(used))
            }
        };
        let dependencies = dependency_lines(&read(documentation)?, needs, stand_in)?;
        // Build scripts, faiss's among them, are then those of the workspace.
        let profile = release_profile(&read(&root().join("Cargo.toml"))?)?;
        let manifest = format!(
            "[package]\nname = \"{name}-alone\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{dependencies}\n{profile}"
        );
        write(&project.join("Cargo.toml"), &manifest)?;
        write(&project.join("Cargo.lock"), &read(&root().join("Cargo.lock"))?)?;
        write(&project.join("src/main.rs"), &read(program)?)?;

        eprintln!("xtask: {name} alone, with\n{dependencies}");
        let in_project = || {
            let mut command = cargo();
            command.current_dir(&project).env("CARGO_TARGET_DIR", target_dir());
            command
        };
        run_command(in_project().args(["check", "--release"]))?;
        if !unwanted(name).is_empty() {
            let tree = output(in_project().args(["tree", "--edges", "normal,build", "--prefix", "none"]))?;
            let heavy = tree.lines().find(|line| unwanted(name).iter().any(|own| is_of(line, own)));
            ensure!(heavy.is_none(), "it brings in {}", heavy.unwrap_or_default());
        }
        let program = program.file_stem().context("a program has a name")?;
        run_command(Command::new(target_dir().join("release/examples").join(program)).current_dir(&project))
    }
}

/// Whether a line of `cargo tree` names a package or a part of it: `polars v1`, `polars-core v1`.
fn is_of(line: &str, package: &str) -> bool {
    line.strip_prefix(package).is_some_and(|rest| rest.starts_with([' ', '-']))
}

/// The dependency lines of a documentation, one of which is that of the crate `name`, with the repository replaced by `stand_in` of each crate.
/// Where a block gives alternatives for one crate, the first counts.
fn dependency_lines(text: &str, name: &str, stand_in: impl Fn(&str) -> String) -> Result<String> {
    let block = text
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim());
    let mut lines: Vec<(&str, String)> = Vec::new();
    for line in block.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (used, _) = line.split_once('=').with_context(|| format!("no dependency: {line}"))?;
        let used = used.trim();
        if lines.iter().all(|(known, _)| *known != used) {
            lines.push((used, line.replace(REPOSITORY, &stand_in(used))));
        }
    }
    ensure!(
        lines.iter().any(|(used, _)| *used == name),
        "there is no `toml` block in the documentation with a line `{name} = {{ {REPOSITORY} }}`"
    );
    Ok(lines.into_iter().map(|(_, line)| line + "\n").collect())
}

/// File name of the first example that a crate's documentation includes.
fn example(lib: &str) -> Result<&str> {
    let (_, rest) = lib
        .split_once(r#"#![doc = include_str!("../examples/"#)
        .context("src/lib.rs includes no example in its documentation")?;
    Ok(rest.split('"').next().unwrap_or_default())
}

/// The release profile of the workspace with what it says of single packages, to the next table.
fn release_profile(manifest: &str) -> Result<String> {
    let start = manifest.find("[profile.release]").context("Cargo.toml has no [profile.release]")?;
    let own = |line: &&str| !line.starts_with('[') || line.starts_with("[profile.release");
    let lines = manifest[start..].lines().take_while(own);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect())
}

/// Whether the checkout is exactly its newest commit.
pub fn is_committed() -> Result<bool> {
    let git = |args: &[&str]| {
        Command::new("git").current_dir(root()).args(args).output().context("cannot start git")
    };
    let head = git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    let changes = git(&["status", "--porcelain"])?;
    Ok(head.status.success() && changes.status.success() && changes.stdout.is_empty())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Leaves a file with the same text alone, so that cargo sees no change.
fn write(path: &PathBuf, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_each_dependency_counts_and_the_repository_is_replaced() {
        let lib = "//! Losses.\n//!\n//! ```toml\n//! # alone\n\
                   //! u2i-losses = { git = \"https://github.com/u2i-rs/u2i\", features = [\"x\"] }\n\
                   //! u2i-losses = { git = \"https://github.com/u2i-rs/u2i\" }\n\
                   //! burn = \"0.22.1\"\n//! ```\n//! ```toml\n//! other = \"1\"\n//! ```\n";
        let lines = dependency_lines(lib, "u2i-losses", |used| format!("path = \"here/{used}\"")).unwrap();
        assert_eq!(
            lines,
            "u2i-losses = { path = \"here/u2i-losses\", features = [\"x\"] }\nburn = \"0.22.1\"\n"
        );
        let error = dependency_lines("//! Nothing.", "u2i-eval", str::to_owned).unwrap_err().to_string();
        assert!(error.contains("`u2i-eval = { git"), "{error}");
    }

    #[test]
    fn the_example_is_the_one_that_the_documentation_includes() {
        let lib = "//! One.\n//! ```\n#![doc = include_str!(\"../examples/alone.rs\")]\n//! ```\nmod x;\n";
        assert_eq!(example(lib).unwrap(), "alone.rs");
        assert!(example("//! None.").is_err());
    }

    #[test]
    fn the_release_profile_ends_where_the_next_table_begins() {
        let manifest = "[workspace]\n\n# Why.\n[profile.release]\ndebug = 1\n\n[profile.release.package.x]\nopt-level = 1\n\n\
             # Next.\n[profile.bench]\nlto = true\n";
        let wanted = "[profile.release]\ndebug = 1\n[profile.release.package.x]\nopt-level = 1\n";
        assert_eq!(release_profile(manifest).unwrap(), wanted);
    }
}
