use std::path::{Path, PathBuf};

use u2i_features::{DataConfig, Encoding, MovieLensConfig, ReadLimits, SequencesConfig, SequencesLayout};

/// A data set that somebody publishes under an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSet {
    /// What it is called here, and its folder in the cache.
    pub name: &'static str,
    /// What it holds, in a few words.
    pub about: String,
    /// Who publishes it, on which terms.
    pub source: &'static Source,
    /// How its files are to be read.
    pub layout: Layout,
    /// What is downloaded.
    pub(crate) parts: Vec<Part>,
    /// Further names of the folder, as it comes out of the archive.
    pub(crate) other_folders: &'static [&'static str],
}

/// Who publishes a data set, on which terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// What these data sets are.
    pub title: &'static str,
    /// The page that describes them.
    pub page: &'static str,
    /// Where addresses, sizes and hashes were found.
    pub found_in: &'static str,
    /// Terms of use.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
}

/// How the files of a data set are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// The folder of MovieLens 100K.
    Ml100k,
    /// The folder of MovieLens 1M.
    Ml1m,
    /// The folder of MovieLens 10M.
    Ml10m,
    /// Tables with names of columns, the events first.
    Tables(Vec<String>),
    /// A table of events in which columns stand without names.
    Headerless {
        /// The file.
        file: String,
        /// Numbers of the columns of users, items and times, from 1.
        columns: [usize; 3],
    },
    /// RecBole's atomic files: `.inter`, and where they are there `.user` and `.item`, all with this name before that.
    Atomic(String),
    /// Pairs in time order.
    Pairs(String),
    /// A line for each user: the user and all items, without times. One file to train on and one to test on.
    Adjacency {
        /// What is trained on.
        train: String,
        /// What is tested on.
        test: String,
    },
}

impl Layout {
    /// The files without which it is not there, the events first.
    pub fn files(&self) -> Vec<String> {
        let named = |files: &[&str]| files.iter().map(|&file| file.to_owned()).collect();
        match self {
            Layout::Ml100k => named(&["u.data", "u.user", "u.item"]),
            Layout::Ml1m => named(&["ratings.dat", "users.dat", "movies.dat"]),
            Layout::Ml10m => named(&["ratings.dat", "movies.dat"]),
            Layout::Tables(files) => files.clone(),
            Layout::Atomic(stem) => vec![format!("{stem}.inter")],
            Layout::Headerless { file, .. } | Layout::Pairs(file) => named(&[file]),
            Layout::Adjacency { train, test } => named(&[train, test]),
        }
    }

    /// Further files that are read where they are there.
    pub(crate) fn further_files(&self) -> Vec<String> {
        match self {
            Layout::Atomic(stem) => vec![format!("{stem}.user"), format!("{stem}.item")],
            _ => Vec::new(),
        }
    }

    /// Whether no other data set has files of these names, so that the folder may be called anything.
    fn is_unmistakable(&self) -> bool {
        matches!(self, Layout::Ml100k | Layout::Ml1m)
    }
}

/// A file that is downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) url: String,
    /// Size, where it is published.
    pub(crate) bytes: Option<u64>,
    /// SHA-256 in lower-case hex, where it is known beforehand. Else that of the first download counts.
    pub(crate) sha256: Option<String>,
    pub(crate) contents: Contents,
    /// More than any file in it has.
    pub(crate) max_file_bytes: u64,
}

/// More than any file has of a data set whose size is not published.
pub(crate) const MAX_FILE_BYTES: u64 = 16 << 30;

/// What a download holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contents {
    /// The file itself.
    File(String),
    /// A zip, of which some members are taken.
    Zip {
        /// The folder that holds them; `None` if that may be any, or none.
        folder: Option<&'static str>,
        members: Vec<String>,
        /// Members that are taken where they are there, such as the terms of use.
        optional: Vec<String>,
    },
}

impl Part {
    /// The last step of the address.
    pub(crate) fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }
}

