//! How a text of rows is written, judged by its beginning.

use super::records::{Dialect, Quoting, TextRecord, records};
use crate::missing_marks::MissingMarks;
use crate::numerals::{Numerals, Witness};

/// What a beginning says of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Sniffed {
    pub separator: char,
    pub escape: Option<char>,
    pub trim: bool,
    pub skip_lines: usize,
    pub decimal: Option<char>,
    /// What is out of the ordinary, a sentence each.
    pub notes: Vec<String>,
}

/// Separators that a file is tried with. Of equals the first is taken, so that a decimal comma does not beat the
/// semicolon.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records that a file is tried with.
const TRIED_RECORDS: usize = 200;
/// Letters of a line that a reason shows.
const SHOWN: usize = 80;
/// Lines that may stand above a header.
const MOST_TITLES: usize = 10;

/// How a text is written that is the whole file or its beginning, or why it is none of rows. Whoever asks may know that
/// there is no header.
pub(super) fn sniff(text: &str, is_whole: bool, has_header: bool) -> Result<Sniffed, String> {
    if !text.contains('\n') && text.trim_end_matches('\r').contains('\r') {
        let reason = "its lines end with a carriage return alone, as on old Macs: write them with newlines";
        return Err(reason.to_owned());
    }
    let above = Above::of(text);
    let separators = above.separator.map_or(SEPARATORS.to_vec(), |separator| vec![separator]);
    let mut notes = Vec::new();
    let mut skip_lines = above.n_lines;
    let mut found = best(text, skip_lines, is_whole, &separators, has_header);
    if has_header && found.as_ref().is_none_or(Candidate::begins_with_title) {
        for skipped in 1..=MOST_TITLES {
            let below = best(text, skip_lines + skipped, is_whole, &separators, true);
            if let Some(below) = below.filter(|below| below.is_below_titles(text, skip_lines)) {
                skip_lines += skipped;
                found = Some(below);
                break;
            }
        }
    }
    let first = text.lines().skip(skip_lines).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let Some(mut found) = found else { return Err(no_separator(text, first, skip_lines, is_whole)) };
    // Blank lines above the header, too.
    skip_lines = found.records[0].line - 1;
    if skip_lines > 0 {
        let passed = text.lines().take(skip_lines).find(|line| !line.trim().is_empty()).map(shown);
        let n = if skip_lines == 1 { "A line".to_owned() } else { format!("{skip_lines} lines") };
        notes.push(format!(
            "{n} above the header passed over, the first is {:?}.",
            passed.unwrap_or_default()
        ));
    }
    if found.dialect.escape.is_some() {
        notes.push("A backslash stands before quotes inside fields.".to_owned());
    }
    if !found.dialect.trim && found.has_blanks() {
        let dialect = Dialect { trim: true, ..found.dialect };
        found = Candidate::new(text, skip_lines, is_whole, dialect, has_header).unwrap_or(found);
    }
    if found.dialect.trim {
        notes.push("Blanks around values do not count.".to_owned());
    }
    if has_header && let Some(reason) = found.row_for_header() {
        return Err(reason);
    }
    if !has_header {
        notes.push("There is no header: columns are called by their numbers.".to_owned());
    }
    if found.has_trailing_separator() {
        notes.push("Rows end with a separator that the header lacks.".to_owned());
    }
    let decimal = found.decimal(&mut notes);
    Ok(Sniffed {
        separator: char::from(found.dialect.separator),
        escape: found.dialect.escape.map(char::from),
        trim: found.dialect.trim,
        skip_lines,
        decimal,
        notes,
    })
}

fn shown(line: &str) -> String {
    line.chars().take(SHOWN).collect()
}

