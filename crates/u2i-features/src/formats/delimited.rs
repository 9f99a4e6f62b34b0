//! Text with a header and a separator between fields, which CSV and TSV have in common.

use std::io::Cursor;

use polars::prelude::*;

use crate::cells::{Cells, Held};
use crate::error::FeatureError;
use crate::part::FilePart;
use crate::raw::Reject;
use crate::row_source::RowSource;
use crate::text::{Encoding, Line, Lines};

/// The rows of a file, a part at a time.
///
/// polars parses the fields; that rows are whole, and which line they are on, is found out here, because its
/// reader fills short rows up and does not know its lines.
pub(super) struct DelimitedRows {
    lines: Lines,
    separator: u8,
    quoting: Quoting,
    encoding: Encoding,
    /// Names in the header.
    header: Vec<String>,
    /// A row, so that there is room for the next.
    record: Vec<u8>,
}

/// Some rows as text.
struct TextPart {
    /// A header, for polars to have one: numbers from 0 on. Then rows as UTF-8, each ended by a newline.
    bytes: Vec<u8>,
    /// The line on which each row begins.
    lines: Vec<u64>,
    /// Rows that are not whole.
    rejects: Vec<Reject>,
}

/// Bytes of the rows of a part: enough that polars is not called too often, and little beside what is made of them all.
/// `tests/it/parts.rs` reads a file of three.
const PART_BYTES: usize = 1 << 22;

/// What a `"` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Fields may be quoted with it.
    Rfc4180,
    /// It is a letter like any other.
    None,
}

impl Quoting {
    fn char(self) -> Option<u8> {
        (self == Quoting::Rfc4180).then_some(b'"')
    }
}

impl DelimitedRows {
    /// Reads the header.
    pub(super) fn new(
        mut lines: Lines,
        separator: u8,
        quoting: Quoting,
        encoding: Encoding,
    ) -> Result<Self, FeatureError> {
        let mut record = Vec::new();
        let Some(Record { line, n_fields }) = next_record(&mut lines, separator, quoting, &mut record)?
        else {
            return Err(FeatureError::Empty { path: lines.path().to_owned() });
        };
        if let Err(reason) = n_fields {
            return Err(FeatureError::Header { path: lines.path().to_owned(), reason });
        }
        let header = encoding.decode(&record).map_err(|reason| {
            let path = lines.path().to_owned();
            FeatureError::Encoding { path, line, encoding: encoding.label(), reason }
        })?;
        let header = header_names(header.trim_start_matches('\u{feff}'), separator, quoting);
        Ok(DelimitedRows { lines, separator, quoting, encoding, header, record })
    }

    /// Reads on, rejecting rows that have not as many fields as the header. `None` if there is no more row.
    fn next_text(&mut self) -> Result<Option<TextPart>, FeatureError> {
        let names: Vec<String> = (0..self.header.len()).map(|column| column.to_string()).collect();
        let mut bytes = names.join(&char::from(self.separator).to_string()).into_bytes();
        bytes.push(b'\n');
        let mut part = TextPart { bytes, lines: Vec::new(), rejects: Vec::new() };
        let whole = |line, reason| Reject { line, column: String::new(), reason };
        while part.bytes.len() < PART_BYTES {
            let record = next_record(&mut self.lines, self.separator, self.quoting, &mut self.record)?;
            let Some(Record { line, n_fields }) = record else { break };
            match n_fields {
                Err(reason) => part.rejects.push(whole(line, reason)),
                Ok(n) if n != self.header.len() => {
                    let reason = format!("expected {} fields, found {n}", self.header.len());
                    part.rejects.push(whole(line, reason));
                }
                Ok(_) => match self.encoding.decode(&self.record) {
                    Err(reason) => part.rejects.push(whole(line, reason)),
                    Ok(text) => {
                        part.bytes.extend_from_slice(text.as_bytes());
                        // polars takes one carriage return before a newline for a part of it.
                        part.bytes.extend_from_slice(if text.ends_with('\r') { b"\r\n" } else { b"\n" });
                        part.lines.push(line);
                    }
                },
            }
        }
        let is_over = part.lines.is_empty() && part.rejects.is_empty();
        Ok((!is_over).then_some(part))
    }

