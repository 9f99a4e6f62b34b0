//! Losses, models and training on devices other than the default one, each behind the feature of its backend: on a GPU,
//! or on a driver that does its work on the CPU, and on burn's ndarray backend.
#![cfg(any(feature = "ndarray", feature = "wgpu"))]

#[path = "../../../u2i-train/tests/it/fixture.rs"]
#[allow(dead_code, reason = "it serves the tests of u2i-train, too")]
mod fixture;
#[cfg(feature = "wgpu")]
mod gpu;
#[cfg(feature = "wgpu")]
mod losses;
#[cfg(feature = "ndarray")]
mod ndarray;
#[path = "../../../../xtask/src/skipped.rs"]
#[cfg(feature = "wgpu")]
#[allow(dead_code, reason = "it serves xtask, too")]
mod skipped;
#[cfg(feature = "wgpu")]
mod training;
