use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use u2i_schema::Digest;
use u2i_train::TensorViews;

use super::error::{CheckpointError, io};
use crate::tensor_file::{TensorFile, TensorFileError};

/// What the bytes of a file are called in its hash.
const FILE: &str = "file";

/// The hash of the bytes of a file.
pub(super) fn hash(bytes: &[u8]) -> String {
    Digest::new().part(FILE, bytes).finish()
}

/// Writes the file of the tensors and makes its hash of the pieces as they go by; returns its bytes and its hash.
pub(super) fn write(
    path: &Path,
    tensors: &TensorViews<'_>,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<(u64, String), CheckpointError> {
    let tensors = TensorFile::new(tensors);
    let bytes = tensors.n_bytes();
    let mut digest = Digest::new().begin_part(FILE, bytes);
    let mut written = 0;
    let all = |file: &mut File| {
        let take = |piece: &[u8]| -> io::Result<()> {
            digest.update(piece);
            file.write_all(piece)?;
            written += piece.len() as u64;
            watch(written, bytes);
            Ok(())
        };
        tensors.write(take).map_err(|error| match error {
            TensorFileError::Numbers(name, source) => CheckpointError::Numbers { name, source },
            TensorFileError::Write(source) => io("write", path, None)(source),
        })
    };
    u2i_disk::write_new_with(path, all).map_err(|error| match error {
        // Whichever step of writing failed.
        CheckpointError::Io { source, .. } => io("write", path, bytes)(source),
        other => other,
    })?;
    Ok((bytes, digest.end().finish()))
}

/// Bytes that are read at a time to be hashed.
const READ: u64 = 1 << 20;

/// The hash of a file of so many bytes.
pub(super) fn hash_of_file(
    path: &Path,
    bytes: u64,
    watch: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<String, CheckpointError> {
    let mut file = File::open(path).map_err(io("read", path, None))?;
    let mut digest = Digest::new().begin_part(FILE, bytes);
    let mut piece = vec![0; READ.min(bytes) as usize];
    let mut done = 0;
    while done < bytes {
        let piece = &mut piece[..READ.min(bytes - done) as usize];
        file.read_exact(piece).map_err(io("read", path, None))?;
        digest.update(piece);
        done += piece.len() as u64;
        if watch(done, bytes).is_break() {
            return Err(CheckpointError::Stopped);
        }
    }
    Ok(digest.end().finish())
}