    /// Parses rows that are known to be whole into one text column per field.
    fn parse(&self, bytes: Vec<u8>, n_rows: usize) -> PolarsResult<Vec<Cells>> {
        let (separator, quoting) = (self.separator, self.quoting);
        let fields =
            (0..self.header.len()).map(|place| Field::new(place.to_string().into(), DataType::String));
        // A header of our own: whatever the first row holds, it is taken as a row.
        let mut frame = CsvReadOptions::default()
            .with_has_header(true)
            .with_schema(Some(Schema::from_iter(fields).into()))
            .map_parse_options(|options| options.with_separator(separator).with_quote_char(quoting.char()))
            .into_reader_with_file_handle(Cursor::new(bytes))
            .finish()?;
        polars_ensure!(
            frame.height() == n_rows,
            ComputeError: "parsed {} rows of a CSV file that has {n_rows}", frame.height()
        );
        frame.rechunk_mut();
        let cells = |column: &Column| Cells::new(Held::Series(column.as_materialized_series().clone()));
        Ok(frame.columns().iter().map(cells).collect())
    }
}

impl RowSource for DelimitedRows {
    fn columns(&self) -> &[String] {
        &self.header
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        let Some(TextPart { bytes, lines, rejects }) = self.next_text()? else { return Ok(None) };
        let polars = |source| FeatureError::Polars { path: self.lines.path().to_owned(), source };
        let columns = match lines.len() {
            // polars refuses a text without rows.
            0 => vec![Cells::text([None::<&str>; 0]); self.header.len()],
            n_rows => self.parse(bytes, n_rows).map_err(polars)?,
        };
        Ok(Some(FilePart::new(columns, lines).with_rejects(rejects)))
    }

    fn expected_rows(&self) -> usize {
        self.lines.expected()
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.lines.hash()
    }
}

/// A row as it stands in the file, perhaps over several lines.
struct Record {
    /// Where it begins.
    line: u64,
    /// Its number of fields, or what is wrong with it.
    n_fields: Result<usize, String>,
}

/// Reads the next record, its text into `record`.
fn next_record(
    lines: &mut Lines,
    separator: u8,
    quoting: Quoting,
    record: &mut Vec<u8>,
) -> Result<Option<Record>, FeatureError> {
    record.clear();
    let mut scanner = Scanner { separator, quoting, fields: 1, state: State::FieldStart };
    let max_line_bytes = lines.max_line_bytes();
    let mut start = None;
    while let Some((number, line)) = lines.next_line()? {
        let first = *start.get_or_insert(number);
        let fed = match line {
            Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
            Line::Nul => Err("has a NUL byte".to_owned()),
            Line::Text(text) => {
                record.extend_from_slice(text);
                // A byte order mark is before the first field, which may be quoted.
                let mark: &[u8] = if number == 1 { b"\xef\xbb\xbf" } else { b"" };
                scanner.feed(text.strip_prefix(mark).unwrap_or(text)).map_err(str::to_owned)
            }
        };
        if fed.is_err() || scanner.state != State::Quoted {
            return Ok(Some(Record { line: first, n_fields: fed.map(|()| scanner.fields) }));
        }
        if record.len() > max_line_bytes {
            break;
        }
        record.push(b'\n');
    }
    // The end of the file, or of patience: fine unless a record has begun.
    start.map_or(Ok(None), |line| {
        Err(FeatureError::OpenQuote { path: lines.path().to_owned(), line, max_line_bytes })
    })
}

/// Counts the fields of a record that may go on over several lines (RFC 4180).
struct Scanner {
    separator: u8,
    quoting: Quoting,
    fields: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    Closed,
}

