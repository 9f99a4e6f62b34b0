use crate::FeatureError;
use crate::tally::Tally;
use crate::text::{Encoding, Line, Lines};

/// The good rows of a CSV file as UTF-8 without header, and where they stood.
///
/// polars parses the fields; that rows are whole, and which line they are on, is found out here, because its
/// reader fills short rows up and does not know its lines.
pub(crate) struct Rows {
    /// Names in the header.
    pub(crate) header: Vec<String>,
    /// Rows, each ended by a newline.
    pub(crate) bytes: Vec<u8>,
    /// The line on which each row begins.
    pub(crate) lines: Vec<u64>,
}

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

/// Reads the rows of `lines`, rejecting those that have not as many fields as the header.
pub(crate) fn rows(
    lines: &mut Lines,
    separator: u8,
    quoting: Quoting,
    encoding: Encoding,
    tally: &mut Tally,
) -> Result<Rows, FeatureError> {
    let mut rows = Rows { header: Vec::new(), bytes: Vec::new(), lines: Vec::new() };
    let mut record = Vec::new();
    while let Some(Record { line, n_fields }) = next_record(lines, separator, quoting, &mut record)? {
        let decoded = encoding.decode(&record);
        if line == 1 {
            if let Err(reason) = n_fields {
                return Err(FeatureError::Header { path: lines.path().to_owned(), reason });
            }
            let Some(header) = decoded else { return Err(not_utf8(lines, line)) };
            rows.header = header_names(header.trim_start_matches('\u{feff}'), separator, quoting);
            continue;
        }
        tally.row();
        match n_fields {
            Err(reason) => tally.reject(line, "", reason),
            Ok(n) if n != rows.header.len() => {
                tally.reject(line, "", format!("expected {} fields, found {n}", rows.header.len()));
            }
            Ok(_) => {
                let Some(text) = decoded else { return Err(not_utf8(lines, line)) };
                rows.bytes.extend_from_slice(text.as_bytes());
                // polars takes one carriage return before a newline for a part of it.
                rows.bytes.extend_from_slice(if text.ends_with('\r') { b"\r\n" } else { b"\n" });
                rows.lines.push(line);
            }
        }
    }
    if rows.header.is_empty() {
        return Err(FeatureError::Empty { path: lines.path().to_owned() });
    }
    Ok(rows)
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

    #[test]
    fn header_names_lose_their_quotes() {
        assert_eq!(header_names("a,\"b,c\",d", b',', Quoting::Rfc4180), ["a", "b,c", "d"]);
        assert_eq!(header_names("a\t\"b\tc", b'\t', Quoting::None), ["a", "\"b", "c"]);
    }
}
