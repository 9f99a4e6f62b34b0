//! What binds the parts of one bundle: each carries the same seal, which no other bundle has.
//!
//! The manifest holds the SHA-256 of each part, so any change is noticed. The seal tells a part that was damaged from
//! one that is whole but belongs elsewhere: two bundles whose files were mixed up.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use u2i_index::{ExactIndex, IndexError};

use crate::manifest::Part;
use crate::{npy, table, weights};

/// The key of the seal in the metadata of Parquet and safetensors files.
pub(crate) const KEY: &str = "u2i.seal";

/// The seal as one part carries it: `<seal>-<16 digits>`. The digits hold seal and part together, so that a damaged
/// seal is not taken for another bundle's.
pub(crate) fn stamp(seal: &str, part: Part) -> String {
    format!("{seal}-{}", check_digits(seal, part))
}

/// Length of a [`stamp`].
pub(crate) const STAMP_LEN: usize = 64 + 1 + 16;

/// The seal that a stamp was made of.
pub(crate) fn read_stamp(stamp: &str, part: Part) -> Option<String> {
    let (seal, check) = stamp.split_once('-')?;
    (seal.len() == 64 && check == check_digits(seal, part)).then(|| seal.to_owned())
}

fn check_digits(seal: &str, part: Part) -> String {
    let mut digits = hex(Sha256::new().chain_update(part.file_name()).chain_update(seal));
    digits.truncate(16);
    digits
}

/// How a part that is not the manifest's came about.
pub(crate) enum Stranger {
    /// It is damaged, or a changed file of this bundle.
    Changed,
    /// It is whole, and of the bundle with this seal, where the part carries one.
    OfAnother(Option<String>),
}

/// Looks for the seal in a file whose hash is wrong. What cannot be read is damaged.
pub(crate) fn judge(path: &Path, part: Part, seal: &str) -> Stranger {
    let found = match part {
        Part::Weights => weights::stamp(path),
        Part::ItemVectors => npy::stamp(path),
        Part::Vocabulary | Part::Items | Part::Users | Part::ItemVectorTable => table::stamp(path),
        // An index file ends with its own SHA-256: it is whole if what is wrong with it is not its bytes.
        Part::Index => match ExactIndex::load(path) {
            Ok(_) | Err(IndexError::Mismatch { .. }) => return Stranger::OfAnother(None),
            Err(_) => None,
        },
    };
    match found.and_then(|stamp| read_stamp(&stamp, part)) {
        Some(found) if found != seal => Stranger::OfAnother(Some(found)),
        _ => Stranger::Changed,
    }
}

/// SHA-256 and length of a file, which is never in memory as a whole.
pub(crate) fn hash_file(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((hex(hash), bytes));
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
}

/// The last `n` bytes of a file.
pub(crate) fn tail(path: &Path, n: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-(n as i64)))?;
    let mut bytes = Vec::with_capacity(n);
    file.take(n as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn hex(hash: Sha256) -> String {
    u2i_disk::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_with_any_other_character_is_none() {
        let seal = "0123456789abcdef".repeat(4);
        let good = stamp(&seal, Part::Users);
        assert_eq!(good.len(), STAMP_LEN);
        assert_eq!(read_stamp(&good, Part::Users), Some(seal));
        assert_eq!(read_stamp(&good, Part::Items), None);
        for i in 0..good.len() {
            let mut other = good.clone().into_bytes();
            other[i] = if other[i] == b'0' { b'1' } else { b'0' };
            assert_eq!(read_stamp(std::str::from_utf8(&other).unwrap(), Part::Users), None, "at {i}");
        }
    }
}
