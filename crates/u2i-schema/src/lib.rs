//! What a recommender's data looks like once it is read: feature columns and how raw values become rows of
//! embedding tables, the time-ordered event store, samples that are only *(user, position)*, the catalog,
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
mod column_rows;
mod error_kind;
mod events;
mod hash;
mod nearest;
mod rows;
mod samples;
mod side_events;
mod vocabulary;

pub use batch::{BatchMaker, RequestError};
pub use catalog::{Catalog, Users};
pub use clock::{NO_TIME, hour, weekday};
pub use column::{Column, ColumnData, ColumnError, Raw, Side, Transform, Wave};
pub use column_rows::ColumnRows;
pub use error_kind::ErrorKind;
pub use events::{EventStore, EventStoreError, TrainEvents};
pub use hash::{Digest, DigestPart, Number};
pub use nearest::nearest_name;
pub use rows::{ItemRows, Slot, UserRows};
pub use samples::{Chunk, Sample, SampleTable};
pub use side_events::SideEvents;
pub use vocabulary::{OUT_OF_VOCABULARY, PADDING, Vocabulary};
