//! Which columns a Parquet file has, and how each is read.

use std::ops::Range;

use polars_arrow::datatypes::{ArrowDataType, ExtensionType, Field};
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    FieldInfo, GroupConvertedType, GroupLogicalType, ParquetType, PhysicalType, PrimitiveConvertedType,
    PrimitiveLogicalType, PrimitiveType,
};
use polars_parquet::read::schema::{
    parquet_to_arrow_schema, read_custom_key_value_metadata, read_schema_from_metadata,
};

use super::arrow_cells::{UUID, is_readable, type_name};

/// A column of a file: a field of its own or one within structs.
#[derive(Debug)]
pub(super) struct ParquetColumn {
    /// Its name; within structs its path, as in `geo.city`.
    pub(super) name: String,
    /// The field to decode, with the structs around it; or the name of a type that cannot be read.
    pub(super) field: Result<Field, String>,
    /// Its place among the columns that Parquet stores. One of lists of structs has several.
    pub(super) stored: Range<usize>,
}

/// The columns of a file, in its order.
///
/// A file may also hold the Arrow schema of the program that wrote it. Only what Parquet has no type for is taken
/// from that: durations and periods, which would pass for plain integers.
pub(super) fn parquet_columns(metadata: &FileMetadata) -> Vec<ParquetColumn> {
    let mut of_writer = read_custom_key_value_metadata(metadata.key_value_metadata());
    let of_writer = read_schema_from_metadata(&mut of_writer).ok().flatten().unwrap_or_default();
    let mut found = Found::default();
    for field in metadata.schema().fields() {
        let of_writer = of_writer.get(field.name()).map(|field| &field.dtype);
        found.add(field, &[], of_writer);
    }
    found.columns
}

#[derive(Default)]
struct Found {
    columns: Vec<ParquetColumn>,
    n_stored: usize,
}

impl Found {
    /// Adds what a field makes that stands in structs, the outermost first.
    fn add(&mut self, field: &ParquetType, within: &[&FieldInfo], of_writer: Option<&ArrowDataType>) {
        if let Some((info, fields)) = as_struct(field) {
            let within = [within, &[info]].concat();
            for field in fields {
                let of_writer = match of_writer {
                    Some(ArrowDataType::Struct(fields)) => fields
                        .iter()
                        .find(|of_writer| of_writer.name == field.name())
                        .map(|field| &field.dtype),
                    _ => None,
                };
                self.add(field, &within, of_writer);
            }
            return;
        }
        let n_stored = n_stored(field);
        if n_stored == 0 {
            return;
        }
        let path = within.iter().map(|info| info.name.as_str()).chain([field.name()]);
        self.columns.push(ParquetColumn {
            name: path.collect::<Vec<_>>().join("."),
            field: read_as(field, of_writer).map(|read| wrapped(read, within)),
            stored: self.n_stored..self.n_stored + n_stored,
        });
        self.n_stored += n_stored;
    }
}

/// A group that is no list, map or repetition.
fn as_struct(field: &ParquetType) -> Option<(&FieldInfo, &[ParquetType])> {
    match field {
        ParquetType::GroupType { field_info, logical_type: None, converted_type: None, fields }
            if field_info.repetition != Repetition::Repeated =>
        {
            Some((field_info, fields))
        }
        _ => None,
    }
}

fn n_stored(field: &ParquetType) -> usize {
    match field {
        ParquetType::PrimitiveType(_) => 1,
        ParquetType::GroupType { fields, .. } => fields.iter().map(n_stored).sum(),
    }
}

/// A field within structs that hold nothing else.
fn wrapped(field: Field, within: &[&FieldInfo]) -> Field {
    within.iter().rev().fold(field, |inner, info| {
        let is_nullable = info.repetition != Repetition::Required;
        Field::new(info.name.clone(), ArrowDataType::Struct(vec![inner]), is_nullable)
    })
}

