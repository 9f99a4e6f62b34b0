/// Items drawn for each row of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowNegatives {
    /// Negatives of a row.
    pub n: usize,
    /// `item_idx`, `[rows, n]`.
    pub items: Vec<u32>,
    /// Log of how often each is expected among its row's draws, `[rows, n]`.
    pub log_expected: Vec<f32>,
}

/// Items drawn for a whole batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Negatives {
    /// `item_idx`, ascending, each once, `[negatives]`.
    pub items: Vec<u32>,
    /// `ln(n · q_j) - ln(count_j)`: log of how often item `j` is expected in the `n` draws, less that of how
    /// often it came up, `[negatives]`. Each item then weighs as much as all its appearances would.
    pub log_expected: Vec<f32>,
}

impl FromIterator<(u32, f32)> for Negatives {
    fn from_iter<I: IntoIterator<Item = (u32, f32)>>(pairs: I) -> Self {
        let (items, log_expected) = pairs.into_iter().unzip();
        Negatives { items, log_expected }
    }
}
