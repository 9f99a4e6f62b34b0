use std::path::{Path, PathBuf};

use u2i_schema::Digest;

use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::raw::{FileCounts, RawData};
use crate::row_source::RowSource;
use crate::tally::Tally;
use crate::typed_cells::{BindError, TypedCells, Wanted};

/// A file of rows in whatever format, part by part, its rows still to be judged.
pub(crate) struct Table {
    /// The part that is looked at.
    part: FilePart,
    names: Vec<String>,
    source: Box<dyn RowSource>,
    pub(crate) tally: Tally,
    path: PathBuf,
    /// Where the config names the file.
    pub(crate) key: &'static str,
}

impl Table {
    /// A file with its first part. Go on with [`next_part`](Self::next_part).
    pub(crate) fn open(
        path: &Path,
        format: &FileFormat,
        formats: &Formats,
        limits: &ReadLimits,
        key: &'static str,
    ) -> Result<Self, FeatureError> {
        limits.check()?;
        let tally = Tally::new(path, limits);
        let source = formats.find(format, key)?.open(path, limits).map_err(|error| below(error, key))?;
        let names = source.columns().to_vec();
        let path = path.to_owned();
        if let Some(repeated) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            return Err(FeatureError::RepeatedHeader { path, column: names[repeated].clone(), found: names });
        }
        let mut table = Table { part: FilePart::empty(names.len()), names, source, tally, path, key };
        table.next_part()?;
        Ok(table)
    }

    /// Goes on to the next rows; false if there are none.
    ///
    /// # Panics
    ///
    /// If the source gives a part with another number of columns than names.
    pub(crate) fn next_part(&mut self) -> Result<bool, FeatureError> {
        // What was looked at makes room first.
        self.part = FilePart::empty(self.names.len());
        while let Some(mut part) = self.source.next_part()? {
            assert_eq!(part.columns().len(), self.names.len(), "expected as many columns as names");
            let rejects = part.take_rejects();
            self.tally.met(part.n_rows() + rejects.len());
            rejects.into_iter().for_each(|bad| self.tally.reject(bad.line, &bad.column, bad.reason));
            self.part = part;
            if self.part.n_rows() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many rows all parts have, judged by those that were read; 0 if that is not known.
    pub(crate) fn expected(&self) -> usize {
        self.source.expected_rows()
    }

    /// Rows of this part.
    pub(crate) fn n_rows(&self) -> usize {
        self.part.n_rows()
    }

    pub(crate) fn reject(&mut self, row: usize, column: &str, reason: String) {
        self.tally.reject(self.part.line(row), column, reason);
    }

    /// The cells of a column that the config binds at `key`, in this part.
    pub(crate) fn cells(
        &self,
        column: &str,
        key: &str,
        wanted: Wanted<'_>,
    ) -> Result<TypedCells, FeatureError> {
        let key = format!("{}.{key}", self.key);
        let (path, named) = (self.path.clone(), column.to_owned());
        let Some(place) = self.names.iter().position(|name| name == column) else {
            return Err(FeatureError::MissingColumn { path, column: named, key, found: self.names.clone() });
        };
        self.part.columns()[place].typed(wanted).map_err(|error| match error {
            BindError::Polars(source) => FeatureError::Polars { path, source },
            BindError::Type(found) => {
                FeatureError::ColumnType { path, column: named, key, found, wanted: wanted.types() }
            }
        })
    }

    /// Names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The part that is looked at.
    pub(crate) fn part(&self) -> &FilePart {
        &self.part
    }

    /// What became of the rows, of a file that is not one of the data.
    pub(crate) fn counts(self) -> Result<FileCounts, FeatureError> {
        self.tally.finish()
    }

    pub(crate) fn finish(self, raw: &mut RawData, digest: &mut Digest) -> Result<(), FeatureError> {
        let counts = self.tally.finish()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        *digest = std::mem::take(digest).part(&name, &self.source.finish());
        raw.files.push(counts);
        Ok(())
    }
}

/// Puts the key of the file before that of a value of its format.
fn below(error: FeatureError, key: &str) -> FeatureError {
    match error {
        FeatureError::InvalidValue { key: own, wanted, found } => {
            FeatureError::InvalidValue { key: format!("{key}.format.{own}"), wanted, found }
        }
        error => error,
    }
}
