//! From files to a config, and from a config to what is in the files: what stands behind `u2i init` and
//! `u2i validate`.
//!
//! [`init`] looks at files and writes a complete experiment, each guess under its reason. [`validate`] reads what an
//! experiment names and says what training would meet; it changes nothing.
//!
//! ```toml
//! u2i = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-onboarding = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/onboarding_alone.rs")]
//! ```

mod attributes;
mod column_summary;
mod column_uses;
mod described;
mod events_file;
mod folder;
mod init;
mod looked;
mod model_choice;
mod names;
mod options;
mod plan;
mod recipe;
mod roles;
mod sampled;
mod sniff;
mod source;
mod times;
mod validate;
mod vocabulary;
mod write;

pub use column_summary::{ColumnSummary, Counted};
pub use column_uses::{ColumnUse, Use};
pub use init::{Initialised, init, init_following};
pub use model_choice::ModelChoice;
pub use options::InitOptions;
pub use plan::FileUse;
pub use times::parse_time_unit;
pub use validate::{
    FileSummary, MarkedColumn, Quantiles, SplitSummary, Validation, validate, validate_following,
};
pub use write::Guess;
