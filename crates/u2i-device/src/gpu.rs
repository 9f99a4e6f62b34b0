//! Adapters of the graphics APIs that wgpu knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use burn::backend::{CubeDevice, DispatchDevice, WgpuDeviceKind};
use burn::tensor::{Device, DeviceKind, DeviceType};

use crate::{Adapter, AdapterKind, DeviceError, Opened};

pub(crate) fn adapters() -> Vec<Adapter> {
    let mut adapters: Vec<Adapter> =
        Device::enumerate(DeviceType::Wgpu).into_vec().iter().filter_map(adapter).collect();
    adapters.sort_by_key(|adapter| (adapter.kind, adapter.index));
    adapters
}

/// `None` for what its API does not call by one of the kinds that burn can open by number.
fn adapter(device: &Device) -> Option<Adapter> {
    let DispatchDevice::Cube(CubeDevice::Wgpu(device)) = device.as_dispatch() else { return None };
    let (kind, index) = match device.kind {
        WgpuDeviceKind::DiscreteGpu(n) => (AdapterKind::Discrete, n),
        WgpuDeviceKind::IntegratedGpu(n) => (AdapterKind::Integrated, n),
        WgpuDeviceKind::VirtualGpu(n) => (AdapterKind::Virtual, n),
        WgpuDeviceKind::Cpu => (AdapterKind::Software, 0),
        _ => return None,
    };
    Some(Adapter { kind, index })
}

/// What was opened, by number: burn opens an adapter once in a process.
static OPENED: Mutex<BTreeMap<usize, Opened>> = Mutex::new(BTreeMap::new());

pub(crate) fn open(n: usize) -> Result<Opened, DeviceError> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(opened) = opened.get(&n) {
        return Ok(opened.clone());
    }
    let name = format!("wgpu:{n}");
    let adapters = adapters();
    let Some(adapter) = adapters.get(n) else {
        let found = adapters.iter().enumerate();
        let found = found.map(|(i, adapter)| format!("wgpu:{i} ({})", adapter.kind.words())).collect();
        return Err(DeviceError::Adapter { wanted: name, found });
    };
    if cfg!(feature = "vulkan") && adapter.kind == AdapterKind::Software {
        return Err(DeviceError::SoftwareSpirv { wanted: name });
    }
    let kind = match adapter.kind {
        AdapterKind::Discrete => DeviceKind::DiscreteGpu(adapter.index),
        AdapterKind::Integrated => DeviceKind::IntegratedGpu(adapter.index),
        AdapterKind::Virtual => DeviceKind::VirtualGpu(adapter.index),
        AdapterKind::Software => DeviceKind::Cpu,
    };
    let (device, setup) = Device::wgpu_options().device_kind(kind).init_with_setup().map_err(|error| {
        let adapter = adapter.kind.words().to_owned();
        DeviceError::Open { wanted: name.clone(), adapter, reason: error.to_string() }
    })?;
    let info = setup.adapter.get_info();
    let new = Opened {
        device,
        name,
        adapter: Some(format!("{} ({:?})", info.name, info.backend)),
        passed_over: None,
    };
    opened.insert(n, new.clone());
    Ok(new)
}
