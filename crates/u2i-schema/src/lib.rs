//! What a recommender's data looks like once it is read: feature columns and how raw values become rows of
//! embedding tables, the time-ordered event store, samples that are only *(user, position)*, the catalogue,
//! and the host batches that are sliced from them.
//!
//! Plain data: no files, no frames, no tensors. The same [`BatchMaker`] slices batches for training,
//! evaluation and serving, so a feature cannot differ between them.
//!
//! Row 0 of every table is [`PADDING`]: it is masked wherever it is looked up and is never an item.
//!
//! ```toml
//! u2i-schema = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/schema_alone.rs")]
//! ```

mod batch;
mod catalog;
mod clock;
mod column;
mod error_kind;
mod events;
mod hash;
mod side_events;
mod vocabulary;

pub use batch::{BatchMaker, Chunk, ColumnRows, ItemRows, RequestError, Slot, UserRows};
pub use catalog::{Catalog, Users};
pub use clock::{hour, weekday};
pub use column::{Column, ColumnData, ColumnError, Raw, Side, Transform, Wave};
pub use error_kind::ErrorKind;
pub use events::{EventStore, EventStoreError, Sample, SampleTable, TrainEvents};
pub use hash::{Digest, Number};
pub use side_events::SideEvents;
pub use vocabulary::{OUT_OF_VOCABULARY, Vocabulary};

/// The time of an event that is known by its place in a history only.
pub const NO_TIME: i64 = i64::MIN;

/// Row 0 of every embedding table: "nothing here". Never an item, never trained, never returned.
pub const PADDING: u32 = 0;
