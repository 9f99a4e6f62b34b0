use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;
use polars_parquet::parquet::metadata::{FileMetadata, SchemaDescriptor};
use polars_parquet::parquet::schema::types::{ParquetType, PhysicalType};
use polars_parquet::read::infer_schema;
use serde::{Deserialize, Serialize};

use crate::cells::{Cells, Held, Ticks};
use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource, content_hash};

/// Apache Parquet. Rows have no lines and are named by their numbers, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parquet {}

impl Parquet {
    pub(super) const PROTOTYPE: Self = Parquet {};
}

impl RowFormat for Parquet {
    fn name(&self) -> &str {
        "parquet"
    }

    fn endings(&self) -> &[&'static str] {
        &["parquet", "pq"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        Ok(match beginning.bytes().starts_with(b"PAR1") {
            true => Recognition::Yes {
                format: Box::new(*self),
                evidence: Evidence::Mark,
                reason: "Parquet, by its first four bytes.".to_owned(),
            },
            false => Recognition::No { reason: "expected PAR1 in its first four bytes".to_owned() },
        })
    }

    fn open(&self, path: &Path, _limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let bytes =
            std::fs::read(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
        let hash = content_hash(&bytes);
        if bytes.is_empty() {
            return Err(FeatureError::Empty { path: path.to_owned() });
        }
        let read = read(bytes).map_err(|source| FeatureError::Polars { path: path.to_owned(), source })?;
        Ok(Box::new(read.into_rows(hash)))
    }
}

/// The rows of a file, which are one part.
struct ParquetRows {
    columns: Vec<String>,
    part: Option<FilePart>,
    n_rows: usize,
    /// BLAKE3 of the file.
    hash: [u8; 32],
}

impl RowSource for ParquetRows {
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

/// A file in memory.
struct ReadFile {
    frame: DataFrame,
    /// Columns of times, which stand in the frame as integers.
    times: HashMap<String, Ticks>,
    /// Columns that are not in the frame, as nothing here could use them, with their type.
    skipped: Vec<(String, String)>,
}

impl ReadFile {
    /// Columns that cannot be read stand behind those that can.
    fn into_rows(mut self, hash: [u8; 32]) -> ParquetRows {
        self.frame.rechunk_mut();
        let n_rows = self.frame.height();
        let (mut columns, mut cells) = (Vec::new(), Vec::new());
        for column in self.frame.columns() {
            let (name, series) = (column.name().to_string(), column.as_materialized_series().clone());
            cells.push(Cells::new(match self.times.get(&name) {
                Some(&ticks) => Held::Times(series, ticks),
                None => Held::Series(series),
            }));
            columns.push(name);
        }
        for (name, type_name) in self.skipped {
            columns.push(name);
            cells.push(Cells::unreadable(type_name));
        }
        ParquetRows { columns, part: Some(FilePart::numbered(cells, 1, n_rows)), n_rows, hash }
    }
}

/// Reads a file but for columns of types that are of no use here.
///
/// Timestamps and dates are taken for the integers that they are stored as: polars' own types for them would bring a
/// third more of polars into every build.
fn read(bytes: Vec<u8>) -> PolarsResult<ReadFile> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    // Besides the types of Parquet a file may hold those of the program that wrote it, which would come first.
    let mut metadata = FileMetadata::clone(reader.get_metadata()?);
    metadata.key_value_metadata = None;
    let schema = infer_schema(&metadata)?;
    let (mut times, mut skipped, mut projection) = (HashMap::new(), Vec::new(), Vec::new());
    for (place, (name, field)) in schema.iter().enumerate() {
        let stored = metadata.schema().fields().iter().find(|stored| stored.name() == name.as_str());
        match ticks(&field.dtype, stored) {
            Some(ticks) => drop(times.insert(name.to_string(), ticks)),
            None if is_readable(&field.dtype) => {}
            None => {
                skipped.push((name.to_string(), format!("{:?}", field.dtype)));
                continue;
            }
        }
        projection.push(place);
    }
    metadata.schema_descr = without_times(metadata.schema(), &times);
    reader.set_metadata(Arc::new(metadata));
    let projection = (!skipped.is_empty()).then_some(projection);
    Ok(ReadFile { frame: reader.with_projection(projection).finish()?, times, skipped })
}

/// What the integers count that a column of times is stored as; `None` for other columns.
fn ticks(dtype: &ArrowDataType, stored: Option<&ParquetType>) -> Option<Ticks> {
    let Some(ParquetType::PrimitiveType(stored)) = stored else { return None };
    match (dtype, stored.physical_type) {
        (ArrowDataType::Date32, PhysicalType::Int32) => Some(Ticks::Days),
        (ArrowDataType::Timestamp(unit, _), PhysicalType::Int64) => Some(Ticks::PerSecond(match unit {
            ArrowTimeUnit::Second => 1,
            ArrowTimeUnit::Millisecond => 1_000,
            ArrowTimeUnit::Microsecond => 1_000_000,
            ArrowTimeUnit::Nanosecond => 1_000_000_000,
        })),
        _ => None,
    }
}

fn is_readable(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 => true,
        Utf8 | LargeUtf8 | Utf8View => true,
        List(field) | LargeList(field) => {
            is_readable(&field.dtype) && !matches!(field.dtype, List(_) | LargeList(_))
        }
        _ => false,
    }
}

/// The columns without the mark that makes integers times.
fn without_times(schema: &SchemaDescriptor, times: &HashMap<String, Ticks>) -> SchemaDescriptor {
    let mut fields = schema.fields().to_vec();
    for field in &mut fields {
        if let ParquetType::PrimitiveType(stored) = field
            && times.contains_key(stored.field_info.name.as_str())
        {
            (stored.logical_type, stored.converted_type) = (None, None);
        }
    }
    SchemaDescriptor::new(schema.name().into(), fields)
}
