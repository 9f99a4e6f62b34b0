//! A trained recall model as a directory of files, each bound by its SHA-256, and the recommender that reads it.
//!
//! [`write()`] makes a bundle: weights, vocabularies, items, users with their histories, item vectors, and an approximate
//! index that is published only with its measured recall. [`Recommender::open`] checks every byte and answers
//! [`Request`]s: of a known user, of a new one by a history, or of anybody by what is known of them. What is served is
//! what was evaluated: user vectors are made by [`u2i_schema::BatchMaker`], the one that training and evaluation use.
//!
//! A model is anything whose config implements [`TwoTowerConfig`](u2i_models::TwoTowerConfig): of one's own it is
//! read by [`Recommender::open_as`].
//!
//! The files are ordinary ones, which `docs/bundle.md` describes: Parquet, npy, safetensors, and an index that faiss
//! itself opens. Without the feature `faiss` bundles are searched exactly.
//!
//! ```toml
//! u2i-bundle = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-index = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-models = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-schema = { git = "https://github.com/u2i-rs/u2i" }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! # with faiss, which takes cmake, a C++ compiler and OpenBLAS:
//! u2i-bundle = { git = "https://github.com/u2i-rs/u2i", features = ["faiss"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/bundle_alone.rs")]
//! ```

mod answer;
mod condition;
mod conditions;
mod encoder;
mod error;
mod features;
mod hash;
mod items;
mod manifest;
mod npy;
mod origin;
mod part;
mod read;
mod recommender;
mod request;
mod seal;
mod table;
mod users;
mod vocab;
mod weights;
mod write;

pub use answer::{Answer, Because, Recommended, Strategy};
pub use condition::Where;
pub use error::BundleError;
pub use items::{Attribute, AttributeValues};
pub use manifest::{
    AttributeEntry, ColumnEntry, Exact, IndexEntry, Manifest, PartEntry, Sizes, TransformEntry, ValueKind,
};
pub use part::Part;
pub use read::verify;
pub use recommender::{IndexState, Item, Recommender};
pub use request::{Happened, Now, Options, PopularNow, Request, Search};
pub use u2i_index::{ItemSet, Seen};
pub use write::{BundleColumn, Contents, IndexPlan, N_FILES, write, write_following};
