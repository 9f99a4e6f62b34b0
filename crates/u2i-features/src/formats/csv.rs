use std::path::Path;

use serde::{Deserialize, Serialize};

use super::delimited::{DelimitedRows, Quoting};
use crate::error::{FeatureError, invalid};
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource};
use crate::text::{Encoding, Lines};

/// Rows of text under a header. Fields may be quoted with `"` (RFC 4180); an empty field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Between fields: a tab, a space or ASCII punctuation other than a quote.
    pub separator: char,
    /// How text is encoded.
    pub encoding: Encoding,
}

/// Separators that a file is tried with. Of equals the first is taken, so that a decimal comma does not beat the
/// semicolon.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];
/// Lines that a file is tried with.
const TRIED_LINES: usize = 200;
/// Letters of a first line that a reason shows.
const SHOWN: usize = 80;

impl Csv {
    pub(super) const PROTOTYPE: Self = Csv { separator: ',', encoding: Encoding::Utf8 };
}

impl RowFormat for Csv {
    fn name(&self) -> &str {
        "csv"
    }

    fn endings(&self) -> &[&'static str] {
        &["csv", "tsv", "txt"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        let text = beginning.text()?;
        let lines: Vec<&str> = text.lines().take(TRIED_LINES).collect();
        let first = lines.first().copied().unwrap_or_default();
        let shown: String = first.chars().take(SHOWN).collect();
        let Some(separator) = separator(&lines) else {
            let reason = format!(
                "neither `,`, `;`, a tab nor `|` divides its lines into as many fields each; the first line is {shown:?}"
            );
            return Ok(Recognition::No { reason });
        };
        if !is_header(first, separator) {
            let reason = format!(
                "expected the names of columns in the first line, found {shown:?}; add a line with names"
            );
            return Ok(Recognition::No { reason });
        }
        let name = if separator == '\t' { "a tab".to_owned() } else { format!("`{separator}`") };
        Ok(Recognition::Yes {
            format: Box::new(Csv { separator, encoding: text.encoding() }),
            evidence: Evidence::Looks,
            reason: format!("Text with {name} between fields."),
        })
    }

    fn open(&self, path: &Path, limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let separator = one_byte(self.separator)?;
        let lines = Lines::open(path, self.encoding, limits)?;
        Ok(Box::new(DelimitedRows::new(lines, separator, Quoting::Rfc4180, self.encoding)?))
    }
}

fn one_byte(separator: char) -> Result<u8, FeatureError> {
    match u8::try_from(separator) {
        Ok(byte) if matches!(byte, b'\t' | b' ') || byte.is_ascii_punctuation() && byte != b'"' => Ok(byte),
        _ => {
            let wanted = "a tab, a space or ASCII punctuation other than a quote";
            Err(invalid("csv.separator", wanted, separator))
        }
    }
}

/// The separator under which all lines have the same number of fields, at least two; the one that makes the most.
fn separator(lines: &[&str]) -> Option<char> {
    let fields = |separator| {
        let mut counts = lines.iter().map(|line| n_fields(line, separator));
        let first = counts.next().filter(|&n| n > 1)?;
        counts.all(|n| n == first).then_some((first, separator))
    };
    let candidates = SEPARATORS.into_iter().filter_map(fields);
    candidates
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .map(|(_, separator)| separator)
}

/// Fields of a line in which separators between quotes do not count.
fn n_fields(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let is_end = |char: char| {
        quoted ^= char == '"';
        char == separator && !quoted
    };
    1 + line.chars().filter(|&char| char != '\r').map(is_end).filter(|&is_end| is_end).count()
}

/// Whether a first line names columns: none of its fields is a number.
fn is_header(line: &str, separator: char) -> bool {
    line.split(separator).all(|field| field.trim().trim_matches('"').parse::<f64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_divides_all_lines_alike() {
        let cases: [(&[&str], Option<char>); 8] = [
            (&["user,item,time", "a,b,1"], Some(',')),
            (&["user;price;item", "a;1,5;b"], Some(';')),
            (&["user\titem", "a b\tc"], Some('\t')),
            (&["user|item|time", "a|b|1"], Some('|')),
            (&["id,tags", "7,\"a,b\"", "8,c"], Some(',')),
            (&["id,title", "7,a|b", "8,c|d"], Some(',')),
            (&["user item", "a b"], None),
            (&["a,b", "c"], None),
        ];
        for (lines, wanted) in cases {
            assert_eq!(separator(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn a_header_has_no_numbers() {
        for (line, wanted) in
            [("user,item", true), ("\"user\",\"item\"", true), ("196,242,3", false), ("user,7", false)]
        {
            assert_eq!(is_header(line, ','), wanted, "{line}");
        }
    }
}
