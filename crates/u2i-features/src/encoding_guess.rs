//! Which encoding a file is in, judged by all of its lines.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use crate::encoding::Encoding;

/// An encoding, and what speaks for it where that is not plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodingGuess {
    pub encoding: Encoding,
    pub reason: Option<String>,
}

/// Lines with letters beyond ASCII, counted while a file goes by.
#[derive(Debug, Default)]
pub(crate) struct LetterLines {
    n_utf_8: u64,
    n_other: u64,
    /// Some of the lines that are not UTF-8.
    sample: Vec<u8>,
    /// A line that goes on in the next block.
    pending: Vec<u8>,
}

/// Bytes of lines that are not UTF-8 which an encoding is told from.
const SAMPLE_BYTES: usize = 1 << 20;
/// A longer line is judged in pieces.
const PIECE_BYTES: usize = 1 << 20;
/// Letters of an example.
const SHOWN: usize = 40;

impl LetterLines {
    /// Goes on with the next bytes of the file.
    pub(crate) fn feed(&mut self, block: &[u8]) {
        if self.pending.is_empty() && block.is_ascii() {
            return;
        }
        for piece in block.split_inclusive(|&byte| byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.judge(self.pending.len());
            } else if self.pending.is_ascii() {
                self.pending.clear();
            } else if self.pending.len() > PIECE_BYTES {
                // A character may go on in the next block.
                let whole =
                    std::str::from_utf8(&self.pending).err().filter(|error| error.error_len().is_none());
                self.judge(whole.map_or(self.pending.len(), |error| error.valid_up_to()));
            }
        }
    }

    /// Counts a line that stands first in what is pending.
    fn judge(&mut self, n_bytes: usize) {
        let line = &self.pending[..n_bytes];
        if !line.is_ascii() {
            match std::str::from_utf8(line) {
                Ok(_) => self.n_utf_8 += 1,
                Err(_) => {
                    self.n_other += 1;
                    if self.sample.len() < SAMPLE_BYTES {
                        self.sample.extend_from_slice(line);
                    }
                }
            }
        }
        self.pending.drain(..n_bytes);
    }

    /// The encoding of the whole file.
    ///
    /// Text that is valid UTF-8 by chance is rare: a few lines that are none among others that are were broken, and a
    /// file of another encoding has next to none that are.
    pub(crate) fn finish(mut self) -> EncodingGuess {
        self.judge(self.pending.len());
        let LetterLines { n_utf_8, n_other, sample, .. } = self;
        if n_other == 0 {
            return EncodingGuess { encoding: Encoding::Utf8, reason: None };
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&sample, true);
        let table = detector.guess(None, Utf8Detection::Deny);
        // Two letters of one byte each are hardly ever a letter of UTF-8; two bytes of one letter are now and then.
        let is_utf_8 = n_utf_8 >= n_other || table.is_single_byte() && 10 * n_utf_8 >= n_other;
        if is_utf_8 {
            let reason = format!(
                "{n_utf_8} of {} lines with letters beyond ASCII are UTF-8, {n_other} cannot be read.",
                n_utf_8 + n_other
            );
            return EncodingGuess { encoding: Encoding::Utf8, reason: Some(reason) };
        }
        // Where no byte is of those in which the two differ, it is the one that reads every byte.
        let is_latin_1 =
            table == encoding_rs::WINDOWS_1252 && !sample.iter().any(|byte| (0x80..0xa0).contains(byte));
        let encoding = if is_latin_1 { Encoding::Latin1 } else { Encoding::of_table(table) };
        let lines = if n_other == 1 { "1 line is".to_owned() } else { format!("{n_other} lines are") };
        let reason = format!(
            "{lines} not UTF-8; by their letters they are {}, as in {:?}.",
            encoding.label(),
            example(&table.decode_without_bom_handling(&sample).0)
        );
        EncodingGuess { encoding, reason: Some(reason) }
    }
}

/// Some letters of the first line of a text around the first that is not ASCII.
fn example(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let place = line.chars().position(|char| !char.is_ascii()).unwrap_or(0);
    line.chars().skip(place.saturating_sub(SHOWN / 2)).take(SHOWN).collect()
}

