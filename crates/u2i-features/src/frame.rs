use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use u2i_schema::Digest;

use crate::config::{FileFormat, ReadLimits, TimeUnit, invalid};
use crate::parquet::{self, Parquet, Ticks};
use crate::tally::Tally;
use crate::text::{Encoding, Lines};
use crate::time::{self, short};
use crate::{FeatureError, FileCounts, RawData, csv};

/// A file as frames, one after the other, their rows still to be judged.
pub(crate) struct Table {
    /// The part that is looked at: some rows of a text file, all of a Parquet file.
    frame: DataFrame,
    /// Names in the file, in the order of the frame.
    names: Vec<String>,
    /// Columns of times among them, which stand in the frame as integers.
    times: HashMap<String, Ticks>,
    /// Columns that are not in the frame, as nothing could use them, with their type.
    skipped: Vec<(String, String)>,
    source: Source,
    pub(crate) tally: Tally,
    path: PathBuf,
    /// Where the config names the file.
    pub(crate) key: &'static str,
}

/// Where frames come from.
enum Source {
    /// Text, and the line of each row of the frame.
    Text(Box<csv::Rows>, Vec<u64>),
    /// A Parquet file, by its BLAKE3; it has no lines.
    Parquet([u8; 32]),
}

impl Table {
    /// A file with its first part. Go on with [`next_part`](Self::next_part).
    pub(crate) fn open(
        path: &Path,
        format: &FileFormat,
        limits: &ReadLimits,
        key: &'static str,
    ) -> Result<Self, FeatureError> {
        limits.check()?;
        let mut tally = Tally::new(path, limits);
        let text = |separator, quoting, encoding: Encoding| {
            csv::Rows::new(Lines::open(path, limits)?, separator, quoting, encoding)
        };
        let rows = match format {
            FileFormat::Csv { separator, encoding } => {
                Some(text(one_byte(*separator, key)?, csv::Quoting::Rfc4180, *encoding)?)
            }
            FileFormat::Tsv { encoding } => Some(text(b'\t', csv::Quoting::None, *encoding)?),
            FileFormat::Parquet {} => None,
        };
        let path = path.to_owned();
        let mut table = match rows {
            Some(rows) => {
                let (names, source) = (rows.header.clone(), Source::Text(Box::new(rows), Vec::new()));
                let (times, skipped) = (HashMap::new(), Vec::new());
                Table { frame: DataFrame::empty(), names, times, skipped, source, tally, path, key }
            }
            None => {
                let (Parquet { mut frame, times, skipped }, hash) = read_parquet(&path)?;
                frame.rechunk_mut();
                let names = frame.get_column_names().iter().map(|name| name.to_string()).collect();
                (0..frame.height()).for_each(|_| tally.row());
                let source = Source::Parquet(hash);
                Table { frame, names, times, skipped, source, tally, path, key }
            }
        };
        let names = &table.names;
        if let Some(repeated) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            let (column, found) = (names[repeated].clone(), table.names);
            return Err(FeatureError::RepeatedHeader { path: table.path, column, found });
        }
        if !table.next_part()? && matches!(table.source, Source::Text(..)) {
            table.frame = DataFrame::empty_with_schema(&text_schema(table.names.len()));
        }
        Ok(table)
    }

    /// Goes on to the next rows; false if there are none, and then the last ones stay.
    pub(crate) fn next_part(&mut self) -> Result<bool, FeatureError> {
        let Source::Text(rows, lines) = &mut self.source else { return Ok(false) };
        let Some(part) = rows.next_part(&mut self.tally)? else { return Ok(false) };
        // What was looked at makes room first.
        self.frame = DataFrame::empty();
        let frame = parse_csv(rows, part.bytes, part.lines.len());
        self.frame = frame.map_err(|source| FeatureError::Polars { path: self.path.clone(), source })?;
        self.frame.rechunk_mut();
        *lines = part.lines;
        Ok(true)
    }

    /// How many rows all parts have, judged by those that were read; 0 if that is not known.
    pub(crate) fn expected(&self) -> usize {
        match &self.source {
            Source::Text(rows, _) => rows.expected(),
            Source::Parquet(_) => self.frame.height(),
        }
    }

    /// Rows of this part.
    pub(crate) fn n_rows(&self) -> usize {
        self.frame.height()
    }

    pub(crate) fn reject(&mut self, row: usize, column: &str, reason: String) {
        let line = match &self.source {
            Source::Text(_, lines) => lines[row],
            Source::Parquet(_) => row as u64 + 1,
        };
        self.tally.reject(line, column, reason);
    }

    /// The cells of a column that the config binds at `key`, in this part.
    pub(crate) fn cells(&self, column: &str, key: &str, wanted: Wanted) -> Result<Cells, FeatureError> {
        let key = format!("{}.{key}", self.key);
        let wrong_type = |found: String| FeatureError::ColumnType {
            path: self.path.clone(),
            column: column.to_owned(),
            key: key.clone(),
            found,
            wanted: wanted.types(),
        };
        if let Some((_, found)) = self.skipped.iter().find(|(name, _)| name == column) {
            return Err(wrong_type(found.clone()));
        }
        let Some(place) = self.names.iter().position(|name| name == column) else {
            let skipped = self.skipped.iter().map(|(name, _)| name.clone());
            let found = self.names.iter().cloned().chain(skipped).collect();
            return Err(FeatureError::MissingColumn {
                path: self.path.clone(),
                column: column.to_owned(),
                key,
                found,
            });
        };
        let ticks = self.times.get(column).copied();
        match (ticks, wanted) {
            (None, _) | (Some(_), Wanted::Time(TimeUnit::Datetime)) => {}
            (Some(Ticks::Days), _) => return Err(wrong_type("date".to_owned())),
            (Some(Ticks::PerSecond(_)), _) => return Err(wrong_type("timestamp".to_owned())),
        }
        let polars = |source| FeatureError::Polars { path: self.path.clone(), source };
        let series = self.frame.columns()[place].as_materialized_series();
        let integers = || {
            let cast = series.cast(&DataType::Int64).map_err(polars)?;
            Ok::<_, FeatureError>(cast.i64().map_err(polars)?.clone())
        };
        let cells = match series.dtype() {
            DataType::String => Cells::Text(series.str().map_err(polars)?.clone()),
            dtype if dtype.is_integer() => match (ticks, wanted) {
                (Some(ticks), _) => Cells::Times(integers()?, ticks),
                (None, Wanted::Time(TimeUnit::Datetime)) => return Err(wrong_type(dtype.to_string())),
                _ if *dtype == DataType::UInt64 => Cells::Unsigned(series.u64().map_err(polars)?.clone()),
                _ => Cells::Signed(integers()?),
            },
            dtype if dtype.is_float() && wanted.takes_floats() => {
                let cast = series.cast(&DataType::Float64).map_err(polars)?;
                Cells::Float(cast.f64().map_err(polars)?.clone())
            }
            DataType::List(inner)
                if wanted == Wanted::List && (inner.is_integer() || **inner == DataType::String) =>
            {
                Cells::List(series.list().map_err(polars)?.clone())
            }
            dtype => return Err(wrong_type(dtype.to_string())),
        };
        Ok(cells)
    }

    /// Names of the columns that can be read, in the order of the file.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The type of a column, and whether it is one of times.
    pub(crate) fn dtype(&self, place: usize) -> (&DataType, Option<Ticks>) {
        (self.frame.columns()[place].dtype(), self.times.get(&self.names[place]).copied())
    }

    /// Columns that cannot be read, with their type.
    pub(crate) fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }

    /// What became of the rows, of a file that is not one of the data.
    pub(crate) fn counts(self) -> Result<FileCounts, FeatureError> {
        self.tally.finish()
    }

    pub(crate) fn finish(self, raw: &mut RawData, digest: &mut Digest) -> Result<(), FeatureError> {
        let counts = self.tally.finish()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let hash = match self.source {
            Source::Text(rows, _) => rows.hash(),
            Source::Parquet(hash) => hash,
        };
        *digest = std::mem::take(digest).part(&name, &hash);
        raw.files.push(counts);
        Ok(())
    }
}

