//! What others get of the house: a package of each crate, for which Rust, on which processors, with which public API.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{PROGRAM, cargo, metadata, output, root, run as run_command};
use crate::fence::library_crates;
use crate::import_check::is_committed;
use crate::unchecked::unchecked;

/// Whether packages are built from what they hold, which compiles all that they stand on once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// As a registry would do.
    Built,
    /// Packed alone.
    Packed,
}

/// Packs every library crate, and the program. The crates of the workspace that one needs are taken from their packages,
/// not from where they stand.
pub fn package(verify: Verify) -> Result<()> {
    // It also downloads whatever is not there yet, so that packing needs no network.
    let metadata = metadata()?;
    let faults: Vec<String> = packages(&metadata).flat_map(faults).collect();
    ensure!(faults.is_empty(), "packages lack what a registry shows:\n  {}", faults.join("\n  "));
    rust_version(&metadata)?;
    let mut command = cargo();
    command.current_dir(root()).args(["package", "--offline", "--locked"]);
    command.args(packaged().flat_map(|name| ["--package", name]));
    if verify == Verify::Packed {
        command.arg("--no-verify");
    }
    if !is_committed()? {
        command.arg("--allow-dirty");
    }
    run_command(&mut command)
}

/// What a package lacks that a registry, a reader or a lawyer looks for.
fn faults(package: &Value) -> Vec<String> {
    let name = text(&package["name"]);
    let n = |key: &str| package[key].as_array().map_or(0, Vec::len);
    let has = |key: &str| !text(&package[key]).is_empty();
    let folder = Path::new(text(&package["manifest_path"])).parent();
    let licence = |file: &str| folder.is_some_and(|folder| folder.join(file).is_file());
    let wanted = [
        ("a description", has("description")),
        ("a readme", has("readme")),
        ("a licence", has("license")),
        ("a repository", has("repository")),
        ("a rust-version", has("rust_version")),
        ("1 to 5 keywords", (1..=5).contains(&n("keywords"))),
        ("categories", n("categories") > 0),
        ("[package.metadata.docs.rs]", package["metadata"]["docs"]["rs"].is_object()),
        ("LICENSE-MIT", licence("LICENSE-MIT")),
        ("LICENSE-APACHE", licence("LICENSE-APACHE")),
        // An empty list is `publish = false`, which cargo does not package with what depends on it.
        ("publish.workspace = true", package["publish"].is_null()),
    ];
    let lacking = wanted.into_iter().filter(|(_, is_there)| !is_there);
    lacking.map(|(what, _)| format!("{name} lacks {what}")).collect()
}

/// That the Rust which manifests promise is the one that everything is compiled with.
fn rust_version(metadata: &Value) -> Result<()> {
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).context("rust-toolchain.toml")?;
    let toolchain = quoted(&toolchain, "channel").context("rust-toolchain.toml names no channel")?;
    for package in packages(metadata) {
        let (name, promised) = (text(&package["name"]), text(&package["rust_version"]));
        if is_release_of(toolchain, promised) {
            continue;
        }
        let why = format!("the toolchain is {toolchain}");
        unchecked(&why, &format!("that {name} compiles with Rust {promised}"));
    }
    eprintln!("xtask: Rust {toolchain} compiles everything here, and is what rust-version is held to");
    Ok(())
}

/// Whether `1.95.0` is a release of `1.95`.
fn is_release_of(toolchain: &str, version: &str) -> bool {
    toolchain.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The value of `key = "value"`.
fn quoted<'a>(toml: &'a str, key: &str) -> Option<&'a str> {
    let value =
        |line: &'a str| line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().strip_prefix('"');
    toml.lines().find_map(value)?.split('"').next()
}

/// The crates that are Rust alone, without burn, polars or faiss: what may be written for one kind of processor is there.
const PORTABLE: [&str; 6] = ["u2i-random", "u2i-disk", "u2i-schema", "u2i-linalg", "u2i-eval", "u2i-losses"];

/// Another processor than the one that everything else is tested on.
const OTHER: &str = "aarch64-unknown-linux-gnu";

