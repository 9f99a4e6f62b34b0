use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use u2i_index::{FaissSpec, SearchQuality, Seen, Similarity};
use u2i_models::HistoryInput;
use u2i_schema::{Column, Side, Transform, Vocabulary, Wave};

use crate::error::{io, malformed};
use crate::hash::hex;
use crate::{BundleError, Part};

/// The newest layout that is read, and the one that is written.
pub(crate) const FORMAT: u32 = 1;
/// The oldest layout that is read.
pub(crate) const OLDEST_FORMAT: u32 = 1;
/// Longer histories than this would be a mistake: each request takes as much memory.
pub(crate) const MAX_HISTORY: usize = 1 << 16;
/// A manifest is text of some kilobytes.
const MAX_BYTES: u64 = 64 << 20;

/// What `manifest.json` says: everything about a bundle that is not in bulk, and what its other files are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// SHA-256 over what the bundle was made from. Every part carries it.
    pub seal: String,
    /// The model's config, as its own type writes it.
    pub model: serde_json::Value,
    /// The sequence of earlier items that the model looks at.
    pub history: Option<HistoryInput>,
    /// Feature columns with what was fitted: user, item and request side, each in the order of the batches.
    pub columns: Vec<ColumnEntry>,
    /// Raw attributes of items, which conditions can ask for.
    pub attributes: Vec<AttributeEntry>,
    /// Whether the id table has a row for items whose ids say nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_item: bool,
    /// What became of seen items in the evaluation, and so what becomes of them where a request does not say.
    #[serde(default = "excluded", skip_serializing_if = "is_excluded")]
    pub seen: Seen,
    /// How the files of the data were written, as the caller of [`write`](crate::write) said, so that files of requests
    /// can be read alike; `null` if it said nothing.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
    /// How much there is of everything.
    pub sizes: Sizes,
    /// The approximate index and how well it searches; `null` where search is exact.
    pub index: Option<IndexEntry>,
    /// What the model reached in evaluation, as the caller of [`write`](crate::write) said.
    pub metrics: serde_json::Value,
    /// Where the model comes from, as the caller of [`write`](crate::write) said.
    pub provenance: serde_json::Value,
    /// The other files.
    pub parts: BTreeMap<Part, PartEntry>,
    /// SHA-256 of the manifest up to this value.
    pub manifest_sha256: String,
}

/// Bundles that do not say leave seen items out.
fn excluded() -> Seen {
    Seen::Excluded
}

fn is_excluded(seen: &Seen) -> bool {
    *seen == Seen::Excluded
}

/// A feature column; the values of its vocabulary, if it has one, stand in `vocab.parquet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEntry {
    /// Name in the config.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// The raw attribute that it is made from.
    pub source: String,
    /// From raw value to row or number.
    pub transform: TransformEntry,
}

/// A fitted [`Transform`] without the values of its vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransformEntry {
    /// See [`Transform::Categorical`].
    Categorical {
        /// Number of known values.
        values: usize,
    },
    /// See [`Transform::Sequence`].
    Sequence {
        /// Number of known values.
        values: usize,
        /// The most events that are looked at.
        length: u32,
    },
    /// See [`Transform::Hashed`].
    Hashed {
        /// Number of rows that values are hashed to.
        buckets: u32,
    },
    /// See [`Transform::MultiCategorical`].
    MultiCategorical {
        /// Number of known values.
        values: usize,
    },
    /// See [`Transform::Bucketized`].
    Bucketized {
        /// Ascending edges.
        edges: Vec<Exact>,
    },
    /// See [`Transform::Standardized`].
    Standardized {
        /// Mean over the training data.
        mean: Exact,
        /// Standard deviation over the training data.
        sd: Exact,
    },
    /// See [`Transform::Log`].
    Log {
        /// Divides the logarithm.
        scale: Exact,
    },
    /// See [`Transform::Cyclic`].
    Cyclic {
        /// What is the same again after it.
        period: Exact,
        /// Which coordinate.
        wave: Wave,
    },
}

/// A 64-bit float that is written as text, the shortest that reads back to the same bits: readers of JSON do not agree
/// on the last bit of a number, and ours would be off, too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Exact(pub f64);

impl TryFrom<String> for Exact {
    type Error = std::num::ParseFloatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Exact)
    }
}

