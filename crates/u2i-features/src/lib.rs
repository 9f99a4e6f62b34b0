//! Raw event files to time-ordered training samples, without leakage.
//!
//! [`DataConfig::read`] turns MovieLens folders or one's own CSV and Parquet files into [`RawData`];
//! [`prepare`] orders the events, splits them, fits feature columns on training events only and chooses the
//! training targets. What comes out, [`Prepared`], is plain data of `u2i-schema`.
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
mod prepare;
mod prepared;
mod raw;
mod samples;
mod sources;
mod split;
mod table;
mod tally;
mod text;

pub use config::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnConfig, ColumnKind, DataConfig, EventsConfig,
    FeaturesConfig, FileFormat, HistoryConfig, MovieLensConfig, PerUser, ReadLimits, SamplesConfig,
    SplitConfig, TablesConfig, Ties, TimeConfig, TimeUnit,
};
pub use error::FeatureError;
pub use movielens::{read_ml_1m, read_ml_100k};
pub use polars;
pub use prepare::prepare;
pub use prepared::Prepared;
pub use raw::{FileCounts, RawColumn, RawData, RawEvents, RawValues, Reject};
pub use table::read_tables;
pub use text::Encoding;
