//! Arrow arrays as cells: what Parquet and Arrow files have in common.

use std::fmt::Display;

use polars::prelude::{
    ChunkFullNull as _, DataType, Float64Chunked, IdxCa, IdxSize, Int64Chunked, IntoSeries as _, PlSmallStr,
    PolarsResult, Series, StringChunked, UInt64Chunked, pf16, polars_bail, polars_err,
};
use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, DictionaryArray, DictionaryKey, FixedSizeBinaryArray,
    FixedSizeListArray, ListArray, PrimitiveArray, StructArray,
};
use polars_arrow::compute::utils::combine_validities_and;
use polars_arrow::datatypes::{ArrowDataType, Field, IntegerType, TimeUnit};
use polars_arrow::offset::Offsets;
use polars_arrow::types::{NativeType, i256};

use crate::cells::{Cells, Held, Ticks};

/// The extension type of Arrow for UUIDs, which are 16 bytes.
pub(super) const UUID: &str = "arrow.uuid";

/// The columns that a field makes: itself, or those within a struct, by their path; each with its type.
pub(super) fn columns_of(field: &Field) -> Vec<(String, &ArrowDataType)> {
    let mut columns = Vec::new();
    add_columns(field.name.to_string(), &field.dtype, &mut columns);
    columns
}

fn add_columns<'a>(name: String, dtype: &'a ArrowDataType, columns: &mut Vec<(String, &'a ArrowDataType)>) {
    match dtype {
        ArrowDataType::Struct(fields) => fields
            .iter()
            .for_each(|field| add_columns(format!("{name}.{}", field.name), &field.dtype, columns)),
        dtype => columns.push((name, dtype)),
    }
}

/// The cells of an array, a column for each of [`columns_of`] its field. What is missing in a struct is missing in all
/// of its columns.
pub(super) fn cells_of(array: Box<dyn Array>) -> PolarsResult<Vec<Cells>> {
    let mut cells = Vec::new();
    add_cells(array, &mut cells)?;
    Ok(cells)
}

/// The cells that keys stand for in a dictionary.
pub(super) fn cells_of_keys(keys: Box<dyn Array>, values: Box<dyn Array>) -> PolarsResult<Cells> {
    looked_up(keys, values).map(Cells::new)
}

fn add_cells(array: Box<dyn Array>, cells: &mut Vec<Cells>) -> PolarsResult<()> {
    let Some(fields) = array.as_any().downcast_ref::<StructArray>() else {
        cells.push(Cells::new(held(array)?));
        return Ok(());
    };
    for child in fields.values() {
        let there = combine_validities_and(fields.validity(), child.validity());
        add_cells(child.with_validity(there), cells)?;
    }
    Ok(())
}

/// Whether arrays of a type can be cells.
pub(super) fn is_readable(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as T;
    match dtype {
        T::Float16 | T::Float32 | T::Float64 | T::Timestamp(..) | T::Date32 | T::Date64 => true,
        T::Decimal(..) | T::Decimal32(..) | T::Decimal64(..) | T::Decimal256(..) => true,
        T::List(entry) | T::LargeList(entry) | T::FixedSizeList(entry, _) => is_entry(&entry.dtype),
        T::Dictionary(_, values, _) => is_readable(values) && !is_list(values),
        T::Extension(extension) => !is_opaque(&extension.name) && is_readable(&extension.inner),
        dtype => is_entry(dtype),
    }
}

/// Whether a list may be of such entries: those that are exact, as categories are.
fn is_entry(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as T;
    match dtype {
        T::Null | T::Boolean | T::Utf8 | T::LargeUtf8 | T::Utf8View => true,
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Int128 => true,
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 | T::UInt128 => true,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => true,
        T::Decimal(_, 0) | T::Decimal32(_, 0) | T::Decimal64(_, 0) | T::Decimal256(_, 0) => true,
        T::Dictionary(_, values, _) => is_entry(values),
        T::Extension(extension) => !is_opaque(&extension.name) && is_entry(&extension.inner),
        _ => false,
    }
}

