use std::path::Path;

use crate::error::FeatureError;
use crate::limits::ReadLimits;
use crate::raw::{FileCounts, MarkedCells, Reject};

/// What became of a row that could be read.
pub(crate) enum Fate {
    /// Used.
    Kept,
    /// Of a user or item without events.
    Filtered,
    /// Without a user, an item or a time, and left out as the config says.
    Incomplete,
}

/// What is wrong with a row: the column, empty for the whole row, and the reason.
pub(crate) struct Bad(pub &'static str, pub String);

/// The reason of a reject, with the file if it is one of several.
pub(crate) fn reason_in(part: Option<&str>, reason: String) -> String {
    match part {
        Some(part) => format!("{reason} (in {part})"),
        None => reason,
    }
}

/// Counts the rows of one file, or of the parts of one table, as they are read.
pub(crate) struct Tally {
    counts: FileCounts,
    /// Rejects of files before this one, where a table is made of several.
    n_before: usize,
    max_reject_ratio: f64,
}

impl Tally {
    pub(crate) fn new(path: &Path, limits: &ReadLimits) -> Self {
        let counts = FileCounts { path: path.to_owned(), ..FileCounts::default() };
        Tally { counts, n_before: 0, max_reject_ratio: limits.max_reject_ratio }
    }

    /// One more row was met.
    pub(crate) fn row(&mut self) {
        self.met(1);
    }

    /// So many more rows were met.
    pub(crate) fn met(&mut self, n_rows: usize) {
        self.counts.read += n_rows as u64;
    }

    /// So many more rows were met and used.
    pub(crate) fn kept(&mut self, n_rows: usize) {
        self.counts.read += n_rows as u64;
        self.counts.kept += n_rows as u64;
    }

    /// Whether no row was met.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.read == 0
    }

    /// Rows that were met so far.
    pub(crate) fn n_met(&self) -> u64 {
        self.counts.read
    }

    /// Rows that were used so far.
    pub(crate) fn n_kept(&self) -> u64 {
        self.counts.kept
    }

    pub(crate) fn settle(&mut self, fate: Fate) {
        match fate {
            Fate::Kept => self.counts.kept += 1,
            Fate::Filtered => self.counts.filtered += 1,
            Fate::Incomplete => {
                self.counts.filtered += 1;
                self.counts.incomplete += 1;
            }
        }
    }

    pub(crate) fn reject(&mut self, line: u64, column: &str, reason: String) {
        self.counts.rejects.push(Reject { line, column: column.to_owned(), reason });
    }

    /// So many more cells of a column are missing by a mark.
    pub(crate) fn marked(&mut self, column: &str, mark: String, n: u64) {
        let known = self.counts.marked.iter_mut().find(|known| known.column == column && known.mark == mark);
        match known {
            Some(known) => known.n += n,
            None => self.counts.marked.push(MarkedCells { column: column.to_owned(), mark, n }),
        }
    }

    /// The rows behind are of another file. Rejects are in the order of the files, and of lines within each.
    pub(crate) fn next_file(&mut self) {
        self.counts.rejects[self.n_before..].sort_by_key(|reject| reject.line);
        self.n_before = self.counts.rejects.len();
    }

    /// The counts, unless too many rows were bad or none was good.
    pub(crate) fn finish(mut self) -> Result<FileCounts, FeatureError> {
        self.next_file();
        let FileCounts { path, read, kept, filtered, incomplete, rejects, marked } = self.counts;
        let rejected = rejects.len() as u64;
        if rejected as f64 > self.max_reject_ratio * read as f64 {
            let max_reject_ratio = self.max_reject_ratio;
            return Err(FeatureError::TooManyRejects { path, read, max_reject_ratio, rejects });
        }
        if kept == 0 {
            return Err(FeatureError::NoRows { path, read, rejected, filtered });
        }
        Ok(FileCounts { path, read, kept, filtered, incomplete, rejects, marked })
    }
}
