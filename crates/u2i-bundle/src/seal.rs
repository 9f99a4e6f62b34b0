//! What binds the parts of one bundle: each carries the same seal, which no other bundle has.
//!
//! The manifest holds the SHA-256 of each part, so any change is noticed. The seal tells a part that was damaged from
//! one that is whole but belongs elsewhere: two bundles whose files were mixed up.

use sha2::{Digest as _, Sha256};

use crate::Part;
use crate::hash::hex;

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
