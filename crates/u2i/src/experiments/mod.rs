//! The chapter's experiments: which recipes belong to which protocol, runs, guards and tables.

mod chapter;
mod dry_run;
mod guards;
mod protocol;
mod recipes;
mod run;
mod tables;

pub use chapter::{CHAPTER, ChapterRow};
pub use dry_run::{PlannedRun, dry_run};
pub use guards::Guards;
pub use protocol::Protocol;
pub use recipes::{ModelName, Recipe, built_in, experiment};
pub use run::{ReproduceOptions, Reproduced, reproduce};
pub use tables::ProtocolTable;
