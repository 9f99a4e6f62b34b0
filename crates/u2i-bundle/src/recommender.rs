mod answering;
mod facts;
mod history;
mod popular;
mod similar;

use std::cmp::Reverse;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use u2i_index::{ExactIndex, FaissSpec, Index, ItemSet};
use u2i_models::burn::tensor::Device;
use u2i_models::{ModelConfig, TwoTowerConfig};
use u2i_schema::{Catalog, EventStore, NO_TIME, Users};

use crate::conditions::Conditions;
use crate::encoder::Encoder;
use crate::features::{Features, Served};
use crate::read::{Opened, UseIndex};
use crate::{Attribute, BundleError, IndexEntry, Manifest};

/// A bundle that was read, ready to answer, from any number of threads at once.
///
/// Answers depend on the request alone, to the last bit of scores, not on those asked together with it, where the operators of
/// `u2i-ops` encode users; elsewhere a matrix product rounds by its shape.
///
/// A call divides its work among rayon's threads, unless the thread that calls
/// [keeps to itself](u2i_index::keep_to_this_thread), as the workers of a server should.
pub struct Recommender {
    manifest: Manifest,
    device: Device,
    model: Box<dyn Encoder>,
    features: Features,
    catalog: Catalog,
    attributes: Vec<Attribute>,
    users: Users,
    /// Rows of `users` in the order of their ids.
    users_by_id: Vec<u32>,
    events: EventStore,
    exact: Arc<ExactIndex>,
    /// Euclidean lengths of the item vectors.
    lengths: Vec<f64>,
    index: Option<Box<dyn Index>>,
    state: IndexState,
    /// Items with a vector, those with most training events first.
    by_count: Vec<u32>,
    /// Items with a vector.
    ranked: ItemSet,
    conditions: Conditions,
}

/// What answers are searched with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexState {
    /// The bundle's index, of this kind.
    Ready(String),
    /// Exact search: the bundle has no index.
    None,
    /// Exact search: the index was left out by [`open_exact`](Recommender::open_exact).
    LeftOut,
    /// Exact search: this build has no faiss.
    NotBuiltIn,
}

impl fmt::Display for IndexState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexState::Ready(kind) => f.write_str(kind),
            IndexState::None => f.write_str("exact, the bundle has no index"),
            IndexState::LeftOut => f.write_str("exact, the index is left out"),
            IndexState::NotBuiltIn => f.write_str("exact, this build has no faiss to read the index with"),
        }
    }
}

/// What a bundle says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its row.
    pub item_idx: u32,
    /// Its raw id.
    pub item_id: &'a str,
    /// Its title, where the data has one.
    pub title: Option<&'a str>,
    /// Number of its training events.
    pub train_count: u32,
}

impl fmt::Debug for Recommender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recommender")
            .field("sizes", &self.manifest.sizes)
            .field("index", &self.state)
            .finish()
    }
}

impl Recommender {
    /// Reads the bundle in `dir`, every byte of which is checked against its manifest first. The model is one of ours;
    /// [`open_as`](Self::open_as) reads others.
    ///
    /// A build without the feature `faiss` checks the index, too, and searches exactly.
    ///
    /// # Errors
    ///
    /// [`Io`](BundleError::Io) for a missing file, [`Changed`](BundleError::Changed),
    /// [`Mixture`](BundleError::Mixture), [`Format`](BundleError::Format), [`OtherModel`](BundleError::OtherModel), and
    /// [`Malformed`](BundleError::Malformed) and others for files that were changed together with their hashes.
    pub fn open(dir: &Path, device: &Device) -> Result<Self, BundleError> {
        Self::open_as::<ModelConfig>(dir, device)
    }

    /// Reads a bundle as [`open`](Self::open) does, of a model whose config is a `C`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`OtherModel`](BundleError::OtherModel) if the config in the bundle is no `C`.
    pub fn open_as<C: TwoTowerConfig>(dir: &Path, device: &Device) -> Result<Self, BundleError> {
        let use_index = UseIndex::IfThere;
        Self::new(Opened::open::<C>(dir, device, use_index)?, device, use_index)
    }

    /// Reads the bundle in `dir` for exact search. The file of the index is not looked at, so it may be damaged or
    /// gone.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), of the other files.
    pub fn open_exact(dir: &Path, device: &Device) -> Result<Self, BundleError> {
        Self::open_exact_as::<ModelConfig>(dir, device)
    }

    /// Reads a bundle as [`open_exact`](Self::open_exact) does, of a model whose config is a `C`.
    ///
    /// # Errors
    ///
    /// As [`open_as`](Self::open_as), of the other files.
    pub fn open_exact_as<C: TwoTowerConfig>(dir: &Path, device: &Device) -> Result<Self, BundleError> {
        let use_index = UseIndex::Never;
        Self::new(Opened::open::<C>(dir, device, use_index)?, device, use_index)
    }

