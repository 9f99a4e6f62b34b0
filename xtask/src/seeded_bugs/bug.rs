//! A bug as its file in `xtask/bugs/` describes it, and its changes made to sources.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::sources::{Sources, line_of};

/// A bug, and the test that must fail with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// The stem of its file. It says what is wrong with the bug planted.
    #[serde(skip)]
    pub name: String,
    /// The promise of `docs/reliability.md` that the guard keeps: `C6`.
    pub promise: String,
    pub package: String,
    /// `lib`, or the name of an integration test.
    pub target: String,
    pub test: String,
    #[serde(rename = "change")]
    changes: Vec<Change>,
}

/// Lines that the bug replaces.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// From the top of the checkout.
    file: String,
    /// Whole lines that stand once in the file.
    lines: String,
    /// The lines instead, in which [`PLANTED`] stands for whether this bug is planted.
    by: String,
}

/// The word in `by` that becomes an expression.
const PLANTED: &str = "PLANTED";

/// Names the bug of a process.
pub const SEEDED_BUG: &str = "U2I_SEEDED_BUG";

/// All bugs of a folder, in the order of their promises, those of one promise by their names.
pub fn read(folder: &Path) -> Result<Vec<Bug>> {
    let mut bugs = Vec::new();
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else {
            bail!("{} is no bug: its name does not end in .toml", path.display());
        };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bugs.push(parse(name, &text)?);
    }
    bugs.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(bugs)
}

fn parse(name: &str, text: &str) -> Result<Bug> {
    let bug: Bug = toml::from_str(text).with_context(|| file_of(name))?;
    Ok(Bug { name: name.to_owned(), ..bug })
}

fn file_of(name: &str) -> String {
    format!("xtask/bugs/{name}.toml")
}

/// D2 before D10.
fn order(bug: &Bug) -> (&str, u32, &str) {
    let digits = bug.promise.trim_start_matches(|c: char| !c.is_ascii_digit());
    let letters = &bug.promise[..bug.promise.len() - digits.len()];
    (letters, digits.parse().unwrap_or(0), &bug.name)
}

/// What is wrong with the bugs, a line for each fault.
pub fn faults(bugs: &[Bug], sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for bug in bugs {
        let file = file_of(&bug.name);
        faults.extend(bug.faults(sources).into_iter().map(|fault| format!("{file}: {fault}")));
    }
    for (source, mut places) in places(bugs, sources) {
        places.sort_by_key(|(place, ..)| place.start);
        for pair in places.windows(2) {
            let [(before, one, _), (after, other, _)] = pair else { continue };
            if after.start < before.end {
                let line = line_of(&sources[source], after.start);
                faults.push(format!(
                    "{} and {} both replace line {line} of {source}; give one of them other lines",
                    file_of(&one.name),
                    file_of(&other.name)
                ));
            }
        }
    }
    faults
}

/// The sources that the bugs change, with all bugs in them. The bugs have no [`faults`].
pub fn plant(bugs: &[Bug], sources: &Sources) -> Sources {
    let mut planted = Sources::new();
    for (source, mut places) in places(bugs, sources) {
        let mut text = sources[source].clone();
        // From the end, so that the places before stay where they are.
        places.sort_by_key(|(place, ..)| std::cmp::Reverse(place.start));
        for (place, bug, change) in places {
            text.replace_range(place, &switched(&change.by, &bug.name));
        }
        planted.insert(source.to_owned(), text);
    }
    planted
}

type Places<'a> = Vec<(Range<usize>, &'a Bug, &'a Change)>;

/// By source, the bytes that changes replace. Changes whose lines do not stand there once are left out.
fn places<'a>(bugs: &'a [Bug], sources: &Sources) -> BTreeMap<&'a str, Places<'a>> {
    let mut places: BTreeMap<&str, Places<'_>> = BTreeMap::new();
    for bug in bugs {
        for change in &bug.changes {
            let begins = sources.get(&change.file).map(|text| begins(text, &change.lines));
            if let Some([begin]) = begins.as_deref() {
                let place = *begin..begin + change.lines.len();
                places.entry(&change.file).or_default().push((place, bug, change));
            }
        }
    }
    places
}

impl Bug {
    fn faults(&self, sources: &Sources) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            faults.push("its name has other characters than a to z, digits and _".to_owned());
        }
        faults.extend(self.missing_test(sources));
        if !self.changes.iter().any(|change| words(&change.by, PLANTED).next().is_some()) {
            faults.push(format!("no `by` has the word {PLANTED}, so that nothing switches the bug"));
        }
        faults.extend(self.changes.iter().filter_map(|change| change.fault(sources)));
        faults
    }

    /// Says which of package, target and test there is not.
    fn missing_test(&self, sources: &Sources) -> Option<String> {
        let Bug { package, target, test, .. } = self;
        let folder = format!("crates/{package}");
        let of = |place: String| sources.iter().filter(move |(file, _)| file.starts_with(&place));
        if of(format!("{folder}/")).next().is_none() {
            return Some(format!("there is no package {folder}"));
        }
        let mut of_target: Vec<&String> = match target.as_str() {
            "lib" => of(format!("{folder}/src/")).map(|(_, text)| text).collect(),
            name => of(format!("{folder}/tests/{name}/")).map(|(_, text)| text).collect(),
        };
        of_target.extend(sources.get(&format!("{folder}/tests/{target}.rs")));
        if of_target.is_empty() {
            return Some(format!("{package} has no test target `{target}`"));
        }
        let function = format!("fn {}(", test.rsplit("::").next().unwrap_or(test));
        let is_there = of_target.iter().any(|text| text.contains(&function));
        (!is_there).then(|| format!("`{target}` of {package} has no test {test}"))
    }
}

