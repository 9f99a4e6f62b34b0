use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::FeatureError;
use crate::signature::{self, Packing};

/// The bytes of a file, unpacked if it is packed with gzip or Zstandard, which its first bytes say and not its name.
///
/// Those of the file itself are hashed on the way. Memory is that of a few buffers, however far a file unpacks.
pub(crate) struct FileBytes {
    unpacked: Unpacked,
    path: PathBuf,
    file_bytes: u64,
}

enum Unpacked {
    Plain(Box<BufReader<HashedFile>>),
    Gzip(Box<BufReader<MultiGzDecoder<BufReader<HashedFile>>>>),
    Zstd(Box<BufReader<zstd::Decoder<'static, BufReader<HashedFile>>>>),
}

/// A file that is hashed as it is read.
struct HashedFile {
    file: Held,
    /// `None` where nobody asks for it.
    hash: Option<blake3::Hasher>,
    read_bytes: u64,
}

/// Where bytes are read from.
enum Held {
    File(File),
    /// Some lines of a file.
    Sample(io::Cursor<Vec<u8>>),
}

/// Bytes that are read ahead.
const AHEAD_BYTES: usize = 1 << 16;

impl FileBytes {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`FeatureError::NotATable`] if it is packed in a way that is not read here, and [`FeatureError::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self, FeatureError> {
        FileBytes::open_with(path, Some(blake3::Hasher::new()))
    }

    /// Opens a file that is looked through and not hashed: [`hash`](Self::hash) gives zeros.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_unhashed(path: &Path) -> Result<Self, FeatureError> {
        FileBytes::open_with(path, None)
    }

    fn open_with(path: &Path, hash: Option<blake3::Hasher>) -> Result<Self, FeatureError> {
        let io = |source| FeatureError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let hashed = HashedFile { file: Held::File(file), hash, read_bytes: 0 };
        let mut plain = BufReader::with_capacity(AHEAD_BYTES, hashed);
        let packing = signature::packing(plain.fill_buf().map_err(io)?, path)?;
        let unpacked = match packing {
            Packing::None => Unpacked::Plain(Box::new(plain)),
            Packing::Gzip => {
                Unpacked::Gzip(Box::new(BufReader::with_capacity(AHEAD_BYTES, MultiGzDecoder::new(plain))))
            }
            Packing::Zstd => {
                let decoder = zstd::Decoder::with_buffer(plain).map_err(io)?;
                Unpacked::Zstd(Box::new(BufReader::with_capacity(AHEAD_BYTES, decoder)))
            }
        };
        let mut bytes = FileBytes { unpacked, path: path.to_owned(), file_bytes };
        if packing != Packing::None {
            let path = bytes.path.clone();
            signature::refuse_packed(bytes.beginning()?, &path)?;
        }
        Ok(bytes)
    }

    /// Lines of a file of plain text in place of all of it.
    pub(crate) fn of_sample(path: &Path, lines: Vec<u8>) -> Self {
        let file_bytes = lines.len() as u64;
        let held = HashedFile { file: Held::Sample(io::Cursor::new(lines)), hash: None, read_bytes: 0 };
        let unpacked = Unpacked::Plain(Box::new(BufReader::with_capacity(AHEAD_BYTES, held)));
        FileBytes { unpacked, path: path.to_owned(), file_bytes }
    }

    /// Bytes that come next, without passing them; none at the end.
    pub(crate) fn beginning(&mut self) -> Result<&[u8], FeatureError> {
        let (packing, path) = (self.packing(), self.path.clone());
        let found = match &mut self.unpacked {
            Unpacked::Plain(bytes) => bytes.fill_buf(),
            Unpacked::Gzip(bytes) => bytes.fill_buf(),
            Unpacked::Zstd(bytes) => bytes.fill_buf(),
        };
        found.map_err(|source| failed(path, packing, source))
    }

    /// Reads on into `buffer`, past interruptions; 0 at the end.
    ///
    /// # Errors
    ///
    /// [`FeatureError::Unpack`] if what is packed is cut short or broken, and [`FeatureError::Io`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FeatureError> {
        loop {
            let read = match &mut self.unpacked {
                Unpacked::Plain(bytes) => bytes.read(buffer),
                Unpacked::Gzip(bytes) => bytes.read(buffer),
                Unpacked::Zstd(bytes) => bytes.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|source| failed(self.path.clone(), self.packing(), source)),
            }
        }
    }

    /// How the file is packed.
    pub(crate) fn packing(&self) -> Packing {
        match &self.unpacked {
            Unpacked::Plain(_) => Packing::None,
            Unpacked::Gzip(_) => Packing::Gzip,
            Unpacked::Zstd(_) => Packing::Zstd,
        }
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How many bytes of the file what was read so far is made of.
    pub(crate) fn passed_bytes(&self) -> u64 {
        let passed = |file: &BufReader<HashedFile>| file.get_ref().read_bytes - file.buffer().len() as u64;
        match &self.unpacked {
            Unpacked::Plain(bytes) => passed(bytes),
            Unpacked::Gzip(bytes) => passed(bytes.get_ref().get_ref()),
            Unpacked::Zstd(bytes) => passed(bytes.get_ref().get_ref()),
        }
    }

    /// BLAKE3 of the bytes of the file as it lies, all of which have been read once there are no more.
    pub(crate) fn hash(self) -> [u8; 32] {
        let file = match self.unpacked {
            Unpacked::Plain(bytes) => bytes.into_inner(),
            Unpacked::Gzip(bytes) => bytes.into_inner().into_inner().into_inner(),
            Unpacked::Zstd(bytes) => bytes.into_inner().finish().into_inner(),
        };
        file.hash.map_or([0; 32], |hash| hash.finalize().into())
    }
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match &mut self.file {
            Held::File(file) => file.read(buffer)?,
            Held::Sample(lines) => lines.read(buffer)?,
        };
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..n]);
        }
        self.read_bytes += n as u64;
        Ok(n)
    }
}

/// What the system says is about the file, what a decoder says about what is in it.
fn failed(path: PathBuf, packing: Packing, source: io::Error) -> FeatureError {
    match packing {
        Packing::None => FeatureError::Io { path, source },
        _ if source.raw_os_error().is_some() => FeatureError::Io { path, source },
        packing => FeatureError::Unpack { path, packing: packing.name(), source },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(text: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> Result<(Vec<u8>, [u8; 32]), FeatureError> {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, bytes).unwrap();
        let mut file = FileBytes::open(&path)?;
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => all.extend_from_slice(&buffer[..n]),
            }
        }
        assert_eq!(file.passed_bytes(), file.file_bytes());
        Ok((all, file.hash()))
    }

    const TEXT: &[u8] = b"user,item,time\nann,7,1\nbob,8,2\n";

    #[test]
    fn packed_files_are_their_contents_and_hashed_as_they_lie() {
        let skipped = [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..], &zst(TEXT)].concat();
        let members = [gzip(TEXT), gzip(b""), gzip(b"cid,9,3\n")].concat();
        let frames = [zst(TEXT), zst(b"cid,9,3\n")].concat();
        let both = [TEXT, b"cid,9,3\n"].concat();
        let cases =
            [(TEXT.to_vec(), TEXT), (skipped, TEXT), (gzip(TEXT), TEXT), (members, &both), (frames, &both)];
        for (file, wanted) in cases {
            let (found, hash) = read_all(&file).unwrap();
            assert_eq!((found.as_slice(), hash), (wanted, *blake3::hash(&file).as_bytes()));
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_anywhere_is_no_shorter_one() {
        let text = TEXT.repeat(20);
        for packed in [gzip(&text), zst(&text)] {
            // What is cut within the mark itself is no packed file, and no table either.
            for end in 4..packed.len() {
                let error = read_all(&packed[..end]).unwrap_err();
                assert!(matches!(error, FeatureError::Unpack { .. }), "{end} of {}: {error}", packed.len());
            }
            for at in 4..packed.len() {
                let mut broken = packed.clone();
                broken[at] ^= 0x10;
                // Some bits of a header, such as the time, say nothing of the contents.
                assert!(read_all(&broken).map_or(true, |(found, _)| found == text), "{at}");
            }
        }
    }

    #[test]
    fn what_follows_a_packed_file_and_is_none_is_refused() {
        for packed in [gzip(TEXT), zst(TEXT)] {
            for behind in [&b"ann,7,1\n"[..], b"x", b"\x1f\x8b", b"\0\0\0\0\0\0\0\0\0\0\0\0"] {
                let error = read_all(&[&packed, behind].concat()).unwrap_err();
                assert!(matches!(error, FeatureError::Unpack { .. }), "{behind:?}: {error}");
            }
        }
    }
}
