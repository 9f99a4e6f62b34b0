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

mod choice;
mod error;
#[cfg(feature = "wgpu")]
mod gpu;

pub use burn;
pub use choice::{DeviceChoice, Opened, cpu};
pub use error::{DeviceError, UnknownDevice};

/// An adapter of the graphics API that this machine has: a GPU, or a driver that does its work on the CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Discrete, integrated or virtual GPU, or software.
    pub kind: AdapterKind,
    /// Its place among those of its kind.
    pub index: usize,
}

/// What an [`Adapter`] is, in the order in which they are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AdapterKind {
    /// A card of its own.
    Discrete,
    /// A part of the processor.
    Integrated,
    /// A GPU that a hypervisor passes on.
    Virtual,
    /// A driver that does its work on the CPU: for tests, slower than the `cpu` device. `auto` never takes it.
    Software,
}

impl AdapterKind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Software => "software driver",
        }
    }
}

/// The adapters of this machine by their `N` in `wgpu:N`, GPUs before software drivers; empty in a build without the
/// feature `wgpu`. They are found and not opened.
pub fn adapters() -> Vec<Adapter> {
    #[cfg(feature = "wgpu")]
    return gpu::adapters();
    #[cfg(not(feature = "wgpu"))]
    Vec::new()
}
