//! Takes what is expected out of a download, and nothing else.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::known::{Contents, Part};

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("`{0}` is not in the archive")]
    Missing(String),
    #[error("both `{0}` and `{1}` are in the archive, wanted one")]
    Twice(String, String),
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

impl Part {
    /// Writes the expected files of a download, and nothing else of it, into the existing folder `dir`; each file is
    /// synced. Names in an archive are only compared, never used as paths.
    pub(crate) fn unpack(&self, download: impl Read + Seek, dir: &Path) -> Result<(), UnpackError> {
        let (folder, members, optional) = match &self.contents {
            Contents::File(file) => {
                return copy(download, self.max_file_bytes, file.clone(), &dir.join(file));
            }
            Contents::Zip { folder, members, optional } => (*folder, members, optional),
        };
        let mut zip = ZipArchive::new(download).map_err(UnpackError::Zip)?;
        let wanted = members.iter().map(|file| (file, true));
        for (file, is_needed) in wanted.chain(optional.iter().map(|file| (file, false))) {
            let Some(member) = locate(&zip, folder, file)? else {
                if is_needed {
                    let member = folder.map_or_else(|| file.clone(), |folder| format!("{folder}/{file}"));
                    return Err(UnpackError::Missing(member));
                }
                continue;
            };
            let entry = zip.by_name(&member).map_err(UnpackError::Zip)?;
            if !entry.is_file() {
                return Err(UnpackError::Link(member));
            }
            copy(entry, self.max_file_bytes, member, &dir.join(file))?;
        }
        Ok(())
    }
}

/// What a file is called in a zip: in `folder`, or without one at the top or in any one folder.
fn locate<R: Read + Seek>(
    zip: &ZipArchive<R>,
    folder: Option<&str>,
    file: &str,
) -> Result<Option<String>, UnpackError> {
    let is_it = |name: &str| match (folder, name.rsplit_once('/')) {
        (Some(folder), Some((own, last))) => own == folder && last == file,
        (None, Some((own, last))) => !own.contains('/') && last == file,
        (Some(_), None) => false,
        (None, None) => name == file,
    };
    // A name that is no text is none that is wanted.
    let mut found = zip.file_names().filter_map(Result::ok).filter(|name| is_it(name));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(UnpackError::Twice(first.into_owned(), second.into_owned())),
        (first, _) => Ok(first.map(Cow::into_owned)),
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

    use crate::known::small_set::small;

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
        unpack_part(&small().parts[0], zip)
    }

    fn unpack_part(part: &Part, zip: Vec<u8>) -> (Result<(), UnpackError>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("in");
        std::fs::create_dir(&dir).unwrap();
        let outcome = part.unpack(Cursor::new(zip), &dir);
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

    /// RecBole's zips: the files stand at the top or in a folder of any name, and may lack users and items.
    #[test]
    fn members_are_found_whatever_their_folder_is_called_where_it_may_be_any() {
        let mut part = small().parts.remove(0);
        let Contents::Zip { folder, .. } = &mut part.contents else { panic!("{part:?}") };
        *folder = None;
        for at in ["", "small/", "Another Name/"] {
            let names = ["events", "users"].map(|file| format!("{at}{file}"));
            let zip = zipped(&[(names[0].as_str(), b"1"), (&names[1], b"2"), ("__MACOSX/deep/events", b"x")]);
            let (outcome, files) = unpack_part(&part, zip);
            outcome.unwrap();
            assert_eq!(files, ["events", "users"], "{at}");
        }
        type Members<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Members<'_>, &str); 4] = [
            (&[("a/events", b"1"), ("b/events", b"2"), ("users", b"3")], "are in the archive, wanted one"),
            (&[("a/b/events", b"1"), ("users", b"3")], "`events` is not in the archive"),
            (&[("../../events", b"1"), ("users", b"3")], "`events` is not in the archive"),
            (&[("events@", b"/etc/passwd"), ("users", b"3")], "`events` is a link in the archive"),
        ];
        for (members, message) in cases {
            let error = unpack_part(&part, zipped(members)).0.unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_archive_is_taken_as_it_is() {
        let mut part = small().parts.remove(0);
        part.contents = Contents::File("events".to_owned());
        let (outcome, files) = unpack_part(&part, b"1 2".to_vec());
        outcome.unwrap();
        assert_eq!(files, ["events"]);
        let error = unpack_part(&part, vec![b'1'; 1_001]).0.unwrap_err();
        assert_eq!(error.to_string(), "`events` unpacks to more than 1000 bytes");
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
