use std::path::{Path, PathBuf};

use u2i_schema::Digest;

use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::part_files::part_files;
use crate::raw::{FileCounts, RawData};
use crate::row_source::RowSource;
use crate::table_parts::TableParts;
use crate::tally::{Tally, reason_in};
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
    /// A file, a folder of part files or those of a pattern, with the first rows. Go on with [`next_part`](Self::next_part).
    pub(crate) fn open(
        path: &Path,
        format: &FileFormat,
        formats: &Formats,
        limits: &ReadLimits,
        key: &'static str,
    ) -> Result<Self, FeatureError> {
        limits.check()?;
        let tally = Tally::new(path, limits);
        let source = open(path, format, formats, limits, key).map_err(|error| below(error, key))?;
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
        let mut origin = self.part.origin().cloned();
        // What was looked at makes room first.
        self.part = FilePart::empty(self.names.len());
        while let Some(mut part) = self.source.next_part()? {
            if origin.as_ref().map(|origin| &origin.path) != part.origin().map(|origin| &origin.path) {
                self.tally.next_file();
                origin = part.origin().cloned();
            }
            assert_eq!(part.columns().len(), self.names.len(), "expected as many columns as names");
            let rejects = part.take_rejects();
            self.tally.met(part.n_rows() + rejects.len());
            for bad in rejects {
                self.tally.reject(
                    bad.line,
                    &bad.column,
                    reason_in(origin.as_ref().map(|origin| origin.name.as_str()), bad.reason),
                );
            }
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
        let origin = self.part.origin().map(|origin| origin.name.as_str());
        self.tally.reject(self.part.line(row), column, reason_in(origin, reason));
    }

    /// The cells of a column that the config binds at `key`, in this part.
    pub(crate) fn cells(&self, column: &str, key: &str, wanted: Wanted) -> Result<TypedCells, FeatureError> {
        let key = format!("{}.{key}", self.key);
        let origin = self.part.origin();
        let path = origin.map_or(&self.path, |origin| &origin.path).clone();
        let named = column.to_owned();
        let Some(place) = self.names.iter().position(|name| name == column) else {
            return Err(FeatureError::MissingColumn { path, column: named, key, found: self.names.clone() });
        };
        if let Some(origin) = origin.filter(|origin| origin.absent[place]) {
            return Err(FeatureError::MissingColumn {
                path,
                column: named,
                key,
                found: origin.columns.clone(),
            });
        }
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

/// The rows of a file, or of the part files that a folder or a pattern names. A format of somebody else's is given a folder
/// as it is.
fn open(
    path: &Path,
    format: &FileFormat,
    formats: &Formats,
    limits: &ReadLimits,
    key: &'static str,
) -> Result<Box<dyn RowSource>, FeatureError> {
    let found = formats.find(format, key)?;
    let files = if matches!(format, FileFormat::Other(_)) { None } else { part_files(path)? };
    Ok(match files {
        Some(files) => Box::new(TableParts::open(files, formats, format, key, limits)?),
        None => found.open(path, limits)?,
    })
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
