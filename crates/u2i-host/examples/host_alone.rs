//! Numbers go to a device and come back.

use burn::tensor::Device;
use u2i_host::{floats, ints, is_f32_on_host, read};

fn main() {
    let device = Device::flex();
    let vectors = floats([1.0, 2.0, 3.0, 4.0], &device).reshape([2, 2]);
    assert!(is_f32_on_host(&vectors));

    // The second row, then the first.
    let picked = vectors.select(0, ints(&[1, 0], &device));
    assert_eq!(read(picked), [3.0, 4.0, 1.0, 2.0]);
}
