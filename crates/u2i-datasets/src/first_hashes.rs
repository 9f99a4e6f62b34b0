//! The hashes of what was downloaded first, where none is published.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::mirror::DownloadError;

/// The file in the cache that holds the hashes of a data set, a line `HASH  FILE` for each download, as `sha256sum` has it.
pub(crate) struct FirstHashes {
    path: PathBuf,
    by_file: BTreeMap<String, String>,
    has_more: bool,
}

impl FirstHashes {
    pub(crate) fn read(cache_dir: &Path, set: &str) -> Result<Self, DownloadError> {
        let path = cache_dir.join(format!("{set}.sha256"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(DownloadError::Read { path, source }),
        };
        let mut by_file = BTreeMap::new();
        for (place, line) in text.lines().enumerate() {
            match line.split_once("  ") {
                Some((hash, file))
                    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
                {
                    by_file.insert(file.to_owned(), hash.to_owned());
                }
                _ => return Err(DownloadError::Record { path, line: place + 1 }),
            }
        }
        Ok(FirstHashes { path, by_file, has_more: false })
    }

    /// Holds what came from `url` against the first download of `file`, or takes it as that.
    pub(crate) fn check(&mut self, url: &str, file: &str, found: String) -> Result<(), DownloadError> {
        match self.by_file.get(file) {
            Some(wanted) if *wanted != found => Err(DownloadError::Changed {
                url: url.to_owned(),
                found,
                wanted: wanted.clone(),
                record: self.path.clone(),
            }),
            Some(_) => Ok(()),
            None => {
                self.by_file.insert(file.to_owned(), found);
                self.has_more = true;
                Ok(())
            }
        }
    }

    /// Writes the file anew if there is something to add.
    pub(crate) fn keep(&self) -> Result<(), DownloadError> {
        if !self.has_more {
            return Ok(());
        }
        let text: String = self.by_file.iter().map(|(file, hash)| format!("{hash}  {file}\n")).collect();
        u2i_disk::replace(&self.path, text.as_bytes())
            .map_err(|error| DownloadError::Write { path: error.path, source: error.source })
    }
}