fn one_byte(separator: char, key: &str) -> Result<u8, FeatureError> {
    match u8::try_from(separator) {
        Ok(byte) if matches!(byte, b'\t' | b' ') || byte.is_ascii_punctuation() && byte != b'"' => Ok(byte),
        _ => Err(invalid(
            format!("{key}.format.csv.separator"),
            "a tab, a space or ASCII punctuation other than a quote",
            separator,
        )),
    }
}

fn read_parquet(path: &Path) -> Result<(Parquet, [u8; 32]), FeatureError> {
    let bytes = std::fs::read(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
    let hash = blake3::hash(&bytes).into();
    if bytes.is_empty() {
        return Err(FeatureError::Empty { path: path.to_owned() });
    }
    let read =
        parquet::read(bytes).map_err(|source| FeatureError::Polars { path: path.to_owned(), source })?;
    Ok((read, hash))
}

/// Parses rows that are known to be whole into one text column per field.
fn parse_csv(rows: &csv::Rows, bytes: Vec<u8>, n_rows: usize) -> PolarsResult<DataFrame> {
    let (separator, quoting) = (rows.separator, rows.quoting);
    // A header of our own: whatever the first row holds, it is taken as a row.
    let frame = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema(Some(text_schema(rows.header.len()).into()))
        .map_parse_options(|options| options.with_separator(separator).with_quote_char(quoting.char()))
        .into_reader_with_file_handle(Cursor::new(bytes))
        .finish()?;
    polars_ensure!(
        frame.height() == n_rows,
        ComputeError: "parsed {} rows of a CSV file that has {n_rows}", frame.height()
    );
    Ok(frame)
}

/// So many columns of text, with numbers for names.
fn text_schema(n_columns: usize) -> Schema {
    Schema::from_iter((0..n_columns).map(|place| Field::new(place.to_string().into(), DataType::String)))
}

/// What a column is read for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Id,
    Time(TimeUnit),
    Text,
    Number,
    List,
    Context,
}

