//! Text divided into records, and records into fields: by the same code where a file is recognised and where it is read.

/// What a `"` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Fields may be quoted with it.
    Rfc4180,
    /// It is a letter like any other.
    None,
}

/// How records are divided into fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Between fields.
    pub separator: u8,
    pub quoting: Quoting,
    /// What takes its meaning from a quote, a separator or itself that comes next.
    pub escape: Option<u8>,
    /// Whether blanks around fields are left out.
    pub trim: bool,
}

impl Dialect {
    /// Whether fields stand in the record as they are read, but for their quotes.
    pub(super) fn is_plain(self) -> bool {
        self.escape.is_none() && !self.trim
    }

    /// The fields of a whole record, or what is wrong with it.
    pub(super) fn fields(self, record: &str) -> Result<Vec<String>, String> {
        let mut fields = Fields::default();
        fields.divide(record, self)?;
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        Ok(fields.iter().map(text).collect())
    }

    /// What is wrong with a line, and the key that may mend it.
    fn explained(self, reason: &str, line: &[u8]) -> String {
        let blank = [self.separator, b' ', b'"'];
        if self.escape.is_none() && has_escaped_quote(line) {
            let key =
                r#"if the backslash before a quote escapes it, say escape = "\\" (key format.csv.escape)"#;
            return format!("{reason}; {key}");
        }
        if !self.trim && line.windows(blank.len()).any(|found| found == blank) {
            let key = "if blanks around fields do not count, say trim = true (key format.csv.trim)";
            return format!("{reason} after a blank; {key}");
        }
        reason.to_owned()
    }
}

/// Whether a backslash stands before a quote.
pub(super) fn has_escaped_quote(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"\\\"")
}

/// Counts the fields of a record that may go on over several lines (RFC 4180).
pub(super) struct Scanner {
    dialect: Dialect,
    pub(super) fields: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    Closed,
    /// Blanks that do not count follow a closing quote.
    After,
}

/// What becomes of the bytes of fields.
trait Sink {
    fn byte(&mut self, byte: u8);
    fn end(&mut self, is_quoted: bool);
}

/// Fields are counted only.
struct Nothing;

impl Sink for Nothing {
    fn byte(&mut self, _byte: u8) {}
    fn end(&mut self, _is_quoted: bool) {}
}

impl Scanner {
    pub(super) fn new(dialect: Dialect) -> Self {
        Scanner { dialect, fields: 1, state: State::FieldStart }
    }

    /// Whether the record goes on over the end of the line.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Goes on with a line.
    pub(super) fn feed(&mut self, line: &[u8]) -> Result<(), String> {
        let is_plain = self.dialect.is_plain();
        if is_plain && self.state == State::FieldStart && !line.contains(&b'"') {
            // As nearly all lines are. All separators count, and what is between them does not matter.
            self.fields += line.iter().filter(|&&byte| byte == self.dialect.separator).count();
            return Ok(());
        }
        let fed = match is_plain {
            true => self.scan::<true>(line, &mut Nothing),
            false => self.scan::<false>(line, &mut Nothing),
        };
        fed.map_err(|reason| self.dialect.explained(reason, line))
    }