fn no_separator(text: &str, first: &str, skipped: usize, is_whole: bool) -> String {
    let shown = shown(first);
    let reason = format!(
        "neither `,`, `;`, a tab nor `|` divides its lines into as many fields each; the first line is {shown:?}"
    );
    // The most fields that rows agree on, where the first line is not one of them.
    let of = |separator| {
        let dialect = Dialect { separator, quoting: Quoting::Rfc4180, escape: None, trim: false };
        let tried = records(text, skipped + 1, dialect, is_whole, TRIED_RECORDS);
        let (first, rows) = tried.split_first()?;
        let (header, rows) = (first.fields.as_ref().ok()?.len(), mode(rows)?);
        (rows > 1 && rows != header).then_some((rows, header, char::from(separator)))
    };
    match SEPARATORS.into_iter().filter_map(of).max() {
        Some((rows, header, separator)) => format!(
            "{reason}; with {separator:?} it has {header} and most others have {rows}: a header has a name for each \
             column, that of row numbers, too, and lines above it are passed over with skip_lines (key \
             format.csv.skip_lines)"
        ),
        None => reason,
    }
}

/// The most frequent number of fields.
fn mode(records: &[TextRecord]) -> Option<usize> {
    let mut lengths: Vec<usize> =
        records.iter().filter_map(|record| Some(record.fields.as_ref().ok()?.len())).collect();
    lengths.sort_unstable();
    lengths.chunk_by(PartialEq::eq).max_by_key(|equal| equal.len()).map(|equal| equal[0])
}

/// What stands above the header by its own words: Excel's `sep=;`, and comments.
struct Above {
    n_lines: usize,
    separator: Option<u8>,
}

impl Above {
    fn of(text: &str) -> Above {
        let first = text.lines().next().unwrap_or_default();
        if let Some(separator) = named_separator(first) {
            return Above { n_lines: 1, separator: Some(separator) };
        }
        let is_comment = |line: &&str| line.starts_with('#') || line.trim().is_empty();
        let n_lines = text.lines().take_while(is_comment).count();
        let has_comment = text.lines().take(n_lines).any(|line| line.starts_with('#'));
        // The last comment may be the header, `#user,item`: it has as many fields as the row below it.
        let lines: Vec<&str> = text.lines().take(n_lines + 1).collect();
        let is_header = |separator: &u8| {
            let n = |line: &str| line.split(char::from(*separator)).count();
            let has_value = |line: &str| line.split(char::from(*separator)).any(is_value);
            matches!(lines[..], [.., last, row] if last.starts_with('#') && n(last) > 1 && n(last) == n(row)
                && (has_value(row) || !last.starts_with("# ")))
        };
        match has_comment {
            true if SEPARATORS.iter().any(is_header) => Above { n_lines: n_lines - 1, separator: None },
            true => Above { n_lines, separator: None },
            false => Above { n_lines: 0, separator: None },
        }
    }
}

/// The separator that a first line for Excel names.
pub(super) fn named_separator(line: &str) -> Option<u8> {
    let line = line.trim_matches(['\u{feff}', '"', '\r']);
    match line.as_bytes() {
        [s, e, p, b'=', separator] if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep" => Some(*separator),
        _ => None,
    }
}

/// Whether a field is a value rather than a name: a number or a date.
fn is_value(field: &str) -> bool {
    let field = field.trim().trim_matches('"');
    field.parse::<f64>().is_ok()
        || field.starts_with(|first: char| first.is_ascii_digit())
            && crate::datetime::datetime(field).is_some()
}

/// A way to divide the text, with what comes of it.
struct Candidate {
    dialect: Dialect,
    records: Vec<TextRecord>,
    /// Whether the first record is a header.
    has_header: bool,
    /// Fields that a row must have.
    n_fields: usize,
    /// Rows that have as many.
    agreeing: usize,
}

/// The candidate that most rows agree with; of equals the one that makes the most fields, and then the first.
fn best(
    text: &str,
    skipped: usize,
    is_whole: bool,
    separators: &[u8],
    has_header: bool,
) -> Option<Candidate> {
    let escapes = if text.contains('\\') { &[None, Some(b'\\')][..] } else { &[None] };
    let mut best: Option<Candidate> = None;
    for &separator in separators {
        for &escape in escapes {
            for trim in [false, true] {
                let dialect = Dialect { separator, quoting: Quoting::Rfc4180, escape, trim };
                let Some(other) = Candidate::new(text, skipped, is_whole, dialect, has_header) else {
                    continue;
                };
                let is_better = best.as_ref().is_none_or(|best| {
                    // Shares of agreeing rows, crosswise.
                    let (own, its) = (other.agreeing * best.n_rows(), best.agreeing * other.n_rows());
                    (own, other.n_fields) > (its, best.n_fields)
                });
                if is_better {
                    best = Some(other);
                }
            }
        }
    }
    best
}

