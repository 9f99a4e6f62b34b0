use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::*;
use polars_parquet::parquet::metadata::{FileMetadata, SchemaDescriptor};
use polars_parquet::parquet::schema::types::{ParquetType, PhysicalType};
use polars_parquet::read::infer_schema;

/// What the integers of a column of times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// Days since 1970.
    Days,
    /// So many to the second since 1970.
    PerSecond(i64),
}

impl Ticks {
    /// Unix time in seconds.
    pub(crate) fn seconds(self, ticks: i64) -> i64 {
        match self {
            Ticks::Days => ticks.saturating_mul(86_400),
            Ticks::PerSecond(n) => ticks.div_euclid(n),
        }
    }
}

/// A Parquet file in memory.
pub(crate) struct Parquet {
    pub(crate) frame: DataFrame,
    /// Columns of times, which stand in the frame as integers.
    pub(crate) times: HashMap<String, Ticks>,
    /// Columns that are not in the frame, as nothing here could use them, with their type.
    pub(crate) skipped: Vec<(String, String)>,
}

/// Reads a file but for columns of types that are of no use here.
///
/// Timestamps and dates are taken for the integers that they are stored as: polars' own types for them would bring a
/// third more of polars into every build.
pub(crate) fn read(bytes: Vec<u8>) -> PolarsResult<Parquet> {
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
    Ok(Parquet { frame: reader.with_projection(projection).finish()?, times, skipped })
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

/// The same columns without the mark that makes integers times.
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