/// Compiles the [`PORTABLE`] crates for [`OTHER`], where its standard library is installed.
pub fn portable() -> Result<()> {
    let sysroot = output(Command::new("rustc").current_dir(root()).args(["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(OTHER).is_dir() {
        let why = format!("the target is not installed (`rustup target add {OTHER}` does that)");
        unchecked(&why, &format!("that {} compile for {OTHER}", PORTABLE.join(", ")));
        return Ok(());
    }
    let mut command = cargo();
    command.current_dir(root()).args(["check", "--release", "--locked", "--no-default-features"]);
    command.args(["--target", OTHER]).args(PORTABLE.iter().flat_map(|name| ["--package", name]));
    // The part of blake3 that is written in C needs a compiler for the target, and is not ours.
    run_command(command.env("CARGO_FEATURE_NO_NEON", "1"))
}

/// Compares the public API of each crate with that of the last release, where there is one and a tool that can.
pub fn api() -> Result<()> {
    const WHAT: &str = "changes of the public API";
    let mut describe = Command::new("git");
    describe.current_dir(root()).args(["describe", "--tags", "--abbrev=0"]).stderr(Stdio::null());
    let described = describe.output().context("cannot start git")?;
    if !described.status.success() {
        unchecked("no git tag names a release to compare with", WHAT);
        return Ok(());
    }
    let tag = String::from_utf8_lossy(&described.stdout).trim().to_owned();
    let mut version = cargo();
    version.args(["semver-checks", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        unchecked(
            "cargo-semver-checks is not installed (scripts/tools.sh does that once there is a release)",
            WHAT,
        );
        return Ok(());
    }
    let was_there = |name: &&str| {
        let mut git = Command::new("git");
        git.current_dir(root()).args(["cat-file", "-e", &format!("{tag}:crates/{name}/Cargo.toml")]);
        git.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let mut command = cargo();
    command.current_dir(root()).args(["semver-checks", "--baseline-rev", &tag]);
    run_command(command.args(library_crates().filter(was_there).flat_map(|name| ["--package", name])))
}

/// What a registry may have: the library crates, and the program that is installed by its name.
fn packaged() -> impl Iterator<Item = &'static str> {
    library_crates().chain([PROGRAM])
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|package| {
        package["source"].is_null() && packaged().any(|name| name == text(&package["name"]))
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::fence::default_features;

    #[test]
    fn what_a_package_lacks_is_named() {
        let mut package = json!({
            "name": "u2i-new", "description": "New", "readme": "README.md", "license": "MIT", "repository": "here",
            "rust_version": "1.95", "keywords": ["new"], "categories": ["science"], "publish": null,
            "metadata": {"docs": {"rs": {}}}, "manifest_path": root().join("Cargo.toml"),
        });
        assert_eq!(faults(&package), [""; 0]);
        package["readme"] = Value::Null;
        package["keywords"] = json!(["1", "2", "3", "4", "5", "6"]);
        package["publish"] = json!([]);
        package["manifest_path"] = json!("/nowhere/Cargo.toml");
        let wanted =
            ["a readme", "1 to 5 keywords", "LICENSE-MIT", "LICENSE-APACHE", "publish.workspace = true"];
        assert_eq!(faults(&package), wanted.map(|what| format!("u2i-new lacks {what}")));
    }

    #[test]
    fn a_toolchain_is_a_release_of_its_version_alone() {
        assert!(is_release_of("1.95.0", "1.95") && is_release_of("1.95", "1.95"));
        assert!(!is_release_of("1.950.0", "1.95") && !is_release_of("1.96.0", "1.95"));
        assert_eq!(quoted("[toolchain]\nchannel = \"1.95.0\"\n", "channel"), Some("1.95.0"));
        assert_eq!(quoted("channels = \"1\"", "channel"), None);
    }

    /// Rows of the table of docs/development.md: crate, feature, whether it is on by default.
    fn documented() -> BTreeSet<[String; 3]> {
        let text = fs::read_to_string(root().join("docs/development.md")).unwrap();
        let rows = text
            .lines()
            .skip_while(|line| *line != "| crate | feature | by default | what it adds |")
            .skip(2);
        let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
        rows.take_while(|line| line.starts_with('|'))
            .map(|line| {
                let cells: Vec<String> = line.split('|').skip(1).take(3).map(cell).collect();
                cells.try_into().expect("a row has three cells at least")
            })
            .collect()
    }

    #[test]
    fn the_table_of_features_is_that_of_the_manifests() {
        let metadata = metadata().unwrap();
        let mut stated = BTreeSet::new();
        for package in packages(&metadata) {
            let on = default_features(package);
            for feature in package["features"].as_object().unwrap().keys().filter(|name| *name != "default") {
                let by_default = if on.contains(feature) { "on" } else { "off" };
                stated.insert([text(&package["name"]), feature, by_default].map(str::to_owned));
            }
        }
        assert!(stated.len() > 5, "{stated:?}");
        assert_eq!(documented(), stated);
    }
}
