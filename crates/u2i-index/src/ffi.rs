//! The part of faiss's C interface that is used, made safe: lengths are checked before they cross, return
//! codes become errors, and everything made is freed.
//!
//! Each C function called here that can fail catches all C++ exceptions and returns a code; the others only
//! read a field or free an object.

#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::ptr::{self, NonNull};

use faiss_sys as c;

use code::checked;
use interrupt::Asked;

use crate::IndexError;
use crate::file::io_error;

mod code;
mod interrupt;

unsafe extern "C" {
    // OpenMP's own interface, from the library that faiss is linked with.
    fn omp_get_max_threads() -> c_int;
    fn omp_set_num_threads(threads: c_int);
}

/// A faiss index over the rows added to it; its ids are their positions.
pub(crate) struct RawIndex(NonNull<c::FaissIndex>);

// SAFETY: a faiss index is plain memory without ties to the thread that made it.
unsafe impl Send for RawIndex {}
// SAFETY: through `&self` only searches and getters are reachable. faiss documents searches of CPU indexes as
// thread-safe; what they share are statistics counters that nothing reads. Setters, training and adding take
// `&mut self`.
unsafe impl Sync for RawIndex {}

impl Drop for RawIndex {
    fn drop(&mut self) {
        // SAFETY: the pointer came from faiss, is owned by this value alone and is not used again.
        unsafe { c::faiss_Index_free(self.0.as_ptr()) }
    }
}

/// How faiss itself compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawMetric {
    InnerProduct,
    SquaredDistance,
}

impl RawMetric {
    fn code(self) -> c::FaissMetricType {
        match self {
            RawMetric::InnerProduct => c::FaissMetricType_METRIC_INNER_PRODUCT,
            RawMetric::SquaredDistance => c::FaissMetricType_METRIC_L2,
        }
    }
}

impl RawIndex {
    /// An empty index, from the description language of faiss's index factory.
    pub(crate) fn new(dim: usize, description: &str, metric: RawMetric) -> Result<Self, IndexError> {
        let wanted = || format!("at most {}", c_int::MAX);
        let dim = c_int::try_from(dim).map_err(|_| IndexError::Setting {
            name: "dim",
            found: dim,
            wanted: wanted(),
        })?;
        interrupt::install();
        let description = CString::new(description).expect("descriptions are made here, without NUL");
        let mut index = ptr::null_mut();
        // SAFETY: the string ends in NUL and lives through the call, which writes a pointer to `index` and no
        // more.
        checked("create an index", unsafe {
            c::faiss_index_factory(&mut index, dim, description.as_ptr(), metric.code())
        })?;
        owned("create an index", index).map(RawIndex)
    }

    /// Reads an index file. It must be known to be what faiss wrote: faiss validates little.
    pub(crate) fn read(path: &Path) -> Result<Self, IndexError> {
        let name = c_path(path)?;
        interrupt::install();
        let mut index = ptr::null_mut();
        // SAFETY: the name ends in NUL and lives through the call, which writes a pointer to `index` and no
        // more.
        checked("read an index", unsafe { c::faiss_read_index_fname(name.as_ptr(), 0, &mut index) })?;
        owned("read an index", index).map(RawIndex)
    }

