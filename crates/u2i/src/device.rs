//! Where tensors live.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::Error;

/// What a user asks for with `--device`.
///
/// ```
/// use u2i::device::DeviceChoice;
/// assert_eq!("wgpu:1".parse(), Ok(DeviceChoice::Wgpu(1)));
/// assert!("tpu".parse::<DeviceChoice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where this build can use one and finds it, else the CPU.
    Auto,
    /// burn's flex backend, the fast one for CPUs.
    Cpu,
    /// burn's ndarray backend, which upstream has deprecated in favour of flex.
    NdArray,
    /// The n-th GPU.
    Wgpu(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("unknown device `{text}`, expected auto, cpu, ndarray, wgpu or wgpu:N");
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "ndarray" => Ok(DeviceChoice::NdArray),
            "wgpu" => Ok(DeviceChoice::Wgpu(0)),
            _ => text
                .strip_prefix("wgpu:")
                .and_then(|n| n.parse().ok())
                .map(DeviceChoice::Wgpu)
                .ok_or_else(unknown),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::NdArray => f.write_str("ndarray"),
            DeviceChoice::Wgpu(n) => write!(f, "wgpu:{n}"),
        }
    }
}

/// A device and its name in reports.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The device, without autodiff.
    pub device: Device,
    /// `cpu`, `ndarray` or `wgpu:N`.
    pub name: String,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    ///
    /// If this build has no such backend, or there is no such adapter.
    pub fn open(self) -> Result<Opened, Error> {
        match self {
            DeviceChoice::Cpu => Ok(Opened { device: Device::flex(), name: "cpu".into() }),
            DeviceChoice::NdArray => ndarray(),
            DeviceChoice::Wgpu(_) if u2i_bug::planted("what_is_not_there_is_the_cpu") => {
                DeviceChoice::Cpu.open()
            }
            DeviceChoice::Wgpu(n) => wgpu(n),
            DeviceChoice::Auto => wgpu(0).or_else(|_| DeviceChoice::Cpu.open()),
        }
    }
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept to compare with, as long as burn has it")]
fn ndarray() -> Result<Opened, Error> {
    Ok(Opened { device: Device::ndarray(), name: "ndarray".into() })
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Opened, Error> {
    let reason = "this build lacks the cargo feature `ndarray`".into();
    Err(Error::Device { wanted: "ndarray".into(), reason })
}

#[cfg(feature = "wgpu")]
fn wgpu(n: usize) -> Result<Opened, Error> {
    use burn::tensor::DeviceKind;
    let wanted = format!("wgpu:{n}");
    let kind = if n == 0 { DeviceKind::DefaultDevice } else { DeviceKind::DiscreteGpu(n) };
    // Without an adapter `Device::wgpu` panics; `init` returns an error.
    match Device::wgpu_options().device_kind(kind).init() {
        Ok(device) => Ok(Opened { device, name: wanted }),
        Err(error) => Err(Error::Device { wanted, reason: format!("no adapter was found: {error}") }),
    }
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(n: usize) -> Result<Opened, Error> {
    let reason =
        "this build lacks the cargo feature `wgpu`; `cargo xtask reproduce` turns it on itself".into();
    Err(Error::Device { wanted: format!("wgpu:{n}"), reason })
}
