use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::FeatureError;
use crate::file_bytes::FileBytes;
use crate::formats::foreign;
use crate::limits::ReadLimits;
use crate::row_sample::RowSample;
use crate::signature::{self, Packing};
use crate::transcoder::Transcoder;

pub(crate) use crate::encoding::Encoding;

/// One line of a file, without its end.
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than `max_line_bytes`, which is all that was kept in memory.
    TooLong,
    /// Has a NUL byte.
    Nul,
}

/// Lines of a file, unpacked and hashed on the way. Memory stays within a few times `max_line_bytes`.
pub(crate) struct Lines {
    file: FileBytes,
    /// Makes UTF-8 of the file, where it is in an encoding whose lines cannot be told apart before.
    transcoder: Option<Transcoder>,
    buffer: Vec<u8>,
    /// What was read of the file and not yet handed out stands in `buffer[from..to]`.
    from: usize,
    to: usize,
    /// Whether the file has ended.
    ended: bool,
    /// Whether there is a NUL in `buffer[from..to]`; if not, no line of it has to be looked through.
    has_nul: bool,
    number: u64,
    max_line_bytes: usize,
    path: PathBuf,
    expected: usize,
}

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 18;

impl Lines {
    /// Lines are bytes that `encoding` decodes.
    pub(crate) fn open(path: &Path, encoding: Encoding, limits: &ReadLimits) -> Result<Self, FeatureError> {
        limits.check()?;
        Lines::of(FileBytes::open(path)?, path, encoding, limits)
    }

