use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{FeatureError, ReadLimits};

/// How the bytes of a text file become characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8; other bytes are an error that names the line.
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: every byte is the character of that number.
    #[serde(rename = "latin-1")]
    Latin1,
}

impl Encoding {
    /// The text, or `None` if the bytes are none.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match (self, std::str::from_utf8(bytes)) {
            (Encoding::Utf8, Err(_)) if u2i_bug::planted("utf_8_replaces_bytes") => {
                Some(String::from_utf8_lossy(bytes))
            }
            (Encoding::Latin1, _) if u2i_bug::planted("latin_1_is_read_as_utf_8") => {
                Some(String::from_utf8_lossy(bytes))
            }
            (Encoding::Utf8, text) => text.ok().map(Cow::Borrowed),
            (Encoding::Latin1, Ok(text)) if bytes.is_ascii() => Some(Cow::Borrowed(text)),
            (Encoding::Latin1, _) => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        }
    }
}

/// One line of a file, without its end.
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than `max_line_bytes`, which is all that was kept in memory.
    TooLong,
    /// Has a NUL byte.
    Nul,
}

/// Lines of a file, hashed on the way. Memory stays within `max_line_bytes`.
pub(crate) struct Lines {
    reader: BufReader<Hashing>,
    buffer: Vec<u8>,
    number: u64,
    max_line_bytes: usize,
    path: PathBuf,
}

struct Hashing {
    file: File,
    sha: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.sha.update(&buffer[..n]);
        Ok(n)
    }
}

impl Lines {
    pub(crate) fn open(path: &Path, limits: &ReadLimits) -> Result<Self, FeatureError> {
        limits.check()?;
        let file = File::open(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
        let hashing = Hashing { file, sha: Sha256::new() };
        Ok(Lines {
            reader: BufReader::with_capacity(1 << 18, hashing),
            buffer: Vec::new(),
            number: 0,
            max_line_bytes: limits.max_line_bytes.get(),
            path: path.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// The next line and its number, counted from 1. A blank last line is none.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, Line<'_>)>, FeatureError> {
        let found = self.fill().map_err(|source| FeatureError::Io { path: self.path.clone(), source })?;
        Ok(found.map(|whole| {
            let line = without_end(&self.buffer);
            let kind = match whole {
                false => Line::TooLong,
                true if line.contains(&0) => Line::Nul,
                true => Line::Text(line),
            };
            (self.number, kind)
        }))
    }

    /// Reads a line into the buffer: `None` at the end, `false` if it is longer than allowed.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        // Two more than a line may have, for its end.
        let limit = (self.max_line_bytes as u64).saturating_add(2);
        if (&mut self.reader).take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if matches!(self.buffer[..], [b'\n'] | [b'\r', b'\n']) && self.reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let ended = self.buffer.ends_with(b"\n");
        if !ended && self.buffer.len() as u64 == limit {
            self.reader.skip_until(b'\n')?;
        }
        let is_whole = without_end(&self.buffer).len() <= self.max_line_bytes;
        Ok(Some(is_whole || u2i_bug::planted("a_line_may_be_cut")))
    }

    /// SHA-256 of all bytes read, which is the whole file once lines have run out.
    pub(crate) fn sha256(self) -> [u8; 32] {
        self.reader.into_inner().sha.finalize().into()
    }
}

/// A line without its newline and the carriage return before that; the last line may lack the newline.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands between the fields of a line.
#[derive(Clone, Copy)]
pub(crate) enum Separator {
    Byte(u8),
    /// `::`. In a longer run of colons an odd one belongs to the field before it, so a title may end in `:`.
    TwoColons,
}

impl Separator {
    /// Puts the fields of `line` into `fields` and returns how many there are, which may be more than fit.
    pub(crate) fn split<'a>(self, line: &'a [u8], fields: &mut [&'a [u8]]) -> usize {
        let (mut n, mut start, mut at) = (0, 0, 0);
        let mut field = |from: usize, to: usize| {
            if let Some(place) = fields.get_mut(n) {
                *place = &line[from..to];
            }
            n += 1;
        };
        while at < line.len() {
            match self {
                Separator::Byte(byte) => {
                    if line[at] == byte {
                        field(start, at);
                        start = at + 1;
                    }
                    at += 1;
                }
                Separator::TwoColons => {
                    if line[at] != b':' {
                        at += 1;
                        continue;
                    }
                    let run = line[at..].iter().take_while(|&&byte| byte == b':').count();
                    let odd = if u2i_bug::planted("an_odd_colon_begins_a_field") { 0 } else { run % 2 };
                    for end in (at + odd..at + run - 1).step_by(2) {
                        field(start, end);
                        start = end + 2;
                    }
                    at += run;
                }
            }
        }
        field(start, line.len());
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<&str> {
        let mut fields = [&b""[..]; 8];
        let n = Separator::TwoColons.split(line.as_bytes(), &mut fields);
        fields[..n].iter().map(|field| std::str::from_utf8(field).unwrap()).collect()
    }

    #[test]
    fn single_colons_belong_to_their_field() {
        let cases: [(&str, &[&str]); 6] = [
            ("1::Alien: Again::Horror", &["1", "Alien: Again", "Horror"]),
            ("1::Alien:::Horror", &["1", "Alien:", "Horror"]),
            ("1::::3", &["1", "", "3"]),
            ("::", &["", ""]),
            ("a:b", &["a:b"]),
            ("", &[""]),
        ];
        for (line, wanted) in cases {
            assert_eq!(fields(line), wanted, "{line}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 2_000, ..Default::default() })]
        #[test]
        fn joined_fields_split_into_themselves(
            // A field may hold and end with single colons, but not begin with one.
            wanted in proptest::collection::vec("(([^:\r\n]|[^:\r\n]:[^:\r\n])+:?)?", 1..6),
        ) {
            let line = wanted.join("::");
            proptest::prop_assert_eq!(fields(&line), wanted);
        }
    }

    #[test]
    fn latin_1_always_decodes_and_utf_8_does_not() {
        assert_eq!(Encoding::Latin1.decode(b"Caf\xe9").unwrap(), "Caf\u{e9}");
        assert_eq!(Encoding::Latin1.decode("\u{e9}".as_bytes()).unwrap(), "\u{c3}\u{a9}");
        assert_eq!(Encoding::Utf8.decode(b"Caf\xe9"), None);
    }

    #[test]
    fn lines_are_bounded_numbered_and_hashed() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, b"abc\r\n\nabcd\n\0\nabcdefghi\nend\n\n").unwrap();
        let limits = ReadLimits { max_line_bytes: 3.try_into().unwrap(), ..ReadLimits::STRICT };
        let mut lines = Lines::open(&path, &limits).unwrap();
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            seen.push(match line {
                Line::Text(text) => format!("{number}:{}", String::from_utf8_lossy(text)),
                Line::TooLong => format!("{number} too long"),
                Line::Nul => format!("{number} nul"),
            });
        }
        assert_eq!(seen, ["1:abc", "2:", "3 too long", "4 nul", "5 too long", "6:end"]);
        // printf 'abc\r\n\nabcd\n\0\nabcdefghi\nend\n\n' | sha256sum
        let hex: String = lines.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5c578abeb76e153ebd3994fa5361b1aa86818d9f459b62559fe8e28db2501833");
    }
}
