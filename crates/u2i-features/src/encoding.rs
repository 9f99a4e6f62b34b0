use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How the bytes of a text file become characters. A config names it by a label.
///
/// # Examples
///
/// ```
/// use u2i_features::Encoding;
/// assert_eq!(Encoding::of_label("utf-8"), Some(Encoding::Utf8));
/// assert_eq!(Encoding::of_label("Shift_JIS").unwrap().label(), "shift_jis");
/// assert_eq!(Encoding::of_label("klingon"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, `utf-8`. A row with other bytes is rejected.
    Utf8,
    /// ISO 8859-1, `latin-1`: every byte is the character of that number.
    Latin1,
    /// Another encoding of the web, by a label of the [Encoding Standard](https://encoding.spec.whatwg.org):
    /// `windows-1252`, `utf-16le`, `shift_jis`, `gb18030` and so on.
    Web(WebEncoding),
}

/// An encoding of the web other than UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebEncoding(&'static encoding_rs::Encoding);

impl WebEncoding {
    pub(crate) fn table(self) -> &'static encoding_rs::Encoding {
        self.0
    }
}

const LATIN_1: &str = "latin-1";
/// Characters of a row that are shown before bytes that are none.
const SHOWN: usize = 20;

impl Encoding {
    /// The encoding with this label, in letters of either case; `None` if there is none.
    pub fn of_label(label: &str) -> Option<Self> {
        if label.eq_ignore_ascii_case(LATIN_1) {
            return Some(Encoding::Latin1);
        }
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Encoding::of_table)
    }

    pub(crate) fn of_table(table: &'static encoding_rs::Encoding) -> Self {
        if table == encoding_rs::UTF_8 { Encoding::Utf8 } else { Encoding::Web(WebEncoding(table)) }
    }

    /// What a config calls it.
    pub fn label(self) -> String {
        match self {
            Encoding::Utf8 => "utf-8".to_owned(),
            Encoding::Latin1 => LATIN_1.to_owned(),
            Encoding::Web(WebEncoding(table)) => table.name().to_ascii_lowercase(),
        }
    }

    /// The text, or why the bytes are none. Those of a [`Web`](Encoding::Web) encoding have become UTF-8 on their way
    /// through [`Lines`](crate::text::Lines).
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, String> {
        match (self, std::str::from_utf8(bytes)) {
            (Encoding::Latin1, Ok(text)) if bytes.is_ascii() => Ok(Cow::Borrowed(text)),
            (Encoding::Latin1, _) => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
            (_, Ok(text)) => Ok(Cow::Borrowed(text)),
            (_, Err(error)) => Err(self.not_text(bytes, error.valid_up_to())),
        }
    }

    /// Says which byte is wrong, and what stands before it.
    fn not_text(self, bytes: &[u8], at: usize) -> String {
        let before = String::from_utf8_lossy(&bytes[..at]);
        let shown: String = before.chars().skip(before.chars().count().saturating_sub(SHOWN)).collect();
        let place =
            if shown.is_empty() { "at its beginning".to_owned() } else { format!("behind {shown:?}") };
        match self {
            Encoding::Utf8 | Encoding::Latin1 => format!("not UTF-8: the byte 0x{:02x} {place}", bytes[at]),
            // The byte itself has been replaced on the way.
            Encoding::Web(_) => format!("not {}: bytes {place}", self.label()),
        }
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.label())
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Label;

        impl Visitor<'_> for Label {
            type Value = Encoding;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the label of an encoding")
            }

            fn visit_str<E: serde::de::Error>(self, label: &str) -> Result<Encoding, E> {
                Encoding::of_label(label).ok_or_else(|| {
                    E::custom(format!(
                        "unknown encoding `{label}`, expected \"utf-8\", \"latin-1\" or another label of the Encoding \
                         Standard, such as \"windows-1252\", \"utf-16le\", \"shift_jis\", \"gb18030\" or \"euc-kr\""
                    ))
                })
            }
        }

        deserializer.deserialize_str(Label).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_always_decodes_and_utf_8_does_not() {
        assert_eq!(Encoding::Latin1.decode(b"Caf\xe9").unwrap(), "Caf\u{e9}");
        assert_eq!(Encoding::Latin1.decode("\u{e9}".as_bytes()).unwrap(), "\u{c3}\u{a9}");
        assert_eq!(Encoding::Utf8.decode(b"Caf\xe9").unwrap_err(), "not UTF-8: the byte 0xe9 behind \"Caf\"");
        assert_eq!(Encoding::Utf8.decode(b"\xff").unwrap_err(), "not UTF-8: the byte 0xff at its beginning");
    }

    #[test]
    fn a_label_is_written_and_read_as_itself() {
        let labels =
            ["utf-8", "latin-1", "windows-1252", "utf-16le", "utf-16be", "shift_jis", "euc-jp", "gb18030"];
        for label in
            labels.into_iter().chain(["gbk", "big5", "euc-kr", "windows-1251", "koi8-r", "iso-8859-15"])
        {
            let read: Encoding = toml::Value::String(label.to_owned()).try_into().unwrap();
            assert_eq!(toml::Value::try_from(read).unwrap().as_str(), Some(label));
        }
        // As browsers do: what calls itself ISO 8859-1 in a label of the web is windows-1252.
        assert_eq!(Encoding::of_label("iso-8859-1").unwrap().label(), "windows-1252");
        let unknown =
            toml::Value::String("klingon".to_owned()).try_into::<Encoding>().unwrap_err().to_string();
        assert!(unknown.contains("unknown encoding `klingon`") && unknown.contains("shift_jis"), "{unknown}");
    }
}
