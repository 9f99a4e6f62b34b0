//! Columns of flat Parquet files.

use std::io::Write;

use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;

/// Writes an `OPTIONAL` column.
pub(crate) fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut found, mut there) = (Vec::new(), Vec::new());
    for value in values {
        there.push(i16::from(value.is_some()));
        found.extend(value);
    }
    column::<T, W>(group, &found, Some(&there))
}

/// Writes a column; `there` says which values an `OPTIONAL` one has.
pub(crate) fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    there: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("as many columns are written as the schema has");
    column.typed::<T>().write_batch(values, there, None)?;
    column.close()
}
