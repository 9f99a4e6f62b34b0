use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::{Compression, Encoding, Type as Physical};
use parquet::column::page::Page;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use super::Cell;
use crate::BundleError;
use crate::error::{io, malformed};
use crate::manifest::PartEntry;
use crate::seal::KEY;

/// A table whose hash was checked. Hashes find accidents; whoever makes them anew meets the checks here.
pub(crate) struct TableFile {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    rows: usize,
}

/// How often a value stands in a row.
#[derive(Clone, Copy, PartialEq)]
enum Arity {
    One,
    AtMostOne,
    Any,
}

impl Arity {
    /// Highest definition and repetition levels.
    fn levels(self) -> (i16, i16) {
        match self {
            Arity::One => (0, 0),
            Arity::AtMostOne => (1, 0),
            Arity::Any => (1, 1),
        }
    }
}

/// The values of some rows, with their levels where there are any.
struct Group<T> {
    values: Vec<T>,
    present: Vec<u8>,
    repeated: Vec<u8>,
}

impl TableFile {
    /// Opens a table of the size that the manifest states.
    pub fn open(path: &Path, entry: &PartEntry) -> Result<Self, BundleError> {
        let broken = |what: String| malformed(path, what);
        let file = File::open(path).map_err(io("read", path, None))?;
        let bytes = file.metadata().map_err(io("read", path, None))?.len();
        let reader = SerializedFileReader::new(file).map_err(|error| broken(error.to_string()))?;
        let metadata = reader.metadata();
        let [rows, columns] = entry.shape;
        let found =
            (metadata.file_metadata().num_rows(), metadata.file_metadata().schema().get_fields().len());
        if (u64::try_from(found.0), found.1 as u64) != (Ok(rows), columns) {
            return Err(broken(format!("{found:?} rows and columns, the manifest says {:?}", entry.shape)));
        }
        // Every table has a column of texts, and each text takes four bytes for its length alone.
        if rows > bytes / 4 {
            return Err(broken(format!("{rows} rows in {bytes} bytes")));
        }
        check_groups(metadata, rows, bytes).map_err(broken)?;
        Ok(TableFile { path: path.to_owned(), rows: rows as usize, reader })
    }

    pub fn n_rows(&self) -> usize {
        self.rows
    }

    pub fn cells<T: Cell>(&self, name: &str) -> Result<Vec<T>, BundleError> {
        let mut all = Vec::with_capacity(self.rows);
        self.read(name, Arity::One, |group| {
            all.extend(group.values);
            Ok(())
        })?;
        Ok(all)
    }

    pub fn optional<T: Cell>(&self, name: &str) -> Result<Vec<Option<T>>, BundleError> {
        let mut all = Vec::with_capacity(self.rows);
        self.read(name, Arity::AtMostOne, |group| {
            let mut values = group.values.into_iter();
            all.extend(group.present.iter().map(|&level| if level == 1 { values.next() } else { None }));
            Ok(())
        })?;
        Ok(all)
    }

    /// `[rows + 1]` offsets and the values of all lists, one after the other.
    pub fn lists<T: Cell>(&self, name: &str) -> Result<(Vec<u64>, Vec<T>), BundleError> {
        let mut offsets = Vec::with_capacity(self.rows + 1);
        let mut all: Vec<T> = Vec::new();
        self.read(name, Arity::Any, |group| {
            let mut end = all.len() as u64;
            for (&present, &repeated) in group.present.iter().zip(&group.repeated) {
                if repeated == 0 {
                    offsets.push(end);
                } else if present == 0 {
                    return Err("an empty list of several values".to_owned());
                }
                end += u64::from(present == 1);
            }
            all.extend(group.values);
            if end == all.len() as u64 { Ok(()) } else { Err("values without levels".to_owned()) }
        })?;
        offsets.push(all.len() as u64);
        Ok((offsets, all))
    }

    fn read<T: Cell>(
        &self,
        name: &str,
        arity: Arity,
        mut take: impl FnMut(Group<T>) -> Result<(), String>,
    ) -> Result<(), BundleError> {
        let broken = |what: &dyn std::fmt::Display| malformed(&self.path, format!("column `{name}`: {what}"));
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let wanted: &[&str] = if arity == Arity::Any { &[name, "list", "element"] } else { &[name] };
        let place = schema
            .columns()
            .iter()
            .position(|column| column.path().parts().iter().map(String::as_str).eq(wanted.iter().copied()))
            .ok_or_else(|| broken(&"is not there"))?;
        if !fits(&schema.column(place), T::PHYSICAL, arity) {
            return Err(broken(&format!("is not {:?} as it was written", T::PHYSICAL)));
        }
        let mut rows = 0;
        for i in 0..self.reader.num_row_groups() {
            let group = self.group::<T>(i, place, arity).map_err(|error| broken(&error))?;
            rows += match arity {
                Arity::One => group.values.len(),
                Arity::AtMostOne => group.present.len(),
                Arity::Any => group.repeated.iter().filter(|&&level| level == 0).count(),
            };
            take(group).map_err(|error| broken(&error))?;
        }
        if rows == self.rows { Ok(()) } else { Err(broken(&format!("{rows} of {} rows", self.rows))) }
    }

