//! Takes what is expected out of a zip, and nothing else.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::archive::Archive;

/// The terms of use in a MovieLens zip; unpacked beside the data.
const README: &str = "README";

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("`{0}` is not in the archive")]
    Missing(String),
    #[error("`{0}` is a link in the archive, wanted a file")]
    Link(String),
    #[error("`{member}` unpacks to more than {max_bytes} bytes")]
    TooLarge { member: String, max_bytes: u64 },
    #[error("the archive cannot be read")]
    Zip(#[source] ZipError),
    #[error("`{member}` cannot be unpacked")]
    Corrupt { member: String, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Archive<'_> {
    /// Writes the expected members of `zip`, and nothing else of it, into the existing folder `dir`; each
    /// file is synced. Names in the archive are only compared, never used as paths.
    pub(crate) fn unpack(&self, zip: impl Read + Seek, dir: &Path) -> Result<(), UnpackError> {
        let mut zip = ZipArchive::new(zip).map_err(UnpackError::Zip)?;
        for &file in self.members.iter().chain(&[README]) {
            let member = format!("{}/{file}", self.name);
            let entry = match zip.by_name(&member) {
                Ok(entry) => entry,
                Err(ZipError::FileNotFound) => return Err(UnpackError::Missing(member)),
                Err(error) => return Err(UnpackError::Zip(error)),
            };
            if !entry.is_file() {
                return Err(UnpackError::Link(member));
            }
            copy(entry, self.max_member_bytes, member, &dir.join(file))?;
        }
        Ok(())
    }
}

/// Counts real bytes: the sizes that an archive states may be lies.
fn copy(from: impl Read, max_bytes: u64, member: String, path: &Path) -> Result<(), UnpackError> {
    let write_error = |source| UnpackError::Write { path: path.to_owned(), source };
    let mut from = from.take(max_bytes + 1);
    let mut file = File::create_new(path).map_err(write_error)?;
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(source) => return Err(UnpackError::Corrupt { member, source }),
        };
        written += n as u64;
        if written > max_bytes {
            return Err(UnpackError::TooLarge { member, max_bytes });
        }
        file.write_all(&buffer[..n]).map_err(write_error)?;
    }
    u2i_disk::sync(&file, path).map_err(|error| write_error(error.source))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Cursor;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use crate::archive::tests::SMALL;

    /// A zip of `members`; a name that ends in `@` becomes a symbolic link.
    pub(crate) fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            let options = SimpleFileOptions::default();
            if let Some(link) = name.strip_suffix('@') {
                zip.add_symlink(link, str::from_utf8(content).unwrap(), options).unwrap();
            } else if name.ends_with('/') {
                zip.add_directory(*name, options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                zip.write_all(content).unwrap();
            }
        }
        zip.finish().unwrap().into_inner()
    }

    pub(crate) fn good() -> Vec<u8> {
        zipped(&[("small/events", b"1 2 3"), ("small/users", b"1"), ("small/README", b"free")])
    }

    /// Unpacks into `root/in`; returns the outcome and every file under `root`.
    fn unpack(zip: Vec<u8>) -> (Result<(), UnpackError>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("in");
        std::fs::create_dir(&dir).unwrap();
        let outcome = SMALL.unpack(Cursor::new(zip), &dir);
        let names = |dir: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(dir).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(names(root.path()), ["in"], "nothing is written outside the folder");
        let mut files = names(&dir);
        files.sort();
        (outcome, files)
    }

    #[test]
    fn only_the_expected_members_are_written() {
        let zip = zipped(&[
            ("../escaped", b"x"),
            ("small/../../escaped", b"x"),
            ("/escaped", b"x"),
            ("small/events", b"1 2 3"),
            ("small/more", b"x"),
            ("small/users", b"1"),
            ("small/README", b"free"),
            ("escaped@", b"/"),
        ]);
        let (outcome, files) = unpack(zip);
        outcome.unwrap();
        assert_eq!(files, ["README", "events", "users"]);
    }

    #[test]
    fn bad_archives_are_refused() {
        let bomb = vec![0; 10_000];
        let mut flipped = good();
        let at = flipped.windows(5).position(|bytes| bytes == b"1 2 3");
        // Deflate stores five bytes as they are, or packs them: either way the first member changes.
        flipped[at.unwrap_or(42)] ^= 1;
        let truncated = good()[..60].to_vec();
        let cases = [
            (zipped(&[("small/events", b"1")]), "`small/users` is not in the archive"),
            (zipped(&[("events", b"1"), ("users", b"1")]), "`small/events` is not in the archive"),
            (zipped(&[("../small/events", b"1")]), "`small/events` is not in the archive"),
            (zipped(&[("small\\events", b"1")]), "`small/events` is not in the archive"),
            (zipped(&[]), "`small/events` is not in the archive"),
            (
                zipped(&[("small/events@", b"/etc/passwd")]),
                "`small/events` is a link in the archive, wanted a file",
            ),
            (zipped(&[("small/events", &bomb)]), "`small/events` unpacks to more than 1000 bytes"),
            (flipped, "`small/events` cannot be unpacked"),
            (truncated, "the archive cannot be read"),
            (b"not a zip".to_vec(), "the archive cannot be read"),
        ];
        for (zip, message) in cases {
            let (outcome, _) = unpack(zip);
            assert_eq!(outcome.unwrap_err().to_string(), message);
        }
    }

    /// The stated size, in the header and in the directory, is set to 10 bytes.
    #[test]
    fn a_bomb_that_lies_about_its_size_is_refused() {
        let mut zip = zipped(&[("small/events", &[0; 10_000])]);
        let size = 10_000u32.to_le_bytes();
        let lies: Vec<usize> =
            zip.windows(4).enumerate().filter(|(_, bytes)| *bytes == size).map(|(at, _)| at).collect();
        assert!(!lies.is_empty());
        for at in lies {
            zip[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        }
        let (outcome, _) = unpack(zip);
        assert!(outcome.is_err());
    }

    #[test]
    fn no_mutation_of_an_archive_writes_outside_the_folder_or_panics() {
        let good = good();
        for at in (0..good.len()).step_by(3) {
            let mut mutant = good.clone();
            mutant[at] ^= 0x5a;
            let _ = unpack(mutant);
        }
    }
}
