/// Why a model cannot be built from its config.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The towers' vectors could not be multiplied.
    #[error("towers of unequal output dimension: user {user}, item {item}")]
    UnequalDims {
        /// Output dimension of the user tower.
        user: usize,
        /// Output dimension of the item tower.
        item: usize,
    },
    /// A skip or residual connection adds vectors of different dimension.
    #[error("`{key}` adds the embedding of dimension {embedding} to an output of dimension {output}")]
    SkipDims {
        /// The config key that asks for it.
        key: &'static str,
        /// Dimension of the embedding.
        embedding: usize,
        /// Dimension of the tower's output.
        output: usize,
    },
    /// A tower without any input.
    #[error("the {0} tower has no input: no column on its side and no history")]
    NoInput(&'static str),
    /// A value outside of its range.
    #[error("`{key}` is {found}, expected {expected}")]
    Range {
        /// The config key.
        key: &'static str,
        /// What was there.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A combination that the model cannot compute.
    #[error("`{key}`: {reason}")]
    Unsupported {
        /// The config key.
        key: &'static str,
        /// Why not.
        reason: &'static str,
    },
}
