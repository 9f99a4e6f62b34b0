//! Tensors in a file that lasts as long as somebody has them.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use u2i_schema::Digest;
use u2i_train::{Piece, Pieces, TensorView, TensorViews};

use super::error::{CheckpointError, io};
use crate::tensor_file::{ReadError, little_endian, read_numbers};

/// What the numbers of a tensor are called in its hash.
const NUMBERS: &str = "numbers";

/// Puts tensors into a file without a name in `folder`, which the system removes with the last of the views that are
/// returned, or with the process. Whatever has to outlive that is in a checkpoint, so it is not synced. `watch` is told how
/// many bytes of how many are written.
pub(super) fn put(
    folder: &Path,
    tensors: &TensorViews<'_>,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<TensorViews<'static>, CheckpointError> {
    let n_bytes: u64 = tensors.values().map(|tensor| 4 * tensor.n_numbers() as u64).sum();
    let failed = |source| io("write", folder, n_bytes)(source);
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut written = 0;
    let mut placed = Vec::new();
    for (name, tensor) in tensors {
        let (begin, n_numbers) = (written, tensor.n_numbers());
        let mut digest = Digest::new().begin_part(NUMBERS, 4 * n_numbers as u64);
        for piece in tensor.pieces() {
            let piece = piece.map_err(|source| CheckpointError::Numbers { name: name.clone(), source })?;
            let bytes = little_endian(&piece);
            digest.update(&bytes);
            file.write_all(&bytes).map_err(failed)?;
            written += bytes.len() as u64;
            watch(written, n_bytes);
        }
        placed.push((name, tensor.shape(), begin, digest.end().finish()));
    }
    let file = Arc::new(Mutex::new(file));
    let folder: Arc<Path> = folder.into();
    let view = |(name, shape, begin, hash): (&String, &[usize], u64, String)| {
        let n_numbers = shape.iter().product();
        let numbers = InScratch { file: file.clone(), folder: folder.clone(), begin, n_numbers, hash };
        (name.clone(), TensorView::new(shape.to_vec(), numbers))
    };
    Ok(placed.into_iter().map(view).collect())
}

/// Numbers in a file without a name.
struct InScratch {
    file: Arc<Mutex<File>>,
    /// Where the file is.
    folder: Arc<Path>,
    /// The byte that they begin at.
    begin: u64,
    n_numbers: usize,
    /// Of all of them.
    hash: String,
}

impl InScratch {
    fn read(&self, from: usize, n: usize) -> io::Result<Vec<f32>> {
        // Nothing of a file is broken by a reader that panicked: each seeks first.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.begin + 4 * from as u64))?;
        read_numbers(&mut file, n)
    }
}

impl Pieces for InScratch {
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
        let mut digest = Some(Digest::new().begin_part(NUMBERS, 4 * self.n_numbers as u64));
        let begins = (0..self.n_numbers).step_by(TensorView::PIECE);
        Box::new(begins.map(move |from| -> Piece {
            let n = TensorView::PIECE.min(self.n_numbers - from);
            let numbers =
                self.read(from, n).map_err(|source| ReadError { path: self.folder.clone(), source })?;
            if let Some(digest) = &mut digest {
                digest.update(&little_endian(&numbers));
            }
            let is_last = from + n == self.n_numbers;
            let whole = if is_last { digest.take() } else { None };
            match whole.is_none_or(|digest| digest.end().finish() == self.hash) {
                true => Ok(numbers),
                false => {
                    let folder = self.folder.display();
                    Err(format!("what was put aside in {folder} is not what was written").into())
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use u2i_train::{StateTensor, StateView, TrainProgress, TrainState};

    use super::*;
    use crate::ErrorKind;

    fn state() -> TrainState {
        let tensor = |shape: Vec<usize>| {
            let numbers = (0..shape.iter().product()).map(|i: usize| (i % 1009) as f32 / 7.0);
            StateTensor { data: numbers.collect(), shape }
        };
        let shapes = [("a", vec![3]), ("b", vec![TensorView::PIECE + 1, 2]), ("c", vec![0, 4])];
        let tensors = shapes.map(|(name, shape)| (name.to_owned(), tensor(shape)));
        TrainState { progress: TrainProgress::default(), tensors: BTreeMap::from(tensors) }
    }

    #[test]
    fn what_is_put_aside_comes_back_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let state = state();
        let mut told = Vec::new();
        let view = StateView::from(&state);
        let kept = put(folder.path(), &view.tensors, &mut |done, bytes| told.push((done, bytes))).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let bytes = 12 + 8 * (TensorView::PIECE as u64 + 1);
        assert_eq!((told[0], told[told.len() - 1]), ((12, bytes), (bytes, bytes)));
        // In any order, and more than once.
        for _ in 0..2 {
            for (name, tensor) in kept.iter().rev() {
                assert!(tensor.to_owned().unwrap() == state.tensors[name], "{name}");
            }
        }
    }

    #[test]
    fn a_number_that_changes_on_the_disk_is_not_taken() {
        let numbers: Vec<f32> = (0..TensorView::PIECE + 9).map(|i| i as f32).collect();
        let hash = Digest::new().numbers(NUMBERS, &numbers).finish();
        for changed in [None, Some(0), Some(TensorView::PIECE - 1), Some(TensorView::PIECE + 8)] {
            let mut there = numbers.clone();
            changed.into_iter().for_each(|at: usize| there[at] += 0.5);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"before").unwrap();
            file.write_all(&little_endian(&there)).unwrap();
            let folder = Path::new("somewhere").into();
            let (file, n_numbers) = (Arc::new(Mutex::new(file)), numbers.len());
            let own = InScratch { file, folder, begin: 6, n_numbers, hash: hash.clone() };
            let found = TensorView::new(vec![n_numbers], own).to_owned();
            match changed {
                None => assert!(found.unwrap().data == numbers),
                Some(at) => {
                    let error = found.expect_err("a changed number was read").to_string();
                    assert!(error.contains("somewhere is not what was written"), "{at}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let state = state();
        let nowhere = folder.path().join("no/such");
        let error = put(&nowhere, &StateView::from(&state).tensors, &mut |_, _| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Files);
        let bytes = 12 + 8 * (TensorView::PIECE + 1);
        assert_eq!(error.to_string(), format!("cannot write {} ({bytes} bytes)", nowhere.display()));
    }
}