    /// Writes the index file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), IndexError> {
        let name = c_path(path)?;
        // SAFETY: the index is alive and only read; the name ends in NUL and lives through the call.
        checked("write an index", unsafe { c::faiss_write_index_fname(self.0.as_ptr(), name.as_ptr()) })
    }

    /// Sets a parameter by the name that faiss's `ParameterSpace` knows it under.
    pub(crate) fn set(&mut self, name: &str, value: usize) -> Result<(), IndexError> {
        let name = CString::new(name).expect("names are given here, without NUL");
        let mut space = ptr::null_mut();
        // SAFETY: the call writes a pointer to `space` and no more.
        checked("set a parameter", unsafe { c::faiss_ParameterSpace_new(&mut space) })?;
        // SAFETY: space and index are alive, the index is borrowed exclusively, the name ends in NUL. The
        // space is freed once, here, and the index keeps no reference to it.
        checked("set a parameter", unsafe {
            let code = c::faiss_ParameterSpace_set_index_parameter(
                space,
                self.0.as_ptr(),
                name.as_ptr(),
                value as f64,
            );
            c::faiss_ParameterSpace_free(space);
            code
        })
    }

    /// Trains on `[items, dim]` numbers, then adds them.
    pub(crate) fn train_and_add(&mut self, data: &[f32]) -> Result<(), IndexError> {
        let n = self.rows(data) as c::idx_t;
        // SAFETY: the index is borrowed exclusively, and `data` holds the `n * dim` numbers that are read.
        checked("train", unsafe { c::faiss_Index_train(self.0.as_ptr(), n, data.as_ptr()) })?;
        // SAFETY: as above.
        checked("add items", unsafe { c::faiss_Index_add(self.0.as_ptr(), n, data.as_ptr()) })
    }

    /// [`train_and_add`](Self::train_and_add), `at_once` rows at a time and the last twice as many at most. `tell` hears how
    /// many there are, and may break to stop: then, or in the middle of what faiss computes.
    pub(crate) fn train_and_add_following(
        &mut self,
        data: &[f32],
        at_once: usize,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), IndexError> {
        let (n, dim) = (self.rows(data), self.dim());
        let mut asked = Asked::new(tell);
        asked.tell(0)?;
        let index = self.0.as_ptr();
        // SAFETY: the index is borrowed exclusively, and `data` holds the `n * dim` numbers that are read.
        asked.during("train", || unsafe { c::faiss_Index_train(index, n as c::idx_t, data.as_ptr()) })?;
        let mut n_added = 0;
        while n_added < n {
            // A few rows at the end would be compared with clusters in another way if they came alone.
            let n_next = if (n - n_added) / 2 < at_once { n - n_added } else { at_once };
            let rows = &data[n_added * dim..(n_added + n_next) * dim];
            // SAFETY: as above, of the `n_next * dim` numbers of `rows`.
            asked.during("add items", || unsafe {
                c::faiss_Index_add(index, n_next as c::idx_t, rows.as_ptr())
            })?;
            n_added += n_next;
            asked.tell(n_added)?;
        }
        Ok(())
    }

    /// For each of the `[queries, dim]`, `k` values and positions, best first, filled up with position -1.
    pub(crate) fn search(&self, queries: &[f32], k: usize) -> Result<(Vec<f32>, Vec<i64>), IndexError> {
        let n = self.rows(queries);
        let (mut values, mut positions) = (vec![0.0; n * k], vec![-1; n * k]);
        // SAFETY: the index is alive and only read; `queries` holds `n * dim` numbers and both outputs have
        // room for the `n * k` that are written.
        checked("search", unsafe {
            alone(n, || {
                c::faiss_Index_search(
                    self.0.as_ptr(),
                    n as c::idx_t,
                    queries.as_ptr(),
                    k as c::idx_t,
                    values.as_mut_ptr(),
                    positions.as_mut_ptr(),
                )
            })
        })?;
        Ok((values, positions))
    }

    /// As [`search`](Self::search), among the positions whose bit is set (lowest bit of the first byte first).
    /// `nprobe` must be given for a clustered index, and for no other.
    pub(crate) fn search_among(
        &self,
        queries: &[f32],
        k: usize,
        eligible: &[u8],
        nprobe: Option<usize>,
    ) -> Result<(Vec<f32>, Vec<i64>), IndexError> {
        let n = self.rows(queries);
        let (mut values, mut positions) = (vec![0.0; n * k], vec![-1; n * k]);
        let mut selector = ptr::null_mut();
        // SAFETY: `eligible` outlives the selector, which is freed below and reads no byte past its length.
        checked("select items", unsafe {
            c::faiss_IDSelectorBitmap_new(&mut selector, eligible.len(), eligible.as_ptr())
        })?;
        let mut parameters = ptr::null_mut();
        // SAFETY: a bitmap selector is a selector, and outlives the parameters that refer to it. The index is
        // alive and only read; `queries` holds `n * dim` numbers and both outputs have room for the `n * k` that
        // are written. Parameters and selector are freed once, here, each with the function of its type; freeing
        // a null pointer does nothing.
        checked("search", unsafe {
            let mut code = match nprobe {
                Some(nprobe) => {
                    c::faiss_SearchParametersIVF_new_with(&mut parameters, selector.cast(), nprobe, 0)
                }
                None => c::faiss_SearchParameters_new(&mut parameters, selector.cast()),
            };
            if code == 0 {
                code = alone(n, || {
                    c::faiss_Index_search_with_params(
                        self.0.as_ptr(),
                        n as c::idx_t,
                        queries.as_ptr(),
                        k as c::idx_t,
                        parameters,
                        values.as_mut_ptr(),
                        positions.as_mut_ptr(),
                    )
                });
            }
            c::faiss_SearchParameters_free(parameters);
            c::faiss_IDSelectorBitmap_free(selector);
            code
        })?;
        Ok((values, positions))
    }

    /// The vectors in some rows as the index holds them, `[rows, dim]`.
    ///
    /// # Panics
    ///
    /// If there are no such rows.
    pub(crate) fn vectors(&self, rows: Range<usize>) -> Result<Vec<f32>, IndexError> {
        assert!(rows.start <= rows.end && rows.end <= self.len(), "rows {rows:?} of {}", self.len());
        let mut data = vec![0.0; rows.len() * self.dim()];
        let (first, n) = (rows.start as c::idx_t, rows.len() as c::idx_t);
        // SAFETY: the index is alive and only read; it has these rows, and `data` has room for the `rows * dim` numbers
        // that are written.
        checked("give the vectors back", unsafe {
            c::faiss_Index_reconstruct_n(self.0.as_ptr(), first, n, data.as_mut_ptr())
        })?;
        Ok(data)
    }

    pub(crate) fn dim(&self) -> usize {
        // SAFETY: the index is alive; this reads a field.
        unsafe { c::faiss_Index_d(self.0.as_ptr()) as usize }
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: the index is alive; this reads a field.
        unsafe { c::faiss_Index_ntotal(self.0.as_ptr()) as usize }
    }

    fn rows(&self, data: &[f32]) -> usize {
        let dim = self.dim();
        // faiss would round down silently.
        assert!(data.len().is_multiple_of(dim), "{} numbers are not rows of {dim}", data.len());
        data.len() / dim
    }
}

