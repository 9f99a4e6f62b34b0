//! Item vectors to nearest neighbours by inner product.
//!
//! [`ExactIndex`] compares every item, in blocked matrix products, and also counts where a target stands
//! ([`ExactIndex::scan`]), which evaluation uses; [`MadeItems`] does so over vectors that are made block by block. The feature `faiss` adds `FaissIndex` (Flat, IVF, HNSW,
//! and compressed SQ8 and IVF-PQ), built from a [`FaissSpec`] that configurations can hold with or without it. Both
//! are an [`Index`], and so may be any other library. Approximate searches are judged by [`recall`] and [`measure`],
//! and [`ExactIndex::scores`] scores what they found as exact search does.
//!
//! ```toml
//! u2i-index = { git = "https://github.com/u2i-rs/u2i" }
//! # with faiss, which takes cmake, a C++ compiler and OpenBLAS:
//! u2i-index = { git = "https://github.com/u2i-rs/u2i", features = ["faiss"] }
//! ```
//!
//! # Filters
//!
//! A [`Filter`] says which items a search may return: those of one [`ItemSet`] for all queries (the comedies), less
//! one list for each query (what its user has seen). It is applied inside the search, never to what a search has
//! found, so that as many neighbours come back as there are up to `k`. [`ExactIndex`] multiplies only the vectors
//! that are left. faiss gets a bitmap of them; where they are so few that it would miss many, exact search answers.
//! The set is looked up once in a call, so queries that share one are best asked together.
//!
//! Four items by their angle from the query, with scores 1, 0.8, 0.6 and 0. Items 1, 3 and 4 are comedies, and the
//! second user has seen item 3:
//!
//! ```
//! use u2i_index::{ExactIndex, Filter, Index, ItemSet, ItemVectors};
//!
//! let items = ItemVectors::new(vec![1, 2, 3, 4], 2, vec![1.0, 0.0, 0.8, 0.6, 0.6, 0.8, 0.0, 1.0])?;
//! let index = ExactIndex::new(items);
//! let comedies = ItemSet::new([1, 3, 4]);
//! let seen = [vec![], vec![3]];
//! let filter = Filter::among(&comedies).and_excluding(&seen);
//! let found = index.search(&[1.0, 0.0, 1.0, 0.0], 2.try_into().unwrap(), filter)?;
//! assert_eq!((found.ids(0), found.scores(0)), (&[1, 3][..], &[1.0, 0.6][..]));
//! assert_eq!((found.ids(1), found.scores(1)), (&[1, 4][..], &[1.0, 0.0][..]));
//!
//! // Of two items that are left, two come back, whatever `k`.
//! let rest = index.search(&[1.0, 0.0], 9.try_into().unwrap(), Filter::among(&ItemSet::new([2, 4, 77])))?;
//! assert_eq!(rest.ids(0), [2, 4]);
//! # Ok::<(), u2i_index::IndexError>(())
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
mod made;
mod measure;
mod neighbors;
mod pass;
mod query;
mod row;
mod seen;
#[cfg(feature = "faiss")]
mod sizes;
mod spec;
mod threads;
mod vectors;

use std::num::NonZeroUsize;
use std::path::Path;

pub use error::IndexError;
pub use exact::{ExactIndex, Scan};
#[cfg(feature = "faiss")]
pub use faiss::FaissIndex;
pub use filter::{Filter, ItemSet};
pub use made::MadeItems;
pub use measure::{SearchQuality, measure, measure_following};
pub use neighbors::{Neighbors, recall, same_lists};
pub use seen::Seen;
pub use spec::{FaissSpec, Similarity};
pub use threads::keep_to_this_thread;
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
    ///
    /// # Implementing
    ///
    /// A filter can be read with [`Filter::lists`] and [`Filter::set`].
    fn search(&self, queries: &[f32], k: NonZeroUsize, filter: Filter<'_>) -> Result<Neighbors, IndexError>;

    /// Writes the index to one file. The file is replaced only by a whole one.
    ///
    /// # Errors
    ///
    /// [`Io`](IndexError::Io), or what the library behind the index reports.
    fn save(&self, path: &Path) -> Result<(), IndexError>;
}