    /// `PLAIN` leaves out what a plain dialect has no need of.
    fn scan<const PLAIN: bool>(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), &'static str> {
        let Dialect { separator, quoting, escape, trim } = self.dialect;
        let mut bytes = line.iter();
        while let Some(&byte) = bytes.next() {
            if !PLAIN {
                let next = bytes.as_slice().first().copied();
                let is_escape = Some(byte) == escape && !matches!(self.state, State::Closed | State::After);
                if is_escape
                    && let Some(next) = next
                    && (next == b'"' || next == separator || next == byte)
                {
                    bytes.next();
                    sink.byte(next);
                    if self.state != State::Quoted {
                        self.state = State::Plain;
                    }
                    continue;
                }
                if trim && byte != separator && matches!(byte, b' ' | b'\t') {
                    match self.state {
                        State::FieldStart | State::After => continue,
                        State::Closed => {
                            self.state = State::After;
                            continue;
                        }
                        State::Plain | State::Quoted => {}
                    }
                }
            }
            self.state = match (self.state, byte) {
                (_, b'"') if quoting == Quoting::None => {
                    sink.byte(byte);
                    State::Plain
                }
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, _) => {
                    sink.byte(byte);
                    State::Quoted
                }
                // A doubled quote inside a quoted field, or one that opens a field.
                (State::Closed, b'"') => {
                    sink.byte(byte);
                    State::Quoted
                }
                (State::FieldStart, b'"') => State::Quoted,
                (state, byte) if byte == separator => {
                    self.fields += 1;
                    sink.end(matches!(state, State::Closed | State::After));
                    State::FieldStart
                }
                (State::Closed | State::After, _) => return Err("text after a closing quote"),
                (State::Plain, b'"') => return Err("a quote inside a field that is not quoted"),
                _ => {
                    sink.byte(byte);
                    State::Plain
                }
            };
        }
        Ok(())
    }
}

/// The fields of a record, without quotes, escapes, and blanks that do not count.
#[derive(Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where each field ends.
    ends: Vec<usize>,
    trim: bool,
}

impl Sink for Fields {
    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn end(&mut self, is_quoted: bool) {
        if self.trim && !is_quoted {
            let start = self.ends.last().copied().unwrap_or(0);
            while self.bytes.len() > start && matches!(self.bytes.last(), Some(b' ' | b'\t')) {
                self.bytes.pop();
            }
        }
        self.ends.push(self.bytes.len());
    }
}

