use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use u2i_disk::{FolderAside, folder_of};
use u2i_index::{FaissSpec, ItemVectors, Seen, Similarity};
use u2i_models::{HistoryInput, HostTensor, ModelConfig, TwoTowerConfig};
use u2i_schema::{Catalog, Column, ColumnData, Digest, EventStore, Side, SideEvents, Users};

use crate::error::io;
use crate::hash::hash_file;
use crate::manifest::{ColumnEntry, FORMAT, IndexEntry, MAX_HISTORY, PartEntry, Sizes};
use crate::seal::stamp;
use crate::users::is_sequence;
use crate::{Attribute, AttributeValues, BundleError, Manifest, Part, items, npy, users, vocab, weights};

/// Everything that a bundle is made from, of a model with a config of type `C`.
#[derive(Debug, Clone)]
pub struct Contents<'a, C = ModelConfig> {
    /// The model's config.
    pub model: &'a C,
    /// Its weights, as [`u2i_models::weights`] takes them out.
    pub weights: &'a BTreeMap<String, HostTensor>,
    /// Fitted columns of all sides, each side in the order of the batches.
    pub columns: &'a [BundleColumn],
    /// The sequence of earlier items that the model looks at.
    pub history: Option<HistoryInput>,
    /// All items.
    pub catalog: &'a Catalog,
    /// Raw attributes of the items for conditions, `[items]` each.
    pub item_attributes: &'a [Attribute],
    /// All users, with encoded columns.
    pub users: &'a Users,
    /// All events of these users: their histories from now on.
    pub events: &'a EventStore,
    /// All events of other kinds of these users, for each sequence among the request columns, in their order.
    pub sequences: &'a [SideEvents],
    /// Vectors of the items that the model can rank, `item_idx` 1 first and none left out.
    pub item_vectors: &'a ItemVectors,
    /// How the vectors are to be searched.
    pub index: IndexPlan<'a>,
    /// What became of seen items in the evaluation; a request that does not say gets the same.
    pub seen: Seen,
    /// How the files of the data were written, for programs that read files of requests; null for nothing. Kept as it is.
    pub data: serde_json::Value,
    /// Where the model comes from: hashes of config and data, versions, the time. Kept as it is.
    pub provenance: serde_json::Value,
    /// What the model reached in evaluation. Kept as it is.
    pub metrics: serde_json::Value,
}

/// A fitted column, and the raw attribute that it is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleColumn {
    /// The column.
    pub column: Column,
    /// Name of the attribute.
    pub source: String,
}

/// How the vectors of a bundle are to be searched. Exact search is always there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IndexPlan<'a> {
    /// Exactly.
    Exact,
    /// Approximately, if the index is good enough: it is built, saved, read again and measured, and if it finds less
    /// than `min_recall`, no bundle is written.
    Faiss {
        /// Kind and settings.
        spec: FaissSpec,
        /// What it compares by.
        metric: Similarity,
        /// The least share of the exact neighbours that it has to find, above 0 and at most 1. Items of one score
        /// that change places at the end of a list count as missed, so that even an index that compares all may
        /// stay a little below 1 where items have the same vector.
        min_recall: f64,
        /// `[queries, dim]` user vectors to measure with.
        queries: &'a [f32],
        /// How many neighbours are compared.
        k: NonZeroUsize,
    },
}

/// Writes a bundle to the folder `dir`, where nothing may be but an empty folder.
///
/// All files are written and synced under another name, and one rename publishes them: `dir` is whole or not there.
///
/// # Errors
///
/// [`Contents`](BundleError::Contents) if the parts do not fit together, [`Exists`](BundleError::Exists),
/// [`Recall`](BundleError::Recall) and [`Plan`](BundleError::Plan) for the index, [`NoFaiss`](BundleError::NoFaiss),
/// and [`Io`](BundleError::Io).
pub fn write<C: TwoTowerConfig>(dir: &Path, contents: &Contents<'_, C>) -> Result<Manifest, BundleError> {
    write_following(dir, contents, &mut |_| ControlFlow::Continue(()))
}

/// Files of a bundle that are written, the manifest among them; with an index there is one more.
pub const N_FILES: u64 = 7;

