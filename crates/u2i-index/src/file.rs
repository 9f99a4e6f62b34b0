//! The one file of an index:
//!
//! ```text
//! payload       what faiss wrote, or [items, dim] 32-bit floats
//! ids           32-bit, ascending
//! description   one line of JSON
//! length        64-bit, of the description
//! SHA-256       32 bytes, of everything before
//! mark          8 bytes
//! ```
//!
//! Numbers are little-endian. What is ours comes last, so that faiss itself can open the file, and everything
//! stands in one file, so that one rename publishes it.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use u2i_disk::{DiskError, hex, replace_with};

use crate::{FaissSpec, IndexError, Similarity};

const FORMAT: u32 = 1;
const MARK: &[u8; 8] = b"u2i-idx\n";
/// Length, SHA-256 and mark.
const END: u64 = 8 + 32 + 8;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    format: u32,
    pub(crate) built: Built,
    pub(crate) dim: usize,
    pub(crate) items: usize,
    pub(crate) payload_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Built {
    Exact,
    Faiss { spec: FaissSpec, metric: Similarity },
}

impl Built {
    pub(crate) fn kind(&self) -> String {
        match self {
            Built::Exact => "exact".to_owned(),
            Built::Faiss { spec, metric } => spec.kind(*metric),
        }
    }
}

impl Description {
    pub(crate) fn new(built: Built, dim: usize, items: usize) -> Self {
        Description { format: FORMAT, built, dim, items, payload_bytes: 0 }
    }
}

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> IndexError {
    IndexError::Io { action, path: path.to_owned(), source }
}

impl From<DiskError> for IndexError {
    fn from(error: DiskError) -> Self {
        IndexError::Io { action: error.action.verb(), path: error.path, source: error.source }
    }
}

pub(crate) fn mismatch(
    path: &Path,
    what: &'static str,
    wanted: impl ToString,
    found: impl ToString,
) -> IndexError {
    IndexError::Mismatch { path: path.to_owned(), what, wanted: wanted.to_string(), found: found.to_string() }
}

pub(crate) fn expect<T: PartialEq + ToString>(
    path: &Path,
    what: &'static str,
    wanted: T,
    found: T,
) -> Result<(), IndexError> {
    if wanted == found { Ok(()) } else { Err(mismatch(path, what, wanted, found)) }
}

/// Writes and checks a file beside `path`, which then takes its place: at any time `path` is whole, old or new. `write`
/// and `check` get the path of the file aside.
pub(crate) fn save(
    path: &Path,
    mut description: Description,
    ids: &[u32],
    write: impl FnOnce(&Path) -> Result<(), IndexError>,
    check: impl FnOnce(&Path) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    replace_with(path, |file, aside| {
        write(aside)?;
        append(file, &mut description, ids).map_err(|source| io_error("write", aside, source))?;
        check(aside)
    })
}

/// Adds to a file, which is read from its beginning, whatever comes after the payload.
fn append(file: &mut File, description: &mut Description, ids: &[u32]) -> io::Result<()> {
    let mut hash = Sha256::new();
    description.payload_bytes = io::copy(&mut BufReader::new(&*file), &mut Hashing(&mut hash))?;
    let json = serde_json::to_vec(description)?;
    let mut rest = Vec::with_capacity(4 * ids.len() + json.len() + END as usize);
    ids.iter().for_each(|id| rest.extend(id.to_le_bytes()));
    rest.extend(&json);
    rest.extend((json.len() as u64).to_le_bytes());
    hash.update(&rest);
    rest.extend(hash.finalize());
    rest.extend(MARK);
    file.write_all(&rest)
}

/// Description and ids of a file whose every byte is as it was saved; its payload is at the front.
pub(crate) fn open(path: &Path) -> Result<(Description, Vec<u32>), IndexError> {
    let failed = |source| io_error("read", path, source);
    let cut_off = || IndexError::CutOff { path: path.to_owned() };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let hashed = length.checked_sub(END - 8).filter(|_| length >= END).ok_or_else(cut_off)?;
    let mut end = [0; END as usize - 8];
    file.seek(SeekFrom::Start(hashed)).and_then(|_| file.read_exact(&mut end)).map_err(failed)?;
    let (wanted, mark) = end.split_at(32);
    if mark != MARK {
        return Err(cut_off());
    }
    file.rewind().map_err(failed)?;
    let mut hash = Sha256::new();
    io::copy(&mut BufReader::new(&file).take(hashed), &mut Hashing(&mut hash)).map_err(failed)?;
    let found = hash.finalize();
    if found[..] != *wanted {
        return Err(IndexError::Changed { path: path.to_owned(), wanted: hex(wanted), found: hex(&found) });
    }

    // From here on the file is what some version of this crate wrote.
    let json_end = hashed - 8;
    let mut json_bytes = [0; 8];
    file.seek(SeekFrom::Start(json_end)).and_then(|_| file.read_exact(&mut json_bytes)).map_err(failed)?;
    let json_bytes = u64::from_le_bytes(json_bytes);
    let json_start = json_end.checked_sub(json_bytes).ok_or_else(cut_off)?;
    let mut json = vec![0; json_bytes as usize];
    file.seek(SeekFrom::Start(json_start)).and_then(|_| file.read_exact(&mut json)).map_err(failed)?;
    let description: Description = serde_json::from_slice(&json)
        .map_err(|source| IndexError::Description { path: path.to_owned(), source })?;
    expect(path, "format", FORMAT, description.format)?;
    let ids_bytes = (description.items as u64).checked_mul(4);
    let sum = ids_bytes.and_then(|bytes| bytes.checked_add(description.payload_bytes));
    expect(path, "size of payload and ids", json_start, sum.unwrap_or(u64::MAX))?;
    let mut ids = vec![0; (json_start - description.payload_bytes) as usize];
    file.seek(SeekFrom::Start(description.payload_bytes))
        .and_then(|_| file.read_exact(&mut ids))
        .map_err(failed)?;
    let ids = ids.chunks_exact(4).map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]])).collect();
    Ok((description, ids))
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
