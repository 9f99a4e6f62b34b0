//! The chapter's experiments: which recipes belong to which protocol, runs, guards, tables, and its claims.
//!
//! [`reproduce`] trains the chapter's models and sets them beside its figures, [`ablate`] changes one thing at a time, and
//! [`claims`](claims::claims) looks at each of the chapter's statements. The chapter is section 2.2.2 of the fun-rec book.
//!
//! ```toml
//! u2i = { git = "https://github.com/u2i-rs/u2i" }
//! u2i-chapter = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/chapter_alone.rs")]
//! ```

mod ablate;
mod chapter;
pub mod claims;
mod cold_tables;
mod dry_run;
mod expected;
mod finished;
mod guards;
mod protocol;
mod recipes;
mod reproduce;
mod row;
mod tables;

pub use ablate::{AblateOptions, Ablated, AblationRun, Ablations, Change, ablate};
pub use chapter::{CHAPTER, ChapterRow};
pub use dry_run::{PlannedRun, dry_run};
pub use expected::{Expected, ExpectedRow, Figure, Held};
pub use guards::Guards;
pub use protocol::Protocol;
pub use recipes::{ModelName, Recipe, experiment};
pub use reproduce::{ReproduceOptions, Reproduced, reproduce};
pub use tables::ProtocolTable;
