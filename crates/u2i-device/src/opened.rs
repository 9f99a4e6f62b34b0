use std::fmt;

use burn::tensor::Device;

use crate::DeviceError;

/// burn's flex backend, which every build has.
pub fn cpu() -> Device {
    Device::flex()
}

/// A device and its name.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The device, without autodiff.
    pub device: Device,
    /// `cpu`, `ndarray` or `wgpu:N`.
    pub name: String,
    /// The adapter's own name and its API, as `NVIDIA L4 (Vulkan)`; `None` for the CPU.
    pub adapter: Option<String>,
    /// Why the GPU that is there was passed over for the CPU; only of [`DeviceChoice::Auto`](crate::DeviceChoice::Auto).
    pub passed_over: Option<DeviceError>,
}

/// The name, with the adapter's own where it has one: `wgpu:0, NVIDIA L4 (Vulkan)`.
impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.adapter {
            Some(adapter) => write!(f, "{}, {adapter}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Opened {
    /// Whether it is an adapter of the graphics API.
    pub fn is_gpu(&self) -> bool {
        self.adapter.is_some()
    }

    pub(crate) fn cpu() -> Self {
        Opened { device: cpu(), name: "cpu".into(), adapter: None, passed_over: None }
    }
}
