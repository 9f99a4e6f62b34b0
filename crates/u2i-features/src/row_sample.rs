use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use u2i_random::{Purpose, Stream};

use crate::encoding::Encoding;
use crate::error::FeatureError;
use crate::file_bytes::FileBytes;
use crate::signature::Packing;

/// Which rows of a large file stand for all of them: some from its beginning, and others spread over it, drawn by a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSample {
    /// Decides where rows are taken.
    pub seed: u64,
    /// Files that make one sample together, of which each gives its part.
    pub n_files: usize,
}

/// Bytes of text from which on a sample is taken: less is soon read.
pub(crate) const LEAST_BYTES: u64 = 8 << 20;
/// One byte of so many is looked at.
const ONE_OF: u64 = 16;
/// Bytes of text in a sample, at least and at most.
const SAMPLE_BYTES: [u64; 2] = [1 << 20, 8 << 20];
/// Rows from which on a sample is taken where rows are counted.
pub(crate) const LEAST_ROWS: usize = 1 << 18;
/// Places of a text that rows are taken from.
const N_BLOCKS: u64 = 16;
/// Files and groups of rows that are looked into.
pub(crate) const N_FILES: usize = 8;
/// Groups of rows of a file of columns that are looked into.
pub(crate) const N_GROUPS: usize = 4;

impl RowSample {
    /// A sample of one file.
    pub fn of_seed(seed: u64) -> Self {
        RowSample { seed, n_files: 1 }
    }

    /// Places `0..n` in ascending order, at most `most` of them: the first, and one drawn from each equal stretch of the
    /// others.
    pub(crate) fn places(self, n: usize, most: usize) -> Vec<usize> {
        if n <= most {
            return (0..n).collect();
        }
        let mut stream = Stream::new(self.seed, Purpose::ROW_SAMPLE, 1, 0);
        let stretch = |i: usize| 1 + i * (n - 1) / (most - 1);
        let drawn = (0..most - 1).map(|i| stretch(i) + stream.index(stretch(i + 1) - stretch(i)));
        std::iter::once(0).chain(drawn).collect()
    }

    /// Whole lines of a large file of plain text; `None` where all of it has to be read.
    pub(crate) fn lines(self, path: &Path, encoding: Encoding) -> Result<Option<FileBytes>, FeatureError> {
        if matches!(encoding, Encoding::Web(_)) || FileBytes::open_unhashed(path)?.packing() != Packing::None
        {
            return Ok(None);
        }
        let found = self.blocks(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })?;
        Ok(found.map(|lines| FileBytes::of_sample(path, lines)))
    }

    fn blocks(self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut file = File::open(path)?;
        let n_bytes = file.metadata()?.len();
        let n_files = self.n_files.max(1) as u64;
        if n_bytes < LEAST_BYTES / n_files {
            return Ok(None);
        }
        let [least, most] = SAMPLE_BYTES.map(|bytes| bytes / n_files);
        let block = (n_bytes / ONE_OF).clamp(least, most) / N_BLOCKS;
        let stretch = n_bytes / N_BLOCKS;
        let mut stream = Stream::new(self.seed, Purpose::ROW_SAMPLE, 0, 0);
        let (mut lines, mut found) = (Vec::new(), Vec::new());
        for i in 0..N_BLOCKS {
            let begin = if i == 0 { 0 } else { i * stretch + stream.below(stretch - block) };
            file.seek(SeekFrom::Start(begin))?;
            found.clear();
            (&mut file).take(block).read_to_end(&mut found)?;
            let is_end = |&byte: &u8| byte == b'\n';
            let first = if i == 0 { Some(0) } else { found.iter().position(is_end).map(|place| place + 1) };
            let last = found.iter().rposition(is_end).map(|place| place + 1);
            match (first, last) {
                (Some(first), Some(last)) => lines.extend_from_slice(&found[first..last]),
                // Lines that are longer than a block.
                _ => return Ok(None),
            }
        }
        Ok(Some(lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_drawn_and_begin_with_the_first() {
        let of = |seed, n| RowSample::of_seed(seed).places(n, 4);
        assert_eq!(of(1, 3), [0, 1, 2]);
        assert_eq!(of(1, 4), [0, 1, 2, 3]);
        for seed in 0..50 {
            let places = of(seed, 301);
            assert_eq!((places.len(), places[0]), (4, 0), "{places:?}");
            let stretches: Vec<usize> = places[1..].iter().map(|place| (place - 1) / 100).collect();
            assert_eq!(stretches, [0, 1, 2], "{places:?}");
        }
        assert_ne!(of(1, 1_000_000), of(2, 1_000_000));
        assert_eq!(of(1, 1_000_000), of(1, 1_000_000));
    }

    /// Lines of numbers: which were taken shows from where.
    #[test]
    fn a_sample_of_a_text_is_whole_lines_from_all_over_it() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let n_lines = 1_000_000u64;
        std::fs::write(&path, (0..n_lines).map(|n| format!("{n:09}\n")).collect::<String>()).unwrap();
        let mut sample = RowSample::of_seed(1).lines(&path, Encoding::Utf8).unwrap().unwrap();
        let (mut text, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match sample.read(&mut buffer).unwrap() {
                0 => break,
                n => text.extend_from_slice(&buffer[..n]),
            }
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.len() == 9));
        let numbers: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert!((90_000..110_000).contains(&numbers.len()), "{}", numbers.len());
        assert!(numbers.is_sorted() && numbers[0] == 0);
        let stretches: std::collections::BTreeSet<u64> =
            numbers.iter().map(|number| number * N_BLOCKS / n_lines).collect();
        assert_eq!(stretches.len() as u64, N_BLOCKS);
        // What is small, packed or of lines that cannot be told apart is read all.
        for encoding in [Encoding::Utf8, Encoding::Latin1] {
            assert!(RowSample::of_seed(1).lines(&path, encoding).unwrap().is_some());
        }
        let utf_16 = Encoding::of_label("utf-16le").unwrap();
        assert!(RowSample::of_seed(1).lines(&path, utf_16).unwrap().is_none());
        std::fs::write(&path, "a\n".repeat(1_000)).unwrap();
        assert!(RowSample::of_seed(1).lines(&path, Encoding::Utf8).unwrap().is_none());
    }
}
