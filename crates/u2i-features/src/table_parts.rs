//! Part files of one schema as the rows of one table.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cells::Cells;
use crate::column_names::column_names;
use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::part::{FilePart, PartOrigin};
use crate::part_files::PartFile;
use crate::row_sample::{N_FILES, RowSample};
use crate::row_source::RowSource;

/// The rows of several files, one file after the other. Columns are found by their names, so their order may differ;
/// those of the first file and of its folders are the columns of the table.
pub(crate) struct TableParts {
    formats: Formats,
    format: FileFormat,
    key: &'static str,
    limits: ReadLimits,
    /// Where some rows stand for all.
    sample: Option<RowSample>,
    columns: Vec<String>,
    open: Option<OpenFile>,
    /// Files that are not open yet.
    files: VecDeque<PartFile>,
    /// Rows of the files that have been read.
    n_rows: usize,
    /// Of the names and contents of the files.
    hash: blake3::Hasher,
}

/// A file that is read.
struct OpenFile {
    file: PartFile,
    source: Box<dyn RowSource>,
    /// For each column of the table what it is in this file.
    columns: Vec<Place>,
    origin: Arc<PartOrigin>,
}

/// What a column of the table is in a file.
enum Place {
    Column(usize),
    /// Of its folders' names.
    Key(Option<String>),
    Absent,
}

impl TableParts {
    /// Opens the first file.
    pub(crate) fn open(
        files: Vec<PartFile>,
        formats: &Formats,
        format: &FileFormat,
        key: &'static str,
        limits: &ReadLimits,
    ) -> Result<Self, FeatureError> {
        TableParts::begin(files, formats, format, key, limits, None)
    }

    /// Opens some of the files, and some rows of each that is large.
    pub(crate) fn open_sample(
        files: Vec<PartFile>,
        formats: &Formats,
        format: &FileFormat,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Self, FeatureError> {
        let places = sample.places(files.len(), N_FILES);
        let sample = RowSample { n_files: places.len(), ..sample };
        let files = places.into_iter().map(|place| files[place].clone()).collect();
        TableParts::begin(files, formats, format, "data", limits, Some(sample))
    }

    fn begin(
        files: Vec<PartFile>,
        formats: &Formats,
        format: &FileFormat,
        key: &'static str,
        limits: &ReadLimits,
        sample: Option<RowSample>,
    ) -> Result<Self, FeatureError> {
        let mut parts = TableParts {
            formats: formats.clone(),
            format: format.clone(),
            key,
            limits: *limits,
            sample,
            columns: Vec::new(),
            open: None,
            files: files.into(),
            n_rows: 0,
            hash: blake3::Hasher::new(),
        };
        parts.columns = parts.all_columns()?;
        parts.open_next()?;
        Ok(parts)
    }

    fn source(&self, file: &PartFile) -> Result<Box<dyn RowSource>, FeatureError> {
        let format = self.formats.find(&self.format, self.key)?;
        let sample = self.sample.map(|sample| format.open_sample(&file.path, &self.limits, sample));
        match sample.transpose()?.flatten() {
            Some(rows) => Ok(rows),
            None => format.open(&file.path, &self.limits),
        }
    }

    /// The columns of the first file, and of all others where a file need not have every column; then those of folders.
    fn all_columns(&self) -> Result<Vec<String>, FeatureError> {
        let mut columns: Vec<String> = Vec::new();
        for file in &self.files {
            let source = self.source(file)?;
            let is_first = columns.is_empty();
            let new = |name: &&String| is_first || !columns.contains(name);
            let own = column_names(source.columns());
            let new: Vec<String> = own.iter().filter(new).cloned().collect();
            columns.extend(new);
            if !source.may_lack_columns() {
                break;
            }
        }
        let keys = self.files.front().map(|file| file.keys.as_slice()).unwrap_or_default();
        for (name, _) in keys {
            // What the files say themselves goes before what their folders say.
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        Ok(columns)
    }

    /// Goes on to the next file; false if there is none.
    fn open_next(&mut self) -> Result<bool, FeatureError> {
        let Some(file) = self.files.pop_front() else { return Ok(false) };
        let source = self.source(&file)?;
        let own = column_names(source.columns());
        let place = |name: &String| {
            let of_folders = || file.keys.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            match own.iter().position(|own| own == name) {
                Some(place) => Place::Column(place),
                None => match of_folders() {
                    Some(value) => Place::Key(value),
                    None if source.may_lack_columns() => Place::Key(None),
                    None => Place::Absent,
                },
            }
        };
        let columns: Vec<Place> = self.columns.iter().map(place).collect();
        let absent = columns.iter().map(|place| matches!(place, Place::Absent)).collect();
        let origin = PartOrigin { path: file.path.clone(), name: file.name.clone(), absent, columns: own };
        self.open = Some(OpenFile { file, source, columns, origin: Arc::new(origin) });
        Ok(true)
    }

    /// Counts and hashes a file whose rows have run out.
    fn close(&mut self, OpenFile { file, source, .. }: OpenFile) {
        self.hash.update(&(file.name.len() as u64).to_le_bytes());
        self.hash.update(file.name.as_bytes());
        self.hash.update(&source.finish());
    }
}

impl RowSource for TableParts {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        loop {
            let Some(mut open) = self.open.take() else { return Ok(None) };
            match open.source.next_part()? {
                Some(part) => {
                    self.n_rows += part.n_rows();
                    let part = open.arranged(part);
                    self.open = Some(open);
                    return Ok(Some(part));
                }
                None => {
                    self.close(open);
                    self.open_next()?;
                }
            }
        }
    }

    /// Judged by the bytes of the files: those behind have as many rows a byte as the one that is read.
    fn expected_rows(&self) -> usize {
        let Some(OpenFile { file, source, .. }) = &self.open else { return self.n_rows };
        let left: u64 = self.files.iter().map(|file| file.n_bytes).sum();
        let own = source.expected_rows();
        self.n_rows.max(own) + (own as f64 * left as f64 / file.n_bytes.max(1) as f64) as usize
    }

    /// A hash of the files in their order: of each the name below the folder and what its own source gives.
    fn finish(mut self: Box<Self>) -> [u8; 32] {
        if let Some(open) = self.open.take() {
            self.close(open);
        }
        self.hash.finalize().into()
    }
}

impl OpenFile {
    /// The rows with the columns of the table.
    fn arranged(&self, part: FilePart) -> FilePart {
        let n_rows = part.n_rows();
        let cells = |place: &Place| match place {
            Place::Column(place) => part.columns()[*place].clone(),
            Place::Key(value) => Cells::text(std::iter::repeat_n(value.as_deref(), n_rows)),
            Place::Absent => Cells::unreadable("not alike in all files"),
        };
        let columns = self.columns.iter().map(cells).collect();
        part.with_columns(columns, self.origin.clone())
    }
}