fn is_list(dtype: &ArrowDataType) -> bool {
    matches!(dtype, ArrowDataType::List(_) | ArrowDataType::LargeList(_) | ArrowDataType::FixedSizeList(..))
}

/// Extension types whose storage does not say what they mean: a period of pandas is a count of months or days.
fn is_opaque(extension: &str) -> bool {
    extension == "pandas.period"
}

/// What messages call a type.
pub(super) fn type_name(dtype: &ArrowDataType) -> String {
    use ArrowDataType as T;
    match dtype {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text".to_owned(),
        T::Binary | T::LargeBinary | T::BinaryView => "binary".to_owned(),
        T::FixedSizeBinary(n) => format!("fixed_size_binary[{n}]"),
        T::List(entry) | T::LargeList(entry) => format!("list<{}>", type_name(&entry.dtype)),
        T::FixedSizeList(entry, n) => format!("fixed_size_list<{}>[{n}]", type_name(&entry.dtype)),
        T::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{}: {}", field.name, type_name(&field.dtype)));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        T::Map(..) => "map".to_owned(),
        T::Dictionary(_, values, _) => format!("dictionary<{}>", type_name(values)),
        T::Decimal(digits, scale)
        | T::Decimal32(digits, scale)
        | T::Decimal64(digits, scale)
        | T::Decimal256(digits, scale) => format!("decimal({digits}, {scale})"),
        T::Timestamp(unit, _) => format!("timestamp[{}]", unit_name(*unit)),
        T::Date32 | T::Date64 => "date".to_owned(),
        T::Time32(_) | T::Time64(_) => "time of day".to_owned(),
        T::Duration(unit) => format!("duration[{}]", unit_name(*unit)),
        T::Interval(_) => "interval".to_owned(),
        T::Extension(extension) => extension.name.to_string(),
        T::Union(_) => "union".to_owned(),
        dtype => format!("{dtype:?}").to_lowercase(),
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// The cells of an array that is no struct.
fn held(mut array: Box<dyn Array>) -> PolarsResult<Held> {
    use ArrowDataType as T;
    let dtype = array.dtype().clone();
    if !is_readable(&dtype) {
        return Ok(Held::Unreadable(type_name(&dtype)));
    }
    let series = match &dtype {
        T::Null => StringChunked::full_null(NO_NAME, array.len()).into_series(),
        T::Boolean => {
            let cells = of_type::<BooleanArray>(&*array).iter();
            let word = |cell| if cell { "true" } else { "false" };
            cells.map(|cell| cell.map(word)).collect::<StringChunked>().into_series()
        }
        T::Int8 => integers::<i8>(&*array),
        T::Int16 => integers::<i16>(&*array),
        T::Int32 => integers::<i32>(&*array),
        T::UInt8 => integers::<u8>(&*array),
        T::UInt16 => integers::<u16>(&*array),
        T::UInt32 => integers::<u32>(&*array),
        T::Int64 | T::UInt64 | T::Float64 => Series::try_from((NO_NAME, array))?,
        T::Int128 => decimals(&*array, 0, |cell: i128| cell),
        T::UInt128 => decimals(&*array, 0, |cell: u128| cell),
        T::Float16 => floats(&*array, |cell: pf16| f64::from(f32::from(cell.0))),
        T::Float32 => floats(&*array, |cell: f32| f64::from(cell)),
        T::Decimal32(_, scale) => decimals(&*array, *scale, |cell: i32| cell),
        T::Decimal64(_, scale) => decimals(&*array, *scale, |cell: i64| cell),
        T::Decimal(_, scale) => decimals(&*array, *scale, |cell: i128| cell),
        T::Decimal256(_, scale) => decimals(&*array, *scale, |cell: i256| cell.0),
        T::Date32 => return Ok(Held::Times(integers::<i32>(&*array), Ticks::Days)),
        T::Date64 | T::Timestamp(..) => {
            let ticks = Ticks::PerSecond(match &dtype {
                T::Timestamp(TimeUnit::Second, _) => 1,
                T::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
                T::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
                _ => 1_000,
            });
            *array.dtype_mut() = T::Int64;
            return Ok(Held::Times(Series::try_from((NO_NAME, array))?, ticks));
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Series::try_from((NO_NAME, array))?,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => match text(&*array) {
            Some(cells) => cells.into_series(),
            None => return Ok(Held::Unreadable(format!("{} that is not UTF-8", type_name(&dtype)))),
        },
        T::List(_) | T::LargeList(_) | T::FixedSizeList(..) => return lists(&*array),
        T::Dictionary(keys, ..) => {
            return match keys {
                IntegerType::Int8 => dictionary::<i8>(&*array),
                IntegerType::Int16 => dictionary::<i16>(&*array),
                IntegerType::Int32 => dictionary::<i32>(&*array),
                IntegerType::UInt8 => dictionary::<u8>(&*array),
                IntegerType::UInt16 => dictionary::<u16>(&*array),
                IntegerType::UInt32 => dictionary::<u32>(&*array),
                IntegerType::UInt64 => dictionary::<u64>(&*array),
                _ => dictionary::<i64>(&*array),
            };
        }
        T::Extension(extension) if extension.name == UUID => uuids(&*array).into_series(),
        T::Extension(extension) => {
            array.dtype_mut().clone_from(&extension.inner);
            return held(array);
        }
        _ => unreachable!("what is readable stands above"),
    };
    Ok(Held::Series(series))
}

const NO_NAME: PlSmallStr = PlSmallStr::EMPTY;

fn of_type<A: Array>(array: &dyn Array) -> &A {
    array.as_any().downcast_ref().expect("an array is of its type")
}

fn cells<T: NativeType>(array: &dyn Array) -> impl Iterator<Item = Option<T>> + Clone + '_ {
    of_type::<PrimitiveArray<T>>(array).iter().map(|cell| cell.copied())
}

fn integers<T: NativeType + Into<i64>>(array: &dyn Array) -> Series {
    let narrow = of_type::<PrimitiveArray<T>>(array);
    let values: Vec<i64> = narrow.values().iter().map(|&value| value.into()).collect();
    let wide = PrimitiveArray::new(ArrowDataType::Int64, values.into(), narrow.validity().cloned());
    Int64Chunked::with_chunk(NO_NAME, wide).into_series()
}

fn floats<T: NativeType>(array: &dyn Array, widen: impl Fn(T) -> f64) -> Series {
    let narrow = of_type::<PrimitiveArray<T>>(array);
    let values: Vec<f64> = narrow.values().iter().map(|&value| widen(value)).collect();
    let wide = PrimitiveArray::new(ArrowDataType::Float64, values.into(), narrow.validity().cloned());
    Float64Chunked::with_chunk(NO_NAME, wide).into_series()
}

/// Decimals without digits behind the point are integers, whole and exact; others are floats.
fn decimals<T, I>(array: &dyn Array, scale: usize, number: impl Fn(T) -> I + Copy) -> Series
where
    T: NativeType,
    I: Copy + Display + TryInto<i64> + TryInto<u64>,
{
    let numbers = cells::<T>(array).map(|cell| cell.map(number));
    if scale > 0 {
        return numbers
            .map(|cell| cell.map(|cell| scaled(cell, scale)))
            .collect::<Float64Chunked>()
            .into_series();
    }
    fn each<I: TryInto<N>, N>(mut numbers: impl Iterator<Item = Option<I>>) -> Option<Vec<Option<N>>> {
        numbers.try_fold(Vec::new(), |mut found, number| {
            found
                .push(number.map(|number| number.try_into().ok()).map_or(Some(None), |fits| fits.map(Some))?);
            Some(found)
        })
    }
    if let Some(numbers) = each::<I, i64>(numbers.clone()) {
        return numbers.into_iter().collect::<Int64Chunked>().into_series();
    }
    if let Some(numbers) = each::<I, u64>(numbers.clone()) {
        return numbers.into_iter().collect::<UInt64Chunked>().into_series();
    }
    numbers.map(|cell| cell.map(|cell| cell.to_string())).collect::<StringChunked>().into_series()
}

/// The float nearest to `number` / 10^`scale`.
fn scaled(number: impl Copy + Display + TryInto<i64>, scale: usize) -> f64 {
    // Up to there both are floats exactly, and a division rounds once.
    const EXACT: u64 = 1 << 53;
    match number.try_into() {
        Ok(small) if small.unsigned_abs() <= EXACT && scale <= 22 => small as f64 / 10f64.powi(scale as i32),
        _ => format!("{number}e-{scale}").parse().expect("digits are a number"),
    }
}

/// Bytes as text, if all are UTF-8.
fn text(array: &dyn Array) -> Option<StringChunked> {
    if let Some(array) = array.as_any().downcast_ref::<BinaryViewArray>() {
        return array.to_utf8view().ok().map(|text| StringChunked::with_chunk(NO_NAME, text));
    }
    fn each<'a>(cells: impl Iterator<Item = Option<&'a [u8]>>) -> Option<StringChunked> {
        cells.map(|cell| cell.map(std::str::from_utf8).transpose()).collect::<Result<_, _>>().ok()
    }
    match array.dtype() {
        ArrowDataType::Binary => each(of_type::<BinaryArray<i32>>(array).iter()),
        ArrowDataType::LargeBinary => each(of_type::<BinaryArray<i64>>(array).iter()),
        _ => each(of_type::<FixedSizeBinaryArray>(array).iter()),
    }
}

/// UUIDs as they are commonly written: `123e4567-e89b-12d3-a456-426614174000`.
fn uuids(array: &dyn Array) -> StringChunked {
    let written = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |from, to| digits.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    };
    of_type::<FixedSizeBinaryArray>(array).iter().map(|cell| cell.map(written)).collect()
}