    fn new(opened: Opened, device: &Device, use_index: UseIndex) -> Result<Self, BundleError> {
        let Opened {
            manifest, model, columns, catalog, attributes, users, events, sequences, vectors, ..
        } = opened;
        let lengths = vectors.norms();
        let mut by_count: Vec<u32> = vectors.ids().to_vec();
        by_count.sort_by_key(|&item| Reverse(catalog.counts()[item as usize]));
        let ranked = vectors.ids().iter().copied().collect();
        let exact = Arc::new(ExactIndex::new(vectors));
        // Where an index finds too few, it compares the vectors that are here anyway.
        #[cfg(feature = "faiss")]
        let index = match opened.index {
            Some(index) => Some(Box::new(index.with_exact(Arc::clone(&exact))?) as Box<dyn Index>),
            None => None,
        };
        #[cfg(not(feature = "faiss"))]
        let index: Option<Box<dyn Index>> = None;
        let state = match (&index, &manifest.index, use_index) {
            (Some(index), _, _) => IndexState::Ready(index.kind()),
            (None, None, _) => IndexState::None,
            (None, Some(_), UseIndex::Never) => IndexState::LeftOut,
            (None, Some(_), UseIndex::IfThere) => IndexState::NotBuiltIn,
        };
        // Exact search finds what a flat index does, and in one way for a query and for many.
        let is_flat = matches!(&manifest.index, Some(IndexEntry { spec: FaissSpec::Flat, .. }));
        let index = index.filter(|_| !is_flat);
        let sources = manifest.columns.iter().map(|entry| entry.source.clone());
        let features = Features::new(
            columns.into_iter().zip(sources).map(|(column, source)| Served { column, source }),
            sequences,
        );
        let mut users_by_id: Vec<u32> = (0..users.ids().len() as u32).collect();
        users_by_id.sort_unstable_by_key(|&user| &users.ids()[user as usize]);
        Ok(Recommender {
            lengths,
            exact,
            device: device.clone(),
            manifest,
            model,
            features,
            catalog,
            attributes,
            users,
            users_by_id,
            events,
            index,
            state,
            by_count,
            ranked,
            conditions: Conditions::default(),
        })
    }

    /// What the bundle says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What answers are searched with.
    pub fn index(&self) -> &IndexState {
        &self.state
    }

    /// Raw ids of all users.
    pub fn user_ids(&self) -> &[String] {
        self.users.ids()
    }

    /// Raw ids of users that begin with `prefix`, ascending, the first `n` of them.
    pub fn users_from(&self, prefix: &str, n: usize) -> Vec<&str> {
        let id = |user: u32| self.users.ids()[user as usize].as_str();
        let first = self.users_by_id.partition_point(|&user| id(user) < prefix);
        let ids = self.users_by_id[first..].iter().map(|&user| id(user));
        ids.take_while(|id| id.starts_with(prefix)).take(n).collect()
    }

    /// The items of a user's events with their times in Unix seconds where they are known, oldest first; `None` if the
    /// bundle does not know the user.
    pub fn history(&self, user_id: &str) -> Option<Vec<(Item<'_>, Option<i64>)>> {
        let user = self.user(user_id)? as usize;
        let events = self.events.items(user).iter().zip(self.events.times_s(user));
        let known = |time_s: i64| Some(time_s).filter(|&time_s| time_s != NO_TIME);
        Some(events.map(|(&item, &time_s)| (self.item_of_row(item), known(time_s))).collect())
    }

    /// All items, `item_idx` 1 first, those without a vector among them.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        (0..self.catalog.n_items()).map(|i| self.item_of_row(i as u32 + 1))
    }

    /// An item by its raw id.
    pub fn item(&self, item_id: &str) -> Option<Item<'_>> {
        self.catalog.item_idx(item_id).map(|item_idx| self.item_of_row(item_idx))
    }

    fn item_of_row(&self, item_idx: u32) -> Item<'_> {
        Item {
            item_idx,
            item_id: self.catalog.item_id(item_idx),
            title: self.catalog.title(item_idx),
            train_count: self.catalog.counts()[item_idx as usize],
        }
    }

    /// Raw attributes of the items, which conditions can ask for.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    fn user(&self, id: &str) -> Option<u32> {
        let ids = self.users.ids();
        let at = self.users_by_id.binary_search_by(|&user| ids[user as usize].as_str().cmp(id)).ok()?;
        Some(self.users_by_id[at])
    }
}
