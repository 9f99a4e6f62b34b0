//! Item vectors to nearest neighbours by inner product.
//!
//! [`ExactIndex`] compares every item, in blocked matrix products, and also counts where a target stands
//! ([`ExactIndex::scan`]), which evaluation uses. The feature `faiss` adds `FaissIndex` (Flat, IVF, HNSW),
//! built from a [`FaissSpec`] that configurations can hold with or without it. Both are an [`Index`], and so
//! may be any other library. Items that a user has seen are left out inside the search, and as many
//! neighbours come back as there are. Approximate searches are judged by [`recall`].
//!
//! ```toml
//! u2i-index = { git = "https://github.com/u2i-rs/u2i" }
//! # with faiss, which takes cmake, a C++ compiler and OpenBLAS:
//! u2i-index = { git = "https://github.com/u2i-rs/u2i", features = ["faiss"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/index_alone.rs")]
//! ```

mod eligible;
mod error;
mod exact;
#[cfg(feature = "faiss")]
mod faiss;
#[cfg(feature = "faiss")]
mod ffi;
mod file;
mod filter;
mod measure;
mod neighbors;
mod query;
mod row;
mod spec;
mod vectors;

use std::num::NonZeroUsize;
use std::path::Path;

pub use error::IndexError;
pub use exact::{ExactIndex, Scan};
#[cfg(feature = "faiss")]
pub use faiss::FaissIndex;
pub use filter::{Filter, ItemSet};
pub use measure::{SearchQuality, measure};
pub use neighbors::{Neighbors, recall, same_lists};
pub use row::Rank;
pub use spec::{FaissSpec, Metric};
pub use vectors::ItemVectors;

/// Finds items by the inner product of their vectors with a query. Built once, then searched from any thread.
pub trait Index: Send + Sync {
    /// The name under which results are reported, with all settings: `exact`, `ivf_ip(nlist=64,nprobe=8)`.
    fn kind(&self) -> String;

    /// Numbers per query.
    fn dim(&self) -> usize;

    /// Number of items.
    fn len(&self) -> usize;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best `k` items for each query, or all that the filter leaves where there are fewer: never less than
    /// that, never anything but items, and none twice. Scores are inner products, whatever the index compares by.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, dim]`
    ///
    /// # Errors
    ///
    /// Queries that are not whole, not finite or too long, and exclusion lists that are not one ascending
    /// list per query; an approximate index may fail in its own ways.
    fn search(&self, queries: &[f32], k: NonZeroUsize, filter: Filter<'_>) -> Result<Neighbors, IndexError>;

    /// Writes the index to one file. The file is replaced only by a whole one.
    ///
    /// # Errors
    ///
    /// [`Io`](IndexError::Io), or what the library behind the index reports.
    fn save(&self, path: &Path) -> Result<(), IndexError>;
}
