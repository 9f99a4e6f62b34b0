use std::fmt;
use std::str::FromStr;

#[cfg(feature = "ndarray")]
use burn::tensor::Device;

#[cfg(feature = "wgpu")]
use crate::gpu;
use crate::{Adapter, AdapterKind, DeviceError, Opened, UnknownDevice};

/// What a user asks for.
///
/// ```
/// use u2i_device::DeviceChoice;
/// assert_eq!("wgpu:1".parse(), Ok(DeviceChoice::Wgpu(1)));
/// assert_eq!("wgpu".parse(), Ok(DeviceChoice::Wgpu(0)));
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
    /// The n-th of [`adapters`].
    Wgpu(usize),
}

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "ndarray" => Ok(DeviceChoice::NdArray),
            "wgpu" => Ok(DeviceChoice::Wgpu(0)),
            _ => {
                let n = text.strip_prefix("wgpu:").and_then(|n| n.parse().ok());
                n.map(DeviceChoice::Wgpu).ok_or_else(|| UnknownDevice(text.to_owned()))
            }
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

impl DeviceChoice {
    /// Opens the device. An adapter is opened once in a process and handed out again from then on.
    ///
    /// # Errors
    ///
    /// If this build has no such backend, or there is no such adapter, or it cannot be opened.
    pub fn open(self) -> Result<Opened, DeviceError> {
        match self {
            DeviceChoice::Cpu => Ok(Opened::cpu()),
            DeviceChoice::NdArray => ndarray(),
            DeviceChoice::Wgpu(n) => wgpu(n),
            DeviceChoice::Auto => Ok(auto()),
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

fn auto() -> Opened {
    let adapters = adapters();
    match adapters.iter().position(|adapter| adapter.kind != AdapterKind::Software) {
        None => Opened::cpu(),
        Some(n) => wgpu(n).unwrap_or_else(|error| Opened { passed_over: Some(error), ..Opened::cpu() }),
    }
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept to compare with, as long as burn has it")]
fn ndarray() -> Result<Opened, DeviceError> {
    Ok(Opened { device: Device::ndarray(), name: "ndarray".into(), ..Opened::cpu() })
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Opened, DeviceError> {
    Err(DeviceError::Feature { wanted: "ndarray".into(), feature: "ndarray" })
}

#[cfg(feature = "wgpu")]
fn wgpu(n: usize) -> Result<Opened, DeviceError> {
    gpu::open(n)
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(n: usize) -> Result<Opened, DeviceError> {
    Err(DeviceError::Feature { wanted: format!("wgpu:{n}"), feature: "wgpu" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_what_its_name_says() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("ndarray", DeviceChoice::NdArray),
            ("wgpu:0", DeviceChoice::Wgpu(0)),
            ("wgpu:12", DeviceChoice::Wgpu(12)),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        for text in ["", "gpu", "wgpu:", "wgpu:-1", "wgpu:x", "CPU"] {
            assert_eq!(text.parse::<DeviceChoice>(), Err(UnknownDevice(text.to_owned())));
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        let opened = DeviceChoice::Cpu.open().unwrap();
        assert_eq!((opened.name.as_str(), opened.is_gpu()), ("cpu", false));
    }

    #[cfg(not(feature = "wgpu"))]
    #[test]
    fn a_build_without_gpus_says_so() {
        assert_eq!(adapters(), []);
        assert_eq!(DeviceChoice::Auto.open().unwrap().name, "cpu");
        let error = DeviceChoice::Wgpu(0).open().unwrap_err();
        assert_eq!(error.to_string(), "no device `wgpu:0`: this build lacks the cargo feature `wgpu`");
    }

    #[test]
    fn what_was_looked_for_and_what_is_there_stand_in_the_error() {
        let wanted = || "wgpu:1".to_owned();
        let none = DeviceError::Adapter { wanted: wanted(), found: vec![] }.to_string();
        assert!(none.starts_with("no device `wgpu:1`: no adapter was found through "), "{none}");
        let one = DeviceError::Adapter { wanted: wanted(), found: vec!["wgpu:0 (discrete GPU)".into()] };
        assert!(one.to_string().contains("only wgpu:0 (discrete GPU) found through "), "{one}");
    }
}
