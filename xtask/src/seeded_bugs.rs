//! Bugs planted beside guards, to see that each guard's test fails with them.
//!
//! A bug is a file in `xtask/bugs/`: lines of a source, and the lines that a careless change would have left instead.
//! All bugs are planted at once in a copy of the checkout, each behind a switch of its own, so that the tests are built
//! once. The environment variable `U2I_SEEDED_BUG` then names the bug of each run.

mod bug;
mod copy;
mod harness;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::bug::Bug;
use self::harness::{Outcome, Tests, build};
use crate::cargo::{root, target_dir};
use crate::sources::{Sources, of_crates};
use crate::test::announce_long_build;

pub use self::harness::test_targets;

/// Plants every bug in turn, prints the table, and fails if a test did not fail.
pub fn run(json: Option<&Path>) -> Result<()> {
    let sources = of_crates()?;
    let bugs = read()?;
    let faults = bug::faults(&bugs, &sources);
    ensure!(faults.is_empty(), "{} faults in xtask/bugs:\n  {}", faults.len(), faults.join("\n  "));

    let target = target_dir();
    let folder = target.join("seeded-bugs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _alone = wait_for_others(&folder.join("lock"))?;
    let checkout = folder.join("checkout");
    copy::update(root(), &checkout, &target, &bug::plant(&bugs, &sources))?;
    announce_long_build(&target);
    let wanted = bugs.iter().map(|bug| (bug.package.as_str(), bug.target.as_str()));
    let tests = build(&checkout, &target, wanted).with_context(|| {
        format!("cannot build the copy {}, in which all bugs are planted", checkout.display())
    })?;
    let results = run_all(&bugs, &tests, &folder.join("log.txt"))?;

    let rows: Vec<Value> = bugs.iter().zip(&results).map(|(bug, caught)| row(bug, caught.is_ok())).collect();
    std::io::stdout().write_all(table(&rows).as_bytes()).context("cannot print the table")?;
    if let Some(path) = json {
        write(path, &rows)?;
    }
    let missed: Vec<String> = bugs
        .iter()
        .zip(results)
        .filter_map(|(Bug { promise, name, package, target, test, .. }, caught)| {
            Some(format!("{promise} {name}: {package} {target} {test}: {}", caught.err()?))
        })
        .collect();
    if !missed.is_empty() {
        bail!("{} of {} bugs were not caught:\n  {}", missed.len(), bugs.len(), missed.join("\n  "));
    }
    eprintln!("xtask: all {} bugs were caught", bugs.len());
    Ok(())
}

/// Which bugs do not fit these sources, and why.
pub fn faults(sources: &Sources) -> Result<Vec<String>> {
    Ok(bug::faults(&read()?, sources))
}

fn read() -> Result<Vec<Bug>> {
    bug::read(&root().join("xtask/bugs"))
}

/// The copy belongs to one job at a time, also where several checkouts build into one folder.
fn wait_for_others(path: &Path) -> Result<File> {
    let lock = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(lock)
}

/// Whether each bug was caught, and why not.
fn run_all(bugs: &[Bug], tests: &Tests, log: &Path) -> Result<Vec<Result<(), String>>> {
    let mut sound: HashMap<(&Path, &str), Outcome> = HashMap::new();
    let mut results = Vec::new();
    for bug in bugs {
        results.push(match tests.get(&(bug.package.clone(), bug.target.clone())) {
            None => Err("there is no such test target".to_owned()),
            Some(test) => {
                let without = match sound.entry((&test.executable, &bug.test)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(test.run(&bug.test, None, log)?),
                };
                match without {
                    Outcome::Passed => test.run(&bug.test, Some(&bug.name), log)?.catches_bug(),
                    other => Err(format!("without the bug, the test {other}")),
                }
            }
        });
    }
    Ok(results)
}

fn row(bug: &Bug, caught: bool) -> Value {
    json!({"row": bug.promise, "bug": bug.name, "caught": caught})
}

/// The rows as aligned text under a header.
fn table(rows: &[Value]) -> String {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let width = rows.iter().map(|row| text(row, "bug").len()).fold("bug".len(), usize::max);
    let mut lines = format!("{:4} | {:width$} | caught\n", "row", "bug");
    for row in rows {
        let caught = if row["caught"] == Value::Bool(true) { "yes" } else { "NO" };
        lines += &format!("{:4} | {:width$} | {caught}\n", text(row, "row"), text(row, "bug"));
    }
    lines
}

/// Writes beside `path`, then renames, so that the table is whole or not there.
fn write(path: &Path, rows: &[Value]) -> Result<()> {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    fs::write(&partial, format!("[\n{}\n]\n", lines.join(",\n")))
        .with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("cannot replace {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_whole() {
        let folder = std::env::temp_dir().join(format!("u2i-seeded-bugs-json-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let rows = [
            json!({"row": "D1", "bug": "b", "caught": true}),
            json!({"row": "L1", "bug": "c", "caught": false}),
        ];
        write(&folder.join("bugs.json"), &rows).unwrap();
        let text = fs::read_to_string(folder.join("bugs.json")).unwrap();
        let [d1, l1] =
            [r#"{"row":"D1","bug":"b","caught":true}"#, r#"{"row":"L1","bug":"c","caught":false}"#];
        assert_eq!(text, format!("[\n{d1},\n{l1}\n]\n"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(table(&rows), "row  | bug | caught\nD1   | b   | yes\nL1   | c   | NO\n");
    }
}
