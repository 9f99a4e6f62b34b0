//! The fastest device that this build can use and this machine has.

use u2i_device::burn::tensor::Tensor;
use u2i_device::{DeviceChoice, DeviceError};

fn main() -> Result<(), DeviceError> {
    let opened = DeviceChoice::Auto.open()?;
    let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0], &opened.device);
    assert_eq!(x.sum().into_scalar::<f32>(), 6.0);
    assert_eq!(opened.is_gpu(), opened.name.starts_with("wgpu:"));
    // There is no such GPU, and the error says what there is.
    let error = DeviceChoice::Wgpu(1000).open().unwrap_err();
    assert!(error.to_string().starts_with("no device `wgpu:1000`: "));
    Ok(())
}
