//! A file of columns that polars decodes: opened, hashed and guarded.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::{PolarsResult, polars_err};

use super::foreign;
use crate::error::FeatureError;

/// How much of a file is hashed at once.
const BLOCK: usize = 4 << 20;

/// A file that begins as its format does.
#[derive(Debug)]
pub(super) struct ColumnarFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) n_bytes: u64,
    /// BLAKE3 of the file.
    pub(super) hash: [u8; 32],
    /// Its first bytes.
    pub(super) beginning: [u8; 8],
}

impl ColumnarFile {
    /// A file that begins with one of `marks`, hashed, at its beginning.
    pub(super) fn open(path: &Path, marks: &[&[u8]], wanted: &'static str) -> Result<Self, FeatureError> {
        let io = |source| FeatureError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let mut hasher = blake3::Hasher::new();
        let (mut block, mut beginning, mut n_bytes) = (Vec::new(), [0; 8], 0);
        loop {
            block.clear();
            (&mut file).take(BLOCK as u64).read_to_end(&mut block).map_err(io)?;
            if block.is_empty() {
                break;
            }
            if n_bytes == 0 {
                if !marks.iter().any(|mark| block.starts_with(mark)) {
                    foreign::refuse(path, &block)?;
                    return Err(FeatureError::NotOfFormat { path: path.to_owned(), wanted });
                }
                let n = block.len().min(beginning.len());
                beginning[..n].copy_from_slice(&block[..n]);
            }
            n_bytes += block.len() as u64;
            hasher.update(&block);
        }
        if n_bytes == 0 {
            return Err(FeatureError::Empty { path: path.to_owned() });
        }
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(ColumnarFile { path: path.to_owned(), file, n_bytes, hash: hasher.finalize().into(), beginning })
    }

    /// A file that is known to begin with such a mark, to look into: it is not hashed.
    pub(super) fn open_unhashed(path: &Path) -> Result<Self, FeatureError> {
        let io = |source| FeatureError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let n_bytes = file.metadata().map_err(io)?.len();
        let (mut first, mut beginning) = (Vec::new(), [0; 8]);
        (&mut file).take(beginning.len() as u64).read_to_end(&mut first).map_err(io)?;
        beginning[..first.len()].copy_from_slice(&first);
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(ColumnarFile { path: path.to_owned(), file, n_bytes, hash: [0; 32], beginning })
    }
}

/// What polars makes of a file at `path`. It asserts some of what it should report of a broken one; nothing that it was
/// at work on is used after that.
pub(super) fn guarded<T>(path: &Path, read: impl FnOnce() -> PolarsResult<T>) -> Result<T, FeatureError> {
    let read = catch_unwind(AssertUnwindSafe(read));
    let read = read.unwrap_or_else(|_| Err(polars_err!(ComputeError: "the file is broken")));
    read.map_err(|source| FeatureError::Polars { path: path.to_owned(), source })
}
