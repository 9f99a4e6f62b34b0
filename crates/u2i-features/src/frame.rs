use std::borrow::Cow;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use u2i_schema::Digest;

use crate::config::{FileFormat, ReadLimits, TimeUnit, invalid};
use crate::movielens::YEAR_2100_S;
use crate::tally::Tally;
use crate::text::Lines;
use crate::{FeatureError, RawData, csv};

/// A file as a frame, its rows still to be judged.
pub(crate) struct Table {
    frame: DataFrame,
    /// Names in the file, in the order of the frame.
    names: Vec<String>,
    /// Line of each row; Parquet has none.
    lines: Option<Vec<u64>>,
    pub(crate) tally: Tally,
    path: PathBuf,
    /// Where the config names the file.
    pub(crate) key: &'static str,
    sha256: [u8; 32],
}

impl Table {
    pub(crate) fn open(
        path: &Path,
        format: &FileFormat,
        limits: &ReadLimits,
        key: &'static str,
    ) -> Result<Self, FeatureError> {
        limits.check()?;
        let mut tally = Tally::new(path, limits);
        let polars = |source| FeatureError::Polars { path: path.to_owned(), source };
        let (mut frame, names, lines, sha256) = match format {
            FileFormat::Csv { separator, encoding } => {
                let separator = one_byte(*separator, key)?;
                let mut text = Lines::open(path, limits)?;
                let csv::Rows { header, bytes, lines } =
                    csv::rows(&mut text, separator, *encoding, &mut tally)?;
                let frame = parse_csv(header.len(), bytes, separator, lines.len()).map_err(polars)?;
                (frame, header, Some(lines), text.sha256())
            }
            FileFormat::Parquet {} => {
                let bytes = std::fs::read(path)
                    .map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
                let sha256 =
                    sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&bytes)).into();
                if bytes.is_empty() {
                    return Err(FeatureError::Empty { path: path.to_owned() });
                }
                let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(polars)?;
                let names = frame.get_column_names().iter().map(|name| name.to_string()).collect();
                (0..frame.height()).for_each(|_| tally.row());
                (frame, names, None, sha256)
            }
        };
        frame.rechunk_mut();
        let repeats = |&i: &usize| names[..i].contains(&names[i]) && !u2i_bug::planted("columns_may_repeat");
        if let Some(repeated) = (1..names.len()).find(repeats) {
            let column = names[repeated].clone();
            return Err(FeatureError::RepeatedHeader { path: path.to_owned(), column, found: names });
        }
        Ok(Table { frame, names, lines, tally, path: path.to_owned(), key, sha256 })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.frame.height()
    }

    pub(crate) fn reject(&mut self, row: usize, column: &str, reason: String) {
        let line = self.lines.as_ref().map_or(row as u64 + 1, |lines| lines[row]);
        self.tally.reject(line, column, reason);
    }

    /// The cells of a column that the config binds at `key`.
    pub(crate) fn cells(&self, column: &str, key: &str, wanted: Wanted) -> Result<Cells, FeatureError> {
        let key = format!("{}.{key}", self.key);
        let missing = || u2i_bug::planted("a_missing_column_is_the_last").then(|| self.names.len() - 1);
        let Some(place) = self.names.iter().position(|name| name == column).or_else(missing) else {
            let (path, column, found) = (self.path.clone(), column.to_owned(), self.names.clone());
            return Err(FeatureError::MissingColumn { path, column, key, found });
        };
        let polars = |source| FeatureError::Polars { path: self.path.clone(), source };
        let series = self.frame.columns()[place].as_materialized_series();
        let cells = match series.dtype() {
            DataType::String => Some(Cells::Text(series.str().map_err(polars)?.clone())),
            DataType::UInt64 => Some(Cells::Unsigned(series.u64().map_err(polars)?.clone())),
            dtype if dtype.is_integer() => {
                let cast = series.cast(&DataType::Int64).map_err(polars)?;
                Some(Cells::Signed(cast.i64().map_err(polars)?.clone()))
            }
            dtype if dtype.is_float() && (wanted == Wanted::Number || u2i_bug::planted("floats_are_ids")) => {
                let cast = series.cast(&DataType::Float64).map_err(polars)?;
                Some(Cells::Float(cast.f64().map_err(polars)?.clone()))
            }
            _ => None,
        };
        let wanted = match wanted {
            Wanted::Id => "text or integers, since ids are exact",
            Wanted::Integer => "integers",
            Wanted::Text => "text or integers",
            Wanted::Number => "numbers",
        };
        cells.ok_or_else(|| FeatureError::ColumnType {
            path: self.path.clone(),
            column: column.to_owned(),
            key,
            found: series.dtype().to_string(),
            wanted,
        })
    }

    pub(crate) fn finish(self, raw: &mut RawData, digest: &mut Digest) -> Result<(), FeatureError> {
        let counts = self.tally.finish()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        *digest = std::mem::take(digest).part(&name, &self.sha256);
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

/// Parses rows that are known to be whole into one text column per field.
fn parse_csv(n_columns: usize, bytes: Vec<u8>, separator: u8, n_rows: usize) -> PolarsResult<DataFrame> {
    let names: Vec<String> = (0..n_columns).map(|column| column.to_string()).collect();
    let schema =
        Schema::from_iter(names.iter().map(|name| Field::new(name.as_str().into(), DataType::String)));
    if n_rows == 0 {
        return Ok(DataFrame::empty_with_schema(&schema));
    }
    // A header of our own: whatever the first row holds, it is taken as a row.
    let header = names.join(&char::from(separator).to_string());
    let bytes = [header.as_bytes(), b"\n", &bytes].concat();
    let frame = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema(Some(schema.into()))
        .map_parse_options(|options| options.with_separator(separator))
        .into_reader_with_file_handle(Cursor::new(bytes))
        .finish()?;
    polars_ensure!(
        frame.height() == n_rows,
        ComputeError: "parsed {} rows of a CSV file that has {n_rows}", frame.height()
    );
    Ok(frame)
}

/// What a column is read for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Id,
    Integer,
    Text,
    Number,
}

