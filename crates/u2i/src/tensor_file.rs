//! Safetensors files of `f32`, written and read piece by piece.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use u2i_train::{Piece, Pieces, TensorView, TensorViews};

/// Bytes of the length that a file begins with.
const LENGTH: u64 = 8;
/// What a header may have at most, as safetensors says.
const MAX_HEADER: u64 = 100_000_000;

/// A file that is to be written. Its bytes are those of `safetensors::serialize`.
pub(crate) struct TensorFile<'a, 'b> {
    /// With its length.
    header: Vec<u8>,
    tensors: &'a TensorViews<'b>,
}

/// What keeps a file from being written.
#[derive(Debug)]
pub(crate) enum TensorFileError<E> {
    /// The numbers of a tensor cannot be read.
    Numbers(String, Box<dyn std::error::Error + Send + Sync>),
    /// Whoever gets the bytes did not take them.
    Write(E),
}

impl<'a, 'b> TensorFile<'a, 'b> {
    pub fn new(tensors: &'a TensorViews<'b>) -> Self {
        let mut end = 0;
        let info = |(name, tensor): (&String, &TensorView<'_>)| {
            let begin = end;
            end += size_of::<f32>() * tensor.n_numbers();
            let shape = tensor.shape().to_vec();
            (name.clone(), TensorInfo { dtype: Dtype::F32, shape, data_offsets: (begin, end) })
        };
        let tensors_in_order = tensors.iter().map(info).collect();
        let metadata = Metadata::new(None, tensors_in_order).expect("each begins where the one before ends");
        let mut text = serde_json::to_vec(&metadata).expect("names and numbers are plain data");
        text.resize(text.len().next_multiple_of(LENGTH as usize), b' ');
        let header = [&(text.len() as u64).to_le_bytes()[..], &text].concat();
        TensorFile { header, tensors }
    }

    /// Bytes of the whole file.
    pub fn n_bytes(&self) -> u64 {
        let numbers: usize = self.tensors.values().map(TensorView::n_numbers).sum();
        (self.header.len() + size_of::<f32>() * numbers) as u64
    }

    /// Hands all bytes in order to `write`, a piece of a tensor at a time.
    pub fn write<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), TensorFileError<E>> {
        write(&self.header).map_err(TensorFileError::Write)?;
        for (name, tensor) in self.tensors {
            for piece in tensor.pieces() {
                let piece = piece.map_err(|source| TensorFileError::Numbers(name.clone(), source))?;
                write(&little_endian(&piece)).map_err(TensorFileError::Write)?;
            }
        }
        Ok(())
    }
}

/// Numbers as the bytes that a file has, without a copy where memory has the same.
pub(crate) fn little_endian(numbers: &[f32]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(numbers)),
        false => Cow::Owned(numbers.iter().flat_map(|x| x.to_le_bytes()).collect()),
    }
}

/// The next so many numbers of a file.
pub(crate) fn read_numbers(file: &mut File, n: usize) -> io::Result<Vec<f32>> {
    let mut numbers = vec![0.0; n];
    file.read_exact(bytemuck::cast_slice_mut(&mut numbers))?;
    if cfg!(target_endian = "big") {
        numbers.iter_mut().for_each(|x: &mut f32| *x = f32::from_le_bytes(x.to_ne_bytes()));
    }
    Ok(numbers)
}

/// What keeps a file from being read.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The system.
    Io(io::Error),
    /// It is none of `f32` tensors.
    Content(String),
}

/// The tensors of a file. Their numbers are read when they are asked for, from the file as it is then.
pub(crate) fn open(path: &Path) -> Result<TensorViews<'static>, OpenError> {
    let wrong = |what: &str| OpenError::Content(what.to_owned());
    let mut file = File::open(path).map_err(OpenError::Io)?;
    let n_bytes = file.metadata().map_err(OpenError::Io)?.len();
    let after_length = n_bytes.checked_sub(LENGTH).ok_or_else(|| wrong("no header"))?;
    let mut length = [0; LENGTH as usize];
    file.read_exact(&mut length).map_err(OpenError::Io)?;
    let length = u64::from_le_bytes(length);
    if length > after_length.min(MAX_HEADER) {
        return Err(wrong("a header longer than the file"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(OpenError::Io)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| OpenError::Content(error.to_string()))?;
    if (LENGTH + length).checked_add(metadata.data_len() as u64) != Some(n_bytes) {
        return Err(OpenError::Content(format!("tensors of {} bytes", metadata.data_len())));
    }
    let path: Arc<Path> = path.into();
    let view = |(name, info): (String, &TensorInfo)| {
        if info.dtype != Dtype::F32 {
            return Err(OpenError::Content(format!("`{name}` of {:?}", info.dtype)));
        }
        let begin = LENGTH + length + info.data_offsets.0 as u64;
        let n_numbers = info.shape.iter().product();
        Ok((name, TensorView::new(info.shape.clone(), InFile { path: path.clone(), begin, n_numbers })))
    };
    metadata.tensors().into_iter().map(view).collect()
}

/// Numbers in a file.
struct InFile {
    path: Arc<Path>,
    /// The byte that they begin at.
    begin: u64,
    n_numbers: usize,
}

/// Why numbers that stand in a file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub(crate) struct ReadError {
    pub path: Arc<Path>,
    pub source: io::Error,
}

