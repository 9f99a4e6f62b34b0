//! Adapters of the graphics API. Without one each test says that it is skipped.

use burn::tensor::Tensor;
use u2i_device::{AdapterKind, DeviceChoice, DeviceError, Opened, adapters, burn};

use crate::skipped;

/// The first adapter; `None` after saying which test is skipped and why.
#[track_caller]
pub fn gpu() -> Option<Opened> {
    match DeviceChoice::Wgpu(0).open() {
        Ok(opened) => Some(opened),
        Err(error @ (DeviceError::Adapter { .. } | DeviceError::SoftwareSpirv { .. })) => {
            skipped::skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Fails where two differ by more than `share` of the largest.
#[track_caller]
pub fn check_close(what: &str, a: &[f32], b: &[f32], share: f32) {
    assert_eq!(a.len(), b.len(), "{what}");
    let largest = a.iter().fold(0.0f32, |largest, a| largest.max(a.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= share * largest, "{what}: {a} and {b}, where the largest is {largest}");
    }
}

#[test]
fn adapters_are_opened_once_and_have_a_name() {
    let Some(opened) = gpu() else { return };
    assert_eq!((opened.name.as_str(), opened.is_gpu()), ("wgpu:0", true));
    let adapter = opened.adapter.clone().unwrap();
    assert!(adapter.contains(" ("), "{adapter}");
    assert_eq!(opened.to_string(), format!("wgpu:0, {adapter}"));
    let again = gpu().unwrap();
    assert_eq!((again.device, again.adapter), (opened.device, opened.adapter));
}

#[test]
fn gpus_come_first_and_auto_takes_no_software() {
    let Some(first) = gpu() else { return };
    let adapters = adapters();
    assert!(adapters.is_sorted_by_key(|adapter| adapter.kind));
    let auto = DeviceChoice::Auto.open().unwrap();
    match adapters[0].kind {
        AdapterKind::Software => assert_eq!((auto.name.as_str(), auto.passed_over), ("cpu", None)),
        _ => assert_eq!(auto.device, first.device),
    }
}

#[test]
fn an_adapter_that_is_not_there_is_named_beside_those_that_are() {
    let Some(_) = gpu() else { return };
    let error = DeviceChoice::Wgpu(99).open().unwrap_err().to_string();
    assert!(error.starts_with("no device `wgpu:99`: only wgpu:0 ("), "{error}");
}
