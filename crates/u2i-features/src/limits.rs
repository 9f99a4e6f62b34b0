use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::error::{FeatureError, invalid};

/// How many bad rows a file may have, and how long a row may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadLimits {
    /// Share of a file's rows, from 0 to 1, that may be unusable before reading fails. 0 tolerates none.
    pub max_reject_ratio: f64,
    /// A longer row is rejected. Bounds the memory that a broken file can take.
    pub max_line_bytes: NonZeroUsize,
}

impl ReadLimits {
    /// No unusable row, and none longer than 1 MiB.
    pub const STRICT: ReadLimits =
        ReadLimits { max_reject_ratio: 0.0, max_line_bytes: NonZeroUsize::new(1 << 20).unwrap() };

    pub(crate) fn check(&self) -> Result<(), FeatureError> {
        if (0.0..=1.0).contains(&self.max_reject_ratio) {
            return Ok(());
        }
        Err(invalid("data.*.limits.max_reject_ratio", "a share from 0 to 1", self.max_reject_ratio))
    }
}