/// One column of a frame.
pub(crate) enum Cells {
    Text(StringChunked),
    Signed(Int64Chunked),
    Unsigned(UInt64Chunked),
    Float(Float64Chunked),
}

impl Cells {
    /// Exact text; `None` if blank. Floats have none.
    pub(crate) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Cells::Text(cells) => cells.get(row).filter(|text| !text.trim().is_empty()).map(Cow::Borrowed),
            Cells::Signed(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            Cells::Unsigned(cells) => cells.get(row).map(|number| Cow::Owned(number.to_string())),
            Cells::Float(_) => None,
        }
    }

    pub(crate) fn id(&self, row: usize) -> Result<Cow<'_, str>, String> {
        self.text(row).ok_or_else(|| "expected an id, found nothing".to_owned())
    }

    pub(crate) fn time_s(&self, row: usize, unit: TimeUnit) -> Result<i64, String> {
        let text = self.text(row).ok_or("expected an integer, found nothing")?;
        let number: i64 =
            text.parse().map_err(|_| format!("expected an integer, found {:?}", short(&text)))?;
        let (time_s, unit) = match unit {
            TimeUnit::Seconds => (number, "seconds"),
            TimeUnit::Milliseconds => (number.div_euclid(1_000), "milliseconds"),
        };
        if !(0..YEAR_2100_S).contains(&time_s) && !u2i_bug::planted("any_integer_is_a_time") {
            return Err(format!("expected {unit} from 1970 to 2099 (key time.unit), found {number}"));
        }
        Ok(time_s)
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
        let is_finite = |number: &f64| number.is_finite() || u2i_bug::planted("nan_is_a_number");
        let number = text.trim().parse::<f64>().ok().filter(is_finite);
        number.ok_or_else(|| wrong(format!("{:?}", short(&text))))
    }
}

/// Enough of a field to recognise it by.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
