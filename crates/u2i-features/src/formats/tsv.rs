use std::path::Path;

use serde::{Deserialize, Serialize};

use super::delimited::{DelimitedRows, Layout};
use super::records::{Dialect, Quoting};
use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::row_sample::RowSample;
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource, TextNotation};
use crate::text::{Encoding, Lines};

/// Rows of text under a header with a tab between fields, in which a quote is a letter like any other: the
/// atomic files of RecBole, for instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsv {
    /// How text is encoded.
    pub encoding: Encoding,
}

impl Tsv {
    pub(super) const PROTOTYPE: Self = Tsv { encoding: Encoding::Utf8 };

    fn layout(&self) -> Layout {
        let dialect = Dialect { separator: b'\t', quoting: Quoting::None, escape: None, trim: false };
        Layout { dialect, encoding: self.encoding, skip_lines: 0, has_header: true }
    }
}

impl RowFormat for Tsv {
    fn name(&self) -> &str {
        "tsv"
    }

    fn endings(&self) -> &[&'static str] {
        &["inter", "user", "item"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        let text = beginning.text()?;
        Ok(match text.lines().next().is_some_and(is_atomic_header) {
            true => Recognition::Yes {
                format: Box::new(Tsv { encoding: text.encoding() }),
                evidence: Evidence::Mark,
                reason: "An atomic file of RecBole, by the types in its header.".to_owned(),
            },
            false => Recognition::No {
                reason: "expected fields such as user_id:token in the first line, a tab between them"
                    .to_owned(),
            },
        })
    }

    fn open(&self, path: &Path, limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        Ok(Box::new(DelimitedRows::new(Lines::open(path, self.encoding, limits)?, self.layout())?))
    }

    fn open_sample(
        &self,
        path: &Path,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        Ok(match Lines::open_sample(path, self.encoding, limits, sample)? {
            Some(lines) => Some(Box::new(DelimitedRows::new(lines, self.layout())?)),
            None => None,
        })
    }

    fn text_notation(&self) -> Option<TextNotation> {
        Some(TextNotation { decimal: None })
    }
}

/// The type that the header of an atomic file of RecBole gives a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomicType {
    /// `token`: one category.
    Token,
    /// `token_seq`: several, with spaces between them.
    TokenSeq,
    /// `float`: a number.
    Float,
    /// `float_seq`: several numbers.
    FloatSeq,
}

/// Name and type of a column of an atomic file, by its field of the header; `None` if that is no such field.
///
/// ```
/// use u2i_features::formats::{AtomicType, atomic_field};
/// assert_eq!(atomic_field("user_id:token"), Some(("user_id", AtomicType::Token)));
/// assert_eq!(atomic_field("user_id"), None);
/// ```
pub fn atomic_field(field: &str) -> Option<(&str, AtomicType)> {
    let (name, kind) = field.rsplit_once(':')?;
    let kind = match kind {
        "token" => AtomicType::Token,
        "token_seq" => AtomicType::TokenSeq,
        "float" => AtomicType::Float,
        "float_seq" => AtomicType::FloatSeq,
        _ => return None,
    };
    (!name.is_empty()).then_some((name, kind))
}

/// Whether a first line is the header of an atomic file: at least two fields with their types, a tab between them.
fn is_atomic_header(line: &str) -> bool {
    line.contains('\t') && line.split('\t').all(|field| atomic_field(field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_headers_are_those_of_recbole() {
        let cases = [
            ("user_id:token\titem_id:token\trating:float\ttimestamp:float", true),
            ("item_id:token\tgenre:token_seq\tembedding:float_seq", true),
            ("user_id:token,item_id:token", false),
            ("user_id\titem_id", false),
            (":token", false),
            ("", false),
        ];
        for (line, wanted) in cases {
            assert_eq!(is_atomic_header(line), wanted, "{line:?}");
        }
        assert_eq!(atomic_field("a:b:float"), Some(("a:b", AtomicType::Float)));
    }
}
