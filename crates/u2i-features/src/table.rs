use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use u2i_schema::Digest;

use crate::cells::Held;
use crate::column_names::{by_place, column_names, with_places};
use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::missing_marks::MissingMarks;
use crate::numerals::{Numerals, is_number_with_marks};
use crate::part::FilePart;
use crate::part_files::part_files;
use crate::raw::{FileCounts, RawData};
use crate::read_progress::ReadProgress;
use crate::row_sample::{LEAST_BYTES, RowSample};
use crate::row_source::{RowSource, TextNotation};
use crate::table_parts::TableParts;
use crate::tally::{Tally, reason_in};
use crate::time::{TimeUnit, short};
use crate::typed_cells::{BindError, TypedCells, Wanted};

/// A file of rows in whatever format, part by part, its rows still to be judged.
pub(crate) struct Table {
    /// The part that is looked at.
    part: FilePart,
    /// What the file calls its columns, those without a name by their places.
    header: Vec<String>,
    /// What each column can be called, whatever the others are: its name, or its place.
    names: Vec<String>,
    /// How values are written, if all cells are text.
    notation: Option<TextNotation>,
    missing: MissingMarks,
    /// Cells of this part that are missing by a mark, by the column and the mark.
    marked: RefCell<BTreeMap<String, BTreeMap<String, u64>>>,
    source: Box<dyn RowSource>,
    /// Bytes of its files, where it is some.
    n_bytes: u64,
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
        let opened = open(path, format, formats, limits, key).map_err(|error| below(error, key))?;
        Table::of(opened, path, format, formats, limits, key)
    }

    /// Some rows of a large file, a folder of part files or those of a pattern; `None` where all have to be read.
    pub(crate) fn open_sample(
        path: &Path,
        format: &FileFormat,
        formats: &Formats,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Self>, FeatureError> {
        let key = "data";
        let found = formats.find(format, key)?;
        let files = if matches!(format, FileFormat::Other(_)) { None } else { part_files(path)? };
        let source: Option<Box<dyn RowSource>> = match files {
            Some(files) => {
                let n_bytes: u64 = files.iter().map(|file| file.n_bytes).sum();
                match n_bytes < LEAST_BYTES {
                    true => None,
                    false => Some(Box::new(TableParts::open_sample(files, formats, format, limits, sample)?)),
                }
            }
            None => found.open_sample(path, limits, sample)?,
        };
        source
            .map(|source| Table::of((source, file_bytes(path)), path, format, formats, limits, key))
            .transpose()
    }

    fn of(
        (source, n_bytes): (Box<dyn RowSource>, u64),
        path: &Path,
        format: &FileFormat,
        formats: &Formats,
        limits: &ReadLimits,
        key: &'static str,
    ) -> Result<Self, FeatureError> {
        let tally = Tally::new(path, limits);
        let notation = formats.find(format, key)?.text_notation();
        let header = with_places(source.columns());
        let mut table = Table {
            part: FilePart::empty(header.len()),
            names: column_names(&header),
            header,
            notation,
            missing: MissingMarks::default(),
            marked: RefCell::default(),
            source,
            n_bytes,
            tally,
            path: path.to_owned(),
            key,
        };
        table.next_part()?;
        Ok(table)
    }

    /// The file with these marks of missing values instead of the usual ones.
    pub(crate) fn with_missing(self, missing: MissingMarks) -> Self {
        Table { missing, ..self }
    }

    /// Goes on to the next rows; false if there are none.
    ///
    /// # Panics
    ///
    /// If the source gives a part with another number of columns than names.
    pub(crate) fn next_part(&mut self) -> Result<bool, FeatureError> {
        self.count_marked();
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

    /// Tells how many bytes of the file are read, judged by its rows: `row` of this part are.
    #[inline]
    pub(crate) fn step(&self, row: usize, progress: &mut ReadProgress<'_>) -> Result<(), FeatureError> {
        progress.step(|| {
            let n_rows = self.tally.n_met() - (self.part.n_rows() - row) as u64;
            let expected = (self.expected() as u64).max(n_rows).max(1);
            (self.n_bytes as f64 * (n_rows as f64 / expected as f64)) as u64
        })
    }

    /// Whether all cells are text.
    pub(crate) fn is_text(&self) -> bool {
        self.notation.is_some()
    }

    /// Bytes of the files of the table.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Rows of this part.
    pub(crate) fn n_rows(&self) -> usize {
        self.part.n_rows()
    }

    pub(crate) fn reject(&mut self, row: usize, column: &str, reason: String) {
        let hint = self.hint(row, column).unwrap_or_default();
        let origin = self.part.origin().map(|origin| origin.name.as_str());
        let reason = reason_in(origin, reason + &hint);
        self.tally.reject(self.part.line(row), column, reason);
    }

    /// What may be the matter with a cell of text that cannot be used, and the key that says so.
    fn hint(&self, row: usize, column: &str) -> Option<String> {
        let notation = self.notation?;
        let Held::Series(series) = self.part.columns()[self.place(column)?].held() else { return None };
        let text = series.str().ok()?.get(row)?;
        if self.missing.has(text) {
            return Some(format!("; {:?} stands for a missing value (key data.tables.missing)", short(text)));
        }
        if notation.decimal.is_none() && is_number_with_marks(text) {
            let keys = "decimal = \",\" or \".\" says which (key format.csv.decimal)";
            return Some(format!("; a decimal comma or separators of thousands: {keys}"));
        }
        let has_blanks = !text.trim().is_empty() && text.len() > text.trim().len();
        has_blanks.then(|| {
            let which = if text.starts_with(char::is_whitespace) { "begins" } else { "ends" };
            format!("; it {which} with a blank, which trim = true leaves out (key format.csv.trim)")
        })
    }

    /// Adds up what was missing by a mark in this part.
    fn count_marked(&mut self) {
        for (column, marks) in std::mem::take(self.marked.get_mut()) {
            marks.into_iter().for_each(|(mark, n)| self.tally.marked(&column, mark, n));
        }
    }

    /// Where a column stands that has this name, or this place, alone.
    fn place(&self, column: &str) -> Option<usize> {
        self.names.iter().position(|name| name == column).or_else(|| {
            (0..self.names.len())
                .find(|&place| by_place(place) == column && !self.header.contains(&column.to_owned()))
        })
    }

    /// The cells of a column that the config binds at `key`, in this part.
    pub(crate) fn cells(
        &self,
        column: &str,
        key: &str,
        wanted: Wanted<'_>,
    ) -> Result<TypedCells, FeatureError> {
        let key = format!("{}.{key}", self.key);
        let origin = self.part.origin();
        let path = origin.map_or(&self.path, |origin| &origin.path).clone();
        let named = column.to_owned();
        let Some(place) = self.place(column) else {
            let found = self.header.clone();
            let is_called = |&place: &usize| self.header[place] == column;
            let places: Vec<String> = (0..found.len()).filter(is_called).map(by_place).collect();
            return Err(match places.is_empty() {
                true => FeatureError::MissingColumn { path, column: named, key, found },
                false => FeatureError::RepeatedHeader { path, column: named, key, places, found },
            });
        };
        if let Some(origin) = origin.filter(|origin| origin.absent[place]) {
            return Err(FeatureError::MissingColumn {
                path,
                column: named,
                key,
                found: origin.columns.clone(),
            });
        }
        let cells = self.part.columns()[place].typed(wanted).map_err(|error| match error {
            BindError::Polars(source) => FeatureError::Polars { path, source },
            BindError::Type(found) => {
                FeatureError::ColumnType { path, column: named, key, found, wanted: wanted.types() }
            }
        })?;
        Ok(match (self.notation, cells) {
            (Some(notation), TypedCells::Text(cells)) => self.as_written(cells, column, notation, wanted),
            (Some(_), TypedCells::WholeNumbers(cells)) => {
                TypedCells::WholeNumbers(self.without_marks(cells, column))
            }
            (_, cells) => cells,
        })
    }

    /// Cells of text without marks of missing values, which are counted.
    fn without_marks(&self, cells: StringChunked, column: &str) -> StringChunked {
        let Some((masked, counts)) = self.missing.masked(&cells) else { return cells };
        // A column that is read twice is counted once.
        self.marked.borrow_mut().insert(column.to_owned(), counts);
        masked
    }

    /// Cells of text without marks of missing values, numbers among them as they are written.
    fn as_written(
        &self,
        cells: StringChunked,
        column: &str,
        notation: TextNotation,
        wanted: Wanted,
    ) -> TypedCells {
        let cells = self.without_marks(cells, column);
        match (notation.decimal.map(Numerals::new), wanted) {
            (Some(numerals), Wanted::Number) => TypedCells::Numerals(cells, numerals),
            (Some(numerals), Wanted::Time(TimeUnit::Seconds | TimeUnit::Milliseconds)) => {
                let plain = |text: &str| numerals.plain(text).map_or_else(|| text.to_owned(), Into::into);
                TypedCells::Text(cells.iter().map(|text| text.map(plain)).collect())
            }
            _ => TypedCells::Text(cells),
        }
    }

    /// How numbers are written, if not as Rust writes them.
    pub(crate) fn numerals(&self) -> Option<Numerals> {
        self.notation?.decimal.map(Numerals::new)
    }

    /// What the columns can be called, each by itself.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The part that is looked at.
    pub(crate) fn part(&self) -> &FilePart {
        &self.part
    }

    /// What became of the rows, of a file that is not one of the data.
    pub(crate) fn counts(mut self) -> Result<FileCounts, FeatureError> {
        self.count_marked();
        self.tally.finish()
    }

    pub(crate) fn finish(mut self, raw: &mut RawData, digest: &mut Digest) -> Result<(), FeatureError> {
        self.count_marked();
        let counts = self.tally.finish()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        *digest = std::mem::take(digest).part(&name, &self.source.finish());
        raw.files.push(counts);
        Ok(())
    }
}

/// Bytes of a table: of a file, or of the part files of a folder or of a pattern. What is not there has none.
pub fn n_bytes(path: &Path) -> u64 {
    match part_files(path) {
        Ok(Some(files)) => files.iter().map(|file| file.n_bytes).sum(),
        _ => file_bytes(path),
    }
}

fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The rows and bytes of a file, or of the part files that a folder or a pattern names. A format of somebody else's is given
/// a folder as it is.
fn open(
    path: &Path,
    format: &FileFormat,
    formats: &Formats,
    limits: &ReadLimits,
    key: &'static str,
) -> Result<(Box<dyn RowSource>, u64), FeatureError> {
    let found = formats.find(format, key)?;
    let files = if matches!(format, FileFormat::Other(_)) { None } else { part_files(path)? };
    Ok(match files {
        Some(files) => {
            let n_bytes = files.iter().map(|file| file.n_bytes).sum();
            (Box::new(TableParts::open(files, formats, format, key, limits)?), n_bytes)
        }
        None => (found.open(path, limits)?, file_bytes(path)),
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

/// The marks of missing values and the way to read ids that a config asks for.
pub(crate) fn how_cells_are_read(
    missing: Option<&[String]>,
    whole_number_ids: bool,
) -> (MissingMarks, Wanted<'static>) {
    let missing = missing.map_or_else(MissingMarks::default, MissingMarks::new);
    (missing, if whole_number_ids { Wanted::WholeNumberId } else { Wanted::Id })
}
