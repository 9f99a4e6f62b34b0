use crate::FeatureError;
use crate::tally::Tally;
use crate::text::{Encoding, Line, Lines};

/// The good rows of a CSV file, a part at a time.
///
/// polars parses the fields; that rows are whole, and which line they are on, is found out here, because its
/// reader fills short rows up and does not know its lines.
pub(crate) struct Rows {
    lines: Lines,
    pub(crate) separator: u8,
    pub(crate) quoting: Quoting,
    encoding: Encoding,
    /// Names in the header.
    pub(crate) header: Vec<String>,
    /// A row, so that there is room for the next.
    record: Vec<u8>,
}

/// Some rows of a CSV file.
#[derive(Default)]
pub(crate) struct Part {
    /// A header, for polars to have one: numbers from 0 on. Then rows as UTF-8, each ended by a newline.
    pub(crate) bytes: Vec<u8>,
    /// The line on which each row begins.
    pub(crate) lines: Vec<u64>,
}

/// Bytes of the rows of a part: enough that polars is not called too often, and little beside what is made of them all.
/// `tests/it/parts.rs` reads a file of three.
const PART_BYTES: usize = 1 << 22;

/// What a `"` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Fields may be quoted with it.
    Rfc4180,
    /// It is a letter like any other.
    None,
}

impl Quoting {
    pub(crate) fn char(self) -> Option<u8> {
        (self == Quoting::Rfc4180).then_some(b'"')
    }
}

impl Rows {
    /// Reads the header.
    pub(crate) fn new(
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
        let Some(header) = encoding.decode(&record) else { return Err(not_utf8(&lines, line)) };
        let header = header_names(header.trim_start_matches('\u{feff}'), separator, quoting);
        Ok(Rows { lines, separator, quoting, encoding, header, record })
    }

    /// Reads on, rejecting rows that have not as many fields as the header. `None` if there is no more row.
    pub(crate) fn next_part(&mut self, tally: &mut Tally) -> Result<Option<Part>, FeatureError> {
        let names: Vec<String> = (0..self.header.len()).map(|column| column.to_string()).collect();
        let mut bytes = names.join(&char::from(self.separator).to_string()).into_bytes();
        bytes.push(b'\n');
        let mut part = Part { bytes, lines: Vec::new() };
        while part.bytes.len() < PART_BYTES {
            let record = next_record(&mut self.lines, self.separator, self.quoting, &mut self.record)?;
            let Some(Record { line, n_fields }) = record else { break };
            tally.row();
            match n_fields {
                Err(reason) => tally.reject(line, "", reason),
                Ok(n) if n != self.header.len() => {
                    tally.reject(line, "", format!("expected {} fields, found {n}", self.header.len()));
                }
                Ok(_) => {
                    let text = self.encoding.decode(&self.record);
                    let Some(text) = text else { return Err(not_utf8(&self.lines, line)) };
                    part.bytes.extend_from_slice(text.as_bytes());
                    // polars takes one carriage return before a newline for a part of it.
                    part.bytes.extend_from_slice(if text.ends_with('\r') { b"\r\n" } else { b"\n" });
                    part.lines.push(line);
                }
            }
        }
        Ok((!part.lines.is_empty()).then_some(part))
    }

    /// How many rows the file has, judged by those that were read; 0 until there are enough of them.
    pub(crate) fn expected(&self) -> usize {
        self.lines.expected()
    }

    /// BLAKE3 of the file, once there is no more row.
    pub(crate) fn hash(self) -> [u8; 32] {
        self.lines.hash()
    }
}

fn not_utf8(lines: &Lines, line: u64) -> FeatureError {
    FeatureError::Encoding { path: lines.path().to_owned(), line }
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
    use crate::ReadLimits;

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
        let limits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };
        let mut tally = Tally::new(&path, &limits);
        let lines = Lines::open(&path, &limits).unwrap();
        let mut read = Rows::new(lines, b',', Quoting::Rfc4180, Encoding::Utf8).unwrap();
        let (mut text, mut at, mut n_parts) = (String::new(), Vec::new(), 0);
        while let Some(part) = read.next_part(&mut tally).unwrap() {
            assert!(part.bytes.len() <= PART_BYTES + 100, "{}", part.bytes.len());
            text += std::str::from_utf8(&part.bytes).unwrap().strip_prefix("0,1\n").unwrap();
            at.extend(part.lines);
            n_parts += 1;
        }
        assert_eq!(n_parts, 3);
        assert_eq!(text, format!("\"two\nlines\",x\n{rows}"));
        assert!(at.iter().copied().eq(std::iter::once(2).chain(5..5 + n_rows as u64)));
        (0..at.len()).for_each(|_| tally.settle(crate::tally::Fate::Kept));
        let rejects = tally.finish().unwrap().rejects;
        assert_eq!(rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [4]);
        assert_eq!(read.hash(), *blake3::hash(&std::fs::read(&path).unwrap()).as_bytes());
    }

    #[test]
    fn header_names_lose_their_quotes() {
        assert_eq!(header_names("a,\"b,c\",d", b',', Quoting::Rfc4180), ["a", "b,c", "d"]);
        assert_eq!(header_names("a\t\"b\tc", b'\t', Quoting::None), ["a", "\"b", "c"]);
    }
}
