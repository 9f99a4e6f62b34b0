//! The footer of a Parquet file, which says what the file holds.
//!
//! The decoder refuses a footer with logical types or orders of columns that came into Parquet after it. Readers are meant
//! to go by how such a column is stored, and the order tells only of statistics, which nothing here looks at: a column of
//! geometries must not keep those beside it from being read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use polars::prelude::{PolarsResult, polars_ensure};
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::parquet::read::deserialize_metadata;

/// What a file begins and ends with.
pub(super) const MARK: &[u8] = b"PAR1";
/// The length of the footer, and the mark.
const TAIL: u64 = 8;
/// Thrift's numbers of types.
const STRUCT: u8 = 12;
/// The last logical type and the last order of columns that the decoder knows.
const LAST_LOGICAL_TYPE: i64 = 15;
const LAST_ORDER: i64 = 2;

/// Reads the footer.
pub(super) fn read_footer(file: &mut File, n_bytes: u64) -> PolarsResult<FileMetadata> {
    let mut tail = [0; TAIL as usize];
    polars_ensure!(n_bytes >= TAIL + MARK.len() as u64, ComputeError: "it was cut off: it has no footer");
    file.seek(SeekFrom::Start(n_bytes - TAIL))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, mark @ ..] = tail;
    let n_footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    polars_ensure!(
        mark == MARK && n_footer <= n_bytes - TAIL - MARK.len() as u64,
        ComputeError: "it was cut off, or written over: it has no footer"
    );
    file.seek(SeekFrom::Start(n_bytes - TAIL - n_footer))?;
    let mut footer = vec![0; n_footer as usize];
    file.read_exact(&mut footer)?;
    let footer = without_later_types(&footer).unwrap_or(footer);
    Ok(deserialize_metadata(footer.into())?)
}

/// A footer without what the decoder does not know; `None` if it knows all, or if this is no footer.
fn without_later_types(footer: &[u8]) -> Option<Vec<u8>> {
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let mut thrift = Thrift { bytes: footer, at: 0 };
    thrift.fields(0, |thrift, id, kind, begin| match (id, kind) {
        // The elements of the schema; a logical type is the last field of one.
        (2, 9) => thrift.each(|thrift| {
            thrift.fields(0, |thrift, id, kind, begin| {
                if id != 10 || kind != STRUCT {
                    return thrift.skip(kind, 0);
                }
                let variant = thrift.variant()?;
                if variant > LAST_LOGICAL_TYPE && thrift.is_at_stop() {
                    cuts.push(begin..thrift.at);
                }
                Some(())
            })
        }),
        (7, 9) => {
            let mut later = false;
            thrift.each(|thrift| {
                later |= thrift.variant()? > LAST_ORDER;
                Some(())
            })?;
            if later && thrift.is_at_stop() {
                cuts.push(begin..thrift.at);
            }
            Some(())
        }
        _ => thrift.skip(kind, 0),
    })?;
    if cuts.is_empty() {
        return None;
    }
    let (mut kept, mut at) = (Vec::with_capacity(footer.len()), 0);
    for cut in cuts {
        kept.extend_from_slice(footer.get(at..cut.start)?);
        at = cut.end;
    }
    kept.extend_from_slice(footer.get(at..)?);
    Some(kept)
}

/// A walk over Thrift's compact protocol. Every step is `None` where the bytes end or do not fit.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// Deeper than any footer is.
    const MOST_DEPTH: usize = 32;

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn is_at_stop(&self) -> bool {
        self.bytes.get(self.at) == Some(&0)
    }

    fn pass(&mut self, n: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(n).ok()?)?;
        self.at = Some(end).filter(|&end| end <= self.bytes.len())?;
        Some(())
    }

    /// Each field of a struct, by its id, its type and where its header begins. `each` passes over its value.
    fn fields(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, i64, u8, usize) -> Option<()>,
    ) -> Option<()> {
        let mut id = 0i64;
        (depth < Self::MOST_DEPTH).then_some(())?;
        loop {
            let begin = self.at;
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            id = match header >> 4 {
                0 => {
                    let number = self.number()?;
                    (number >> 1) as i64 ^ -((number & 1) as i64)
                }
                more => id.checked_add(i64::from(more))?,
            };
            each(self, id, header & 0xf, begin)?;
        }
    }

    /// Each struct of a list.
    fn each(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let (n, kind) = self.list()?;
        (kind == STRUCT).then_some(())?;
        (0..n).try_for_each(|_| each(self))
    }

    /// Number and type of the entries of a list.
    fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let n = match header >> 4 {
            15 => self.number()?,
            n => u64::from(n),
        };
        Some((n, header & 0xf))
    }

    /// Which of its variants a union holds.
    fn variant(&mut self) -> Option<i64> {
        let mut variant = None;
        self.fields(0, |thrift, id, kind, _| {
            variant = variant.or(Some(id));
            thrift.skip(kind, 1)
        })?;
        variant
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        (depth < Self::MOST_DEPTH).then_some(())?;
        match kind {
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.number().map(drop),
            7 => self.pass(8),
            8 => {
                let n = self.number()?;
                self.pass(n)
            }
            9 | 10 => match self.list()? {
                (n, 1 | 2) => self.pass(n),
                (n, kind) => (0..n).try_for_each(|_| self.skip(kind, depth + 1)),
            },
            STRUCT => self.fields(depth + 1, |thrift, _, kind, _| thrift.skip(kind, depth + 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A struct of the fields of a footer that matter: version, schema, rows, orders.
    fn footer(logical_type: &[u8], order: u8) -> Vec<u8> {
        let element = [&[0x15, 12, 0x38, 1, b'x'], logical_type, &[0]].concat();
        [&[0x15, 2, 0x19, 0x1c], &element[..], &[0x16, 2, 0x49, 0x1c, order << 4 | 12, 0, 0, 0]].concat()
    }

    #[test]
    fn later_logical_types_and_orders_are_left_out_and_the_rest_stays() {
        // A logical type is field 10: six behind the name.
        let of = |variant: u8| [&[0x6c][..], &[0x0c, variant << 1, 0, 0]].concat();
        let cases = [
            (footer(&of(1), 1), None),
            (footer(&of(15), 2), None),
            (footer(&of(17), 1), Some(footer(&[], 1))),
            (footer(&of(1), 3), Some([&footer(&of(1), 3)[..footer(&of(1), 3).len() - 6], &[0]].concat())),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(without_later_types(&bytes), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn a_footer_that_is_none_is_left_as_it_is() {
        let whole = footer(&[0x6c, 0x0c, 34, 0, 0], 3);
        for end in 0..whole.len() - 1 {
            assert_eq!(without_later_types(&whole[..end]), None, "{end}");
        }
        assert_eq!(without_later_types(&[0x1c; 4096]), None);
    }
}