/// [`write`](fn@write), while `tell` hears how many files are written, and may break to stop: between two files, or while the
/// index is built and measured.
///
/// # Errors
///
/// As [`write`](fn@write), and [`Stopped`](BundleError::Stopped); nothing is left then.
pub fn write_following<C: TwoTowerConfig>(
    dir: &Path,
    contents: &Contents<'_, C>,
    tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Manifest, BundleError> {
    contents.check()?;
    contents.index.check()?;
    let seal = contents.seal();
    let aside = begin(dir)?;
    let Contents { catalog, item_vectors, .. } = contents;
    let of_side = |side: Side| contents.columns.iter().filter(move |own| own.column.side == side);
    let columns: Vec<_> = [Side::User, Side::Item, Side::Request].into_iter().flat_map(of_side).collect();
    let n_weights = contents.weights.values().map(|tensor| tensor.data.len()).sum();

    let mut parts = Parts { folder: aside.path(), seal: &seal, entries: BTreeMap::new(), tell };
    parts.add(Part::Weights, |path, stamp, _| {
        weights::write(path, contents.weights, stamp)?;
        Ok([contents.weights.len(), n_weights].map(|n| n as u64))
    })?;
    parts.add(Part::Vocabulary, |path, stamp, _| {
        vocab::write(path, columns.iter().map(|own| &own.column), stamp)
    })?;
    parts.add(Part::Items, |path, stamp, _| items::write(path, catalog, contents.item_attributes, stamp))?;
    parts.add(Part::Users, |path, stamp, _| {
        let columns: Vec<_> = of_side(Side::User).map(|own| &own.column).collect();
        users::write(path, &columns, contents.users, contents.events, &contents.named_sequences(), stamp)
    })?;
    let shape = [item_vectors.ids().len(), item_vectors.dim()].map(|n| n as u64);
    parts.add(Part::ItemVectors, |path, stamp, _| {
        npy::write(path, item_vectors.dim(), item_vectors.data(), stamp)?;
        Ok(shape)
    })?;
    parts.add(Part::ItemVectorTable, |path, stamp, _| {
        items::write_vectors(path, catalog, item_vectors, stamp)
    })?;
    let mut index = None;
    if contents.index != IndexPlan::Exact {
        parts.add(Part::Index, |path, _, tell| {
            index = contents.index.publish(path, item_vectors, tell)?;
            Ok(shape)
        })?;
    }

    if (parts.tell)(parts.entries.len() as u64).is_break() {
        return Err(BundleError::Stopped);
    }
    let manifest = Manifest {
        format: FORMAT,
        seal: seal.clone(),
        model: serde_json::to_value(contents.model).expect("configs are plain data"),
        history: contents.history.clone(),
        columns: columns.iter().map(|own| ColumnEntry::new(&own.column, &own.source)).collect(),
        attributes: items::entries(contents.item_attributes),
        sizes: Sizes {
            users: contents.users.ids().len(),
            events: contents.events.n_events(),
            items: catalog.n_items(),
            items_trained: catalog.n_trained(),
            items_ranked: item_vectors.ids().len(),
            dim: item_vectors.dim(),
            weights: n_weights,
        },
        unknown_item: catalog.unknown_row().is_some(),
        seen: contents.seen,
        data: contents.data.clone(),
        index,
        metrics: contents.metrics.clone(),
        provenance: contents.provenance.clone(),
        parts: parts.entries,
        manifest_sha256: String::new(),
    };
    let (path, text) = (aside.path().join(Manifest::FILE_NAME), manifest.sealed());
    u2i_disk::write_new(&path, text.as_bytes())
        .map_err(|error| io("write", &path, text.len() as u64)(error.source))?;
    aside.publish()?;
    Manifest::read(dir)
}

/// Folders that are being written; a killed process leaves one behind, which nothing reads.
const PREFIX: &str = ".u2i-bundle-";

/// The folder aside of one that is to be at `place`, where nothing may be but an empty folder.
fn begin(place: &Path) -> Result<FolderAside, BundleError> {
    let is_taken = fs::read_dir(place)
        .map_or_else(|_| fs::symlink_metadata(place).is_ok(), |mut entries| entries.next().is_some());
    if is_taken {
        return Err(BundleError::Exists { path: place.to_owned() });
    }
    let above = folder_of(place);
    fs::create_dir_all(above).map_err(io("write", above, None))?;
    Ok(FolderAside::begin(place, PREFIX)?)
}

/// The files that are written so far.
struct Parts<'a> {
    folder: &'a Path,
    seal: &'a str,
    entries: BTreeMap<Part, PartEntry>,
    /// Hears how many there are.
    tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
}

