//! One table as one Parquet file, through the column interface of Apache parquet: no arrow, no polars.
//!
//! All files have one plain layout, so that little can go wrong when one is read that was not written here: no
//! compression, no dictionaries, no statistics, PLAIN values, data pages of version 1. Then a value takes as many bytes
//! in the file as in memory, and the size of the file bounds what is allocated. The pages are decoded here, which the
//! one layout makes short: the crate's own decoders panic on some that are broken.

mod read;
mod write;

use parquet::basic::{LogicalType, Type as Physical};
use parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};

pub(crate) use read::{TableFile, stamp};
pub(crate) use write::{Cells, Lists, write};

/// A value of a column.
pub(crate) trait Cell: Sized {
    /// How Parquet stores it.
    type Stored: DataType;

    const PHYSICAL: Physical;

    /// What it means there, beyond its bytes.
    fn logical() -> Option<LogicalType> {
        None
    }

    /// Takes the next value off the front of PLAIN values; `None` if there is none.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

fn number<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*number)
}

impl Cell for u32 {
    type Stored = Int32Type;
    const PHYSICAL: Physical = Physical::INT32;

    fn logical() -> Option<LogicalType> {
        Some(LogicalType::integer(32, false))
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        number(bytes).map(u32::from_le_bytes)
    }
}

impl Cell for i64 {
    type Stored = Int64Type;
    const PHYSICAL: Physical = Physical::INT64;

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        number(bytes).map(i64::from_le_bytes)
    }
}

impl Cell for f32 {
    type Stored = FloatType;
    const PHYSICAL: Physical = Physical::FLOAT;

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        number(bytes).map(f32::from_le_bytes)
    }
}

impl Cell for f64 {
    type Stored = DoubleType;
    const PHYSICAL: Physical = Physical::DOUBLE;

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        number(bytes).map(f64::from_le_bytes)
    }
}

impl Cell for String {
    type Stored = ByteArrayType;
    const PHYSICAL: Physical = Physical::BYTE_ARRAY;

    fn logical() -> Option<LogicalType> {
        Some(LogicalType::String)
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let length = u32::take(bytes)? as usize;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests;