impl Change {
    fn fault(&self, sources: &Sources) -> Option<String> {
        let Change { file, lines, by } = self;
        if lines.trim().is_empty() || !lines.ends_with('\n') {
            return Some("`lines` are not whole lines".to_owned());
        }
        if !by.is_empty() && !by.ends_with('\n') {
            return Some("`by` does not end with a whole line".to_owned());
        }
        match sources.get(file).map(|text| begins(text, lines).len()) {
            Some(1) => None,
            Some(0) => Some(format!("its lines stand no longer in {file}{}", self.elsewhere(sources))),
            Some(n) => Some(format!("its lines stand {n} times in {file}; add a line before or after them")),
            None => Some(format!("there is no source {file}{}", self.elsewhere(sources))),
        }
    }

    /// The one place where the lines stand now, whatever their indentation. Empty if there is none or more than one.
    fn elsewhere(&self, sources: &Sources) -> String {
        let wanted = unindented(&self.lines);
        let found: Vec<(&String, usize, bool)> = sources
            .iter()
            .flat_map(|(file, text)| {
                let lines = unindented(text);
                let found = lines.windows(wanted.len()).enumerate();
                let found: Vec<usize> =
                    found.filter(|(_, lines)| *lines == wanted).map(|(at, _)| at + 1).collect();
                let as_they_were = begins(text, &self.lines).len() == 1;
                found.into_iter().map(move |line| (file, line, as_they_were))
            })
            .collect();
        match found[..] {
            [(file, line, true)] => format!("; they stand in {file} now, line {line}"),
            [(file, line, false)] => format!("; they stand in {file}, line {line}, with another indentation"),
            _ => String::new(),
        }
    }
}

fn unindented(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// The bytes at which these whole lines begin.
fn begins(text: &str, lines: &str) -> Vec<usize> {
    let after_line = text.match_indices('\n').map(|(end, _)| end + 1);
    std::iter::once(0).chain(after_line).filter(|&begin| text[begin..].starts_with(lines)).collect()
}

/// The bytes at which a word begins that is not a part of a longer one.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    text.match_indices(word).map(|(begin, _)| begin).filter(move |&begin| {
        let bytes = text.as_bytes();
        !in_word(bytes[..begin].last()) && !in_word(bytes.get(begin + word.len()))
    })
}

