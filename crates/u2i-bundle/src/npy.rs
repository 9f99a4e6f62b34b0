//! `item_vectors.npy`: `[items, dim]` 32-bit floats as numpy stores them, then our trailer, which numpy leaves alone.
//!
//! Only what is written here is read again, so there is nothing to parse: the header of a file with this many rows of
//! this length is one fixed text. Crates for the format bring a parser of Python literals for that one line.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::BundleError;
use crate::error::{io, malformed};
use crate::seal::STAMP_LEN;

/// Stands before the stamp at the end of the file.
const MARK: &[u8; 8] = b"u2i-npy\n";
const TRAILER_LEN: usize = MARK.len() + STAMP_LEN;

/// Version 1.0: magic, version, length of the text, and the text filled up with spaces to a multiple of 64 bytes.
fn header(items: u64, dim: u64) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({items}, {dim}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((padded as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header.resize(10 + padded - 1, b' ');
    header.push(b'\n');
    header
}

/// Writes vectors with the stamp of their bundle and syncs the file.
pub(crate) fn write(path: &Path, dim: usize, data: &[f32], stamp: &str) -> Result<(), BundleError> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        file.write_all(&header((data.len() / dim) as u64, dim as u64))?;
        for value in data {
            file.write_all(&value.to_le_bytes())?;
        }
        file.write_all(MARK)?;
        file.write_all(stamp.as_bytes())?;
        Ok(u2i_disk::sync(&file.into_inner()?, path)?)
    };
    write().map_err(io("write", path, 4 * data.len() as u64))
}

/// The numbers of a file whose hash was checked: `items` vectors of `dim`.
pub(crate) fn read(path: &Path, [items, dim]: [u64; 2]) -> Result<Vec<f32>, BundleError> {
    let header = header(items, dim);
    let length = fs::metadata(path).map_err(io("read", path, None))?.len();
    let numbers = length.checked_sub((header.len() + TRAILER_LEN) as u64);
    if numbers.is_none() || numbers != items.checked_mul(dim).and_then(|n| n.checked_mul(4)) {
        return Err(malformed(path, format!("{length} bytes are not {items} vectors of {dim} numbers")));
    }
    let bytes = fs::read(path).map_err(io("read", path, None))?;
    let end = bytes.len().saturating_sub(TRAILER_LEN);
    match bytes.get(..end).and_then(|bytes| bytes.strip_prefix(&header[..])) {
        Some(numbers) if bytes[end..].starts_with(MARK) => {
            let float = |x: &[u8; 4]| f32::from_le_bytes(*x);
            Ok(numbers.as_chunks::<4>().0.iter().map(float).collect())
        }
        _ => Err(malformed(path, format!("not {items} vectors of {dim} numbers as they were written"))),
    }
}

/// The stamp at the end of a file that may be damaged in any way.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    let tail = tail(path, TRAILER_LEN).ok()?;
    String::from_utf8(tail.strip_prefix(MARK)?.to_vec()).ok()
}

/// The last `n` bytes of a file.
fn tail(path: &Path, n: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-(n as i64)))?;
    let mut bytes = Vec::with_capacity(n);
    file.take(n as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `numpy.save` writes an array of this shape (numpy 2.2, version 1.0 of the format).
    #[test]
    fn the_header_is_numpys() {
        let text = "\u{0}v\u{0}{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
        let header = header(3, 2);
        assert_eq!(header.len(), 128);
        assert_eq!(&header[..7], b"\x93NUMPY\x01");
        assert_eq!(&header[7..7 + text.len()], text.as_bytes());
        assert!(header[7 + text.len()..127].iter().all(|&byte| byte == b' '));
        assert_eq!(header[127], b'\n');
    }

    #[test]
    fn only_the_shape_that_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.npy");
        let stamp = "s".repeat(STAMP_LEN);
        write(&path, 2, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &stamp).unwrap();
        assert_eq!(read(&path, [3, 2]).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(super::stamp(&path), Some(stamp));
        for shape in [[2, 3], [3, 1], [0, 2], [1 << 62, 4], [u64::MAX, u64::MAX]] {
            assert!(read(&path, shape).is_err(), "{shape:?}");
        }
    }
}
