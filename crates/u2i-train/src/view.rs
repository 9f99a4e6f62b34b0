use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::{DType, Device, Tensor};
use u2i_host::floats;
use u2i_models::HostTensor;

use crate::{TrainError, TrainProgress, TrainState};

/// Why numbers cannot be read.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The next numbers of a tensor, or why they cannot be read.
pub type Piece = Result<Vec<f32>, Failed>;

/// Numbers that are handed out piece by piece, wherever they are: on a device, on the host, in a file.
pub trait Pieces {
    /// All numbers in order. A piece has some thousand to some million of them; after an error there is no other.
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_>;
}

/// A run between two steps, as [`TrainState`] has it, with its tensors where they are: nothing is copied but the piece
/// that is looked at.
///
/// # Examples
///
/// ```
/// # use std::collections::BTreeMap;
/// # use u2i_train::{StateTensor, StateView, TrainProgress, TrainState};
/// let weight = StateTensor { shape: vec![2, 1], data: vec![0.5, 2.0] };
/// let tensors = BTreeMap::from([("table/0/weight".to_owned(), weight)]);
/// let state = TrainState { progress: TrainProgress::default(), tensors };
/// let view = StateView::from(&state);
/// assert_eq!(view.tensors["table/0/weight"].shape(), [2, 1]);
/// assert_eq!(view.to_owned().unwrap(), state);
/// ```
#[derive(Debug)]
pub struct StateView<'a> {
    /// How far the run is.
    pub progress: TrainProgress,
    /// Weights and optimizer state, by the names of [`TrainState::tensors`].
    pub tensors: TensorViews<'a>,
}

impl StateView<'_> {
    /// A copy of all of it.
    ///
    /// # Errors
    ///
    /// If numbers that are not in memory cannot be read.
    pub fn to_owned(&self) -> Result<TrainState, Failed> {
        let copy = |(name, tensor): (&String, &TensorView<'_>)| Ok((name.clone(), tensor.to_owned()?));
        let tensors = self.tensors.iter().map(copy).collect::<Result<_, Failed>>()?;
        Ok(TrainState { progress: self.progress.clone(), tensors })
    }
}

impl<'a> From<&'a TrainState> for StateView<'a> {
    fn from(state: &'a TrainState) -> Self {
        let view = |(name, tensor): (&String, &'a HostTensor)| {
            let HostTensor { shape, data } = tensor;
            (name.clone(), TensorView::new(shape.clone(), OnHost(Cow::Borrowed(&data[..]))))
        };
        StateView { progress: state.progress.clone(), tensors: state.tensors.iter().map(view).collect() }
    }
}

impl From<TrainState> for StateView<'_> {
    fn from(state: TrainState) -> Self {
        let view = |(name, tensor): (String, HostTensor)| {
            let HostTensor { shape, data } = tensor;
            (name, TensorView::new(shape, OnHost(Cow::Owned(data))))
        };
        StateView { progress: state.progress, tensors: state.tensors.into_iter().map(view).collect() }
    }
}

/// A tensor of which one piece at a time is copied.
pub struct TensorView<'a> {
    shape: Vec<usize>,
    numbers: Box<dyn Pieces + 'a>,
}

impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorView").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<'a> TensorView<'a> {
    /// Numbers that a piece of a tensor in memory has at most: 4 MiB of them.
    pub const PIECE: usize = 1 << 20;

    /// The tensor of this shape whose numbers, row by row, are `numbers`.
    pub fn new(shape: Vec<usize>, numbers: impl Pieces + 'a) -> Self {
        TensorView { shape, numbers: Box::new(numbers) }
    }

    /// A tensor on its device. While the view is there, burn copies the tensor where it would change it.
    ///
    /// ```
    /// # use u2i_train::TensorView;
    /// # use u2i_train::burn::tensor::{Device, Tensor};
    /// let tensor = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &Device::flex());
    /// let pieces: Vec<Vec<f32>> = TensorView::of(tensor).pieces().map(Result::unwrap).collect();
    /// assert_eq!(pieces, [[1.0, 2.0, 3.0, 4.0]]);
    /// ```
    pub fn of<const D: usize>(tensor: Tensor<D>) -> TensorView<'static> {
        let shape = tensor.dims().to_vec();
        let n: usize = shape.iter().product();
        match n {
            0 => TensorView::new(shape, OnHost(Cow::Owned(Vec::new()))),
            n => TensorView::new(shape, OnDevice(tensor.reshape([n]))),
        }
    }

    /// A view of what this is a view of.
    pub fn again(&self) -> TensorView<'_> {
        TensorView::new(self.shape.clone(), Again(&*self.numbers))
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers it has.
    pub fn n_numbers(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its numbers in order, as `f32`, which holds half precision exactly. There are as many as the shape has, or an error.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let (n, mut found, mut ended) = (self.n_numbers(), 0, false);
        let mut pieces = self.numbers.pieces();
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let piece = pieces.next();
            found += piece.as_ref().map_or(0, |piece| piece.as_ref().map_or(0, Vec::len));
            ended = !matches!(piece, Some(Ok(_))) || found > n;
            match piece {
                Some(Err(error)) => Some(Err(error)),
                _ if ended && found != n => Some(Err(format!("{found} numbers, expected {n}").into())),
                other => other,
            }
        })
    }

    /// A copy of it.
    ///
    /// # Errors
    ///
    /// If numbers that are not in memory cannot be read, or are not as many as the shape has.
    pub fn to_owned(&self) -> Result<HostTensor, Failed> {
        let mut data = Vec::new();
        for piece in self.pieces() {
            let piece = piece?;
            // All at once, but not before there is something: the shape may be that of a file that lies.
            data.reserve_exact(if data.is_empty() { self.n_numbers() } else { 0 });
            data.extend_from_slice(&piece);
        }
        Ok(HostTensor { shape: self.shape.clone(), data })
    }

    /// That it has the wanted shape.
    pub(crate) fn check(&self, name: &str, shape: &[usize]) -> Result<(), TrainError> {
        if self.shape == shape {
            return Ok(());
        }
        Err(TrainError::State {
            name: name.to_owned(),
            found: format!("shape {:?}", self.shape),
            expected: format!("shape {shape:?}"),
        })
    }

    /// Puts its numbers into a tensor off the autodiff device, in place.
    pub(crate) fn fill<const D: usize>(&self, name: &str, tensor: &mut Tensor<D>) -> Result<(), TrainError> {
        let shape = tensor.dims();
        self.check(name, &shape)?;
        let (n, dtype, device) = (self.n_numbers(), tensor.dtype(), tensor.device());
        let mut failed = None;
        // Moved out, so that nobody else holds it and burn writes into it.
        tensor.inplace(|tensor| {
            if n == 0 {
                return tensor;
            }
            let mut flat = tensor.reshape([n]);
            let mut from = 0;
            for piece in self.pieces() {
                let piece = match piece {
                    Ok(piece) => floats(piece, &device),
                    Err(source) => {
                        failed = Some(TrainError::Read { name: name.to_owned(), source });
                        break;
                    }
                };
                let to = from + piece.dims()[0];
                flat = flat.slice_assign(from..to, piece.cast(dtype));
                from = to;
            }
            flat.reshape(shape)
        });
        failed.map_or(Ok(()), Err)
    }

    /// The tensor on a device.
    pub(crate) fn on<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        device: &Device,
        dtype: DType,
    ) -> Result<Tensor<D>, TrainError> {
        let mut tensor = Tensor::zeros(shape, (&device.clone().inner(), dtype));
        self.fill(name, &mut tensor)?;
        Ok(if device.is_autodiff() { Tensor::from_inner(tensor) } else { tensor })
    }
}

/// Tensors by their names.
pub type TensorViews<'a> = BTreeMap<String, TensorView<'a>>;

/// The first tensor that has NaN or infinity in it.
pub(crate) fn first_not_finite(tensors: &TensorViews<'_>) -> Result<Option<String>, TrainError> {
    for (name, tensor) in tensors {
        for piece in tensor.pieces() {
            let piece = piece.map_err(|source| TrainError::Read { name: name.clone(), source })?;
            if !are_finite(&piece) {
                return Ok(Some(name.clone()));
            }
        }
    }
    Ok(None)
}

/// True if there is neither NaN nor infinity among them. It looks at all of them without a branch.
fn are_finite(values: &[f32]) -> bool {
    let largest = values.iter().fold(0, |largest: u32, value| largest.max(value.to_bits() & 0x7fff_ffff));
    f32::from_bits(largest).is_finite()
}

/// Takes a tensor out of those of a state.
pub(crate) fn take<'a>(
    tensors: &mut TensorViews<'a>,
    name: &str,
    shape: &[usize],
) -> Result<TensorView<'a>, TrainError> {
    tensors.remove(name).ok_or_else(|| TrainError::State {
        name: name.to_owned(),
        found: "nothing".into(),
        expected: format!("shape {shape:?}"),
    })
}

/// Numbers that another view has.
struct Again<'a>(&'a dyn Pieces);

impl Pieces for Again<'_> {
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
        self.0.pieces()
    }
}

/// Numbers of the host's memory.
struct OnHost<'a>(Cow<'a, [f32]>);

impl Pieces for OnHost<'_> {
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
        Box::new(self.0.chunks(TensorView::PIECE).map(|piece| -> Piece { Ok(piece.to_vec()) }))
    }
}

/// `[numbers]` on a device.
struct OnDevice(Tensor<1>);

impl Pieces for OnDevice {
    fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
        let n = self.0.dims()[0];
        Box::new((0..n).step_by(TensorView::PIECE).map(move |from| -> Piece {
            let piece = self.0.clone().narrow(0, from, TensorView::PIECE.min(n - from));
            Ok(HostTensor::of(piece).data)
        }))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::FloatDType;

    use super::*;

