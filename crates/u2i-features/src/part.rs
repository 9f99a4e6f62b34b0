use std::path::PathBuf;
use std::sync::Arc;

use crate::cells::Cells;
use crate::raw::Reject;

/// Some rows of a file, column by column.
///
/// # Examples
///
/// ```
/// use u2i_features::{Cells, FilePart, Reject};
/// let who = Cells::text(["ann", "bob"].map(Some));
/// let short = Reject { line: 3, column: String::new(), reason: "expected 2 fields, found 1".into() };
/// let part = FilePart::new(vec![who, Cells::integers([Some(7), None])], vec![2, 4]).with_rejects(vec![short]);
/// assert_eq!(part.n_rows(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct FilePart {
    columns: Vec<Cells>,
    lines: RowLines,
    rejects: Vec<Reject>,
    origin: Option<Arc<PartOrigin>>,
}

/// The file that rows are from, where a table is made of several.
#[derive(Debug)]
pub(crate) struct PartOrigin {
    pub path: PathBuf,
    /// Its path below the folder of the table.
    pub name: String,
    /// Whether it lacks a column of the table.
    pub absent: Vec<bool>,
    /// The columns that it has.
    pub columns: Vec<String>,
}

/// The line of each row.
#[derive(Debug, Clone)]
enum RowLines {
    Each(Vec<u64>),
    /// So many rows, numbered without a gap from the first on.
    From(u64, usize),
}

impl FilePart {
    /// Rows whose cells stand in `columns`, in the order of [`RowSource::columns`](crate::RowSource::columns), each on
    /// its line, counted from 1.
    ///
    /// # Panics
    ///
    /// If a column has not one cell per line.
    pub fn new(columns: Vec<Cells>, lines: Vec<u64>) -> Self {
        FilePart::from_lines(columns, RowLines::Each(lines))
    }

    /// `n_rows` rows of a file that has no lines: a row is named by its number, `first` and so on.
    ///
    /// # Panics
    ///
    /// If a column has not `n_rows` cells.
    pub fn numbered(columns: Vec<Cells>, first: u64, n_rows: usize) -> Self {
        FilePart::from_lines(columns, RowLines::From(first, n_rows))
    }

    fn from_lines(columns: Vec<Cells>, lines: RowLines) -> Self {
        let part = FilePart { columns, lines, rejects: Vec::new(), origin: None };
        for (place, column) in part.columns.iter().enumerate() {
            let found = column.len().unwrap_or(part.n_rows());
            assert_eq!(found, part.n_rows(), "column {place}: expected a cell for each row");
        }
        part
    }

    /// `n_columns` columns of text without a row.
    pub(crate) fn empty(n_columns: usize) -> Self {
        FilePart::new(vec![Cells::text([None::<&str>; 0]); n_columns], Vec::new())
    }

    /// The part with rows beside it that could not be told apart into cells.
    #[must_use]
    pub fn with_rejects(mut self, rejects: Vec<Reject>) -> Self {
        self.rejects = rejects;
        self
    }

    /// The part with other columns for the same rows, which are from a file of several.
    pub(crate) fn with_columns(mut self, columns: Vec<Cells>, origin: Arc<PartOrigin>) -> Self {
        self.columns = columns;
        self.origin = Some(origin);
        self
    }

    /// The file that the rows are from, where a table is made of several.
    pub(crate) fn origin(&self) -> Option<&Arc<PartOrigin>> {
        self.origin.as_ref()
    }

    /// Number of rows that have cells.
    pub fn n_rows(&self) -> usize {
        match &self.lines {
            RowLines::Each(lines) => lines.len(),
            RowLines::From(_, n_rows) => *n_rows,
        }
    }

    pub(crate) fn columns(&self) -> &[Cells] {
        &self.columns
    }

    /// The line of a row.
    pub(crate) fn line(&self, row: usize) -> u64 {
        match &self.lines {
            RowLines::Each(lines) => lines[row],
            RowLines::From(first, _) => first + row as u64,
        }
    }

    pub(crate) fn take_rejects(&mut self) -> Vec<Reject> {
        std::mem::take(&mut self.rejects)
    }
}
