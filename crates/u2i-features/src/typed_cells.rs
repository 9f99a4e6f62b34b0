use std::borrow::Cow;
use std::sync::Arc;

use polars::prelude::*;

use crate::cells::{Cells, Held, Ticks};
use crate::lists;
use crate::numerals::Numerals;
use crate::time::{self, TimeUnit, short};
use crate::unix_time::UnixTime;
use crate::whole_number;

/// Why cells cannot be read for something.
pub(crate) enum BindError {
    /// They are of this type, which is of no use for it.
    Type(String),
    /// What polars said.
    Polars(PolarsError),
}

impl From<PolarsError> for BindError {
    fn from(source: PolarsError) -> Self {
        BindError::Polars(source)
    }
}

impl Cells {
    /// The cells as they are read for something.
    pub(crate) fn typed(&self, wanted: Wanted<'_>) -> Result<TypedCells, BindError> {
        let (series, ticks) = match self.held() {
            Held::Series(series) => (series, None),
            Held::Times(series, ticks) => (series, Some(*ticks)),
            Held::Lists(lists) if wanted == Wanted::List => return Ok(TypedCells::Lists(lists.clone())),
            Held::Lists(_) => return Err(BindError::Type("list[str]".to_owned())),
            Held::Unreadable(type_name) => return Err(BindError::Type(type_name.clone())),
        };
        match (ticks, wanted) {
            (None, _) | (Some(_), Wanted::Time(TimeUnit::Datetime)) => {}
            (Some(Ticks::Days), _) => return Err(BindError::Type("date".to_owned())),
            (Some(Ticks::PerSecond(_)), _) => return Err(BindError::Type("timestamp".to_owned())),
        }
        let integers = || Ok::<_, PolarsError>(series.cast(&DataType::Int64)?.i64()?.clone());
        let cells = match series.dtype() {
            DataType::String if wanted == Wanted::WholeNumberId => {
                TypedCells::WholeNumbers(series.str()?.clone())
            }
            DataType::String => TypedCells::Text(series.str()?.clone()),
            dtype if dtype.is_integer() => match (ticks, wanted) {
                (Some(ticks), _) => TypedCells::Times(integers()?, ticks),
                (None, Wanted::Time(TimeUnit::Datetime)) => return Err(BindError::Type(dtype.to_string())),
                _ if *dtype == DataType::UInt64 => TypedCells::Unsigned(series.u64()?.clone()),
                _ => TypedCells::Signed(integers()?),
            },
            dtype if dtype.is_float() && wanted.takes_floats() => {
                TypedCells::Float(series.cast(&DataType::Float64)?.f64()?.clone())
            }
            DataType::List(inner)
                if wanted == Wanted::List && (inner.is_integer() || **inner == DataType::String) =>
            {
                TypedCells::List(series.list()?.clone())
            }
            dtype => return Err(BindError::Type(dtype.to_string())),
        };
        Ok(cells)
    }
}

/// What a column is read for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted<'a> {
    Id,
    /// An id, of `17.0` that of `17`.
    WholeNumberId,
    Time(&'a TimeUnit),
    Text,
    Number,
    List,
    Context,
}

impl Wanted<'_> {
    fn takes_floats(self) -> bool {
        match self {
            Wanted::Number | Wanted::Context | Wanted::WholeNumberId => true,
            // Nanoseconds of today are no floating-point numbers.
            Wanted::Time(unit) => !matches!(
                unit,
                TimeUnit::Nanoseconds | TimeUnit::Datetime | TimeUnit::CalendarDigits | TimeUnit::Strftime(_)
            ),
            Wanted::Id | Wanted::Text | Wanted::List => false,
        }
    }

    pub(crate) fn types(self) -> &'static str {
        match self {
            Wanted::Id => {
                "text or integers, since ids are exact; whole_number_ids = true in [data.files.tables] reads 17.0 as 17"
            }
            Wanted::WholeNumberId => "text, integers or whole numbers, since ids are exact",
            Wanted::Time(TimeUnit::Datetime) => "text, timestamps or dates",
            Wanted::Time(TimeUnit::Strftime(_)) => "text",
            Wanted::Time(TimeUnit::CalendarDigits) => "text or integers",
            Wanted::Time(TimeUnit::Nanoseconds) => {
                "text or integers, since floating-point numbers are not exact to the nanosecond; timestamps have unit = \"datetime\""
            }
            Wanted::Time(_) => "numbers; timestamps and dates have unit = \"datetime\"",
            Wanted::Text => "text or integers",
            Wanted::Number => "numbers",
            Wanted::List => "text, integers or lists of them",
            Wanted::Context => "text or numbers",
        }
    }
}

/// The cells of one column, of a type that goes with what they are read for.
pub(crate) enum TypedCells {
    Text(StringChunked),
    /// Numbers as text, with marks of their own.
    Numerals(StringChunked, Numerals),
    /// Text, read as ids of which decimals are those of integers.
    WholeNumbers(StringChunked),
    Signed(Int64Chunked),
    Unsigned(UInt64Chunked),
    Float(Float64Chunked),
    Times(Int64Chunked, Ticks),
    List(ListChunked),
    Lists(Arc<[Vec<String>]>),
}

