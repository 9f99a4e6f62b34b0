//! Which files a table is made of, where a folder or a pattern names it.

use std::cmp::Ordering;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::FeatureError;

/// One of the files that a table is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder, which its order goes by.
    pub name: String,
    /// What the names of its folders say of all its rows, as in `year=2024`; missing where the value is.
    pub keys: Vec<(String, Option<String>)>,
    /// Bytes of the file.
    pub n_bytes: u64,
}

/// What Hive and Spark write for a missing value.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";
/// Folders within folders; more are a link into itself.
const MAX_DEPTH: usize = 32;

/// The files of a table in the order in which they are read, if `path` names a folder or a pattern; `None` if it names a
/// file, be it there or not.
///
/// A pattern has `*`, `?` or `[..]` in a part of the path that is not there by that very name. Folders are looked
/// through to their ends. Passed over are files without a byte, what begins with `.` or `_` (`_SUCCESS`, `_metadata`), and
/// checksums and notes (`.crc`, `.md`). Names are in their natural order, in which `part-10` comes behind `part-9`.
///
/// # Errors
///
/// [`FeatureError::NoPartFiles`] if there is none, and [`FeatureError::Io`].
pub fn part_files(path: &Path) -> Result<Option<Vec<PartFile>>, FeatureError> {
    let mut found = Vec::new();
    if path.is_dir() {
        list(path, &Place::default(), &mut found)?;
    } else if let Some((root, pattern)) = pattern(path) {
        for path in glob::glob(&pattern).map_err(|error| no_pattern(path, error))? {
            let path = path
                .map_err(|error| FeatureError::Io { path: error.path().to_owned(), source: error.into() })?;
            let below = path.strip_prefix(&root).unwrap_or(&path);
            match Place::default().below(below) {
                Some(place) if path.is_dir() => list(&path, &place, &mut found)?,
                Some(place) => add(&path, place, &mut found)?,
                None => {}
            }
        }
    } else {
        return Ok(None);
    }
    found.sort_by(|a, b| natural(&a.name, &b.name));
    found.dedup_by(|a, b| a.path == b.path);
    match found.is_empty() {
        true => Err(FeatureError::NoPartFiles { path: path.to_owned() }),
        false => Ok(Some(found)),
    }
}

/// Where a file stands below the folder of its table.
#[derive(Debug, Clone, Default)]
struct Place {
    names: Vec<String>,
    keys: Vec<(String, Option<String>)>,
}

impl Place {
    /// The place so much further down; `None` if a name on the way is to be passed over.
    fn below(&self, path: &Path) -> Option<Self> {
        let mut place = self.clone();
        for part in path.components() {
            let name = part.as_os_str().to_string_lossy();
            if is_passed_over(&name) {
                return None;
            }
            // Of the file itself the name says nothing.
            if let Some(folder) = place.names.last() {
                place.keys.extend(key(folder));
            }
            place.names.push(name.into_owned());
        }
        Some(place)
    }
}

fn list(dir: &Path, place: &Place, found: &mut Vec<PartFile>) -> Result<(), FeatureError> {
    let io = |source| FeatureError::Io { path: dir.to_owned(), source };
    if place.names.len() > MAX_DEPTH {
        return Err(io(io::Error::other(format!("more than {MAX_DEPTH} folders within each other"))));
    }
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(place) = path.file_name().and_then(|name| place.below(Path::new(name))) else { continue };
        if path.is_dir() { list(&path, &place, found)? } else { add(&path, place, found)? }
    }
    Ok(())
}

