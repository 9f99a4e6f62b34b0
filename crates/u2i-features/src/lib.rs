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

mod config;
mod csv;
mod error;
mod fit;
mod frame;
mod ids;
mod movielens;
mod order;
mod parquet;
mod prepare;
mod prepared;
mod profile;
mod ratings;
mod raw;
mod requests;
mod samples;
mod sequences;
mod side;
mod sources;
mod split;
mod table;
mod tally;
mod text;
mod time;

pub use config::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnConfig, ColumnKind, DataConfig, EventsConfig,
    FeaturesConfig, FileFormat, HistoryConfig, ItemIdConfig, MovieLensConfig, PerUser, ReadLimits,
    SamplesConfig, SequenceFileConfig, SequencesConfig, SplitConfig, TablesConfig, Ties, TimeConfig,
    TimeUnit,
};
pub use error::FeatureError;
pub use movielens::{read_ml_1m, read_ml_100k};
pub use polars;
pub use prepare::prepare;
pub use prepared::Prepared;
pub use profile::{ColumnProfile, SEPARATORS, Separated, Stored, TableProfile, profile_table};
pub use raw::{FileCounts, RawColumn, RawData, RawEvents, RawSequence, RawValues, Reject, Times};
pub use requests::{HistoryColumn, RequestRow, RequestsConfig, read_requests};
pub use sequences::read_sequences;
pub use table::read_tables;
pub use text::Encoding;
pub use time::datetime;