impl Pieces for InFile {
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
        let mut file = None;
        let mut read = move |from: usize| -> io::Result<Vec<f32>> {
            let file = match &mut file {
                Some(file) => file,
                none => {
                    let mut opened = File::open(&self.path)?;
                    opened.seek(SeekFrom::Start(self.begin))?;
                    none.insert(opened)
                }
            };
            read_numbers(file, TensorView::PIECE.min(self.n_numbers - from))
        };
        let begins = (0..self.n_numbers).step_by(TensorView::PIECE);
        Box::new(begins.map(move |from| -> Piece {
            Ok(read(from).map_err(|source| ReadError { path: self.path.clone(), source })?)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{TensorView as Whole, serialize};
    use u2i_train::{StateTensor, StateView, TrainProgress, TrainState};

    use super::*;

    fn state(shapes: &[(&str, Vec<usize>)]) -> TrainState {
        let tensor = |(name, shape): &(&str, Vec<usize>)| {
            let numbers = (0..shape.iter().product()).map(|i: usize| (i % 1009) as f32 / 7.0 - 3.0);
            ((*name).to_owned(), StateTensor { shape: shape.clone(), data: numbers.collect() })
        };
        TrainState { progress: TrainProgress::default(), tensors: shapes.iter().map(tensor).collect() }
    }

    fn bytes(state: &TrainState) -> Vec<u8> {
        let view = StateView::from(state);
        let file = TensorFile::new(&view.tensors);
        let mut bytes = Vec::new();
        file.write(|piece| -> Result<(), ()> {
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(bytes.len() as u64, file.n_bytes());
        bytes
    }

    /// Tensors of no number, of some, of a piece, and of some pieces.
    fn states() -> [TrainState; 3] {
        let piece = TensorView::PIECE;
        [
            state(&[]),
            state(&[("model/a", vec![3]), ("table/0/weight", vec![5, 2]), ("table/1/weight", vec![0, 2])]),
            state(&[("b", vec![piece + 1, 2]), ("best/b", vec![2, piece]), ("c", vec![1])]),
        ]
    }

    /// The writer of safetensors that has all of a file in memory is the oracle.
    #[test]
    fn a_file_that_is_written_piece_by_piece_has_the_bytes_of_the_whole() {
        for state in states() {
            let whole = |(name, tensor): (&String, &StateTensor)| {
                let data = little_endian(&tensor.data).into_owned();
                (name.clone(), tensor.shape.clone(), data)
            };
            let all: Vec<_> = state.tensors.iter().map(whole).collect();
            let views = all
                .iter()
                .map(|(name, shape, data)| (name, Whole::new(Dtype::F32, shape.clone(), data).unwrap()));
            assert!(bytes(&state) == serialize(views, None::<HashMap<String, String>>).unwrap());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (i, state) in states().into_iter().enumerate() {
            let path = folder.path().join(i.to_string());
            std::fs::write(&path, bytes(&state)).unwrap();
            let view = StateView { progress: TrainProgress::default(), tensors: open(&path).unwrap() };
            assert!(view.to_owned().unwrap() == state);
        }
    }

    /// A file that becomes shorter after its header was read is an error, and so is one that is gone.
    #[test]
    fn a_file_that_is_cut_off_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut");
        let [_, _, state] = states();
        let good = bytes(&state);
        std::fs::write(&path, &good).unwrap();
        let tensors = open(&path).unwrap();
        for length in [good.len() - 1, good.len() / 2, 100] {
            std::fs::write(&path, &good[..length]).unwrap();
            let error = tensors["c"].to_owned().unwrap_err();
            assert!(error.to_string().ends_with("cut"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(tensors["b"].to_owned().unwrap_err().downcast_ref::<ReadError>().is_some());
    }
}