    fn group<T: Cell>(&self, i: usize, place: usize, arity: Arity) -> Result<Group<T>, String> {
        let text = |error: ParquetError| error.to_string();
        let group = self.reader.get_row_group(i).map_err(text)?;
        let n_rows = group.metadata().num_rows() as usize;
        let mut pages = group.get_column_page_reader(place).map_err(text)?;
        let mut found = Group { values: Vec::new(), present: Vec::new(), repeated: Vec::new() };
        while let Some(page) = pages.get_next_page().map_err(text)? {
            let Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, .. } = page else {
                return Err("a page of another layout".to_owned());
            };
            let n = num_values as usize;
            // A row is one level, or one for each value of its list, which takes four bytes at least.
            if n > n_rows.saturating_add(if arity == Arity::Any { buf.len() / 4 } else { 0 }) {
                return Err(format!("a page of {n} values that {} bytes cannot be", buf.len()));
            }
            found.add_page(&buf, n, arity).ok_or("a page that ends early, or holds no UTF-8")?;
        }
        Ok(found)
    }
}

impl<T: Cell> Group<T> {
    /// Decodes a page of `n` levels, or as many values where there are no levels.
    fn add_page(&mut self, mut bytes: &[u8], n: usize, arity: Arity) -> Option<()> {
        let mut n_values = n;
        if arity == Arity::Any {
            levels(&mut bytes, n, &mut self.repeated)?;
        }
        if arity != Arity::One {
            let before = self.present.len();
            levels(&mut bytes, n, &mut self.present)?;
            n_values = self.present[before..].iter().filter(|&&level| level == 1).count();
        }
        for _ in 0..n_values {
            self.values.push(T::take(&mut bytes)?);
        }
        Some(())
    }
}

/// Takes `n` levels of 0 or 1 off the front of a page: a length, then runs of one value and packed bits in turn.
fn levels(bytes: &mut &[u8], n: usize, to: &mut Vec<u8>) -> Option<()> {
    let length = u32::take(bytes)? as usize;
    let (mut runs, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    let end = to.len() + n;
    while to.len() < end {
        let header = varint(&mut runs)?;
        let left = end - to.len();
        let length = (header >> 1) as usize;
        if header & 1 == 0 {
            let ([value], rest) = runs.split_first_chunk()?;
            runs = rest;
            if *value > 1 || length == 0 {
                return None;
            }
            to.extend(std::iter::repeat_n(*value, length.min(left)));
        } else {
            let (packed, rest) = runs.split_at_checked(length)?;
            runs = rest;
            let bits = packed.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
            to.extend(bits.take(left));
        }
    }
    Some(())
}

/// A number of at most 32 bits, seven to a byte.
fn varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let ([byte], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}

fn fits(column: &ColumnDescriptor, physical: Physical, arity: Arity) -> bool {
    column.physical_type() == physical && (column.max_def_level(), column.max_rep_level()) == arity.levels()
}

/// That row groups make up the table and lie inside of the file, in the plain layout.
fn check_groups(metadata: &ParquetMetaData, rows: u64, bytes: u64) -> Result<(), String> {
    let mut sum = 0u64;
    for group in metadata.row_groups() {
        let n = u64::try_from(group.num_rows()).map_err(|_| "fewer than no rows".to_owned())?;
        sum = sum.saturating_add(n);
        if sum > rows {
            return Err(format!("more than {rows} rows"));
        }
        for column in group.columns() {
            let lies_inside =
                range(column).is_some_and(|(start, end)| 4 <= start && start <= end && end <= bytes);
            let is_plain = column.compression() == Compression::UNCOMPRESSED
                && column.dictionary_page_offset().is_none();
            if !lies_inside || !is_plain {
                return Err(format!("column `{}` is not laid out as it was written", column.column_path()));
            }
        }
    }
    if sum == rows { Ok(()) } else { Err(format!("{sum} of {rows} rows")) }
}

fn range(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = u64::try_from(column.data_page_offset()).ok()?;
    let length = u64::try_from(column.compressed_size()).ok()?;
    Some((start, start.checked_add(length)?))
}

/// The stamp in a file that may be damaged in any way; `None` if it cannot be read.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(path).ok()?).ok()?;
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == KEY)?.value.clone()
}
