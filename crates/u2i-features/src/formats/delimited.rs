//! Text with a header and a separator between fields, which CSV and TSV have in common.

use std::io::Cursor;

use polars::prelude::*;

use super::records::{Dialect, Fields, Quoting, Scanner, has_escaped_quote};
use super::sniffed::named_separator;
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
    layout: Layout,
    /// Names in the header.
    header: Vec<String>,
    /// The record in `record`, if it is the next row.
    next: Option<Record>,
    /// A row, so that there is room for the next.
    record: Vec<u8>,
    /// The fields of a row that is not plain.
    fields: Fields,
}

/// How a file is written.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub dialect: Dialect,
    pub encoding: Encoding,
    /// Lines above the header.
    pub skip_lines: usize,
    /// Whether the first record has names. Without, columns are called by their numbers.
    pub has_header: bool,
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

impl DelimitedRows {
    /// Reads the header.
    pub(super) fn new(mut lines: Lines, layout: Layout) -> Result<Self, FeatureError> {
        for _ in 0..layout.skip_lines {
            lines.next_line()?;
        }
        let mut record = Vec::new();
        let Some(first) = next_record(&mut lines, layout.dialect, &mut record)? else {
            return Err(FeatureError::Empty { path: lines.path().to_owned() });
        };
        let header = header(&lines, &first, &record, layout)?;
        let next = match layout.has_header {
            true => next_record(&mut lines, layout.dialect, &mut record)?,
            false => Some(first),
        };
        let mut rows = DelimitedRows { lines, layout, header, next, record, fields: Fields::default() };
        rows.name_what_ends_rows()?;
        Ok(rows)
    }

    /// Gives the header one more column, without a name, if the first row ends with a separator that it lacks.
    fn name_what_ends_rows(&mut self) -> Result<(), FeatureError> {
        let Some(Record { n_fields: Ok(n), .. }) = self.next else { return Ok(()) };
        if n != self.header.len() + 1 {
            return Ok(());
        }
        let Layout { dialect, encoding, .. } = self.layout;
        // A row that is no text is rejected when it is read.
        let Ok(text) = encoding.decode(&self.record) else { return Ok(()) };
        if dialect.fields(&text).is_ok_and(|fields| fields[n - 1].trim().is_empty()) {
            self.header.push(String::new());
        }
        Ok(())
    }

    /// Reads on, rejecting rows that have not as many fields as the header. `None` if there is no more row.
    fn next_text(&mut self) -> Result<Option<TextPart>, FeatureError> {
        let Layout { dialect, encoding, .. } = self.layout;
        let names: Vec<String> = (0..self.header.len()).map(|column| column.to_string()).collect();
        let mut bytes = names.join(&char::from(dialect.separator).to_string()).into_bytes();
        bytes.push(b'\n');
        let mut part = TextPart { bytes, lines: Vec::new(), rejects: Vec::new() };
        let whole = |line, reason| Reject { line, column: String::new(), reason };
        while part.bytes.len() < PART_BYTES {
            let record = match self.next.take() {
                None => next_record(&mut self.lines, dialect, &mut self.record)?,
                next => next,
            };
            let Some(Record { line, n_fields }) = record else { break };
            match n_fields {
                Err(reason) => part.rejects.push(whole(line, reason)),
                Ok(n) if n != self.header.len() => {
                    let reason = format!("expected {} fields, found {n}", self.header.len());
                    part.rejects.push(whole(line, reason));
                }
                Ok(_) => {
                    let text = match encoding.decode(&self.record) {
                        Ok(text) => text,
                        Err(reason) => {
                            part.rejects.push(whole(line, reason));
                            continue;
                        }
                    };
                    if dialect.is_plain() {
                        part.bytes.extend_from_slice(text.as_bytes());
                        // polars takes one carriage return before a newline for a part of it.
                        part.bytes.extend_from_slice(if text.ends_with('\r') { b"\r\n" } else { b"\n" });
                    } else {
                        // The record was divided before, so it can be.
                        if let Err(reason) = self.fields.divide(&text, dialect) {
                            part.rejects.push(whole(line, reason));
                            continue;
                        }
                        self.fields.write(dialect.separator, &mut part.bytes);
                        part.bytes.push(b'\n');
                    }
                    part.lines.push(line);
                }
            }
        }
        let is_over = part.lines.is_empty() && part.rejects.is_empty();
        Ok((!is_over).then_some(part))
    }

