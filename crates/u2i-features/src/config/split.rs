use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How events are divided: the `[split]` section. Training events always are a prefix of each user's events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitConfig {
    /// Per user in time order: the last event is the test target, the one before it the validation target, the
    /// rest trains. Users with fewer than three events only train.
    LeaveLastOut {
        /// Order of events of one user and second.
        ties: Ties,
    },
    /// By two times, the quantiles of all event times. Training events are strictly before the first; each
    /// user's first event from the second on is the test target, and the first one between them the validation
    /// target. The history of a target is everything before it. Targets without history are left out.
    ///
    /// The quantile `q` of `n` sorted times is the one at rank `⌊q·n⌋`, counted from 0.
    TimeCut {
        /// Order of events of one user and second.
        ties: Ties,
        /// Where training ends and validation begins, for instance 0.8.
        validation_quantile: f64,
        /// Where validation ends and the test begins, for instance 0.9.
        test_quantile: f64,
    },
    /// As the chapter's code: per user in file order, whatever the times say; the last row is the test target,
    /// the rest trains. We hold the row before the last back for validation.
    Book {
        /// Users with fewer events are dropped. At least 3.
        min_events: u32,
    },
}

/// Order of events that one user has in the same second. Equal rows are all kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// As in the file.
    File,
    /// By raw item id: independent of the order of rows in the file.
    ItemId,
    /// In a random order, the same for the same seed: independent of the order of rows in the file, and of what it may
    /// tell about the order in which people came upon the items.
    Shuffled {
        /// Of the draw.
        seed: u64,
    },
}

/// Which training events become targets: the `[samples]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// How many of each user. A user's first event has no history and is never a target.
    pub per_user: PerUser,
}

/// How many training targets a user gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PerUser {
    /// All.
    All {},
    /// At most the `n` newest.
    Newest {
        /// The cap.
        n: NonZeroU32,
    },
    /// At most `n`, drawn without replacement.
    Drawn {
        /// The cap.
        n: NonZeroU32,
    },
    /// Exactly `n` of every user that has one, so that users weigh the same (Covington et al., "Deep Neural
    /// Networks for YouTube Recommendations", RecSys 2016, §3.4): drawn without replacement, with replacement
    /// where there are fewer than `n`.
    Fixed {
        /// The number.
        n: NonZeroU32,
    },
}
