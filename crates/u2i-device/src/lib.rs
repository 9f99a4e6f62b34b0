//! Opens the device that someone asked for by name.
//!
//! ```toml
//! u2i-device = { git = "https://github.com/u2i-rs/u2i" }
//! # with GPUs of any vendor:
//! u2i-device = { git = "https://github.com/u2i-rs/u2i", features = ["wgpu"] }
//! ```
//!
//! burn's backends are run-time values, but each has to be compiled in, finding a GPU may fail in several ways, and
//! burn's own way to name one panics where there is none. This crate switches the backends on by its features, and
//! gives each name a device or an error that says what was looked for and what is there.
//!
//! | name | device | feature |
//! |---|---|---|
//! | `auto` | the first GPU, where this build can use one and finds it, else the CPU | |
//! | `cpu` | burn's flex backend, the fast one for CPUs | |
//! | `ndarray` | burn's ndarray backend, which upstream has deprecated in favour of flex; its products take threads of their own, as many as `MATMUL_NUM_THREADS` says | `ndarray` |
//! | `wgpu` | the same as `wgpu:0` | `wgpu` |
//! | `wgpu:N` | the N-th of [`adapters`], GPUs first | `wgpu` |
//!
//! Further features, each with `wgpu` in it: `vulkan` has burn make SPIR-V where the API is Vulkan, `metal` Metal's own
//! language on Apple's machines, and `autotune` times each kernel in several variants and keeps the fastest.
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/device_alone.rs")]
//! ```

mod adapter;
mod choice;
mod error;
#[cfg(feature = "wgpu")]
mod gpu;
mod opened;

pub use adapter::{Adapter, AdapterKind};
pub use burn;
pub use choice::{DeviceChoice, adapters};
pub use error::{DeviceError, UnknownDevice};
pub use opened::{Opened, cpu};
