use std::sync::Arc;

use polars::prelude::*;

use crate::unix_time::UnixTime;

/// The cells of one column in a [`FilePart`](crate::FilePart) of a file, a missing one being `None`.
///
/// # Examples
///
/// ```
/// use u2i_features::{Cells, Stored};
/// assert_eq!(Cells::integers([Some(7), None]).stored(), Stored::Integers);
/// assert_eq!(Cells::text(["F", "M"].map(Some)).stored(), Stored::Text);
/// ```
#[derive(Debug, Clone)]
pub struct Cells(Held);

/// What holds cells: columns of polars as it reads them, or what has no column of its own there.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// Text, numbers, or lists of text or integers.
    Series(Series),
    /// Times, as integers.
    Times(Series, Ticks),
    /// Lists of text.
    Lists(Arc<[Vec<String>]>),
    /// Nothing but the name of a type that cannot be read.
    Unreadable(String),
}

/// How the cells of a column are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Text: any column of a text file.
    Text,
    /// Integers.
    Integers,
    /// Floating-point numbers.
    Floats,
    /// Timestamps or dates.
    Times,
    /// Lists of text or integers.
    Lists,
    /// Something that cannot be read, by its name.
    Other(String),
}

/// What the integers of a column of times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// Days since 1970.
    Days,
    /// So many to the second since 1970.
    PerSecond(u32),
}

impl Ticks {
    /// The time that so many of them since 1970 are.
    pub(crate) fn time(self, ticks: i64) -> UnixTime {
        match self {
            Ticks::Days => UnixTime::from_s(ticks.saturating_mul(86_400)),
            Ticks::PerSecond(n) => UnixTime::from_ticks(ticks, n),
        }
    }
}

impl Cells {
    /// Text. Blank text is missing.
    pub fn text<S: AsRef<str>>(cells: impl IntoIterator<Item = Option<S>>) -> Self {
        Cells(Held::Series(cells.into_iter().collect::<StringChunked>().into_series()))
    }

    /// Integers.
    pub fn integers(cells: impl IntoIterator<Item = Option<i64>>) -> Self {
        Cells(Held::Series(cells.into_iter().collect::<Int64Chunked>().into_series()))
    }

    /// Floating-point numbers.
    pub fn floats(cells: impl IntoIterator<Item = Option<f64>>) -> Self {
        Cells(Held::Series(cells.into_iter().collect::<Float64Chunked>().into_series()))
    }

    /// Times in Unix seconds. A config reads them with the unit `datetime`.
    pub fn times_s(cells: impl IntoIterator<Item = Option<i64>>) -> Self {
        let ticks = cells.into_iter().collect::<Int64Chunked>().into_series();
        Cells(Held::Times(ticks, Ticks::PerSecond(1)))
    }

    /// Lists of text. An empty list is missing.
    pub fn lists(cells: impl IntoIterator<Item = Vec<String>>) -> Self {
        Cells(Held::Lists(cells.into_iter().collect()))
    }

    /// A column of a type that cannot be read, such as bytes. A config that names it is refused with `type_name`.
    pub fn unreadable(type_name: impl Into<String>) -> Self {
        Cells(Held::Unreadable(type_name.into()))
    }

    pub(crate) fn new(held: Held) -> Self {
        Cells(held)
    }

    pub(crate) fn held(&self) -> &Held {
        &self.0
    }

    /// Number of cells; `None` if they cannot be read.
    pub(crate) fn len(&self) -> Option<usize> {
        match &self.0 {
            Held::Series(series) | Held::Times(series, _) => Some(series.len()),
            Held::Lists(lists) => Some(lists.len()),
            Held::Unreadable(_) => None,
        }
    }

    /// How they are stored.
    pub fn stored(&self) -> Stored {
        let series = match &self.0 {
            Held::Series(series) => series,
            Held::Times(..) => return Stored::Times,
            Held::Lists(_) => return Stored::Lists,
            Held::Unreadable(type_name) => return Stored::Other(type_name.clone()),
        };
        match series.dtype() {
            DataType::String => Stored::Text,
            dtype if dtype.is_integer() => Stored::Integers,
            dtype if dtype.is_float() => Stored::Floats,
            DataType::List(inner) if inner.is_integer() || **inner == DataType::String => Stored::Lists,
            dtype => Stored::Other(dtype.to_string()),
        }
    }
}
