//! Arrays in files that numpy and we read: `.npy` of format 1.0, and safetensors.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use safetensors::{Dtype, View};

/// Numbers of four bytes, or offsets of eight, with a shape.
pub enum Array {
    F32(Vec<usize>, Vec<f32>),
    I32(Vec<usize>, Vec<i32>),
    I64(Vec<usize>, Vec<i64>),
}

impl Array {
    fn parts(&self) -> (&[usize], Vec<u8>, &'static str, Dtype) {
        match self {
            Array::F32(shape, data) => {
                (shape, data.iter().flat_map(|x| x.to_le_bytes()).collect(), "<f4", Dtype::F32)
            }
            Array::I32(shape, data) => {
                (shape, data.iter().flat_map(|x| x.to_le_bytes()).collect(), "<i4", Dtype::I32)
            }
            Array::I64(shape, data) => {
                (shape, data.iter().flat_map(|x| x.to_le_bytes()).collect(), "<i8", Dtype::I64)
            }
        }
    }

    /// Writes a `.npy` file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let (shape, bytes, descr, _) = self.parts();
        let shape: String = shape.iter().map(|n| format!("{n},")).collect();
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        // Mark, version and length take ten bytes; the data begins at a multiple of 64.
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend(u16::try_from(length)?.to_le_bytes());
        file.extend(format!("{header:<width$}\n", width = length - 1).as_bytes());
        file.extend(bytes);
        // Under another name first, so that half a file is not taken for a whole one.
        let partial = path.with_extension("partial");
        fs::write(&partial, file)
            .and_then(|()| fs::rename(&partial, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `u32` indices as numpy's `int32`.
pub fn indices(shape: &[usize], values: &[u32]) -> Result<Array> {
    let values = values.iter().map(|&value| i32::try_from(value)).collect::<Result<_, _>>()?;
    Ok(Array::I32(shape.to_vec(), values))
}

/// Reads the `f32` of a `.npy` file that [`Array::write`] wrote.
pub fn read_f32(path: &Path) -> Result<Vec<f32>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(file.len() > 10 && file.starts_with(b"\x93NUMPY\x01"), "{} is no .npy file", path.display());
    let length = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    ensure!(file.len() >= length, "{} is cut off", path.display());
    let (header, data) = file.split_at(length);
    ensure!(String::from_utf8_lossy(header).contains("'<f4'"), "{} holds no 32-bit floats", path.display());
    let (values, _) = data.as_chunks::<4>();
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

struct Bytes(Dtype, Vec<usize>, Vec<u8>);

impl View for &Bytes {
    fn dtype(&self) -> Dtype {
        self.0
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.2)
    }
    fn data_len(&self) -> usize {
        self.2.len()
    }
}

/// Writes arrays by their names.
pub fn write_safetensors(path: &Path, arrays: &[(String, Array)]) -> Result<()> {
    let of = |array: &Array| {
        let (shape, bytes, _, dtype) = array.parts();
        Bytes(dtype, shape.to_vec(), bytes)
    };
    let all: Vec<(&str, Bytes)> = arrays.iter().map(|(name, array)| (name.as_str(), of(array))).collect();
    safetensors::serialize_to_file(all.iter().map(|(name, bytes)| (*name, bytes)), None, path)
        .with_context(|| format!("cannot write {}", path.display()))
}
