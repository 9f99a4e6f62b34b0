use serde::{Deserialize, Serialize};

/// How large a synthetic data set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticConfig {
    /// Users, cold ones included.
    pub users: u32,
    /// Items, cold ones included.
    pub items: u32,
    /// Mean number of events of a user that is not cold. A user never has more than half of the items.
    pub events_per_user: u32,
    /// Users with only one or two events.
    pub cold_users: u32,
    /// Items that nobody meets before the newest users' last events.
    pub cold_items: u32,
}

impl SyntheticConfig {
    /// About 50,000 events: three models train on it in well under a minute.
    pub const STANDARD: SyntheticConfig =
        SyntheticConfig { users: 2_000, items: 600, events_per_user: 25, cold_users: 40, cold_items: 6 };
}