impl Scanner {
    fn feed(&mut self, line: &[u8]) -> Result<(), &'static str> {
        for &byte in line {
            self.state = match (&self.state, byte) {
                (_, b'"') if self.quoting == Quoting::None => State::Plain,
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, _) => State::Quoted,
                // A doubled quote inside a quoted field, or one that opens a field.
                (State::Closed | State::FieldStart, b'"') => State::Quoted,
                (_, byte) if byte == self.separator => {
                    self.fields += 1;
                    State::FieldStart
                }
                (State::Closed, _) => return Err("text after a closing quote"),
                (State::Plain, b'"') => return Err("a quote inside a field that is not quoted"),
                _ => State::Plain,
            };
        }
        Ok(())
    }
}

fn header_names(header: &str, separator: u8, quoting: Quoting) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for char in header.chars() {
        match char {
            '"' if quoting == Quoting::Rfc4180 => quoted = !quoted,
            char if char == char::from(separator) && !quoted => names.push(String::new()),
            char => names.last_mut().expect("there is a first name").push(char),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ReadLimits;

    fn scan(record: &[&str]) -> Result<usize, String> {
        let mut scanner =
            Scanner { separator: b',', quoting: Quoting::Rfc4180, fields: 1, state: State::FieldStart };
        for line in record {
            scanner.feed(line.as_bytes())?;
        }
        if scanner.state == State::Quoted { Err("open".to_owned()) } else { Ok(scanner.fields) }
    }

    #[test]
    fn fields_are_counted_as_rfc_4180_says() {
        let cases: [(&[&str], Result<usize, &str>); 7] = [
            (&["a,b,"], Ok(3)),
            (&["\"a,b\",c"], Ok(2)),
            (&["\"say \"\"hi\"\"\",c"], Ok(2)),
            (&["\"two", "lines\",c"], Ok(2)),
            (&["\"open,c"], Err("open")),
            (&["\"a\"b,c"], Err("text after a closing quote")),
            (&["5\" disk,c"], Err("a quote inside a field that is not quoted")),
        ];
        for (record, wanted) in cases {
            assert_eq!(scan(record), wanted.map_err(str::to_owned), "{record:?}");
        }
    }

    /// Memory for reading does not grow with the file: each part is bounded, and together they hold every row once.
    #[test]
    fn parts_are_bounded_and_hold_every_row_once_with_its_line() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let n_rows = 2 * PART_BYTES / 100 + 10;
        let row = |row: usize| format!("{row:098},");
        // A row that goes on over two lines, one that is too short, and then more than two parts.
        let rows = (0..n_rows).map(|number| row(number) + "\n").collect::<String>();
        std::fs::write(&path, format!("a,b\n\"two\nlines\",x\nshort\n{rows}")).unwrap();
        let lines = Lines::open(&path, Encoding::Utf8, &ReadLimits::STRICT).unwrap();
        let mut read = DelimitedRows::new(lines, b',', Quoting::Rfc4180, Encoding::Utf8).unwrap();
        let (mut text, mut at, mut rejected, mut n_parts) = (String::new(), Vec::new(), Vec::new(), 0);
        while let Some(part) = read.next_text().unwrap() {
            assert!(part.bytes.len() <= PART_BYTES + 100, "{}", part.bytes.len());
            text += std::str::from_utf8(&part.bytes).unwrap().strip_prefix("0,1\n").unwrap();
            at.extend(part.lines);
            rejected.extend(part.rejects.iter().map(|reject| reject.line));
            n_parts += 1;
        }
        assert_eq!(n_parts, 3);
        assert_eq!(text, format!("\"two\nlines\",x\n{rows}"));
        assert!(at.iter().copied().eq(std::iter::once(2).chain(5..5 + n_rows as u64)));
        assert_eq!(rejected, [4]);
        let hash = Box::new(read).finish();
        assert_eq!(hash, *blake3::hash(&std::fs::read(&path).unwrap()).as_bytes());
    }

    #[test]
    fn header_names_lose_their_quotes() {
        assert_eq!(header_names("a,\"b,c\",d", b',', Quoting::Rfc4180), ["a", "b,c", "d"]);
        assert_eq!(header_names("a\t\"b\tc", b'\t', Quoting::None), ["a", "\"b", "c"]);
    }
}