impl Candidate {
    /// `None` if it is no table: the header has one field, or not as many as most rows.
    fn new(text: &str, skipped: usize, is_whole: bool, dialect: Dialect, has_header: bool) -> Option<Self> {
        let records = records(text, skipped + 1, dialect, is_whole, TRIED_RECORDS);
        let header = records.first()?.fields.as_ref().ok()?.len();
        let mut found = Candidate { dialect, records, has_header, n_fields: header, agreeing: 0 };
        let usual = mode(&found.records[usize::from(has_header).min(found.records.len() - 1)..]);
        if has_header && usual == Some(header + 1) && found.ends_are_blank(header + 1) {
            found.n_fields += 1;
        }
        found.agreeing = found.rows().count();
        let is_usual = found.n_rows() == 0 || 2 * found.agreeing > found.n_rows();
        (header > 1 && is_usual).then_some(found)
    }

    /// Records behind the header.
    fn n_rows(&self) -> usize {
        self.records.len() - usize::from(self.has_header)
    }

    /// Rows that have as many fields as they must.
    fn rows(&self) -> impl Iterator<Item = &Vec<String>> {
        let rows = self.records[usize::from(self.has_header)..].iter();
        rows.filter_map(|record| record.fields.as_ref().ok()).filter(|fields| fields.len() == self.n_fields)
    }

    fn header(&self) -> &[String] {
        self.records[0].fields.as_deref().unwrap_or_default()
    }

    /// Whether the rows of so many fields have nothing in the last one.
    fn ends_are_blank(&self, n: usize) -> bool {
        let rows = self.records[1..].iter().filter_map(|record| record.fields.as_ref().ok());
        rows.filter(|fields| fields.len() == n).all(|fields| fields[n - 1].trim().is_empty())
    }

    fn has_trailing_separator(&self) -> bool {
        self.has_header && self.n_fields > self.header().len()
    }

    /// Whether the first record is a title that a spreadsheet filled up with separators.
    fn begins_with_title(&self) -> bool {
        let [first, rest @ ..] = self.header() else { return false };
        rest.len() > 1 && !first.trim().is_empty() && rest.iter().all(|field| field.trim().is_empty())
    }

    /// Whether what stands above, from the line `from` on, are titles: a text each, without fields beside it.
    fn is_below_titles(&self, text: &str, from: usize) -> bool {
        let titles = records(text, from + 1, self.dialect, true, MOST_TITLES + 1);
        let is_title = |record: &TextRecord| {
            record.fields.as_ref().is_ok_and(|fields| fields[1..].iter().all(|field| field.trim().is_empty()))
        };
        let mut above = titles.iter().take_while(|record| record.line < self.records[0].line);
        self.n_rows() > 0
            && above.all(is_title)
            && !self.begins_with_title()
            && !self.header().iter().any(|field| is_value(field) || field.trim().is_empty())
    }

    /// Whether blanks around values do not count: they are around a name, around a number, or around all values of a
    /// column.
    fn has_blanks(&self) -> bool {
        let is_padded = |field: &String| field.len() > field.trim_matches([' ', '\t']).len();
        let is_name = |field: &String| !field.trim().is_empty() && is_padded(field);
        let column = |place: usize| {
            let mut values =
                self.rows().map(move |row| &row[place]).filter(|field| !field.trim().is_empty()).peekable();
            values.peek().is_some() && values.all(is_padded)
        };
        let is_number = |field: &String| is_padded(field) && field.trim().parse::<f64>().is_ok();
        self.has_header && self.header().iter().any(is_name)
            || (0..self.n_fields).any(column)
            || self.rows().flatten().any(is_number)
    }

