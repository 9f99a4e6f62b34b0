//! The faiss that `u2i-index` links, called through its C interface and nothing else: no filter, no ids, no checks.
#![allow(unsafe_code, reason = "this is the C interface")]

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use anyhow::{Context as _, Result, ensure};
use faiss_sys as c;

/// An index that is searched, and never freed: the process ends with it.
pub struct Bare {
    index: *mut c::FaissIndex,
    dim: usize,
}

impl Bare {
    /// Reads an index file, and sets a parameter of its searches.
    pub fn read(path: &Path, dim: usize, parameter: &str, value: usize) -> Result<Self> {
        let name = CString::new(path.to_str().context("the path is not UTF-8")?)?;
        let parameter = CString::new(parameter)?;
        let (mut index, mut space) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: strings end in NUL and live through the calls, which write a pointer each and no more; the file is
        // one that faiss wrote a moment ago.
        unsafe {
            ensure!(
                c::faiss_read_index_fname(name.as_ptr(), 0, &mut index) == 0,
                "faiss cannot read the index"
            );
            ensure!(c::faiss_ParameterSpace_new(&mut space) == 0, "faiss has no parameters");
            let code =
                c::faiss_ParameterSpace_set_index_parameter(space, index, parameter.as_ptr(), value as f64);
            c::faiss_ParameterSpace_free(space);
            ensure!(code == 0, "faiss does not know the parameter");
        }
        Ok(Bare { index, dim })
    }

    /// Searches for the `k` nearest of each query, into vectors made beforehand.
    pub fn search(&self, queries: &[f32], k: usize, values: &mut [f32], places: &mut [i64]) -> Result<()> {
        let n = queries.len() / self.dim;
        assert!(values.len() >= n * k && places.len() >= n * k, "room for what is found");
        // SAFETY: the index is alive and only read, and all three hold what is read or written.
        let code = unsafe {
            c::faiss_Index_search(
                self.index,
                n as c::idx_t,
                queries.as_ptr(),
                k as c::idx_t,
                values.as_mut_ptr(),
                places.as_mut_ptr(),
            )
        };
        ensure!(code == 0, "faiss cannot search");
        Ok(())
    }
}
