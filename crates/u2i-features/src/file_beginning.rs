use std::cell::{OnceCell, RefCell};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::FeatureError;
use crate::text::Encoding;

/// How much of a file is looked at.
const LOOKED_AT: u64 = 1 << 18;

/// The first bytes of a file, which its format is recognised by.
#[derive(Debug)]
pub struct FileBeginning {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What follows, until it has been looked through.
    rest: RefCell<Option<File>>,
    text: OnceCell<TextBeginning>,
    /// Whether the first line may have names of columns.
    has_header: bool,
}

/// The first lines of a file of text.
#[derive(Debug)]
pub struct TextBeginning {
    encoding: Encoding,
    text: String,
    is_whole: bool,
}

impl FileBeginning {
    /// Reads the first 256 KiB of a file.
    ///
    /// # Errors
    ///
    /// [`FeatureError::Io`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let io = |source| FeatureError::Io { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let mut file = File::open(path).map_err(io)?;
        (&mut file).take(LOOKED_AT).read_to_end(&mut bytes).map_err(io)?;
        let rest = RefCell::new(Some(file));
        Ok(FileBeginning { path: path.to_owned(), bytes, rest, text: OnceCell::new(), has_header: true })
    }

    /// The beginning of a file of which it is known that its first line is a row, and not the names of columns.
    #[must_use]
    pub fn without_header(self) -> Self {
        FileBeginning { has_header: false, ..self }
    }

    /// Whether the first line may have names of columns.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its first bytes, all if they are fewer than 256 KiB.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file as text. The first call reads all of it, as its encoding shows only then.
    ///
    /// # Errors
    ///
    /// [`FeatureError::Empty`] if there is no line that is not blank, and [`FeatureError::Io`].
    pub fn text(&self) -> Result<&TextBeginning, FeatureError> {
        let text = match self.text.get() {
            Some(text) => text,
            None => {
                let encoding = self.encoding()?;
                let is_whole = (self.bytes.len() as u64) < LOOKED_AT;
                let text = whole_lines(&self.bytes, encoding, is_whole);
                self.text.get_or_init(|| TextBeginning { encoding, text, is_whole })
            }
        };
        match text.text.trim().is_empty() {
            true => Err(FeatureError::Empty { path: self.path.clone() }),
            false => Ok(text),
        }
    }

    /// UTF-8 if the whole file is; otherwise Latin-1, which every file is.
    fn encoding(&self) -> Result<Encoding, FeatureError> {
        let mut rest = self.rest.take();
        let mut pending = self.bytes.clone();
        let mut buffer = vec![0; LOOKED_AT as usize];
        loop {
            match std::str::from_utf8(&pending) {
                Ok(_) => pending.clear(),
                Err(error) if error.error_len().is_some() => return Ok(Encoding::Latin1),
                // A character that goes on in the next block.
                Err(error) => drop(pending.drain(..error.valid_up_to())),
            }
            let read = rest.as_mut().map_or(Ok(0), |rest| rest.read(&mut buffer));
            let n = read.map_err(|source| FeatureError::Io { path: self.path.clone(), source })?;
            if n == 0 {
                return Ok(if pending.is_empty() { Encoding::Utf8 } else { Encoding::Latin1 });
            }
            pending.extend_from_slice(&buffer[..n]);
        }
    }
}

impl TextBeginning {
    /// UTF-8 if the whole file is, otherwise Latin-1.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Lines that are not blank, at least one. The last one of a long file is left out where it was cut.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim().is_empty())
    }

    /// All of the lines, blank ones among them, without a byte order mark.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is the whole file.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Whole lines of the beginning of a file; a last line that was cut is left out.
fn whole_lines(bytes: &[u8], encoding: Encoding, is_whole_file: bool) -> String {
    let text = match encoding {
        // The last character may have been cut.
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Latin1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    let text = text.trim_start_matches('\u{feff}');
    let end = if is_whole_file { text.len() } else { text.rfind('\n').unwrap_or(text.len()) };
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_is_left_out() {
        let lines = |text: &str, is_whole| whole_lines(text.as_bytes(), Encoding::Utf8, is_whole);
        assert_eq!(lines("\u{feff}a b\r\n\nc d\ne", false), "a b\r\n\nc d");
        assert_eq!(lines("a b\nc d", true), "a b\nc d");
    }

    #[test]
    fn a_character_across_two_blocks_is_whole() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let mut bytes = vec![b'a'; LOOKED_AT as usize - 1];
        bytes.extend_from_slice("é".as_bytes());
        for (end, wanted) in [(&b""[..], Encoding::Utf8), (b"\xe9", Encoding::Latin1)] {
            std::fs::write(&path, [&bytes, end].concat()).unwrap();
            let beginning = FileBeginning::read(&path).unwrap();
            assert_eq!(beginning.text().unwrap().encoding(), wanted);
            assert_eq!(beginning.text().unwrap().encoding(), wanted, "asked again");
        }
    }
}