impl From<Exact> for String {
    fn from(number: Exact) -> Self {
        number.0.to_string()
    }
}

/// A raw attribute of items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeEntry {
    /// Name that conditions use.
    pub name: String,
    /// Its column in `items.parquet`.
    pub column: String,
    /// What its values are.
    pub kind: ValueKind,
}

/// The kind of values that an attribute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// One text each.
    Text,
    /// One number each.
    Number,
    /// Several texts each.
    List,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Users.
    pub users: usize,
    /// Their events.
    pub events: usize,
    /// Items.
    pub items: usize,
    /// Items with a training event: `item_idx` 1 to this.
    pub items_trained: usize,
    /// Items with a vector: `item_idx` 1 to this.
    pub items_ranked: usize,
    /// Numbers per vector.
    pub dim: usize,
    /// Weights of the model.
    pub weights: usize,
}

/// The published approximate index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// Kind and settings.
    pub spec: FaissSpec,
    /// What it compares by.
    pub metric: Similarity,
    /// Recall below which it would not have been published.
    pub min_recall: f64,
    /// Its recall and latency, measured on the file as it was written and read again.
    pub measured: SearchQuality,
    /// Recall and latency of exact search, for comparison.
    pub exact: SearchQuality,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Rows and columns of a table, items and numbers per vector, tensors and numbers of weights.
    pub shape: [u64; 2],
}

impl ColumnEntry {
    pub(crate) fn new(column: &Column, source: &str) -> Self {
        let transform = match &column.transform {
            Transform::Categorical(vocabulary) => {
                TransformEntry::Categorical { values: vocabulary.values().len() }
            }
            Transform::MultiCategorical(vocabulary) => {
                TransformEntry::MultiCategorical { values: vocabulary.values().len() }
            }
            Transform::Sequence { vocabulary, length } => {
                TransformEntry::Sequence { values: vocabulary.values().len(), length: *length }
            }
            Transform::Hashed { buckets } => TransformEntry::Hashed { buckets: *buckets },
            Transform::Bucketized { edges } => {
                TransformEntry::Bucketized { edges: edges.iter().copied().map(Exact).collect() }
            }
            Transform::Standardized { mean, sd } => {
                TransformEntry::Standardized { mean: Exact(*mean), sd: Exact(*sd) }
            }
            Transform::Log { scale } => TransformEntry::Log { scale: Exact(*scale) },
            Transform::Cyclic { period, wave } => {
                TransformEntry::Cyclic { period: Exact(*period), wave: *wave }
            }
        };
        ColumnEntry { name: column.name.clone(), side: column.side, source: source.to_owned(), transform }
    }

    /// The column again, with its vocabulary, which is empty for a column without one.
    pub(crate) fn column(&self, vocabulary: Vocabulary) -> Column {
        let transform = match &self.transform {
            TransformEntry::Categorical { .. } => Transform::Categorical(vocabulary),
            TransformEntry::MultiCategorical { .. } => Transform::MultiCategorical(vocabulary),
            TransformEntry::Sequence { length, .. } => Transform::Sequence { vocabulary, length: *length },
            TransformEntry::Hashed { buckets } => Transform::Hashed { buckets: *buckets },
            TransformEntry::Bucketized { edges } => {
                Transform::Bucketized { edges: edges.iter().map(|edge| edge.0).collect() }
            }
            TransformEntry::Standardized { mean, sd } => Transform::Standardized { mean: mean.0, sd: sd.0 },
            TransformEntry::Log { scale } => Transform::Log { scale: scale.0 },
            TransformEntry::Cyclic { period, wave } => Transform::Cyclic { period: period.0, wave: *wave },
        };
        Column { name: self.name.clone(), side: self.side, transform }
    }

    /// Number of values of its vocabulary.
    pub(crate) fn n_values(&self) -> usize {
        match self.transform {
            TransformEntry::Categorical { values }
            | TransformEntry::MultiCategorical { values }
            | TransformEntry::Sequence { values, .. } => values,
            _ => 0,
        }
    }
}

/// Only what every version's manifest has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// What follows the hash in the file.
const END: &str = "\"\n}\n";

impl Manifest {
    /// Name of the file.
    pub const FILE_NAME: &'static str = "manifest.json";

