use std::path::Path;

use serde::{Deserialize, Serialize};

use super::delimited::{DelimitedRows, Layout};
use super::records::{Dialect, Quoting};
use super::sniffed::sniff;
use crate::error::{FeatureError, invalid};
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::row_sample::RowSample;
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource, TextNotation};
use crate::text::{Encoding, Lines};

/// Rows of text under a header. Fields may be quoted with `"` (RFC 4180); an empty field is missing.
///
/// # Examples
///
/// ```
/// use u2i_features::Encoding;
/// use u2i_features::formats::Csv;
/// // As Spark writes them.
/// let spark = Csv { escape: Some('\\'), ..Csv::new(',', Encoding::Utf8) };
/// assert!(spark.header && spark.decimal.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Between fields: a tab, a space or ASCII punctuation other than a quote.
    pub separator: char,
    /// How text is encoded.
    pub encoding: Encoding,
    /// Before a quote, a separator or itself, in a quoted field or not, it makes a letter of it; before anything else
    /// it is a letter. ASCII punctuation, nearly always a backslash. If left out, nothing escapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escape: Option<char>,
    /// Whether blanks and tabs around names and values do not count, so that a field may be quoted behind them. What is
    /// in quotes keeps its own. No if left out.
    #[serde(default, skip_serializing_if = "is_no")]
    pub trim: bool,
    /// Lines above the header, which are passed over. 0 if left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_lines: usize,
    /// Whether the first line has the names of columns. Without them columns are called `1`, `2` and so on. Yes if left
    /// out.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub header: bool,
    /// Before the decimals of numbers: `,` or `.`. With either, digits may stand in groups of three: `1.234,56`,
    /// `1,234.56`, `1 234`. If left out, it is a full stop, and there are no groups. Ids and categories are as they are
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn is_no(value: &bool) -> bool {
    !value
}

fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl Csv {
    /// Text with this separator in this encoding, all other keys left out.
    pub const fn new(separator: char, encoding: Encoding) -> Self {
        Csv { separator, encoding, escape: None, trim: false, skip_lines: 0, header: true, decimal: None }
    }

    pub(super) const PROTOTYPE: Self = Csv::new(',', Encoding::Utf8);

    /// How records are divided, if the keys can be used.
    fn dialect(&self) -> Result<Dialect, FeatureError> {
        let separator = match u8::try_from(self.separator) {
            Ok(byte) if matches!(byte, b'\t' | b' ') || byte.is_ascii_punctuation() && byte != b'"' => byte,
            _ => {
                let wanted = "a tab, a space or ASCII punctuation other than a quote";
                return Err(invalid("csv.separator", wanted, self.separator));
            }
        };
        let escape = match self.escape.map(|escape| (escape, u8::try_from(escape))) {
            None => None,
            Some((_, Ok(byte))) if byte.is_ascii_punctuation() && byte != b'"' && byte != separator => {
                Some(byte)
            }
            Some((escape, _)) => {
                let wanted =
                    "ASCII punctuation other than a quote and the separator; doubled quotes need no escape";
                return Err(invalid("csv.escape", wanted, escape));
            }
        };
        if let Some(decimal) = self.decimal.filter(|decimal| ![',', '.'].contains(decimal)) {
            return Err(invalid("csv.decimal", "`,` or `.`", decimal));
        }
        Ok(Dialect { separator, quoting: Quoting::Rfc4180, escape, trim: self.trim })
    }
}

impl Csv {
    fn layout(&self) -> Result<Layout, FeatureError> {
        Ok(Layout {
            dialect: self.dialect()?,
            encoding: self.encoding,
            skip_lines: self.skip_lines,
            has_header: self.header,
        })
    }
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
        let header = beginning.has_header();
        let found = match sniff(text.as_str(), text.is_whole(), header) {
            Ok(found) => found,
            Err(reason) => return Ok(Recognition::No { reason }),
        };
        let name = match found.separator {
            '\t' => "a tab".to_owned(),
            separator => format!("`{separator}`"),
        };
        let first = format!("Text with {name} between fields.");
        let reason = std::iter::once(first).chain(found.notes).collect::<Vec<_>>().join(" ");
        let format = Csv {
            separator: found.separator,
            encoding: text.encoding(),
            escape: found.escape,
            trim: found.trim,
            skip_lines: found.skip_lines,
            header,
            decimal: found.decimal,
        };
        Ok(Recognition::Yes { format: Box::new(format), evidence: Evidence::Looks, reason })
    }

    fn open(&self, path: &Path, limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        Ok(Box::new(DelimitedRows::new(Lines::open(path, self.encoding, limits)?, self.layout()?)?))
    }

    fn open_sample(
        &self,
        path: &Path,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        let layout = self.layout()?;
        Ok(match Lines::open_sample(path, self.encoding, limits, sample)? {
            Some(lines) => Some(Box::new(DelimitedRows::new(lines, layout)?)),
            None => None,
        })
    }

    fn text_notation(&self) -> Option<TextNotation> {
        Some(TextNotation { decimal: self.decimal })
    }
}