impl Wanted {
    fn takes_floats(self) -> bool {
        matches!(
            self,
            Wanted::Number | Wanted::Context | Wanted::Time(TimeUnit::Seconds | TimeUnit::Milliseconds)
        )
    }

    fn types(self) -> &'static str {
        match self {
            Wanted::Id => "text or integers, since ids are exact",
            Wanted::Time(TimeUnit::Datetime) => "text, timestamps or dates",
            Wanted::Time(_) => "numbers; timestamps and dates have unit = \"datetime\"",
            Wanted::Text => "text or integers",
            Wanted::Number => "numbers",
            Wanted::List => "text, integers or lists of them",
            Wanted::Context => "text or numbers",
        }
    }
}

/// One column of a frame.
pub(crate) enum Cells {
    Text(StringChunked),
    Signed(Int64Chunked),
    Unsigned(UInt64Chunked),
    Float(Float64Chunked),
    Times(Int64Chunked, Ticks),
    List(ListChunked),
}

impl Cells {
    /// Exact text; `None` if blank. Only text and integers have any.
    pub(crate) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Cells::Text(cells) => cells.get(row).filter(|text| !text.trim().is_empty()).map(Cow::Borrowed),
            Cells::Signed(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            Cells::Unsigned(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            Cells::Float(_) | Cells::Times(..) | Cells::List(_) => None,
        }
    }

    /// Text or a number as text; `None` if blank.
    pub(crate) fn shown(&self, row: usize) -> Option<String> {
        match self {
            Cells::Float(cells) => cells.get(row).map(|number| number.to_string()),
            _ => self.text(row).map(Cow::into_owned),
        }
    }

    /// Whether there is nothing in a row.
    pub(crate) fn is_blank(&self, row: usize) -> bool {
        match self {
            Cells::Float(cells) => cells.get(row).is_none(),
            Cells::Times(cells, _) => cells.get(row).is_none(),
            Cells::List(cells) => cells.get_as_series(row).is_none_or(|list| list.is_empty()),
            Cells::Text(_) | Cells::Signed(_) | Cells::Unsigned(_) => self.text(row).is_none(),
        }
    }

    pub(crate) fn id(&self, row: usize) -> Result<Cow<'_, str>, String> {
        self.text(row).ok_or_else(|| "expected an id, found nothing".to_owned())
    }

    pub(crate) fn time_s(&self, row: usize, unit: TimeUnit) -> Result<i64, String> {
        let nothing = || match unit {
            TimeUnit::Datetime => "expected a date and time, found nothing".to_owned(),
            TimeUnit::Seconds | TimeUnit::Milliseconds => "expected a number, found nothing".to_owned(),
        };
        match self {
            Cells::Times(cells, ticks) => {
                let found = cells.get(row).ok_or_else(nothing)?;
                time::in_range(ticks.seconds(found), format_args!("{} s", ticks.seconds(found)), "a date")
            }
            Cells::Float(cells) => time::decimal(cells.get(row).ok_or_else(nothing)?, unit),
            Cells::Signed(cells) => time::whole(cells.get(row).ok_or_else(nothing)?, unit),
            _ => time::time_s(&self.text(row).ok_or_else(nothing)?, unit),
        }
    }

    /// The parts of a list, or of a text with `separator` between them; none if blank.
    pub(crate) fn list(&self, row: usize, separator: char) -> Vec<String> {
        match self {
            Cells::List(cells) => cells.get_as_series(row).map(|list| texts(&list)).unwrap_or_default(),
            _ => {
                let text = self.text(row).unwrap_or_default();
                text.split(separator).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        }
    }

    /// A finite number; NaN if blank.
    pub(crate) fn number(&self, row: usize) -> Result<f64, String> {
        let wrong = |found| format!("expected a finite number (key kind.number), found {found}");
        if let Cells::Float(cells) = self {
            let number = cells.get(row);
            return match number {
                Some(number) if !number.is_finite() => Err(wrong(number.to_string())),
                _ => Ok(number.unwrap_or(f64::NAN)),
            };
        }
        let Some(text) = self.text(row) else { return Ok(f64::NAN) };
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| wrong(format!("{:?}", short(&text))))
    }
}

/// The entries of a list that are not blank.
fn texts(list: &Series) -> Vec<String> {
    if let Ok(texts) = list.str() {
        return texts.iter().flatten().filter(|text| !text.trim().is_empty()).map(str::to_owned).collect();
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
