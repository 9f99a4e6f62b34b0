use serde::{Deserialize, Serialize};

/// A file of a bundle beside its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// All weights of the model.
    #[serde(rename = "weights.safetensors")]
    Weights,
    /// Values of categorical columns and their rows.
    #[serde(rename = "vocab.parquet")]
    Vocabulary,
    /// Ids, titles, training counts and raw attributes of all items.
    #[serde(rename = "items.parquet")]
    Items,
    /// Ids, encoded columns and histories of all users.
    #[serde(rename = "users.parquet")]
    Users,
    /// Vectors of the items that can be ranked.
    #[serde(rename = "item_vectors.npy")]
    ItemVectors,
    /// These vectors with the items' ids, for other programs.
    #[serde(rename = "item_vectors.parquet")]
    ItemVectorTable,
    /// An approximate index over the vectors.
    #[serde(rename = "index.faiss")]
    Index,
}

impl Part {
    /// All parts; the index is the only one that a bundle may lack.
    pub const ALL: [Part; 7] = [
        Part::Weights,
        Part::Vocabulary,
        Part::Items,
        Part::Users,
        Part::ItemVectors,
        Part::ItemVectorTable,
        Part::Index,
    ];

    /// Name of the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Part::Weights => "weights.safetensors",
            Part::Vocabulary => "vocab.parquet",
            Part::Items => "items.parquet",
            Part::Users => "users.parquet",
            Part::ItemVectors => "item_vectors.npy",
            Part::ItemVectorTable => "item_vectors.parquet",
            Part::Index => "index.faiss",
        }
    }
}
