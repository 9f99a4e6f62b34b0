//! Mutated files against a reader: no input may end in a panic. Tests of other crates include this file.
//!
//! `docs/development.md` says why this is no libFuzzer, and what to do with an input that fails.

#[path = "mutate.rs"]
mod mutate;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Seconds for each target instead of its fixed number of inputs.
const SECONDS: &str = "U2I_FUZZ_SECONDS";
/// Inputs beyond the corpus that are kept to be mutated further.
const MOST_KEPT: usize = 200;
/// Longer mutants are cut, so that they do not grow from one to the next.
const MOST_BYTES: usize = 4096;

/// Gives the corpus, then mutants, to `run`, which says in a word what became of an input. Mutants with a new word are
/// mutated further.
#[expect(clippy::print_stdout, reason = "what was done is seen with --nocapture")]
pub(crate) fn fuzz(
    target: &str,
    own: Vec<Vec<u8>>,
    tokens: &[&[u8]],
    inputs: usize,
    run: &mut dyn FnMut(&[u8]) -> String,
) {
    let mut pool = own;
    pool.extend(entries(target));
    assert!(!pool.is_empty(), "{target} has a corpus");
    let mut seen = BTreeSet::new();
    let mut check = |input: &[u8], what: &str| {
        catch_unwind(AssertUnwindSafe(|| run(input))).unwrap_or_else(|_| {
            let path = folder(target).join("failed");
            std::fs::write(&path, input).unwrap();
            panic!("{target}, {what}: see above; the input is {}, for the corpus", path.display());
        })
    };
    for (i, input) in pool.iter().enumerate() {
        seen.insert(check(input, &format!("entry {i} of the corpus")));
    }
    let most = pool.len() + MOST_KEPT;
    let mut mutator = Mutator::new(target, tokens);
    let begin = Instant::now();
    let budget =
        std::env::var(SECONDS).ok().map(|text| Duration::from_secs_f64(text.parse().expect(SECONDS)));
    let mut n = 0;
    while budget.map_or(n < inputs, |budget| begin.elapsed() < budget) {
        n += 1;
        let mut input = mutator.mutate(&pool);
        input.truncate(MOST_BYTES);
        if seen.insert(check(&input, &format!("mutant {n}"))) && pool.len() < most {
            pool.push(input);
        }
    }
    clear(target);
    println!("fuzz: {target}: {n} mutants, {} outcomes, {:.1} s", seen.len(), begin.elapsed().as_secs_f64());
}

pub(crate) fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

/// The files of a corpus in the order of their names; a target that makes its own may have none.
pub(crate) fn entries(target: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(corpus(target)).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Where a target works, apart from other processes. What was given last is still there if this one is taken down.
pub(crate) fn folder(target: &str) -> PathBuf {
    let own = format!("fuzz-{target}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(own);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes the folder of a target that found nothing.
pub(crate) fn clear(target: &str) {
    std::fs::remove_dir_all(folder(target)).unwrap();
}

/// A message without what differs from input to input: the folder, what is listed, digits and what is quoted.
pub(crate) fn word(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    if let Some(at) = message.find(env!("CARGO_TARGET_TMPDIR")) {
        // The path ends the first word that it is in.
        let end = message[at..].find([' ', ':']).map_or(message.len(), |length| at + length);
        message.replace_range(at..end, "");
    }
    let mut quoted = false;
    let message = message.split(", only").next().unwrap_or_default();
    let kept = message.chars().filter(|&letter| {
        quoted ^= letter == '`' || letter == '"';
        !quoted && letter.is_ascii_alphabetic()
    });
    kept.take(60).collect()
}