    /// Numbers that tell where they stand, and that half precision holds.
    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| (i % 251) as f32 - 8.0).collect()
    }

    /// One piece and some, and what ends just where a piece does.
    const SIZES: [usize; 6] =
        [0, 1, 7, TensorView::PIECE - 1, 2 * TensorView::PIECE, 2 * TensorView::PIECE + 3];

    #[test]
    fn a_tensor_comes_back_from_its_pieces_wherever_it_is() {
        let device = Device::flex();
        for n in SIZES {
            for dtype in [FloatDType::F32, FloatDType::F16, FloatDType::BF16] {
                let tensor = floats(numbers(n), &device).cast(dtype);
                let view = TensorView::of(tensor.clone());
                let sizes: Vec<usize> = view.pieces().map(|piece| piece.unwrap().len()).collect();
                assert_eq!(sizes.len(), n.div_ceil(TensorView::PIECE), "{n} numbers");
                assert_eq!(view.again().to_owned().unwrap().data, numbers(n), "{n} numbers of {dtype:?}");
                let back = view.on("x", [n], &device, tensor.dtype()).unwrap();
                assert_eq!((back.dtype(), HostTensor::of(back).data), (tensor.dtype(), numbers(n)));
                let host = TensorView::new(vec![n], OnHost(Cow::Owned(numbers(n))));
                assert_eq!(host.to_owned().unwrap().data, numbers(n));
            }
        }
    }

    #[test]
    fn a_view_of_rows_has_the_numbers_of_its_shape() {
        let device = Device::flex();
        let table = floats(numbers(12), &device).reshape([4, 3]);
        let view = TensorView::of(table.clone().slice([1..3, 0..3]).transpose());
        let found = view.to_owned().unwrap();
        assert_eq!(found.shape, [3, 2]);
        let all = numbers(12);
        assert_eq!(found.data, [3, 6, 4, 7, 5, 8].map(|i| all[i]));
        let mut tensor = Tensor::<2>::zeros([3, 2], &device);
        view.fill("x", &mut tensor).unwrap();
        assert_eq!(HostTensor::of(tensor), found);
    }

    /// What is filled is filled in place: nobody sees it before, and whoever holds the tensor keeps what it had.
    #[test]
    fn whoever_holds_a_tensor_that_is_filled_keeps_its_numbers() {
        let device = Device::flex();
        let mut tensor = Tensor::<1>::zeros([5], &device);
        let held = tensor.clone();
        TensorView::new(vec![5], OnHost(Cow::Owned(numbers(5)))).fill("x", &mut tensor).unwrap();
        assert_eq!(HostTensor::of(held).data, [0.0; 5]);
        assert_eq!(HostTensor::of(tensor).data, numbers(5));
    }

    /// Some pieces, and what is wrong with them.
    struct Broken(Vec<Result<Vec<f32>, &'static str>>);

    impl Pieces for Broken {
        fn pieces(&self) -> Box<dyn Iterator<Item = Piece> + '_> {
            Box::new(self.0.iter().map(|piece| -> Piece { Ok(piece.clone()?) }))
        }
    }

    #[test]
    fn one_number_that_is_not_finite_is_found_wherever_it_is() {
        let n = TensorView::PIECE + 5;
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 1, n / 2, TensorView::PIECE, n - 1] {
                let mut data = vec![f32::MAX; n];
                data[at] = value;
                let view = TensorView::new(vec![n], OnHost(Cow::Owned(data)));
                let tensors = BTreeMap::from([("x".to_owned(), view)]);
                assert_eq!(first_not_finite(&tensors).unwrap().as_deref(), Some("x"), "{value} at {at}");
            }
        }
        let extremes = vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, 0.0];
        let view = TensorView::new(vec![5], OnHost(Cow::Owned(extremes)));
        assert_eq!(first_not_finite(&BTreeMap::from([("x".to_owned(), view)])).unwrap(), None);
    }

    #[test]
    fn a_stream_that_ends_early_or_late_or_breaks_is_refused() {
        let device = Device::flex();
        for (pieces, wanted) in [
            (vec![], "0 numbers, expected 6"),
            (vec![Ok(numbers(4)), Ok(numbers(1))], "5 numbers, expected 6"),
            (vec![Ok(numbers(4)), Ok(numbers(4)), Ok(numbers(4))], "8 numbers, expected 6"),
            (vec![Ok(numbers(6)), Ok(numbers(1))], "7 numbers, expected 6"),
            (vec![Ok(numbers(4)), Err("a broken disk"), Ok(numbers(2))], "a broken disk"),
        ] {
            let view = TensorView::new(vec![2, 3], Broken(pieces));
            assert_eq!(view.to_owned().unwrap_err().to_string(), wanted);
            let mut tensor = Tensor::<2>::zeros([2, 3], &device);
            let error = view.fill("x", &mut tensor).unwrap_err();
            let TrainError::Read { name, source } = error else { panic!("{error}") };
            assert_eq!((name.as_str(), source.to_string().as_str()), ("x", wanted));
        }
        let view = TensorView::new(vec![2, 3], Broken(vec![Ok(numbers(4)), Ok(vec![]), Ok(numbers(2))]));
        assert_eq!(view.to_owned().unwrap().data.len(), 6);
        let error = view.fill("x", &mut Tensor::<2>::zeros([3, 2], &device)).unwrap_err();
        assert!(matches!(error, TrainError::State { .. }), "{error}");
    }
}