    /// Why the first record is none of names, if it is a row.
    fn row_for_header(&self) -> Option<String> {
        let header = self.header();
        let comes_again = |row: &Vec<String>| {
            let same =
                || header.iter().zip(row).filter(|(name, value)| name == value && !name.trim().is_empty());
            // A whole header may come again where files were joined, and a word as the name of its column.
            same().count() < header.len()
                && same().any(|(name, _)| name.contains(|char: char| char.is_ascii_digit()))
        };
        if !header.iter().any(|field| is_value(field)) && !self.rows().any(comes_again) {
            return None;
        }
        let shown = shown(&header.join(&char::from(self.dialect.separator).to_string()));
        Some(format!(
            "expected the names of columns in the first line, found {shown:?}; add a line with names, or say that there is \
             none: --no-header, in a config header = false (key format.csv.header)"
        ))
    }

    /// The mark before decimals, if numbers have separators of thousands or a decimal comma.
    fn decimal(&self, notes: &mut Vec<String>) -> Option<char> {
        let missing = MissingMarks::default();
        let columns: Vec<Vec<&str>> = (0..self.n_fields)
            .map(|place| {
                let values = self.rows().map(|row| row[place].trim());
                values.filter(|value| !value.is_empty() && !missing.has(value)).collect()
            })
            .collect();
        let is_plain = |value: &&str| value.parse::<f64>().is_ok();
        // Whether all values are numbers with this mark, and if so, whether one of them is none without it.
        let column = |values: &[&str], numerals: Numerals| {
            let witnesses: Vec<Witness> = values.iter().map(|value| numerals.witness(value)).collect();
            (!witnesses.contains(&Witness::No)).then(|| witnesses.contains(&Witness::Only))
        };
        let example =
            |values: &[&str]| values.iter().find(|value| !is_plain(value)).map(|value| (*value).to_owned());
        let mut unclear = None;
        for (decimal, name) in [(',', "a decimal comma"), ('.', "separators of thousands")] {
            // Where other columns have numbers that are none with this mark, it is not that of the file.
            let speaks_against = |values: &Vec<&str>| {
                values.iter().all(is_plain) && column(values, Numerals::new(decimal)).is_none()
            };
            let is_against = |values: &Vec<&str>| !values.is_empty() && speaks_against(values);
            if columns.iter().any(is_against) {
                continue;
            }
            for values in &columns {
                let Some(example) = example(values) else { continue };
                match column(values, Numerals::new(decimal)) {
                    Some(true) => {
                        notes.push(format!("Numbers have {name}, such as `{example}`."));
                        return Some(decimal);
                    }
                    Some(false) => unclear = Some(example),
                    None => {}
                }
            }
        }
        if let Some(example) = unclear {
            notes.push(format!(
                "Values such as `{example}` may have a decimal comma or separators of thousands: decimal = \",\" or \
                 \".\" says which (key format.csv.decimal)."
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separator(text: &str) -> Option<char> {
        sniff(text, true, true).ok().map(|found| found.separator)
    }

    #[test]
    fn the_separator_is_the_one_that_divides_most_records_alike() {
        let cases: [(&str, Option<char>); 13] = [
            ("user,item,time\na,b,1", Some(',')),
            ("user;price;item\na;1,5;b", Some(';')),
            ("user\titem\na b\tc", Some('\t')),
            ("user|item|time\na|b|1", Some('|')),
            ("id,tags\n7,\"a,b\"\n8,c", Some(',')),
            ("id,title\n7,a|b\n8,c|d", Some(',')),
            ("id,text\n7,\"two\n\nlines, one; two\"\n8,c", Some(',')),
            ("id;text\n7;\"a \"\"b\"\"; c\nd\"\n8;c", Some(';')),
            // Ragged rows do not defeat the others.
            ("a,b,c\n1,2,3\n4,5\n6,7,8\n9,10,11,12\n13,14,15", Some(',')),
            ("user item\na b", None),
            ("a,b\nc", None),
            ("user,item\n1,a,b\n2,c,d", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(separator(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_found() {
        let plain = |separator| Sniffed {
            separator,
            escape: None,
            trim: false,
            skip_lines: 0,
            decimal: None,
            notes: Vec::new(),
        };
        let cases = [
            ("a,b\nx,y\n", plain(',')),
            ("id,t\n1,\"say \\\"hi\\\"\"\n2,x\n", Sniffed { escape: Some('\\'), ..plain(',') }),
            // A backslash before the closing quote, as RFC 4180 has it.
            ("id,t\n1,\"C:\\\"\n2,\"D:\\\"\n", plain(',')),
            ("user, item\na, b\n", Sniffed { trim: true, ..plain(',') }),
            ("user,tags\na, \"b, c\"\nd, \"e\"\n", Sniffed { trim: true, ..plain(',') }),
            ("user,n\na,  7\nb, 12\nc,123\n", Sniffed { trim: true, ..plain(',') }),
            ("user  |item\na     |b   \n", Sniffed { trim: true, ..plain('|') }),
            ("a;p\nx;1,5\ny;NULL\n", Sniffed { decimal: Some(','), ..plain(';') }),
            ("a;p\nx;1.234,50\ny;12\n", Sniffed { decimal: Some(','), ..plain(';') }),
            ("a,p\nx,\"1,234.50\"\ny,12\n", Sniffed { decimal: Some('.'), ..plain(',') }),
            ("a,p\nx,\"12,50\"\ny,\"1,05\"\n", Sniffed { decimal: Some(','), ..plain(',') }),
            ("a;p\nx;1,234\ny;1,500\n", plain(';')),
            ("sep=;\na;b\nx;y\n", Sniffed { skip_lines: 1, ..plain(';') }),
            ("# made by us\n# today\na,b\nx,y\n", Sniffed { skip_lines: 2, ..plain(',') }),
            ("#a,b\nx,1\n", plain(',')),
            ("Report of May\n\na,b\nx,y\nz,w\n", Sniffed { skip_lines: 2, ..plain(',') }),
            ("\n\na,b\nx,y\n", Sniffed { skip_lines: 2, ..plain(',') }),
            ("a;v;p\nx;123.456.789;1.5\ny;123.456.780;2.5\n", plain(';')),
            ("Report,,\na,b,c\nx,y,z\n", Sniffed { skip_lines: 1, ..plain(',') }),
            (",user,item\n0,a,b\n", plain(',')),
            ("user,item\na,b,\nc,d,\n", plain(',')),
        ];
        for (text, wanted) in cases {
            let found = sniff(text, true, true).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(Sniffed { notes: Vec::new(), ..found }, wanted, "{text:?}");
        }
        let unclear = sniff("a;p\nx;1,234\ny;1,500\n", true, true).unwrap();
        assert!(unclear.notes.concat().contains("key format.csv.decimal"), "{unclear:?}");
    }

    #[test]
    fn a_first_line_that_is_a_row_is_refused_with_the_option() {
        let rows = ["196,242,3\n1,2,3", "u,i,2001-02-03\nv,j,2001-02-04", "u1,i1\nu2,i2\nu1,i3", "u,7\nv,8"];
        for text in rows {
            let reason = sniff(text, true, true).unwrap_err();
            assert!(
                reason.contains("names of columns") && reason.contains("--no-header"),
                "{text:?}: {reason}"
            );
            assert_eq!(sniff(text, true, false).unwrap().separator, ',', "{text:?}");
        }
        let names = ["user,item\na,b", "\"user\",\"item\"\na,b", "user,item\nuser,item\na,b"];
        assert!(names.iter().all(|text| sniff(text, true, true).is_ok()));
    }

    #[test]
    fn lines_of_old_macs_are_refused_as_such() {
        let reason = sniff("user,item\ra,b\rc,d\r", true, true).unwrap_err();
        assert!(reason.contains("carriage return alone"), "{reason}");
    }

    #[test]
    fn a_header_that_lacks_a_name_is_refused_with_both_numbers() {
        let reason = sniff("user,item\n1,a,b\n2,c,d", true, true).unwrap_err();
        assert!(reason.contains("it has 2 and most others have 3"), "{reason}");
    }
}