/// Lines with an expression in the place of [`PLANTED`]. It is a call, which is a whole expression wherever it stands,
/// and asks the environment once, since it may stand in a hot loop.
fn switched(by: &str, name: &str) -> String {
    let switch = format!(
        "::std::convert::identity({{ \
         static BUG: ::std::sync::OnceLock<bool> = ::std::sync::OnceLock::new(); \
         *BUG.get_or_init(|| ::std::env::var_os(\"{SEEDED_BUG}\").is_some_and(|bug| bug == \"{name}\")) }})"
    );
    let mut text = by.to_owned();
    for begin in words(by, PLANTED).collect::<Vec<_>>().into_iter().rev() {
        text.replace_range(begin..begin + PLANTED.len(), &switch);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "promise = 'C6'\npackage = 'a'\ntarget = 'lib'\ntest = 'tests::t'\n";

    fn bug(name: &str, file: &str, lines: &str, by: &str) -> Bug {
        let change = format!("[[change]]\nfile = '{file}'\nlines = '''\n{lines}'''\nby = '''\n{by}'''\n");
        parse(name, &format!("{HEAD}{change}")).unwrap()
    }

    fn sources(extra: &[(&str, &str)]) -> Sources {
        let own = [("crates/a/src/lib.rs", "fn f() {\n    one();\n    two();\n}\nfn t() {}\n")];
        own.iter().chain(extra).map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn all_bugs_fit_the_sources() {
        let bugs = read(&crate::cargo::root().join("xtask/bugs")).unwrap();
        let faults = faults(&bugs, &crate::sources::of_crates().unwrap());
        assert!(!bugs.is_empty() && faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn keys_that_no_bug_has_are_refused_with_their_file() {
        for unknown in
            ["name = 'x'\n", "note = 'x'\n", "[[change]]\nfile = 'f'\nlines = ''\nby = ''\nat = 1\n"]
        {
            let error = format!("{:#}", parse("b", &format!("{HEAD}{unknown}")).unwrap_err());
            assert!(error.contains("xtask/bugs/b.toml") && error.contains("unknown field"), "{error}");
        }
    }

    #[test]
    fn bugs_come_in_the_order_of_their_promises() {
        let mut bugs: Vec<Bug> = [("D10", "a"), ("D2", "c"), ("D2", "b"), ("C9", "d")]
            .map(|(promise, name)| Bug { promise: promise.into(), ..bug(name, "f", "x\n", "PLANTED\n") })
            .into();
        bugs.sort_by(|a, b| order(a).cmp(&order(b)));
        assert_eq!(bugs.iter().map(|bug| &*bug.name).collect::<Vec<_>>(), ["d", "b", "c", "a"]);
    }

    #[test]
    fn bugs_are_planted_each_with_its_own_switch_and_only_whole_words_are() {
        let bugs = [
            bug("b", "crates/a/src/lib.rs", "    two();\n", "    if PLANTED { UNPLANTED(); }\n    two();\n"),
            bug("a", "crates/a/src/lib.rs", "    one();\n", "    PLANTED || !PLANTED && one();\n"),
        ];
        let sources = sources(&[]);
        assert_eq!(faults(&bugs, &sources), Vec::<String>::new());
        let planted = plant(&bugs, &sources);
        let (a, b) = (switched(PLANTED, "a"), switched(PLANTED, "b"));
        assert_eq!(
            planted["crates/a/src/lib.rs"],
            format!(
                "fn f() {{\n    {a} || !{a} && one();\n    if {b} {{ UNPLANTED(); }}\n    two();\n}}\nfn t() {{}}\n"
            )
        );
        assert_eq!(planted.len(), 1);
    }

    /// `bugs` have this one fault in these sources.
    fn check(bugs: &[Bug], extra: &[(&str, &str)], wanted: &str) {
        let found = faults(bugs, &sources(extra));
        assert!(found.len() == 1 && found[0].contains(wanted), "{wanted}: {found:?}");
    }

    #[test]
    fn each_fault_is_named_with_its_bug() {
        let lib = "crates/a/src/lib.rs";
        let good = || bug("good", lib, "    one();\n", "    PLANTED;\n");
        check(
            &[bug("b", lib, "    one();\n", "    one();\n")],
            &[],
            "bugs/b.toml: no `by` has the word PLANTED",
        );
        check(
            &[bug("b", lib, "    ten();\n", "PLANTED\n")],
            &[],
            "b.toml: its lines stand no longer in crates/a",
        );
        check(&[bug("b", lib, "ne();\n", "PLANTED\n")], &[], "stand no longer in");
        check(&[bug("b", lib, "one();\n", "PLANTED\n")], &[], "lib.rs, line 2, with another indentation");
        check(&[bug("b", lib, "    one();\n    ", "PLANTED\n")], &[], "are not whole lines");
        check(&[bug("b", lib, "    one();\n", "PLANTED")], &[], "does not end with a whole line");
        let moved = [("crates/c/src/x.rs", "\n    ten();\n")];
        let wanted = "stand no longer in crates/a/src/lib.rs; they stand in crates/c/src/x.rs now, line 2";
        check(&[bug("b", lib, "    ten();\n", "PLANTED\n")], &moved, wanted);
        let twice = [("crates/a/src/x.rs", "a\na\na\n")];
        check(&[bug("b", "crates/a/src/x.rs", "a\na\n", "PLANTED\n")], &twice, "stand 2 times in");
        check(
            &[bug("b", "crates/a/src/y.rs", "a\n", "PLANTED\n")],
            &[],
            "there is no source crates/a/src/y.rs",
        );
        let other = bug("other", lib, "    one();\n    two();\n", "PLANTED\n");
        check(&[good(), other], &[], "other.toml both replace line 2 of crates/a/src/lib.rs");
        check(&[Bug { name: "B".into(), ..good() }], &[], "its name");
        check(&[Bug { package: "z".into(), ..good() }], &[], "there is no package crates/z");
        check(&[Bug { target: "it".into(), ..good() }], &[], "a has no test target `it`");
        check(&[Bug { test: "tests::u".into(), ..good() }], &[], "`lib` of a has no test tests::u");
    }

    #[test]
    fn tests_are_found_in_their_target() {
        let it = |test: &str| Bug {
            target: "it".into(),
            test: test.into(),
            ..bug("b", "crates/a/src/lib.rs", "    one();\n", "PLANTED\n")
        };
        let one_file = [("crates/a/tests/it.rs", "fn u() {}")];
        let folder = [("crates/a/tests/it/main.rs", ""), ("crates/a/tests/it/m.rs", "fn u() {}")];
        for extra in [&one_file[..], &folder] {
            assert_eq!(faults(&[it("m::u")], &sources(extra)), Vec::<String>::new());
            check(&[it("tests::t")], extra, "has no test tests::t");
        }
    }
}
