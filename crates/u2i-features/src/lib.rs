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
mod calendar_digits;
mod cells;
mod column_glance;
mod column_names;
mod config;
mod datetime;
mod encoding;
mod encoding_guess;
mod error;
mod feasible;
mod file_beginning;
mod file_bytes;
mod fit;
pub mod formats;
mod ids;
mod json_columns;
mod json_text;
mod limits;
mod lists;
mod missing_marks;
mod movielens;
mod numerals;
mod order;
mod part;
mod part_files;
mod prepare;
mod prepared;
mod profile;
mod ratings;
mod raw;
mod read;
mod read_progress;
mod read_tables;
mod requests;
mod row_sample;
mod row_source;
mod samples;
mod sequence_column;
mod sequences;
mod signature;
mod split;
mod table;
mod table_attributes;
mod table_parts;
mod tally;
mod target_sets;
mod text;
mod time;
mod time_guess;
mod time_pattern;
mod transcoder;
mod typed_cells;
mod unix_time;
mod whole_number;

pub use cells::{Cells, Stored};
pub use column_glance::{ColumnGlance, glance_at_columns};
pub use config::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnConfig, ColumnKind, DataConfig, EventsConfig,
    FeaturesConfig, FilesSplit, HistoryConfig, Incomplete, ItemIdConfig, KindConfig, LogConfig, LogsConfig,
    MovieLensConfig, PerUser, SamplesConfig, SequenceFileConfig, SequencesConfig, SequencesLayout,
    SplitConfig, TablesConfig, Ties, TimeConfig,
};
pub use datetime::datetime;
pub use encoding::{Encoding, WebEncoding};
pub use error::FeatureError;
pub use feasible::can_prepare;
pub use file_beginning::{FileBeginning, TextBeginning};
pub use formats::{FileFormat, Formats, FoundFormat, OtherFormat, table_format};
pub use limits::ReadLimits;
pub use missing_marks::MISSING_MARKS;
pub use movielens::{read_ml_1m, read_ml_10m, read_ml_100k};
pub use part::FilePart;
pub use part_files::{PartFile, part_files};
pub use polars;
pub use prepare::{prepare, prepare_following};
pub use prepared::Prepared;
pub use profile::{ColumnProfile, SEPARATORS, Separated, TableProfile, profile_table};
pub use raw::{
    EventParts, FileCounts, MarkedCells, RawColumn, RawData, RawEvents, RawKinds, RawSequence, RawValues,
    Reject, Times,
};
pub use read_progress::ReadProgress;
pub use read_tables::read_tables;
pub use requests::{HistoryColumn, RequestRow, RequestsConfig, read_requests};
pub use row_sample::RowSample;
pub use row_source::{Evidence, Recognition, RowFormat, RowSource, RowsInMemory, TextNotation, content_hash};
pub use sequences::read_sequences;
pub use table::n_bytes as table_bytes;
pub use target_sets::TargetSets;
pub use time::TimeUnit;
pub use time_guess::PlausibleUnit;
pub use time_pattern::TimePattern;
pub use unix_time::UnixTime;
