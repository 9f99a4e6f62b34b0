use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::Cell;
use crate::BundleError;
use crate::error::io;
use crate::seal::KEY;

/// Rows that are written at once, and that a reader has to hold at once.
const ROW_GROUP: usize = 1 << 16;

/// The cells of a column, one per row.
pub(crate) enum Cells<'a> {
    Text(Vec<&'a str>),
    OptionalText(Vec<Option<&'a str>>),
    OptionalNumber(Vec<Option<f64>>),
    Rows(Cow<'a, [u32]>),
    Values(&'a [f32]),
    TextLists(Lists<'a, &'a str>),
    RowLists(Lists<'a, u32>),
    TimeLists(Lists<'a, i64>),
    ValueLists(Lists<'a, f32>),
}

/// `offsets[i]..offsets[i + 1]` are the values of row `i`.
pub(crate) struct Lists<'a, T: Clone> {
    pub offsets: Cow<'a, [u64]>,
    pub values: Cow<'a, [T]>,
}

impl Cells<'_> {
    fn len(&self) -> usize {
        match self {
            Cells::Text(cells) => cells.len(),
            Cells::OptionalText(cells) => cells.len(),
            Cells::OptionalNumber(cells) => cells.len(),
            Cells::Rows(cells) => cells.len(),
            Cells::Values(cells) => cells.len(),
            Cells::TextLists(lists) => lists.len(),
            Cells::RowLists(lists) => lists.len(),
            Cells::TimeLists(lists) => lists.len(),
            Cells::ValueLists(lists) => lists.len(),
        }
    }

    fn field(&self, name: &str) -> Result<TypePtr> {
        let list = |element| list_of(name, element);
        match self {
            Cells::Text(_) => leaf::<String>(name, Repetition::REQUIRED),
            Cells::OptionalText(_) => leaf::<String>(name, Repetition::OPTIONAL),
            Cells::OptionalNumber(_) => leaf::<f64>(name, Repetition::OPTIONAL),
            Cells::Rows(_) => leaf::<u32>(name, Repetition::REQUIRED),
            Cells::Values(_) => leaf::<f32>(name, Repetition::REQUIRED),
            Cells::TextLists(_) => list(leaf::<String>("element", Repetition::REQUIRED)?),
            Cells::RowLists(_) => list(leaf::<u32>("element", Repetition::REQUIRED)?),
            Cells::TimeLists(_) => list(leaf::<i64>("element", Repetition::REQUIRED)?),
            Cells::ValueLists(_) => list(leaf::<f32>("element", Repetition::REQUIRED)?),
        }
    }

    fn write(&self, rows: Range<usize>, to: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let bytes = |text: &&str| ByteArray::from(*text);
        match self {
            Cells::Text(cells) => plain::<String>(cells[rows].iter().map(bytes), to),
            Cells::OptionalText(cells) => optional::<String, _>(&cells[rows], bytes, to),
            Cells::OptionalNumber(cells) => optional::<f64, _>(&cells[rows], |x| *x, to),
            Cells::Rows(cells) => plain::<u32>(cells[rows].iter().map(|&row| row as i32), to),
            Cells::Values(cells) => plain::<f32>(cells[rows].iter().copied(), to),
            Cells::TextLists(lists) => lists.write::<String>(rows, bytes, to),
            Cells::RowLists(lists) => lists.write::<u32>(rows, |&row| row as i32, to),
            Cells::TimeLists(lists) => lists.write::<i64>(rows, |x| *x, to),
            Cells::ValueLists(lists) => lists.write::<f32>(rows, |x| *x, to),
        }
    }
}

fn leaf<T: Cell>(name: &str, repetition: Repetition) -> Result<TypePtr> {
    let leaf = Type::primitive_type_builder(name, T::PHYSICAL).with_repetition(repetition);
    Ok(Arc::new(leaf.with_logical_type(T::logical()).build()?))
}

fn list_of(name: &str, element: TypePtr) -> Result<TypePtr> {
    let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
    let list = Arc::new(list.with_fields(vec![element]).build()?);
    let outer = Type::group_type_builder(name).with_repetition(Repetition::REQUIRED);
    Ok(Arc::new(outer.with_logical_type(Some(LogicalType::List)).with_fields(vec![list]).build()?))
}

type Stored<T> = <<T as Cell>::Stored as parquet::data_type::DataType>::T;

fn plain<T: Cell>(cells: impl Iterator<Item = Stored<T>>, to: &mut SerializedColumnWriter<'_>) -> Result<()> {
    let cells: Vec<Stored<T>> = cells.collect();
    to.typed::<T::Stored>().write_batch(&cells, None, None)?;
    Ok(())
}

fn optional<T: Cell, V>(
    cells: &[Option<V>],
    store: impl Fn(&V) -> Stored<T>,
    to: &mut SerializedColumnWriter<'_>,
) -> Result<()> {
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let present: Vec<Stored<T>> = cells.iter().flatten().map(store).collect();
    to.typed::<T::Stored>().write_batch(&present, Some(&levels), None)?;
    Ok(())
}

impl<V: Clone> Lists<'_, V> {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// A list is one level per value, or one for its being empty; the first of a row has repetition 0.
    fn write<T: Cell>(
        &self,
        rows: Range<usize>,
        store: impl Fn(&V) -> Stored<T>,
        to: &mut SerializedColumnWriter<'_>,
    ) -> Result<()> {
        let (mut present, mut repeated) = (Vec::new(), Vec::new());
        for pair in self.offsets[rows.start..=rows.end].windows(2) {
            let n = (pair[1] - pair[0]) as usize;
            present.extend(std::iter::repeat_n(i16::from(n > 0), n.max(1)));
            repeated.push(0);
            repeated.extend(std::iter::repeat_n(1, n.saturating_sub(1)));
        }
        let values = self.offsets[rows.start] as usize..self.offsets[rows.end] as usize;
        let values: Vec<Stored<T>> = self.values[values].iter().map(store).collect();
        to.typed::<T::Stored>().write_batch(&values, Some(&present), Some(&repeated))?;
        Ok(())
    }
}

/// Writes a table with the stamp of its bundle and syncs it.
///
/// # Panics
///
/// If the columns are not equally long.
pub(crate) fn write(path: &Path, columns: &[(String, Cells<'_>)], stamp: &str) -> Result<(), BundleError> {
    let file = File::create_new(path).map_err(io("write", path, None))?;
    let synced = file.try_clone().map_err(io("write", path, None))?;
    write_columns(file, columns, stamp).map_err(|error| {
        let source = match error {
            ParquetError::External(source) => std::io::Error::other(source),
            error => std::io::Error::other(error),
        };
        io("write", path, None)(source)
    })?;
    Ok(u2i_disk::sync(&synced, path)?)
}

fn write_columns(file: File, columns: &[(String, Cells<'_>)], stamp: &str) -> Result<()> {
    let n_rows = columns.first().map_or(0, |(_, cells)| cells.len());
    assert!(columns.iter().all(|(_, cells)| cells.len() == n_rows), "columns of one table are equally long");
    let fields = columns.iter().map(|(name, cells)| cells.field(name)).collect::<Result<Vec<_>>>()?;
    let schema = Type::group_type_builder("u2i").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()))?;
    writer.append_key_value_metadata(KeyValue::new(KEY.to_owned(), stamp.to_owned()));
    for start in (0..n_rows).step_by(ROW_GROUP) {
        let rows = start..n_rows.min(start + ROW_GROUP);
        let mut group = writer.next_row_group()?;
        for (_, cells) in columns {
            let mut column = group.next_column()?.expect("the schema has a column for each");
            cells.write(rows.clone(), &mut column)?;
            column.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