impl Parts<'_> {
    /// Has a file written, with the stamp of the bundle, and notes what it is; `write` returns its shape, and may ask
    /// whether to go on.
    fn add(
        &mut self,
        part: Part,
        write: impl FnOnce(&Path, &str, &mut dyn FnMut() -> ControlFlow<()>) -> Result<[u64; 2], BundleError>,
    ) -> Result<(), BundleError> {
        let n_written = self.entries.len() as u64;
        let mut ask = || (self.tell)(n_written);
        if ask().is_break() {
            return Err(BundleError::Stopped);
        }
        let path = self.folder.join(part.file_name());
        let shape = write(&path, &stamp(self.seal, part), &mut ask)?;
        let (sha256, bytes) = hash_file(&path).map_err(io("read", &path, None))?;
        self.entries.insert(part, PartEntry { sha256, bytes, shape });
        Ok(())
    }
}

impl<C: TwoTowerConfig> Contents<'_, C> {
    /// Sequences with the names of their columns.
    fn named_sequences(&self) -> Vec<(&str, &SideEvents)> {
        let names = self.columns.iter().filter(|own| is_sequence(&own.column));
        names.map(|own| own.column.name.as_str()).zip(self.sequences).collect()
    }

    /// That the parts are of one data set and one model.
    fn check(&self) -> Result<(), BundleError> {
        let broken = |what: String| Err(BundleError::Contents(what));
        let mut names = HashSet::new();
        if let Some(twice) = self.columns.iter().find(|own| !names.insert(&own.column.name)) {
            return broken(format!("two columns are named `{}`", twice.column.name));
        }
        let mut names = HashSet::new();
        if let Some(twice) = self.item_attributes.iter().find(|attribute| !names.insert(&attribute.name)) {
            return broken(format!("two attributes are named `{}`", twice.name));
        }
        let n_items = self.catalog.n_items();
        if let Some(other) = self.item_attributes.iter().find(|attribute| attribute.values.len() != n_items) {
            let n = other.values.len();
            return broken(format!("attribute `{}` has {n} values for {n_items} items", other.name));
        }
        let (n_users, of_events) = (self.users.ids().len(), self.events.n_users());
        if n_users != of_events {
            return broken(format!("{n_users} users, and events of {of_events}"));
        }
        if self.users.ids().iter().collect::<HashSet<_>>().len() != n_users {
            return broken("a user id repeats".to_owned());
        }
        if let Some(item) = self.events.all_items().iter().find(|&&item| item as usize > n_items) {
            return broken(format!("an event of item {item}, there are {n_items}"));
        }
        let of_users: Vec<&Column> =
            self.columns.iter().map(|own| &own.column).filter(|column| column.side == Side::User).collect();
        let found = self.users.columns();
        if of_users.len() != found.len() {
            return broken(format!("{} user columns, encoded are {}", of_users.len(), found.len()));
        }
        if let Some((column, _)) = of_users.iter().zip(found).find(|(column, data)| !is_encoded(column, data))
        {
            return broken(format!("user column `{}` is not encoded as its transform does", column.name));
        }
        let n_ranked = self.item_vectors.ids().len();
        let are_all = self.item_vectors.ids().iter().copied().eq(1..=n_ranked as u32);
        if !are_all || ![n_items, self.catalog.n_trained()].contains(&n_ranked) {
            return broken(format!("vectors of {n_ranked} items, neither all nor all with training events"));
        }
        let n_sequences = self.columns.iter().filter(|own| is_sequence(&own.column)).count();
        let n_users = self.users.ids().len();
        let whole = |side: &SideEvents| {
            let SideEvents { offsets, rows, times_s } = side;
            offsets.len() == n_users + 1
                && offsets.is_sorted()
                && offsets.last() == Some(&(rows.len() as u64))
                && times_s.len() == rows.len()
        };
        if n_sequences != self.sequences.len() || !self.sequences.iter().all(whole) {
            return broken(format!("events of {} kinds for {n_sequences} sequences", self.sequences.len()));
        }
        if self.history.as_ref().is_some_and(|history| history.length > MAX_HISTORY) {
            return broken(format!("a history of more than {MAX_HISTORY} events"));
        }
        if self.history.as_ref().is_some_and(|history| !history.gap_edges_s.is_sorted_by(|a, b| a < b)) {
            return broken("edges of intervals that do not ascend".to_owned());
        }
        if let Some((name, _)) =
            self.weights.iter().find(|(_, tensor)| tensor.data.iter().any(|x| !x.is_finite()))
        {
            return broken(format!("weight `{name}` holds NaN or an infinity"));
        }
        Ok(())
    }

    /// BLAKE3 over everything that is not made from the rest.
    fn seal(&self) -> String {
        let mut digest = Digest::new()
            .part("model", json(self.model).as_bytes())
            .part("history", json(&self.history).as_bytes())
            .part("provenance", self.provenance.to_string().as_bytes())
            .part("metrics", self.metrics.to_string().as_bytes())
            .part("catalog", self.catalog.digest().as_bytes())
            .part("events", self.events.digest().as_bytes());
        // What older bundles do not have is no part of their seals.
        if self.seen != Seen::Excluded {
            digest = digest.part("seen", self.seen.word().as_bytes());
        }
        if !self.data.is_null() {
            digest = digest.part("data", self.data.to_string().as_bytes());
        }
        for BundleColumn { column, source } in self.columns {
            digest = digest.part("column", json(column).as_bytes()).part("source", source.as_bytes());
        }
        for (name, tensor) in self.weights {
            let shape: Vec<u64> = tensor.shape.iter().map(|&n| n as u64).collect();
            digest = digest
                .part("weight", name.as_bytes())
                .numbers("shape", &shape)
                .numbers("values", &tensor.data);
        }
        digest = digest.numbers("item_vectors", self.item_vectors.data());
        for item in 1..=self.catalog.n_items() as u32 {
            digest = digest.part("title", self.catalog.title(item).unwrap_or_default().as_bytes());
        }
        for id in self.users.ids() {
            digest = digest.part("user", id.as_bytes());
        }
        for column in self.users.columns() {
            digest = column.digest("user_column", digest);
        }
        for SideEvents { offsets, rows, times_s } in self.sequences {
            digest = digest.numbers("offsets", offsets).numbers("rows", rows).numbers("times_s", times_s);
        }
        for attribute in self.item_attributes {
            digest = digest.part("attribute", attribute.name.as_bytes());
            digest = match &attribute.values {
                AttributeValues::Text(values) => values.iter().fold(digest, |digest, text| {
                    digest.part("text", text.as_deref().unwrap_or_default().as_bytes())
                }),
                AttributeValues::Number(values) => digest.numbers("numbers", values),
                AttributeValues::List(values) => values.iter().fold(digest, |digest, list| {
                    list.iter()
                        .fold(digest.part("list", b""), |digest, text| digest.part("text", text.as_bytes()))
                }),
            };
        }
        digest.finish()
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("configs and columns are plain data")
}

