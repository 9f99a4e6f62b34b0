//! Raw event files to time-ordered training samples, without leakage.
//!
//! [`DataConfig::read`] turns MovieLens folders, one's own CSV and Parquet files or sequences of pairs into
//! [`RawData`]; [`prepare`] orders the events, splits them, fits feature columns on training events only and chooses
//! the training targets. What comes out, [`Prepared`], is plain data of `u2i-schema`.
//!
//! ```toml
//! u2i-features = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/features_alone.rs")]
//! ```
//!
//! polars reads the user's own files; it is re-exported because [`FeatureError`] carries its errors.

mod attributes;
mod cells;
mod config;
mod error;
mod file_beginning;
mod fit;
pub mod formats;
mod ids;
mod limits;
mod movielens;
mod order;
mod part;
mod prepare;
mod prepared;
mod profile;
mod ratings;
mod raw;
mod read;
mod read_tables;
mod requests;
mod row_source;
mod samples;
mod sequence_column;
mod sequences;
mod split;
mod table;
mod table_attributes;
mod tally;
mod target_sets;
mod text;
mod time;
mod typed_cells;

pub use cells::{Cells, Stored};
pub use config::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnConfig, ColumnKind, DataConfig, EventsConfig,
    FeaturesConfig, FilesSplit, HistoryConfig, ItemIdConfig, KindConfig, LogConfig, LogsConfig,
    MovieLensConfig, PerUser, SamplesConfig, SequenceFileConfig, SequencesConfig, SequencesLayout,
    SplitConfig, TablesConfig, Ties, TimeConfig,
};
pub use error::FeatureError;
pub use file_beginning::{FileBeginning, TextBeginning};
pub use formats::{FileFormat, Formats, FoundFormat, OtherFormat, table_format};
pub use limits::ReadLimits;
pub use movielens::{read_ml_1m, read_ml_100k};
pub use part::FilePart;
pub use polars;
pub use prepare::prepare;
pub use prepared::Prepared;
pub use profile::{ColumnProfile, SEPARATORS, Separated, TableProfile, profile_table};
pub use raw::{
    EventParts, FileCounts, RawColumn, RawData, RawEvents, RawKinds, RawSequence, RawValues, Reject, Times,
};
pub use read_tables::read_tables;
pub use requests::{HistoryColumn, RequestRow, RequestsConfig, read_requests};
pub use row_source::{Evidence, Recognition, RowFormat, RowSource, RowsInMemory, content_hash};
pub use sequences::read_sequences;
pub use target_sets::TargetSets;
pub use text::Encoding;
pub use time::{TimeUnit, datetime};
