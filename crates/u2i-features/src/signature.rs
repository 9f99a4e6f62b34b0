//! What a file is by its first bytes, where it is packed or no table that is read here.

use std::path::Path;

use crate::error::FeatureError;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// What to call it in a message.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::None => "plain",
            Packing::Gzip => "gzip",
            Packing::Zstd => "Zstandard",
        }
    }
}

const UNPACK: &str = "unpack it and name what was in it, or pack it with gzip or zstd";

/// First bytes, what files are that begin with them, and what to do about it.
const REFUSED: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unzip it, or save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"\xfd7zXZ\0", "packed with xz", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\x04\x22\x4d\x18", "packed with lz4", UNPACK),
    (b"\xff\x06\0\0sNaPpY", "packed with snappy", UNPACK),
    (b"\x89LZO\0\r\n\x1a\n", "packed with lzop", UNPACK),
    (b"\x1f\x9d", "packed with compress", UNPACK),
];

/// First bytes of files of columns, what they are, and the format that reads them.
const COLUMNAR: [(&[u8], &str, &str); 2] = [
    (b"PAR1", "Parquet and not text", "read it with format = { parquet = {} }, unpacked if it is packed"),
    (
        b"ARROW1",
        "an Arrow file and not text",
        "read it with format = { arrow = {} }, unpacked if it is packed",
    ),
];

/// How a file is packed that begins with these bytes.
///
/// # Errors
///
/// [`FeatureError::NotATable`] if it is nothing that is read here.
pub(crate) fn packing(beginning: &[u8], path: &Path) -> Result<Packing, FeatureError> {
    if beginning.starts_with(b"\x1f\x8b") {
        return Ok(Packing::Gzip);
    }
    // A frame, or one to be skipped, which some programs put first.
    if beginning.starts_with(b"\x28\xb5\x2f\xfd")
        || matches!(beginning, [first, 0x2a, 0x4d, 0x18, ..] if first >> 4 == 5)
    {
        return Ok(Packing::Zstd);
    }
    if let [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] = beginning
        && (rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90"))
    {
        return Err(not_a_table(path, "packed with bzip2", UNPACK));
    }
    match REFUSED.iter().find(|(first, ..)| beginning.starts_with(first)) {
        Some((_, what, advice)) => Err(not_a_table(path, what, advice)),
        None => Ok(Packing::None),
    }
}

/// Refuses files of columns where text is wanted.
pub(crate) fn refuse_columns(beginning: &[u8], path: &Path) -> Result<(), FeatureError> {
    match COLUMNAR.iter().find(|(first, ..)| beginning.starts_with(first)) {
        Some((_, what, advice)) => Err(not_a_table(path, what, advice)),
        None => Ok(()),
    }
}

/// Refuses what was packed if it is an archive or was packed twice.
pub(crate) fn refuse_packed(beginning: &[u8], path: &Path) -> Result<(), FeatureError> {
    refuse_columns(beginning, path)?;
    if beginning.get(257..262) == Some(b"ustar") {
        return Err(not_a_table(path, "a packed tar archive", UNPACK));
    }
    match packing(beginning, path)? {
        Packing::None => Ok(()),
        _ => Err(not_a_table(path, "packed twice", UNPACK)),
    }
}

fn not_a_table(path: &Path, what: &'static str, advice: &'static str) -> FeatureError {
    FeatureError::NotATable { path: path.to_owned(), what, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_refused_with_what_to_do() {
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        let cases: [(&[u8], &str); 6] = [
            (b"PK\x03\x04 and so on", "unzip it"),
            (b"BZh91AY&SY and so on", "packed with bzip2"),
            (b"\xfd7zXZ\0 and so on", "packed with xz"),
            (&tar, "tar archive"),
            (b"\x1f\x8b\x08", "packed twice"),
            (b"PAR1", "Parquet"),
        ];
        for (bytes, wanted) in cases {
            let message = refuse_packed(bytes, Path::new("x")).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn text_that_begins_alike_is_text() {
        for text in [&b"BZh1,b\n"[..], b"PK,user\n", b"(user,item\n", b"Obj,x\n", b"P,item\n", b""] {
            assert_eq!(packing(text, Path::new("x")).unwrap(), Packing::None);
            refuse_packed(text, Path::new("x")).unwrap();
        }
    }
}