/// Runs a search for `n` queries, one of them on the calling thread alone: scanned codes would wake a team for it. So is any
/// number where rayon has no other thread either.
fn alone<T>(n: usize, work: impl FnOnce() -> T) -> T {
    if n == 1 || rayon::current_num_threads() == 1 { on_one_thread(work) } else { work() }
}

/// Runs `work` with OpenMP on the calling thread alone.
pub(crate) fn on_one_thread<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(c_int);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: sets a number that belongs to the calling thread.
            unsafe { omp_set_num_threads(self.0) }
        }
    }
    // SAFETY: reads, then sets, a number that belongs to the calling thread.
    let _restore = unsafe {
        let before = Restore(omp_get_max_threads());
        omp_set_num_threads(1);
        before
    };
    work()
}

fn owned(action: &'static str, index: *mut c::FaissIndex) -> Result<NonNull<c::FaissIndex>, IndexError> {
    NonNull::new(index)
        .ok_or_else(|| IndexError::Faiss { action, message: "it returned no index".to_owned() })
}

fn c_path(path: &Path) -> Result<CString, IndexError> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|source| io_error("name", path, source.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_faiss_carry_its_words() {
        let error = RawIndex::new(4, "no such index", RawMetric::InnerProduct).err().unwrap();
        assert!(error.to_string().starts_with("faiss failed to create an index: "), "{error}");
        assert!(error.to_string().contains("no such index"), "{error}");
        let error = RawIndex::read(Path::new("no/such/file")).err().unwrap();
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }

    #[test]
    fn the_number_of_threads_is_restored() {
        // SAFETY: both only touch a number that belongs to this thread.
        let threads = || unsafe { omp_get_max_threads() };
        let before = threads();
        assert_eq!(on_one_thread(threads), 1);
        assert_eq!(threads(), before);
    }
}
