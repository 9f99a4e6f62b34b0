//! The chapter's experiments: which recipes belong to which protocol, runs, guards, tables, and its claims.

mod ablate;
mod chapter;
pub mod claims;
mod cold_tables;
mod dry_run;
mod expected;
mod guards;
mod protocol;
mod recipes;
mod run;
mod tables;

pub use ablate::{AblateOptions, Ablated, AblationRun, Ablations, Change, ablate};
pub use chapter::{CHAPTER, ChapterRow};
pub use dry_run::{PlannedRun, dry_run};
pub use expected::{Expected, ExpectedRow, Figure, Held};
pub use guards::Guards;
pub use protocol::Protocol;
pub use recipes::{ModelName, Recipe, built_in, experiment};
pub use run::{ReproduceOptions, Reproduced, reproduce};
pub use tables::ProtocolTable;
