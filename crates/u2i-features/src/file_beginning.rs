use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use crate::encoding::Encoding;
use crate::encoding_guess::{self, EncodingGuess, LetterLines};
use crate::error::FeatureError;
use crate::file_bytes::FileBytes;
use crate::part_files::part_files;

/// How much of a file is looked at.
const LOOKED_AT: usize = 1 << 18;

/// The first bytes of a file, which its format is recognised by; of a packed file, the first that are in it.
pub struct FileBeginning {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What follows, until it has been looked through.
    rest: RefCell<Option<FileBytes>>,
    /// Further files of the same table.
    others: Vec<PathBuf>,
    text: OnceCell<TextBeginning>,
    /// Whether the first line may have names of columns.
    has_header: bool,
}

/// The first lines of a file of text.
#[derive(Debug)]
pub struct TextBeginning {
    guess: EncodingGuess,
    text: String,
    is_whole: bool,
}

impl FileBeginning {
    /// Reads the first 256 KiB of a file; where a folder or a pattern names the files of a table, of the first of them.
    ///
    /// # Errors
    ///
    /// [`FeatureError::Io`] if it cannot be read, [`FeatureError::NotATable`] if it is an archive or packed in a way that is
    /// not read, and [`FeatureError::Unpack`] if what is packed is broken.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let mut files = match part_files(path)? {
            Some(files) => files.into_iter().map(|file| file.path).collect(),
            None => vec![path.to_owned()],
        };
        let others = files.split_off(1);
        let path = files.remove(0);
        let mut file = FileBytes::open_unhashed(&path)?;
        let mut bytes = vec![0; LOOKED_AT];
        let mut n_bytes = 0;
        while n_bytes < LOOKED_AT {
            match file.read(&mut bytes[n_bytes..])? {
                0 => break,
                n => n_bytes += n,
            }
        }
        bytes.truncate(n_bytes);
        let rest = RefCell::new(Some(file));
        Ok(FileBeginning { path, bytes, rest, others, text: OnceCell::new(), has_header: true })
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
    /// [`FeatureError::Empty`] if there is no line that is not blank, and if the file cannot be read on.
    pub fn text(&self) -> Result<&TextBeginning, FeatureError> {
        let text = match self.text.get() {
            Some(text) => text,
            None => {
                let guess = match encoding_guess::of_beginning(&self.bytes) {
                    Some(guess) => guess,
                    None => self.guess_by_all_lines()?,
                };
                let is_whole = self.bytes.len() < LOOKED_AT;
                let text = whole_lines(&self.bytes, guess.encoding, is_whole);
                self.text.get_or_init(|| TextBeginning { guess, text, is_whole })
            }
        };
        match text.text.trim().is_empty() {
            true => Err(FeatureError::Empty { path: self.path.clone() }),
            false => Ok(text),
        }
    }

    fn guess_by_all_lines(&self) -> Result<EncodingGuess, FeatureError> {
        let mut lines = LetterLines::default();
        lines.feed(&self.bytes);
        if let Some(rest) = self.rest.take() {
            feed(&mut lines, rest)?;
            for other in &self.others {
                lines.feed(b"\n");
                feed(&mut lines, FileBytes::open_unhashed(other)?)?;
            }
        }
        Ok(lines.finish())
    }
}

/// Looks at what is left of a file.
fn feed(lines: &mut LetterLines, mut file: FileBytes) -> Result<(), FeatureError> {
    let mut buffer = vec![0; LOOKED_AT];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => lines.feed(&buffer[..n]),
        }
    }
}

impl std::fmt::Debug for FileBeginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileBeginning").field("path", &self.path).field("bytes", &self.bytes.len()).finish()
    }
}

impl TextBeginning {
    /// The encoding, judged by the whole file: UTF-8 if nearly all lines with letters beyond ASCII are, else the one that
    /// the letters speak for.
    pub fn encoding(&self) -> Encoding {
        self.guess.encoding
    }

    /// What speaks for the encoding, in a sentence; `None` where every line is UTF-8.
    pub fn encoding_reason(&self) -> Option<&str> {
        self.guess.reason.as_deref()
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
        Encoding::Web(encoding) => encoding.table().decode(bytes).0,
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
        let mut bytes = vec![b'a'; LOOKED_AT - 1];
        bytes.extend_from_slice("é".as_bytes());
        for (end, wanted) in
            [(&b""[..], Encoding::Utf8), (b"\n\xe9\n\xe9", Encoding::Utf8), (b"\xe9", Encoding::Latin1)]
        {
            std::fs::write(&path, [&bytes, end].concat()).unwrap();
            let beginning = FileBeginning::read(&path).unwrap();
            assert_eq!(beginning.text().unwrap().encoding(), wanted);
            assert_eq!(beginning.text().unwrap().encoding(), wanted, "asked again");
        }
    }
}
