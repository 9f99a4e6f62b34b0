//! Numbers in the memory of the host as [burn](https://burn.dev) tensors, and back.
//!
//! ```toml
//! u2i-host = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/host_alone.rs")]
//! ```

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};

/// Whole numbers below 2³¹ on a device, `[values]`. Larger ones become negative, so check them before.
///
/// ```
/// # use burn::tensor::Device;
/// let places = u2i_host::ints(&[3, 1], &Device::flex());
/// assert_eq!(places.into_data().convert::<i64>().try_into_vec::<i64>().unwrap(), [3, 1]);
/// ```
pub fn ints(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// Numbers on a device, `[values]`.
///
/// ```
/// # use burn::tensor::Device;
/// let values = u2i_host::floats([0.5, 2.0], &Device::flex());
/// assert_eq!(u2i_host::read(values), [0.5, 2.0]);
/// ```
pub fn floats(values: impl Into<Vec<f32>>, device: &Device) -> Tensor<1> {
    let values = values.into();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// Marks on a device, row by row.
///
/// ```
/// # use burn::tensor::Device;
/// let marks = u2i_host::marks([true, false], [2, 1], &Device::flex());
/// assert_eq!(marks.dims(), [2, 1]);
/// ```
///
/// # Panics
///
/// If there are not as many marks as `shape` has places.
pub fn marks(values: impl Into<Vec<bool>>, shape: [usize; 2], device: &Device) -> Tensor<2, Bool> {
    Tensor::from_data(TensorData::new(values.into(), shape), device)
}

/// The numbers of a tensor, row by row. It waits until the device has computed them.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// let sums = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &Device::flex()).sum_dim(1);
/// assert_eq!(u2i_host::read(sums), [3.0, 7.0]);
/// ```
///
/// # Panics
///
/// If they are not 32-bit numbers.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("the tensor is of 32-bit numbers")
}

/// True for a tensor of 32-bit numbers in the memory of the host, with autodiff or without.
///
/// burn tells which of its devices do so only by the names of its backends, so a backend that is not known here counts as
/// one that does not. Callers take a faster way over the host's memory where this holds, and burn's operators elsewhere,
/// to the same value.
///
/// ```
/// # use burn::tensor::{DType, Device, Tensor};
/// let device = Device::flex();
/// assert!(u2i_host::is_f32_on_host(&Tensor::<1>::zeros([2], &device)));
/// assert!(!u2i_host::is_f32_on_host(&Tensor::<1>::zeros([2], (&device, DType::F64))));
/// ```
pub fn is_f32_on_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    let name = format!("{:?}", tensor.device());
    tensor.dtype() == DType::F32 && ["Flex(", "NdArray("].iter().any(|backend| name.contains(backend))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burns_cpu_backend_is_found_by_its_name_and_only_its_32_bit_numbers_are_read() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            assert!(is_f32_on_host(&Tensor::<2>::zeros([1, 1], &device)), "{device:?}");
            assert!(!is_f32_on_host(&Tensor::<2>::zeros([1, 1], (&device, DType::F64))), "{device:?}");
        }
    }
}