    /// Some lines of a large file; `None` where all of them have to be read.
    pub(crate) fn open_sample(
        path: &Path,
        encoding: Encoding,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Self>, FeatureError> {
        limits.check()?;
        let lines = sample.lines(path, encoding)?;
        lines.map(|lines| Lines::of(lines, path, encoding, limits)).transpose()
    }

    fn of(
        mut file: FileBytes,
        path: &Path,
        encoding: Encoding,
        limits: &ReadLimits,
    ) -> Result<Self, FeatureError> {
        if file.packing() == Packing::None {
            let beginning = file.beginning()?;
            signature::refuse_columns(beginning, path)?;
            foreign::refuse(path, beginning)?;
        }
        let transcoder = match encoding {
            Encoding::Utf8 | Encoding::Latin1 => None,
            Encoding::Web(encoding) => Some(Transcoder::new(encoding)),
        };
        Ok(Lines {
            file,
            transcoder,
            buffer: vec![0; READ_BYTES],
            from: 0,
            to: 0,
            ended: false,
            has_nul: false,
            number: 0,
            max_line_bytes: limits.max_line_bytes.get(),
            path: path.to_owned(),
            expected: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// How many lines the file has, judged by the length of those before; 0 until there are enough of them.
    pub(crate) fn expected(&self) -> usize {
        self.expected
    }

    /// How many bytes of the file the lines so far are made of, to a buffer.
    pub(crate) fn passed_bytes(&self) -> u64 {
        self.file.passed_bytes()
    }

    /// What is in memory of the lines that come next.
    pub(crate) fn in_memory(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Goes on behind so many lines, and the bytes that they have with their ends, that were found there.
    pub(crate) fn pass(&mut self, n_lines: usize, n_bytes: usize) {
        self.number += n_lines as u64;
        self.from += n_bytes;
    }

    /// The next line and its number, counted from 1. A blank last line is none.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, Line<'_>)>, FeatureError> {
        let Some(line) = self.fill()? else { return Ok(None) };
        self.number += 1;
        let kind = match line.map(|line| &self.buffer[line]) {
            None => Line::TooLong,
            Some(line) if self.has_nul && line.contains(&0) => Line::Nul,
            Some(line) => Line::Text(line),
        };
        Ok(Some((self.number, kind)))
    }

    /// Where the next line stands in the buffer, without its end: `None` at the end of the file, `Some(None)` if it is
    /// longer than allowed.
    fn fill(&mut self) -> Result<Option<Option<Range<usize>>>, FeatureError> {
        let (mut searched, mut is_skipped) = (0, false);
        let (line, next) = loop {
            let rest = &self.buffer[self.from + searched..self.to];
            if let Some(place) = rest.iter().position(|&byte| byte == b'\n') {
                let end = self.from + searched + place;
                break (self.from..end, end + 1);
            }
            if self.ended {
                if self.from == self.to && !is_skipped {
                    return Ok(None);
                }
                break (self.from..self.to, self.to);
            }
            // Two more than a line may have, for its end.
            if is_skipped || self.to - self.from >= self.max_line_bytes.saturating_add(2) {
                (self.from, is_skipped) = (self.to, true);
            }
            searched = self.to - self.from;
            self.read()?;
        };
        self.from = next;
        let has_end = next > line.end;
        let line = line.start..line.start + without_end(&self.buffer[line]).len();
        if line.is_empty() && has_end && !is_skipped && self.is_at_end()? {
            return Ok(None);
        }
        let is_whole = !is_skipped && line.len() <= self.max_line_bytes;
        Ok(Some(is_whole.then_some(line)))
    }

    /// Whether all lines have been handed out.
    fn is_at_end(&mut self) -> Result<bool, FeatureError> {
        if self.from == self.to && !self.ended {
            self.read()?;
        }
        Ok(self.from == self.to)
    }

    /// Reads on, behind what stands in the buffer.
    fn read(&mut self) -> Result<(), FeatureError> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        if self.to == self.buffer.len() {
            self.buffer.resize(2 * self.to, 0);
        }
        let passed_bytes = self.file.passed_bytes();
        let new = &mut self.buffer[self.to..];
        let n = match &mut self.transcoder {
            None => self.file.read(new)?,
            Some(transcoder) => transcoder.read(&mut self.file, new)?,
        };
        // All of them: to stop at the first would take longer.
        self.has_nul = self.buffer[..self.to + n].iter().fold(false, |has_nul, &byte| has_nul | (byte == 0));
        self.to += n;
        self.ended = n == 0;
        if passed_bytes > 0 {
            let share = self.file.file_bytes() as f64 / passed_bytes as f64;
            self.expected = (self.number as f64 * share) as usize;
        }
        Ok(())
    }

    /// BLAKE3 of the bytes of the file as it lies, all of which have been read once lines have run out.
    pub(crate) fn hash(self) -> [u8; 32] {
        self.file.hash()
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
    /// What follows it at the beginning of `text`, if it stands there.
    pub(crate) fn strip(self, text: &[u8]) -> Option<&[u8]> {
        match self {
            Separator::Byte(byte) => text.strip_prefix(&[byte]),
            Separator::TwoColons => text.strip_prefix(b"::"),
        }
    }

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
                    for end in (at + run % 2..at + run - 1).step_by(2) {
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

    /// Lines that begin in what was read at once and end behind it, one longer than that, and a last one that has no
    /// end.
    #[test]
    fn lines_are_whole_across_reads() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let lengths = [READ_BYTES - 1, 5, 3 * READ_BYTES, 0, READ_BYTES / 2, READ_BYTES, 7];
        let wanted: Vec<Vec<u8>> =
            lengths.iter().zip(b'a'..).map(|(&length, letter)| vec![letter; length]).collect();
        std::fs::write(&path, wanted.join(&b"\r\n"[..])).unwrap();
        for (max, too_long) in
            [(3 * READ_BYTES, &[][..]), (3 * READ_BYTES - 1, &[2]), (READ_BYTES - 1, &[2, 5])]
        {
            let limits = ReadLimits { max_line_bytes: max.try_into().unwrap(), ..ReadLimits::STRICT };
            let mut lines = Lines::open(&path, Encoding::Utf8, &limits).unwrap();
            for (i, wanted) in wanted.iter().enumerate() {
                match lines.next_line().unwrap().unwrap() {
                    (number, Line::Text(text)) => {
                        assert_eq!((number, text), (i as u64 + 1, wanted.as_slice()), "{max}");
                    }
                    (number, line) => {
                        assert!(matches!(line, Line::TooLong) && number == i as u64 + 1, "{max}");
                        assert!(too_long.contains(&i), "{max}: line {number}");
                    }
                }
            }
            assert!(lines.next_line().unwrap().is_none());
        }
    }

    #[test]
    fn lines_are_bounded_numbered_and_hashed() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let bytes = b"abc\r\n\nabcd\n\0\nabcdefghi\nend\n\n";
        std::fs::write(&path, bytes).unwrap();
        let limits = ReadLimits { max_line_bytes: 3.try_into().unwrap(), ..ReadLimits::STRICT };
        let mut lines = Lines::open(&path, Encoding::Utf8, &limits).unwrap();
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            seen.push(match line {
                Line::Text(text) => format!("{number}:{}", String::from_utf8_lossy(text)),
                Line::TooLong => format!("{number} too long"),
                Line::Nul => format!("{number} nul"),
            });
        }
        assert_eq!(seen, ["1:abc", "2:", "3 too long", "4 nul", "5 too long", "6:end"]);
        assert_eq!(lines.hash(), *blake3::hash(bytes).as_bytes());
    }
}