fn is_encoded(column: &Column, data: &ColumnData) -> bool {
    use u2i_schema::Transform::{MultiCategorical, Sequence};
    match (&column.transform, data) {
        (transform, data) if transform.n_rows().is_none() => matches!(data, ColumnData::Values(_)),
        (MultiCategorical(_), data) => matches!(data, ColumnData::Bags { .. }),
        (Sequence { .. }, data) => matches!(data, ColumnData::Windows { .. }),
        (_, data) => matches!(data, ColumnData::Rows(_)),
    }
}

impl IndexPlan<'_> {
    fn check(&self) -> Result<(), BundleError> {
        let IndexPlan::Faiss { min_recall, queries, .. } = self else { return Ok(()) };
        let is_recall = *min_recall > 0.0 && *min_recall <= 1.0;
        if !is_recall {
            let (key, wanted) = ("min_recall", "a number above 0 and at most 1");
            return Err(BundleError::Plan { key, found: min_recall.to_string(), wanted });
        }
        if queries.is_empty() {
            return Err(BundleError::Plan { key: "queries", found: "none".into(), wanted: "at least one" });
        }
        if cfg!(feature = "faiss") { Ok(()) } else { Err(BundleError::NoFaiss) }
    }

    /// Builds the index, saves it, and measures what a reader of the file gets.
    #[cfg(feature = "faiss")]
    fn publish(
        &self,
        path: &Path,
        vectors: &ItemVectors,
        ask: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<IndexEntry>, BundleError> {
        use u2i_index::{ExactIndex, FaissIndex, Index as _, measure_following};
        let IndexPlan::Faiss { spec, metric, min_recall, queries, k } = *self else { return Ok(None) };
        let ask = &mut |_: u64| ask();
        FaissIndex::build_following(vectors, spec, metric, ask)?.save(path)?;
        let index = FaissIndex::load(path)?;
        let reference = ExactIndex::new(vectors.clone());
        let measured = measure_following(&index, &reference, queries, k, ask)?;
        let is_good = measured.recall >= min_recall;
        if !is_good {
            let (kind, k, found) = (measured.kind, k.get(), measured.recall);
            return Err(BundleError::Recall { kind, k, found, wanted: min_recall });
        }
        let exact = measure_following(&reference, &reference, queries, k, ask)?;
        Ok(Some(IndexEntry { spec, metric, min_recall, measured, exact }))
    }

    #[cfg(not(feature = "faiss"))]
    fn publish(
        &self,
        _: &Path,
        _: &ItemVectors,
        _: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<IndexEntry>, BundleError> {
        Err(BundleError::NoFaiss)
    }
}
