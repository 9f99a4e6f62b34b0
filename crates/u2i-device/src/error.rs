/// Why there is no such device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The backend is not compiled in.
    #[error("no device `{wanted}`: this build lacks the cargo feature `{feature}`")]
    Feature {
        /// What was asked for.
        wanted: String,
        /// The cargo feature, of this crate and of `u2i`.
        feature: &'static str,
    },
    /// The machine has no such adapter.
    #[error("no device `{wanted}`: {}", looked_for(found))]
    Adapter {
        /// What was asked for.
        wanted: String,
        /// What is there, one line each, by number.
        found: Vec<String>,
    },
    /// The adapter is there, and what this build would send it takes it down.
    #[error(
        "no device `{wanted}`: a software driver crashes on the SPIR-V of a build with the cargo feature `vulkan`; \
         build with `wgpu` alone"
    )]
    SoftwareSpirv {
        /// What was asked for.
        wanted: String,
    },
    /// The adapter is there and cannot be used.
    #[error("no device `{wanted}`: the {adapter} cannot be opened: {reason}")]
    Open {
        /// What was asked for.
        wanted: String,
        /// What it is.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
}

fn looked_for(found: &[String]) -> String {
    const APIS: &str = if cfg!(target_vendor = "apple") {
        "Metal"
    } else if cfg!(windows) {
        "Vulkan, Direct3D 12 and OpenGL"
    } else {
        "Vulkan and OpenGL"
    };
    match found {
        [] => format!("no adapter was found through {APIS}"),
        _ => format!("only {} found through {APIS}", found.join(" and ")),
    }
}

/// A name that is none of a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown device `{0}`, expected auto, cpu, ndarray, wgpu or wgpu:N")]
pub struct UnknownDevice(pub String);
