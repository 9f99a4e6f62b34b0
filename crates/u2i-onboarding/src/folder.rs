//! What a folder holds: part files of one table, or tables of their own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use u2i::Error;

/// What is in a folder, without what is hidden.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// Files that may hold data, by their endings or as parts.
    pub files: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
    /// Whether a program has left its mark that it has written all parts.
    has_mark: bool,
}

/// Endings of packed files, behind that of what is in them.
const PACKED: [&str; 2] = [".gz", ".zst"];

/// Lists a folder; `endings` are those of files of data, in lower case.
pub(crate) fn list(dir: &Path, endings: &[&str]) -> Result<Folder, Error> {
    let unreadable = |source| Error::Io { action: "read", path: dir.to_owned(), source };
    let mut folder = Folder::default();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = name(&path);
        folder.has_mark |= name == "_SUCCESS";
        if name.starts_with('.') || name.starts_with('_') && !name.contains('=') {
            continue;
        }
        if path.is_dir() {
            folder.folders.push(path);
        } else if path.is_file() && (is_part(&name) || endings.contains(&ending(&name).as_str())) {
            folder.files.push(path);
        }
    }
    folder.files.sort();
    folder.folders.sort();
    Ok(folder)
}

impl Folder {
    /// Whether the folder is one table: it has partitions (`year=2024`), a mark of Spark's, or files that are called alike
    /// but for numbers.
    pub(crate) fn are_parts(&self) -> bool {
        let has_partitions = self.folders.iter().any(|folder| name(folder).contains('='));
        let names: Vec<String> = self.files.iter().map(|file| name(file)).collect();
        let series: HashSet<String> = names.iter().map(|name| without_numbers(name)).collect();
        let is_series = series.len() == 1 && (names.len() > 1 || names.iter().all(|name| is_part(name)));
        has_partitions || self.has_mark && !names.is_empty() || is_series
    }
}

/// The name of a file or folder.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last ending of a name in lower case, but for that of its packing.
pub(crate) fn ending(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let bare = PACKED.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    bare.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_owned())
}

/// Whether a name is one that programs give a part of a table: `part-00000.csv`, or `000000_0` as Hive has it.
fn is_part(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has_number = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    let of_hive = name.split_once('_').is_some_and(|(a, b)| {
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        are_digits(a) && are_digits(b)
    });
    of_hive
        || ["part-", "part_", "part."].iter().any(|start| name.strip_prefix(start).is_some_and(has_number))
}

/// A name with one mark for each word that has a digit in it, and for all that follows `part-`.
fn without_numbers(name: &str) -> String {
    if is_part(name) {
        return "part-#".to_owned();
    }
    let mut words: Vec<&str> = Vec::new();
    for word in name.split(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '\u{80}'..)) {
        let word = if word.contains(|char: char| char.is_ascii_digit()) { "#" } else { word };
        // A date is one number however it is written.
        if word != "#" || words.last() != Some(&"#") {
            words.push(word);
        }
    }
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_numbers_alone_are_a_series() {
        let alike = [
            ("events_2023.csv", "events_2024.csv"),
            ("2024-01-01.csv", "2024-01-02.csv"),
            ("part-00000-9a7c.snappy.parquet", "part-00001-beef.snappy.parquet"),
            ("000000_0", "000001_0"),
            ("clicks.000.csv.gz", "clicks.001.csv.gz"),
        ];
        for (a, b) in alike {
            assert_eq!(without_numbers(a), without_numbers(b));
        }
        let other = [
            ("train.csv", "test.csv"),
            ("clicks.csv", "carts.csv"),
            ("u1.base", "u1.test"),
            ("a.csv", "a.txt"),
        ];
        for (a, b) in other {
            assert_ne!(without_numbers(a), without_numbers(b));
        }
    }

    #[test]
    fn the_ending_is_that_of_what_is_packed() {
        for (name, wanted) in [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.b.jsonl.zst", "jsonl"), ("a", "")] {
            assert_eq!(ending(name), wanted);
        }
    }
}
