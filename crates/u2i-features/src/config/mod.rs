//! The sections of an experiment file that this crate reads: `[data]`, `[split]`, `[features]` and `[samples]`.

mod data;
mod features;
mod logs;
mod split;
mod tables;

pub use data::{DataConfig, MovieLensConfig, SequencesConfig, SequencesLayout};
pub use features::{ColumnConfig, ColumnKind, FeaturesConfig, HistoryConfig, ItemIdConfig};
pub use logs::{KindConfig, LogConfig, LogsConfig};
pub use split::{FilesSplit, PerUser, SamplesConfig, SplitConfig, Ties};
pub use tables::{
    AttributeConfig, AttributeKind, AttributesConfig, EventsConfig, Incomplete, SequenceFileConfig,
    TablesConfig, TimeConfig,
};
