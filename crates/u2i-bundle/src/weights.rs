//! `weights.safetensors`: all weights by their path in the model.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use u2i_models::HostTensor;

use crate::BundleError;
use crate::error::{io, malformed};
use crate::seal::KEY;

/// A header longer than this is none: names and shapes of some dozens of tensors.
const MAX_HEADER: u64 = 16 << 20;

/// Writes weights with the stamp of their bundle and syncs the file.
pub(crate) fn write(
    path: &Path,
    weights: &BTreeMap<String, HostTensor>,
    stamp: &str,
) -> Result<(), BundleError> {
    let bytes: Vec<Vec<u8>> =
        weights.values().map(|tensor| tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for ((name, tensor), bytes) in weights.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        views.push((name, view.map_err(|error| BundleError::Contents(format!("weight `{name}`: {error}")))?));
    }
    let metadata = HashMap::from([(KEY.to_owned(), stamp.to_owned())]);
    let all = safetensors::serialize(views, Some(metadata))
        .map_err(|error| BundleError::Contents(format!("weights: {error}")))?;
    u2i_disk::write_new(path, &all).map_err(|error| io("write", path, all.len() as u64)(error.source))
}

/// The weights of a file whose hash was checked.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, HostTensor>, BundleError> {
    let bytes = fs::read(path).map_err(io("read", path, None))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| malformed(path, error.to_string()))?;
    let mut all = BTreeMap::new();
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(malformed(path, format!("`{name}` of {:?}, wanted F32", view.dtype())));
        }
        let data = view.data().as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
        all.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), data });
    }
    Ok(all)
}

/// The stamp in a file that may be damaged in any way.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    file.take(length.min(MAX_HEADER)).read_to_end(&mut header).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    header["__metadata__"][KEY].as_str().map(str::to_owned)
}