impl Fields {
    /// Takes the place of what was there by the fields of a whole record.
    pub(super) fn divide(&mut self, record: &str, dialect: Dialect) -> Result<(), String> {
        self.bytes.clear();
        self.ends.clear();
        self.trim = dialect.trim;
        let mut scanner = Scanner::new(dialect);
        let scanned = scanner.scan::<false>(record.as_bytes(), self);
        scanned.map_err(|reason| dialect.explained(reason, record.as_bytes()))?;
        self.end(matches!(scanner.state, State::Closed | State::After));
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// Writes the fields as RFC 4180 has them.
    pub(super) fn write(&self, separator: u8, out: &mut Vec<u8>) {
        for (place, field) in self.iter().enumerate() {
            if place > 0 {
                out.push(separator);
            }
            let needs_quotes = |&byte: &u8| byte == separator || matches!(byte, b'"' | b'\n' | b'\r');
            if !field.iter().any(needs_quotes) {
                out.extend_from_slice(field);
                continue;
            }
            out.push(b'"');
            for &byte in field {
                if byte == b'"' {
                    out.push(byte);
                }
                out.push(byte);
            }
            out.push(b'"');
        }
    }
}

/// A record of a text, and the line on which it begins.
pub(super) struct TextRecord {
    pub line: usize,
    /// Its fields, or what is wrong with it.
    pub fields: Result<Vec<String>, String>,
}

/// The first records of a text from its line `first` on, blank lines left out. A text that was cut may end inside one,
/// which is left out, too.
pub(super) fn records(
    text: &str,
    first: usize,
    dialect: Dialect,
    is_whole: bool,
    most: usize,
) -> Vec<TextRecord> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line)).skip(first - 1);
    while found.len() < most
        && let Some((line, start)) = lines.next()
    {
        if start.trim().is_empty() {
            continue;
        }
        let mut scanner = Scanner::new(dialect);
        let mut record = start.to_owned();
        let mut fed = scanner.feed(start.as_bytes());
        while fed.is_ok() && scanner.is_open() {
            let Some((_, next)) = lines.next() else {
                if !is_whole {
                    return found;
                }
                fed = Err("a quote opens here and is not closed".to_owned());
                break;
            };
            record.push('\n');
            record.push_str(next);
            fed = scanner.feed(next.as_bytes());
        }
        found.push(TextRecord { line, fields: fed.and_then(|()| dialect.fields(&record)) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Dialect = Dialect { separator: b',', quoting: Quoting::Rfc4180, escape: None, trim: false };

    fn scan(record: &[&str]) -> Result<usize, String> {
        let mut scanner = Scanner::new(PLAIN);
        for line in record {
            scanner.feed(line.as_bytes())?;
        }
        if scanner.is_open() { Err("open".to_owned()) } else { Ok(scanner.fields) }
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
    fn fields_lose_quotes_escapes_and_blanks_that_do_not_count() {
        let escape = Dialect { escape: Some(b'\\'), ..PLAIN };
        let trim = Dialect { trim: true, ..PLAIN };
        let letters = Dialect { separator: b'\t', quoting: Quoting::None, ..PLAIN };
        let cases: [(Dialect, &str, &[&str]); 14] = [
            (PLAIN, "a,\"b,c\",\"say \"\"hi\"\"\"", &["a", "b,c", "say \"hi\""]),
            (PLAIN, " a ,b\\,\"two\nlines\"", &[" a ", "b\\", "two\nlines"]),
            (letters, "a\t\"b\tc", &["a", "\"b", "c"]),
            (escape, r#""say \"hi\"",x"#, &["say \"hi\"", "x"]),
            (escape, r#"say \"hi\",a\,b"#, &["say \"hi\"", "a,b"]),
            (escape, r#""ends with \\",x"#, &["ends with \\", "x"]),
            // Before anything else a backslash is a letter.
            (escape, r"\N,C:\dir\new", &[r"\N", r"C:\dir\new"]),
            (escape, "\"a \"\"b\"\"\",\\", &["a \"b\"", "\\"]),
            (trim, " a , b c,\t 7 ", &["a", "b c", "7"]),
            (trim, "a, \"b, c\" , d", &["a", "b, c", "d"]),
            // What is quoted keeps its blanks.
            (trim, "\" a \",b", &[" a ", "b"]),
            (trim, " , \"\" ,", &["", "", ""]),
            (Dialect { separator: b'\t', ..trim }, "a \t b", &["a", "b"]),
            (Dialect { separator: b' ', ..trim }, "a b", &["a", "b"]),
        ];
        for (dialect, record, wanted) in cases {
            assert_eq!(dialect.fields(record).unwrap(), wanted, "{record:?}");
            let mut fields = Fields::default();
            fields.divide(record, dialect).unwrap();
            let mut written = Vec::new();
            fields.write(dialect.separator, &mut written);
            let plain = Dialect { quoting: Quoting::Rfc4180, escape: None, trim: false, ..dialect };
            assert_eq!(plain.fields(std::str::from_utf8(&written).unwrap()).unwrap(), wanted, "{record:?}");
        }
        let wrong = trim.fields("\"a\" \"b\",c").unwrap_err();
        assert_eq!(wrong, "text after a closing quote");
    }

    #[test]
    fn a_reason_names_the_key_that_may_mend_the_record() {
        let reason = |record: &str| PLAIN.fields(record).unwrap_err();
        assert!(reason(r#""say \"hi\"",x"#).ends_with(r#"say escape = "\\" (key format.csv.escape)"#));
        assert!(reason("a, \"b, c\"").ends_with("say trim = true (key format.csv.trim)"));
        assert_eq!(reason("5\" disk,c"), "a quote inside a field that is not quoted");
    }

    #[test]
    fn records_of_a_text_have_the_lines_on_which_they_begin() {
        let text = "a,b\n\n\"two\nlines\",c\n\"x\"y,d\ne\n\"open";
        let lines = |is_whole| {
            let found = records(text, 1, PLAIN, is_whole, 9);
            found
                .iter()
                .map(|record| (record.line, record.fields.as_ref().map_or(0, Vec::len)))
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(false), [(1, 2), (3, 2), (5, 0), (6, 1)]);
        assert_eq!(lines(true), [(1, 2), (3, 2), (5, 0), (6, 1), (7, 0)]);
    }
}