    /// The text of the file, with its own hash.
    pub(crate) fn sealed(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain data") + "\n";
        text.truncate(text.len() - END.len());
        let sha256 = hex(Sha256::new().chain_update(&text));
        text + &sha256 + END
    }

    /// Name of the model, where its config stands under one, as ours do: `fm`, `dssm` or `youtube_dnn`.
    pub fn model_name(&self) -> Option<&str> {
        let config = self.model.as_object().filter(|config| config.len() == 1)?;
        config.iter().find(|(_, config)| config.is_object()).map(|(name, _)| name.as_str())
    }

    /// Reads and checks the manifest of the bundle in `dir`, and none of its other files.
    ///
    /// # Errors
    ///
    /// [`Io`](BundleError::Io), [`Format`](BundleError::Format) for another version's, and
    /// [`Changed`](BundleError::Changed) for one that is not as it was written.
    pub fn read(dir: &Path) -> Result<Self, BundleError> {
        let path = dir.join(Self::FILE_NAME);
        let mut text = String::new();
        let file = File::open(&path).map_err(io("read", &path, None))?;
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|source| match source.kind() {
            std::io::ErrorKind::InvalidData => changed(&path, "form", "text", "not UTF-8"),
            _ => io("read", &path, None)(source),
        })?;
        let head: Head = serde_json::from_str(&text)
            .map_err(|error| changed(&path, "form", "JSON with a format", error.to_string()))?;
        if !(OLDEST_FORMAT..=FORMAT).contains(&head.format) {
            let (found, oldest, newest) = (head.format, OLDEST_FORMAT, FORMAT);
            return Err(BundleError::Format { path, found, oldest, newest });
        }
        let (hashed, written) = text
            .strip_suffix(END)
            .and_then(|text| text.split_at_checked(text.len().checked_sub(64)?))
            .ok_or_else(|| changed(&path, "end", "its SHA-256", "something else"))?;
        let found = hex(Sha256::new().chain_update(hashed));
        if found != written {
            return Err(changed(&path, "SHA-256", written, found));
        }
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|error| malformed(&path, error.to_string()))?;
        match manifest.contradiction() {
            None => Ok(manifest),
            Some(what) => Err(malformed(&path, what)),
        }
    }

    /// What cannot be, whatever the other files hold.
    fn contradiction(&self) -> Option<String> {
        let Sizes { items, items_trained, items_ranked, .. } = self.sizes;
        if let Some(part) = Part::ALL.iter().find(|part| {
            let wanted = **part != Part::Index || self.index.is_some();
            wanted != self.parts.contains_key(part)
        }) {
            return Some(format!("`{}` is there without its description, or the reverse", part.file_name()));
        }
        if items_trained > items || !(items_ranked == items || items_ranked == items_trained) {
            return Some(format!("{items_ranked} of {items} items ranked, {items_trained} trained"));
        }
        let length = |entry: &ColumnEntry| match entry.transform {
            TransformEntry::Sequence { length, .. } => length as usize,
            _ => 0,
        };
        if self.columns.iter().any(|entry| length(entry) > MAX_HISTORY) {
            return Some(format!("a sequence of more than {MAX_HISTORY} events"));
        }
        if self.history.as_ref().is_some_and(|history| history.length > MAX_HISTORY) {
            return Some(format!("a history of more than {MAX_HISTORY} events"));
        }
        if self.history.as_ref().is_some_and(|history| !history.gap_edges_s.is_sorted_by(|a, b| a < b)) {
            return Some("edges of intervals that do not ascend".to_owned());
        }
        let sized = |part: Part, shape: [usize; 2]| {
            self.parts.get(&part).is_none_or(|entry| entry.shape == shape.map(|n| n as u64))
        };
        let ranked = [items_ranked, self.sizes.dim];
        (!(sized(Part::ItemVectors, ranked) && sized(Part::Index, ranked)))
            .then(|| format!("vectors that are not {items_ranked} of {}", self.sizes.dim))
    }
}

fn changed(path: &Path, what: &'static str, expected: &str, found: impl Into<String>) -> BundleError {
    BundleError::Changed { path: path.to_owned(), what, expected: expected.to_owned(), found: found.into() }
}
