//! What the documents name is there: files of the checkout, and tests.

use std::fs;

use crate::cargo::root;
use crate::sources::below;

/// Where paths in the documents begin.
const FOLDERS: [&str; 7] =
    ["benches/", "configs/", "crates/", "docs/", "integrations/", "scripts/", "xtask/"];

/// Name and text of each document.
fn documents() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    let text = all.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    text.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// Paths from the top of the checkout, each up to its first placeholder: `xtask/bugs/` of `xtask/bugs/<name>.toml`.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-./<*".contains(c)));
    let words = words.map(|word| word.trim_start_matches("../").split(['<', '*']).next().unwrap_or_default());
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| FOLDERS.iter().any(|top| word.starts_with(top)))
}

/// Names of tests. They are claims, and so longer than what else is written in this way; those of metrics begin with the
/// project's.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let in_code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let plain = |name: &str| name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    in_code.filter(move |name| {
        name.matches('_').count() > 3 && !name.starts_with('_') && !name.starts_with("u2i_") && plain(name)
    })
}

#[test]
fn every_path_in_the_documents_is_there() {
    let documents = documents();
    let named: Vec<_> =
        documents.iter().flat_map(|(name, text)| paths(text).map(move |path| (name, path))).collect();
    assert!(named.len() > 50, "{named:?}");
    let lost: Vec<_> = named.iter().filter(|(_, path)| !root().join(path).exists()).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn every_test_in_the_documents_is_there() {
    let sources = below("crates").unwrap();
    let is_there = |name: &str| sources.values().any(|source| source.contains(&format!("fn {name}(")));
    let documents = documents();
    // The style's example of a name is not a test of ours.
    let style = root().join("docs/style.md").display().to_string();
    let named = documents.iter().filter(|(name, _)| *name != style).flat_map(|(_, text)| tests(text));
    let named: Vec<&str> = named.collect();
    assert!(named.len() > 100, "{named:?}");
    let lost: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}
