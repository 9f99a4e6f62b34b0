use u2i_eval::Rank;
use u2i_index::Seen;

/// What a baseline is asked of one user.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The user.
    pub user: u32,
    /// What the user did before the target, oldest first.
    pub history: &'a [u32],
    /// The items whose ranks are wanted, each once.
    pub relevant: &'a [u32],
    /// How many recommended items are wanted, 0 for none.
    pub k: usize,
}

/// What a baseline answers of one user.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRanks {
    /// Of each relevant item, in their order.
    pub ranks: Vec<TargetRank>,
    /// At most `k` items, best first, seen items excluded. Ties go to the lower index.
    pub top: Vec<u32>,
}

/// Rank of a target: 1 + items above it + ties / 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetRank {
    /// Among the items that are not in the history; a miss if the target is in it.
    pub excluded: Rank,
    /// Among all items; a miss if the target is not in the catalog.
    pub kept: Rank,
}

impl TargetRank {
    /// The rank under a rule for seen items.
    pub fn under(&self, seen: Seen) -> Rank {
        match seen {
            Seen::Excluded => self.excluded,
            Seen::Kept => self.kept,
        }
    }
}
