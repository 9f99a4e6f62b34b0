//! SHA-256 of files, in hex.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

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

pub(crate) fn hex(hash: Sha256) -> String {
    u2i_disk::hex(&hash.finalize())
}
