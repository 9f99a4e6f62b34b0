use std::any::Any;
use std::fmt::Debug;
use std::path::Path;

use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::row_sample::RowSample;

/// A format of files of rows: how it is called, how it is recognised, and how a file of it is opened.
///
/// CSV, TSV, Parquet and Arrow are read through this trait and so is a format of your own, which
/// [`Formats::with`](crate::Formats::with) adds. A file need not be there: `open` may as well take rows from memory or
/// from a data base.
///
/// # Examples
///
/// Text in columns of fixed width:
///
/// ```
#[doc = include_str!("../examples/own_format.rs")]
/// ```
pub trait RowFormat: Any + Debug + Send + Sync {
    /// The name that a config calls the format by, in lower case.
    fn name(&self) -> &str;

    /// Endings of the names of its files, in lower case and without the dot. None if left out.
    fn endings(&self) -> &[&'static str] {
        &[]
    }

    /// Whether a file is of this format, by how it begins, and the reason. A format that is not told from others is
    /// never recognised, and a config has to name it; this is what comes out if the function is left out.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    fn recognise(&self, _beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        Ok(Recognition::No { reason: "it is not recognised, a config has to name it".to_owned() })
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If it cannot be opened; [`FeatureError::InvalidValue`], for a value of the format itself, names the key
    /// below `format`.
    fn open(&self, path: &Path, limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError>;

    /// Opens some rows of a large file instead of all. `None`, as if the function is left out, for a file that is looked at
    /// whole: a small one, or one whose rows can only be read one after the other.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    fn open_sample(
        &self,
        _path: &Path,
        _limits: &ReadLimits,
        _sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        Ok(None)
    }

    /// How values are written, if all cells are text: marks such as `NULL` are missing values then, and numbers may
    /// have a decimal comma. `None`, as for a format whose cells have types of their own, if left out.
    fn text_notation(&self) -> Option<TextNotation> {
        None
    }
}

/// How values are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextNotation {
    /// Before the decimals of numbers, `,` or `.`, where digits may stand in groups of three. `None`: a full stop, and no
    /// groups.
    pub decimal: Option<char>,
}

/// The rows of a file, a part at a time.
pub trait RowSource {
    /// Names of the columns, in the order of the file. One without a name is called by its place, `column_3`, and of two
    /// with one name a config can only name each by its place.
    fn columns(&self) -> &[String];

    /// The next rows; `None` if there are no more. Four MiB of text make a good part: memory is bounded by one of them.
    ///
    /// # Errors
    ///
    /// If the file cannot be read on. A row that cannot be used is no error but a reject of the part.
    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError>;

    /// How many rows all parts have, as far as can be told; 0 if it cannot. Room is made for as many.
    fn expected_rows(&self) -> usize {
        0
    }

    /// Whether a column that the file does not have is one without values there, as where each row names its own; false if
    /// left out. It matters where several files are one table.
    fn may_lack_columns(&self) -> bool {
        false
    }

    /// A hash of all that was read, once there are no more rows: it tells two versions of the data apart. Built-in
    /// formats take BLAKE3 of the bytes of the file.
    fn finish(self: Box<Self>) -> [u8; 32];
}

/// Rows that are all in memory, as one part: the least that [`RowFormat::open`] can return.
///
/// # Examples
///
/// ```
/// use u2i_features::{Cells, FilePart, RowSource as _, RowsInMemory, content_hash};
/// let part = FilePart::numbered(vec![Cells::text(["ann", "bob"].map(Some))], 1, 2);
/// let mut rows = RowsInMemory::new(["user"], part, content_hash(b"ann bob"));
/// assert_eq!((rows.columns(), rows.expected_rows()), (&["user".to_owned()][..], 2));
/// assert_eq!(rows.next_part()?.map(|part| part.n_rows()), Some(2));
/// assert!(rows.next_part()?.is_none());
/// # Ok::<(), u2i_features::FeatureError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowsInMemory {
    columns: Vec<String>,
    n_rows: usize,
    part: Option<FilePart>,
    hash: [u8; 32],
}

impl RowsInMemory {
    /// The rows of `part`, whose columns have these names, and what tells them from other rows.
    pub fn new<N: Into<String>>(
        columns: impl IntoIterator<Item = N>,
        part: FilePart,
        hash: [u8; 32],
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        RowsInMemory { columns, n_rows: part.n_rows(), part: Some(part), hash }
    }
}

impl RowSource for RowsInMemory {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        Ok(self.part.take())
    }

    fn expected_rows(&self) -> usize {
        self.n_rows
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.hash
    }
}

/// BLAKE3 of all bytes of a file: what built-in formats give at [`RowSource::finish`].
pub fn content_hash(bytes: &[u8]) -> [u8; 32] {
    blake3::hash(bytes).into()
}

/// Whether a file is of a format.
#[derive(Debug)]
pub enum Recognition {
    /// It is, with the values that the format has for this file.
    Yes {
        /// The format.
        format: Box<dyn RowFormat>,
        /// What speaks for it.
        evidence: Evidence,
        /// What speaks for it, in a sentence.
        reason: String,
    },
    /// It is not.
    No {
        /// What would have to be otherwise.
        reason: String,
    },
}

/// What a format is recognised by. A mark goes before looks, whichever format is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Something that files of the format begin with and others do not.
    Mark,
    /// Its lines look like it.
    Looks,
}
