//! What faiss writes at the front of an index, whose sizes it believes without holding them against each other:
//!
//! ```text
//! front     4   kind
//!           4   dimensions
//!           8   vectors
//!          16   nothing that is read
//!           1   1, it is trained
//!           4   metric; above 1 a number would follow
//! IVF*      8   lists
//!           8   lists that are probed
//!          37   front of the flat index of their centres
//!           8   numbers of the centres, then lists * dim 32-bit floats
//!           1   0, no map of places
//!           8   0, its length
//! IVF-PQ    1   1, codes are of what the nearest centre leaves
//!           8   bytes of a code
//!           8   dimensions
//!           8   parts of a vector
//!           8   bits that name an example
//!           8   numbers of the examples, then 256 * dim 32-bit floats
//! SQ8       4   kind of code, 0 for 8 bits
//!           8   range of the codes
//!           8   dimensions
//!           8   bytes of a code
//!           8   length of the list of steps, then 2 * dim 32-bit floats
//!           8   length of the codes, then vectors * dim bytes
//! ```
//!
//! Of `Flat` and of lists faiss compares the rest itself; a graph is believed.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;

use crate::file::{self, io_error, mismatch};
use crate::{FaissSpec, IndexError, Similarity};

/// What the front of a file is held against.
pub(crate) struct Sizes {
    pub(crate) spec: FaissSpec,
    pub(crate) metric: Similarity,
    /// Of the vectors as they are stored.
    pub(crate) dim: usize,
    pub(crate) items: usize,
}

impl Sizes {
    /// Whether the file is of the kind that was described, and its sizes are those that follow: else faiss would read
    /// past the end of what is there.
    pub(crate) fn check(&self, path: &Path) -> Result<(), IndexError> {
        let file = File::open(path).map_err(|source| io_error("read", path, source))?;
        let mut front = Front { path, file: BufReader::new(file) };
        let (dim, items) = (self.dim as u64, self.items as u64);
        let flat = if self.metric == Similarity::L2 { "IxF2" } else { "IxFI" };
        let kind = match self.spec {
            FaissSpec::Flat => flat,
            FaissSpec::Ivf { .. } => "IwFl",
            FaissSpec::Hnsw { .. } => "IHNf",
            FaissSpec::Sq8 => "IxSQ",
            FaissSpec::IvfPq { .. } => "IwPQ",
        };
        self.check_front(&mut front, kind, ["dimension", "number of vectors"], items)?;
        if let FaissSpec::Ivf { nlist, nprobe } | FaissSpec::IvfPq { nlist, nprobe, .. } = self.spec {
            let nlist = nlist.get() as u64;
            front.expect("number of lists", 8, nlist)?;
            front.expect("number of lists that are probed", 8, nprobe.get() as u64)?;
            self.check_front(&mut front, flat, ["dimension of the centres", "number of centres"], nlist)?;
            front.floats("numbers of the centres", nlist.saturating_mul(dim))?;
            front.expect("map of places", 1, 0)?;
            front.expect("length of the map of places", 8, 0)?;
        }
        match self.spec {
            FaissSpec::Flat | FaissSpec::Ivf { .. } | FaissSpec::Hnsw { .. } => Ok(()),
            FaissSpec::Sq8 => {
                front.expect("kind of code", 4, 0)?;
                front.skip(8)?;
                front.expect("dimension of the codes", 8, dim)?;
                front.expect("bytes of a code", 8, dim)?;
                front.floats("steps of the codes", dim.saturating_mul(2))?;
                front.expect("bytes of all codes", 8, dim.saturating_mul(items))
            }
            FaissSpec::IvfPq { m, .. } => {
                front.expect("kind of code", 1, 1)?;
                front.expect("bytes of a code", 8, m.get() as u64)?;
                front.expect("dimension of the codes", 8, dim)?;
                front.expect("parts of a vector", 8, m.get() as u64)?;
                front.expect("bits of a part", 8, 8)?;
                front.floats("numbers of the examples", dim.saturating_mul(256))
            }
        }
    }

    /// The front of an index over `items` vectors; `names` are those of its dimensions and of their number.
    fn check_front(
        &self,
        front: &mut Front<'_>,
        kind: &str,
        names: [&'static str; 2],
        items: u64,
    ) -> Result<(), IndexError> {
        let found = (front.number(4)? as u32).to_le_bytes();
        if found != *kind.as_bytes() {
            return Err(mismatch(front.path, "faiss kind", kind, found.escape_ascii()));
        }
        front.expect(names[0], 4, self.dim as u64)?;
        front.expect(names[1], 8, items)?;
        front.skip(16)?;
        front.expect("mark of training", 1, 1)?;
        // As faiss numbers them.
        front.expect("metric", 4, u64::from(self.metric == Similarity::L2))
    }
}

/// A file from its front on.
struct Front<'a> {
    path: &'a Path,
    file: BufReader<File>,
}

impl Front<'_> {
    /// The next number, little-endian in so many bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, IndexError> {
        let mut number = [0; 8];
        self.file.read_exact(&mut number[..bytes]).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => IndexError::CutOff { path: self.path.to_owned() },
            _ => io_error("read", self.path, source),
        })?;
        Ok(u64::from_le_bytes(number))
    }

    fn expect(&mut self, what: &'static str, bytes: usize, wanted: u64) -> Result<(), IndexError> {
        let found = self.number(bytes)?;
        file::expect(self.path, what, wanted, found)
    }

    /// Their number, then 32-bit floats.
    fn floats(&mut self, what: &'static str, wanted: u64) -> Result<(), IndexError> {
        self.expect(what, 8, wanted)?;
        self.skip(wanted.saturating_mul(4))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), IndexError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.file.seek_relative(bytes).map_err(|source| io_error("read", self.path, source))
    }
}
