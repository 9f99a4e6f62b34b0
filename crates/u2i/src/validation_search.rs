use serde::{Deserialize, Serialize};
use u2i_index::FaissSpec;

/// How a validation looks for the items of its users. The test is always exact.
///
/// # Examples
///
/// ```
/// # use u2i::config::ValidationSearch;
/// let search = |text| serde_json::from_str::<ValidationSearch>(text).unwrap();
/// assert_eq!(search(r#""exact""#), ValidationSearch::Exact);
/// let ValidationSearch::Faiss(spec) = search(r#"{"faiss":{"ivf":{"nlist":256,"nprobe":16}}}"#) else { panic!() };
/// assert_eq!(spec.kind(u2i::index::Similarity::InnerProduct), "ivf_ip(nlist=256,nprobe=16)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ValidationSearch {
    /// All items are compared with each user.
    Exact,
    /// An index is built after each epoch, which finds most of what it should. What it misses lowers the metric, of all epochs
    /// alike or nearly so; the report says by how much.
    Faiss(FaissSpec),
}

/// How far a validation by an approximate search is from one by exact search, of the model that was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidationSearchReport {
    /// The index with all settings.
    pub kind: String,
    /// Validation users that both were measured on.
    pub n_users: usize,
    /// The validation metric by exact search.
    pub exact: f64,
    /// The validation metric by the index.
    pub approximate: f64,
}