impl KnownSet {
    /// What is downloaded, in bytes; `None` where that is not published.
    pub fn bytes(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The addresses that it is downloaded from.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.url.as_str())
    }

    /// Whether each download is held against a hash that was published, the first one as well.
    pub fn is_pinned(&self) -> bool {
        self.parts.iter().all(|part| part.sha256.is_some())
    }

    /// Terms of use and what to cite, to be shown with results.
    pub fn terms(&self) -> String {
        let Source { licence, citation, .. } = self.source;
        format!("{licence} To cite: {citation}")
    }

    /// `dir` itself or the folder of this name in it, whichever holds all files.
    ///
    /// `dir` itself counts by its files alone only if no other data set has such files: `ratings.csv` and `movies.csv`
    /// are in each of four, and a folder of another name may be that of another.
    pub(crate) fn folder_in(&self, dir: &Path) -> Option<PathBuf> {
        let holds = |dir: &PathBuf| self.layout.files().iter().all(|file| dir.join(file).is_file());
        let names = || [self.name].into_iter().chain(self.other_folders.iter().copied());
        let is_named = |dir: &Path| dir.file_name().is_some_and(|own| names().any(|name| own == name));
        let itself = (self.layout.is_unmistakable() || is_named(dir)).then(|| dir.to_owned());
        itself.into_iter().chain(names().map(|name| dir.join(name))).find(holds)
    }
}

/// A data set of files that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSet {
    /// What it is called.
    pub name: &'static str,
    /// The folder of the files.
    pub folder: PathBuf,
    /// How they are to be read.
    pub layout: Layout,
}

impl FoundSet {
    /// The files that are read, the events first.
    pub fn files(&self) -> Vec<PathBuf> {
        let at = |file: String| self.folder.join(file);
        let further = self.layout.further_files().into_iter().map(at).filter(|file| file.is_file());
        self.layout.files().into_iter().map(at).chain(further).collect()
    }

    /// What reads the files, where nothing about them has to be looked up: neither columns nor what they hold.
    pub fn config(&self) -> Option<DataConfig> {
        let limits = ReadLimits::STRICT;
        let movielens = || MovieLensConfig { dir: self.folder.clone(), limits };
        match &self.layout {
            Layout::Ml100k => Some(DataConfig::Ml100k(movielens())),
            Layout::Ml1m => Some(DataConfig::Ml1m(movielens())),
            Layout::Ml10m => Some(DataConfig::Ml10m(movielens())),
            Layout::Pairs(file) => Some(DataConfig::Sequences(SequencesConfig {
                file: self.folder.join(file),
                layout: SequencesLayout::Pairs,
                encoding: Encoding::Utf8,
                limits,
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const FREE: Source = Source { title: "", page: "", found_in: "", licence: "free.", citation: "nobody" };

    /// A small data set of two files in a zip.
    pub(crate) fn small() -> KnownSet {
        KnownSet {
            name: "small",
            about: String::new(),
            source: &FREE,
            layout: Layout::Tables(vec!["events".to_owned(), "users".to_owned()]),
            parts: vec![Part {
                url: "https://small.invalid/small.zip".to_owned(),
                bytes: None,
                sha256: None,
                contents: Contents::Zip {
                    folder: Some("small"),
                    members: vec!["events".to_owned(), "users".to_owned()],
                    optional: vec!["README".to_owned()],
                },
                max_file_bytes: 1_000,
            }],
            other_folders: &["Small-1"],
        }
    }

    /// A folder with empty files of these names.
    pub(crate) fn folder(dir: &Path, files: &[&str]) {
        std::fs::create_dir_all(dir).unwrap();
        files.iter().for_each(|file| std::fs::write(dir.join(file), "").unwrap());
    }

    #[test]
    fn a_folder_counts_only_with_all_its_files() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("small");
        folder(&dir, &["events"]);
        assert_eq!(small().folder_in(root.path()), None);
        folder(&dir, &["users"]);
        assert_eq!(small().folder_in(root.path()), Some(dir.clone()));
        assert_eq!(small().folder_in(&dir), Some(dir));
    }

    #[test]
    fn a_folder_as_it_comes_out_of_the_archive_is_found() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("Small-1");
        folder(&dir, &["events", "users"]);
        assert_eq!(small().folder_in(root.path()), Some(dir.clone()));
        assert_eq!(small().folder_in(&dir), Some(dir));
    }
}