impl TypedCells {
    /// Exact text; `None` if blank. Only text and integers have any.
    pub(crate) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            TypedCells::Text(cells) | TypedCells::Numerals(cells, _) | TypedCells::WholeNumbers(cells) => {
                cells.get(row).filter(|text| !text.trim().is_empty()).map(Cow::Borrowed)
            }
            TypedCells::Signed(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            TypedCells::Unsigned(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            TypedCells::Float(_) | TypedCells::Times(..) | TypedCells::List(_) | TypedCells::Lists(_) => None,
        }
    }

    /// Text or a number as text; `None` if blank.
    pub(crate) fn shown(&self, row: usize) -> Option<String> {
        match self {
            TypedCells::Float(_) => self.float(row).map(|number| number.to_string()),
            _ => self.text(row).map(Cow::into_owned),
        }
    }

    /// Whether there is nothing in a row.
    pub(crate) fn is_blank(&self, row: usize) -> bool {
        match self {
            TypedCells::Float(_) => self.float(row).is_none(),
            TypedCells::Times(cells, _) => cells.get(row).is_none(),
            TypedCells::List(cells) => cells.get_as_series(row).is_none_or(|list| list.is_empty()),
            TypedCells::Lists(cells) => cells[row].is_empty(),
            TypedCells::Text(_)
            | TypedCells::Numerals(..)
            | TypedCells::WholeNumbers(_)
            | TypedCells::Signed(_)
            | TypedCells::Unsigned(_) => self.text(row).is_none(),
        }
    }

    #[inline]
    pub(crate) fn id(&self, row: usize) -> Result<Cow<'_, str>, String> {
        let nothing = || "expected an id, found nothing".to_owned();
        match self {
            TypedCells::WholeNumbers(cells) => match cells.get(row).filter(|text| !text.trim().is_empty()) {
                Some(text) => whole_number::id(text).map(Cow::Borrowed),
                None => Err(nothing()),
            },
            TypedCells::Float(cells) => match cells.get(row).filter(|number| !number.is_nan()) {
                Some(number) => whole_number::of_float(number).map(Cow::Owned),
                None => Err(nothing()),
            },
            _ => self.text(row).ok_or_else(nothing),
        }
    }

    /// When something happened, or what is wrong with it.
    pub(crate) fn time(&self, row: usize, unit: &TimeUnit) -> Result<UnixTime, String> {
        let nothing = || format!("expected {}, found nothing", unit.wanted());
        match self {
            TypedCells::Times(cells, ticks) => {
                let found = ticks.time(cells.get(row).ok_or_else(nothing)?);
                time::in_range(found, format_args!("{} s", found.s()), unit)
            }
            TypedCells::Float(cells) => time::float(cells.get(row).ok_or_else(nothing)?, unit),
            TypedCells::Signed(cells) => time::whole(cells.get(row).ok_or_else(nothing)?, unit),
            _ => time::time(&self.text(row).ok_or_else(nothing)?, unit),
        }
    }

    /// The entries of a list, or of a text that has one in brackets or with `separator` between them; none if blank.
    pub(crate) fn list(&self, row: usize, separator: char) -> Vec<String> {
        match self {
            TypedCells::List(cells) => cells.get_as_series(row).map(|list| texts(&list)).unwrap_or_default(),
            TypedCells::Lists(cells) => not_blank(cells[row].iter().map(String::as_str)),
            _ => {
                let text = self.text(row).unwrap_or_default();
                lists::entries(&text, separator).into_iter().map(Cow::into_owned).collect()
            }
        }
    }

    /// A float that is there: pandas and others write NaN for one that is missing.
    pub(crate) fn float(&self, row: usize) -> Option<f64> {
        match self {
            TypedCells::Float(cells) => cells.get(row).filter(|number| !number.is_nan()),
            _ => None,
        }
    }

    /// A finite number; NaN if blank.
    pub(crate) fn number(&self, row: usize) -> Result<f64, String> {
        let wrong = |found| format!("expected a finite number (key kind.number), found {found}");
        if let TypedCells::Float(_) = self {
            return match self.float(row) {
                Some(number) if number.is_infinite() => Err(wrong(number.to_string())),
                number => Ok(number.unwrap_or(f64::NAN)),
            };
        }
        let Some(text) = self.text(row) else { return Ok(f64::NAN) };
        if let TypedCells::Numerals(_, numerals) = self {
            return numerals.number(&text).ok_or_else(|| wrong(format!("{:?}", short(&text))));
        }
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| wrong(format!("{:?}", short(&text))))
    }
}

/// The entries of a list that are not blank.
fn texts(list: &Series) -> Vec<String> {
    if let Ok(texts) = list.str() {
        return not_blank(texts.iter().flatten());
    }
    if let Ok(numbers) = list.u64() {
        return numbers.iter().flatten().map(|number| number.to_string()).collect();
    }
    let numbers = list.cast(&DataType::Int64).ok();
    let numbers = numbers.as_ref().and_then(|numbers| numbers.i64().ok());
    numbers
        .map(|numbers| numbers.iter().flatten().map(|number| number.to_string()).collect())
        .unwrap_or_default()
}

fn not_blank<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.filter(|text| !text.trim().is_empty()).map(str::to_owned).collect()
}