fn add(path: &Path, place: Place, found: &mut Vec<PartFile>) -> Result<(), FeatureError> {
    let metadata =
        std::fs::metadata(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
    if metadata.len() > 0 {
        let Place { names, keys } = place;
        found.push(PartFile { path: path.to_owned(), name: names.join("/"), keys, n_bytes: metadata.len() });
    }
    Ok(())
}

/// Whether a file or folder is none of a table, by its name. A column may begin with `_`.
fn is_passed_over(name: &str) -> bool {
    let is_note = [".crc", ".md"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    name.starts_with('.') || name.starts_with('_') && !name.contains('=') || is_note
}

/// The column and the value that a folder says of all rows below it.
fn key(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    let value = Some(unescaped(value)).filter(|value| !value.is_empty() && value != MISSING);
    (!name.is_empty()).then(|| (unescaped(name), value))
}

/// Text in which `%2F` and the like are the characters that they stand for.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = (*first == b'%').then(|| behind.get(..2)).flatten();
        let byte = code
            .filter(|code| code.iter().all(u8::is_ascii_hexdigit))
            .and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a part of a path is a pattern.
fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The folder at which a pattern begins, and the whole pattern; `None` if the path is none.
fn pattern(path: &Path) -> Option<(PathBuf, String)> {
    let mut root = PathBuf::new();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next_if(|part| root.join(part).exists()) {
        root.push(part);
    }
    let rest: PathBuf = parts.collect();
    let is_it = |part: Component<'_>| is_pattern(&part.as_os_str().to_string_lossy());
    let first = rest.components().next()?;
    // What is not there by its own name has to be the pattern.
    if !is_it(first) {
        return None;
    }
    let own = glob::Pattern::escape(&root.to_string_lossy());
    let between = if own.is_empty() || own.ends_with('/') { "" } else { "/" };
    Some((root, format!("{own}{between}{}", rest.to_string_lossy())))
}

fn no_pattern(path: &Path, error: glob::PatternError) -> FeatureError {
    FeatureError::Io { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidInput, error) }
}

/// The order in which people count: runs of digits by their numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        match (left, right) {
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let ((x, rest_x), (y, rest_y)) = (digits(left), digits(right));
                match x.len().cmp(&y.len()).then(x.cmp(y)) {
                    Ordering::Equal => (left, right) = (rest_x, rest_y),
                    order => return order,
                }
            }
            ([x, rest_x @ ..], [y, rest_y @ ..]) if x == y => (left, right) = (rest_x, rest_y),
            // What differs in zeros alone.
            ([], []) => return a.cmp(b),
            _ => return left.cmp(right),
        }
    }
}

/// The digits that a text begins with, without zeros before them, and what follows.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let n = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (run, rest) = text.split_at(n);
    let zeros = run.iter().take_while(|&&byte| byte == b'0').count();
    (&run[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if file.contains("empty") { "" } else { "x" }).unwrap();
        }
        dir
    }

    fn names(path: &Path) -> Vec<String> {
        part_files(path).unwrap().unwrap().into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn what_spark_and_others_write_beside_parts_is_passed_over() {
        let dir = folder(&[
            "part-00001.csv",
            "part-00000.csv",
            ".part-00000.csv.crc",
            "_SUCCESS",
            "_committed_17",
            "_delta_log/00.json",
            ".DS_Store",
            "part-00002-empty.csv",
            "README.md",
        ]);
        assert_eq!(names(dir.path()), ["part-00000.csv", "part-00001.csv"]);
    }

    #[test]
    fn parts_are_in_the_order_in_which_people_count() {
        let dir = folder(&["p-10.csv", "p-9.csv", "p-09.csv", "p-1.csv", "a/p-2.csv", "day=10/x", "day=9/x"]);
        let wanted = ["a/p-2.csv", "day=9/x", "day=10/x", "p-1.csv", "p-09.csv", "p-9.csv", "p-10.csv"];
        assert_eq!(names(dir.path()), wanted);
    }

    #[test]
    fn folders_of_partitions_are_columns() {
        let dir =
            folder(&["year=2024/city=S%C3%A3o%2FPaulo/part-0", "year=__HIVE_DEFAULT_PARTITION__/city=/a=b"]);
        let files = part_files(dir.path()).unwrap().unwrap();
        let key = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(files[0].keys, [key("year", Some("2024")), key("city", Some("São/Paulo"))]);
        assert_eq!(files[1].keys, [key("year", None), key("city", None)]);
        let by_pattern = part_files(&dir.path().join("year=*")).unwrap().unwrap();
        assert_eq!(by_pattern, files);
    }

    #[test]
    fn patterns_name_files_and_folders_and_may_stand_below_a_folder_with_brackets() {
        let dir = folder(&[
            "[old]/part-0.csv",
            "[old]/part-1.csv",
            "[old]/other.csv",
            "[old]/_part-2.csv",
            "x*.csv",
        ]);
        assert_eq!(names(&dir.path().join("[old]/part-*.csv")), ["part-0.csv", "part-1.csv"]);
        assert_eq!(names(&dir.path().join("[old]/**/part-?.csv")), ["part-0.csv", "part-1.csv"]);
        // A file that is there by the very name is no pattern, and neither is a name without one.
        assert_eq!(part_files(&dir.path().join("x*.csv")).unwrap(), None);
        assert_eq!(part_files(&dir.path().join("nothing.csv")).unwrap(), None);
        for nothing in ["[old]/*.parquet", "none-*"] {
            let error = part_files(&dir.path().join(nothing)).unwrap_err();
            assert!(matches!(error, FeatureError::NoPartFiles { .. }), "{error}");
        }
        let empty = folder(&["_SUCCESS", "empty.csv"]);
        assert!(part_files(empty.path()).unwrap_err().to_string().contains("no file of a table"));
    }
}