    /// Parses rows that are known to be whole into one text column per field.
    fn parse(&self, bytes: Vec<u8>, n_rows: usize) -> PolarsResult<Vec<Cells>> {
        let Dialect { separator, quoting, .. } = self.layout.dialect;
        let quote = (quoting == Quoting::Rfc4180).then_some(b'"');
        let fields =
            (0..self.header.len()).map(|place| Field::new(place.to_string().into(), DataType::String));
        // A header of our own: whatever the first row holds, it is taken as a row.
        let mut frame = CsvReadOptions::default()
            .with_has_header(true)
            .with_schema(Some(Schema::from_iter(fields).into()))
            .map_parse_options(|options| options.with_separator(separator).with_quote_char(quote))
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

/// The names of the columns: those of the first record, or numbers.
fn header(lines: &Lines, first: &Record, record: &[u8], layout: Layout) -> Result<Vec<String>, FeatureError> {
    let wrong =
        |reason: String| FeatureError::Header { path: lines.path().to_owned(), line: first.line, reason };
    let n = first.n_fields.clone().map_err(wrong)?;
    if !layout.has_header {
        return Ok((1..=n).map(|number| number.to_string()).collect());
    }
    let text = layout.encoding.decode(record).map_err(|reason| {
        let (path, encoding) = (lines.path().to_owned(), layout.encoding.label());
        FeatureError::Encoding { path, line: first.line, encoding, reason }
    })?;
    if named_separator(&text).is_some() {
        let key = "say skip_lines = 1 (key format.csv.skip_lines)";
        return Err(wrong(format!("{text:?} is a line for Excel above the header; {key}")));
    }
    layout.dialect.fields(&text).map_err(wrong)
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
    dialect: Dialect,
    record: &mut Vec<u8>,
) -> Result<Option<Record>, FeatureError> {
    record.clear();
    let mut scanner = Scanner::new(dialect);
    let max_line_bytes = lines.max_line_bytes();
    let mut start = None;
    while let Some((number, line)) = lines.next_line()? {
        let first = *start.get_or_insert(number);
        let fed = match line {
            Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
            Line::Nul => Err("has a NUL byte".to_owned()),
            Line::Text(text) => {
                // A byte order mark is before the first field, which may be quoted.
                let mark: &[u8] = if number == 1 { b"\xef\xbb\xbf" } else { b"" };
                let text = text.strip_prefix(mark).unwrap_or(text);
                record.extend_from_slice(text);
                scanner.feed(text)
            }
        };
        if fed.is_err() || !scanner.is_open() {
            return Ok(Some(Record { line: first, n_fields: fed.map(|()| scanner.fields) }));
        }
        if record.len() > max_line_bytes {
            break;
        }
        record.push(b'\n');
    }
    // The end of the file, or of patience: fine unless a record has begun.
    start.map_or(Ok(None), |line| {
        let may_escape = dialect.escape.is_none() && has_escaped_quote(record);
        Err(FeatureError::OpenQuote { path: lines.path().to_owned(), line, max_line_bytes, may_escape })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ReadLimits;

    const COMMAS: Layout = Layout {
        dialect: Dialect { separator: b',', quoting: Quoting::Rfc4180, escape: None, trim: false },
        encoding: Encoding::Utf8,
        skip_lines: 0,
        has_header: true,
    };

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
        let mut read = DelimitedRows::new(lines, COMMAS).unwrap();
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
}