/// The field as it is decoded, or the name of its type if that cannot be read.
fn read_as(field: &ParquetType, of_writer: Option<&ArrowDataType>) -> Result<Field, String> {
    if is_map(field) {
        return Err("map".to_owned());
    }
    let schema = parquet_to_arrow_schema(std::slice::from_ref(field));
    let Some((_, mut read)) = schema.into_iter().next() else { return Err("empty group".to_owned()) };
    mend_levels(&mut read, field);
    if let Some(stored) = only_stored(field) {
        mend_type(&mut read.dtype, stored);
    }
    match of_writer {
        Some(meant @ ArrowDataType::Duration(_)) => Err(type_name(meant)),
        Some(meant @ ArrowDataType::Extension(_)) if !is_readable(meant) => Err(type_name(meant)),
        _ if is_readable(&read.dtype) => Ok(read),
        _ => Err(type_name(&read.dtype)),
    }
}

fn is_map(field: &ParquetType) -> bool {
    use GroupConvertedType as Converted;
    matches!(
        field,
        ParquetType::GroupType { logical_type: Some(GroupLogicalType::Map), .. }
            | ParquetType::GroupType { converted_type: Some(Converted::Map | Converted::MapKeyValue), .. }
    )
}

/// What a field stores, if it is one column.
fn only_stored(field: &ParquetType) -> Option<&PrimitiveType> {
    match field {
        ParquetType::PrimitiveType(stored) => Some(stored),
        ParquetType::GroupType { fields, .. } => match fields.as_slice() {
            [field] => only_stored(field),
            _ => None,
        },
    }
}

/// Puts right which lists and entries may be missing. The decoder counts levels by that: told wrong, it finds lists
/// empty that are not.
fn mend_levels(read: &mut Field, field: &ParquetType) {
    let ArrowDataType::LargeList(entry) = &mut read.dtype else { return };
    // Without a group around it a repetition is the list, and it is there.
    if field.get_field_info().repetition == Repetition::Repeated {
        (read.is_nullable, entry.is_nullable) = (false, false);
        return;
    }
    // The group that repeats has one of several names; only one of them is known to the decoder.
    let ParquetType::GroupType { fields, .. } = field else { return };
    entry.is_nullable = match fields.as_slice() {
        [ParquetType::GroupType { fields, .. }] if !matches!(entry.dtype, ArrowDataType::Struct(_)) => {
            fields.iter().any(|field| field.get_field_info().repetition == Repetition::Optional)
        }
        _ => false,
    };
}

/// Puts right what the decoder takes for another type.
fn mend_type(dtype: &mut ArrowDataType, stored: &PrimitiveType) {
    match dtype {
        ArrowDataType::LargeList(entry) => return mend_type(&mut entry.dtype, stored),
        ArrowDataType::Struct(_) => return,
        _ => {}
    }
    let is_decimal = matches!(stored.converted_type, Some(PrimitiveConvertedType::Decimal(..)));
    *dtype = match (stored.logical_type, stored.physical_type) {
        (Some(PrimitiveLogicalType::Unknown), _) => ArrowDataType::Null,
        (Some(PrimitiveLogicalType::Float16), PhysicalType::FixedLenByteArray(2)) => ArrowDataType::Float16,
        (Some(PrimitiveLogicalType::Uuid), PhysicalType::FixedLenByteArray(16)) => {
            let inner = ArrowDataType::FixedSizeBinary(16);
            ArrowDataType::Extension(Box::new(ExtensionType { name: UUID.into(), inner, metadata: None }))
        }
        (Some(PrimitiveLogicalType::Decimal(..)), PhysicalType::FixedLenByteArray(17..=32)) => wide(dtype),
        (None, PhysicalType::FixedLenByteArray(17..=32)) if is_decimal => wide(dtype),
        _ => return,
    };
}

fn wide(decimal: &ArrowDataType) -> ArrowDataType {
    match *decimal {
        ArrowDataType::Decimal(digits, scale) => ArrowDataType::Decimal256(digits, scale),
        _ => decimal.clone(),
    }
}