/// Lists whose entries are text or integers.
fn lists(array: &dyn Array) -> PolarsResult<Held> {
    let dtype = array.dtype();
    let (values, offsets) = match dtype {
        ArrowDataType::List(_) => {
            let lists = of_type::<ListArray<i32>>(array);
            (lists.values(), lists.offsets().into())
        }
        ArrowDataType::LargeList(_) => {
            let lists = of_type::<ListArray<i64>>(array);
            (lists.values(), lists.offsets().clone())
        }
        _ => {
            let lists = of_type::<FixedSizeListArray>(array);
            let ends = std::iter::repeat_n(lists.size(), lists.len());
            (lists.values(), Offsets::try_from_lengths(ends)?.into())
        }
    };
    let entries = match held(values.clone())? {
        Held::Series(entries)
            if matches!(entries.dtype(), DataType::String | DataType::Int64 | DataType::UInt64) =>
        {
            entries
        }
        Held::Unreadable(entry) => return Ok(Held::Unreadable(format!("list of {entry}"))),
        _ => return Ok(Held::Unreadable(type_name(dtype))),
    };
    let entries = entries.rechunk().chunks()[0].clone();
    let dtype = ListArray::<i64>::default_datatype(entries.dtype().clone());
    let lists = ListArray::new(dtype, offsets, entries, array.validity().cloned());
    Ok(Held::Series(Series::try_from((NO_NAME, lists.boxed()))?))
}

fn dictionary<K: DictionaryKey>(array: &dyn Array) -> PolarsResult<Held> {
    let array = of_type::<DictionaryArray<K>>(array);
    looked_up(array.keys().clone().boxed(), array.values().clone())
}

/// What keys stand for; those of missing cells may be any.
fn looked_up(keys: Box<dyn Array>, values: Box<dyn Array>) -> PolarsResult<Held> {
    let Held::Series(keys) = held(keys)? else {
        polars_bail!(ComputeError: "the keys of a dictionary are no integers")
    };
    let place = |key: i64| {
        let place = IdxSize::try_from(key);
        place.map_err(|_| polars_err!(ComputeError: "the key {key} of a dictionary is none of its places"))
    };
    let keys = keys.strict_cast(&DataType::Int64)?;
    let keys = keys.i64()?.iter().map(|key| key.map(place).transpose()).collect::<PolarsResult<IdxCa>>()?;
    Ok(match held(values)? {
        Held::Series(values) => Held::Series(values.take(&keys)?),
        Held::Times(values, ticks) => Held::Times(values.take(&keys)?, ticks),
        other => other,
    })
}