/// The encoding that the first bytes of a file tell: by a byte order mark, by the zeros that ASCII has in UTF-16, or by the
/// escapes of ISO-2022-JP, which look like ASCII.
pub(crate) fn of_beginning(bytes: &[u8]) -> Option<EncodingGuess> {
    let found = |table, reason: &str| {
        Some(EncodingGuess { encoding: Encoding::of_table(table), reason: Some(reason.to_owned()) })
    };
    match bytes {
        [0xff, 0xfe, ..] => return found(encoding_rs::UTF_16LE, "UTF-16, by its byte order mark."),
        [0xfe, 0xff, ..] => return found(encoding_rs::UTF_16BE, "UTF-16, by its byte order mark."),
        _ => {}
    }
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let (most, least) = (even.max(odd), even.min(odd));
    // Of UTF-16, separators, digits and line ends alone have a zero each.
    if 10 * most > bytes.len() && 100 * least < bytes.len() {
        let table = if odd > even { encoding_rs::UTF_16LE } else { encoding_rs::UTF_16BE };
        return found(table, "UTF-16, by the zero in every second byte.");
    }
    let has_escape = bytes.is_ascii() && bytes.windows(3).any(|three| matches!(three, b"\x1b$B" | b"\x1b$@"));
    if has_escape { found(encoding_rs::ISO_2022_JP, "ISO-2022-JP, by its escapes.") } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(lines: &[&[u8]]) -> EncodingGuess {
        let mut counts = LetterLines::default();
        lines.iter().for_each(|line| counts.feed(line));
        counts.finish()
    }

    fn encoded(label: &str, text: &str) -> Vec<u8> {
        encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned()
    }

    #[test]
    fn a_few_broken_lines_among_many_are_utf_8() {
        let good = "i1,Café\n".repeat(197);
        let found = guess(&[good.as_bytes(), b"plain\nCaf\xe9\nM\xfcller\nx\xff\n"]);
        assert_eq!(found.encoding, Encoding::Utf8);
        let reason = "197 of 200 lines with letters beyond ASCII are UTF-8, 3 cannot be read.";
        assert_eq!(found.reason.as_deref(), Some(reason));
    }

    #[test]
    fn every_encoding_that_people_write_is_told_from_its_letters() {
        let cases = [
            ("windows-1252", "L’été à la plage, garçon œuvre “naïve” € 5\n"),
            ("windows-1251", "Преступление и наказание, Война и мир\nМастер и Маргарита\n"),
            ("koi8-r", "Преступление и наказание, Война и мир\nМастер и Маргарита\n"),
            ("shift_jis", "千と千尋の神隠し、もののけ姫\nとなりのトトロ\nアニメ\n"),
            ("euc-jp", "千と千尋の神隠し、もののけ姫\nとなりのトトロ\nアニメ\n"),
            ("gbk", "卧虎藏龙，霸王别姬\n活着\n花样年华的故事\n"),
            ("big5", "臥虎藏龍，霸王別姬\n活著\n花樣年華的故事\n"),
            ("euc-kr", "기생충, 올드보이\n살인의 추억\n부산행\n"),
            ("windows-1250", "Příliš žluťoučký kůň úpěl ďábelské ódy\n"),
            ("windows-1253", "Καλημέρα κόσμε, Ζορμπάς ο Έλληνας\n"),
        ];
        for (label, text) in cases {
            let found = guess(&[&encoded(label, text)]);
            // The two differ in signs of the Ukrainian alphabet alone.
            let label = if label == "koi8-r" { "koi8-u" } else { label };
            assert_eq!(found.encoding.label(), label, "{found:?}");
            let first = text.lines().next().unwrap().chars().take(4).collect::<String>();
            assert!(found.reason.as_ref().is_some_and(|reason| reason.contains(&first)), "{found:?}");
        }
    }

    #[test]
    fn western_letters_without_further_signs_are_latin_1() {
        for text in ["caf\u{e9}\n", "Jos\u{e9},M\u{fc}nchen\n", "se\u{f1}or\n"] {
            assert_eq!(guess(&[&encoded("windows-1252", text)]).encoding, Encoding::Latin1, "{text}");
        }
    }

    #[test]
    fn lines_are_whole_across_blocks() {
        let text = "é\nü".repeat(100);
        for size in 1..5 {
            let blocks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(guess(&blocks), EncodingGuess { encoding: Encoding::Utf8, reason: None }, "{size}");
        }
        // One line that is judged in pieces.
        let long = "é".repeat(3 * PIECE_BYTES / 2);
        let blocks: Vec<&[u8]> = long.as_bytes().chunks(999).collect();
        assert_eq!(guess(&blocks).encoding, Encoding::Utf8);
    }

    #[test]
    fn utf_16_and_escapes_are_told_from_the_first_bytes() {
        let utf_16 = |text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]| {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(bytes).collect::<Vec<u8>>()
        };
        let text = "user,item\nu1,千と千尋\n";
        for mark in [true, false] {
            let little = of_beginning(&utf_16(text, mark, u16::to_le_bytes)).unwrap();
            assert_eq!(little.encoding.label(), "utf-16le");
            assert_eq!(
                of_beginning(&utf_16(text, mark, u16::to_be_bytes)).unwrap().encoding.label(),
                "utf-16be"
            );
        }
        let escapes = of_beginning(b"user,item\nu1,\x1b$B@i\x1b(B\n").unwrap();
        assert_eq!(escapes.encoding.label(), "iso-2022-jp");
        // A row with a zero is a row with a zero.
        for plain in [&b"user,item\nu\0,1\n"[..], b"user,item\n", b"", "é".as_bytes()] {
            assert_eq!(of_beginning(plain), None);
        }
    }
}
