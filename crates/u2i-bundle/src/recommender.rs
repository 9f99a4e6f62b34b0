use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use u2i_index::{ExactIndex, Filter, Index, ItemSet};
use u2i_models::burn::tensor::Device;
use u2i_models::{ModelConfig, TwoTowerConfig, UserBatch};
use u2i_schema::{Catalog, EventStore, Users};

use crate::encoder::Encoder;
use crate::features::{Asked, Features, Served};
use crate::read::{Opened, UseIndex};
use crate::{
    Answer, Attribute, Because, BundleError, Manifest, Options, Recommended, Request, Search, Seen, Strategy,
};

/// Users that are encoded and searched at once: this bounds memory, however many requests there are.
const BLOCK: usize = 1024;

/// A bundle that was read, ready to answer, from any number of threads at once.
///
/// Answers depend on the request alone, not on those asked together with it, but for the last bits of scores: a matrix
/// product rounds by its shape.
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

    /// An item by its raw id.
    pub fn item(&self, item_id: &str) -> Option<Item<'_>> {
        let item_idx = self.catalog.item_idx(item_id)?;
        Some(Item {
            item_idx,
            item_id: self.catalog.item_id(item_idx),
            title: self.catalog.title(item_idx),
            train_count: self.catalog.counts()[item_idx as usize],
        })
    }

    /// Raw attributes of the items, which conditions can ask for.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// What to recommend for each request, in their order. Many requests at once take less time than one by one.
    ///
    /// As many items come back as were asked for, or all that are eligible: those with a vector that meet the condition
    /// and, unless seen items are kept, are not in the history. Whether they are is the options' choice, else as it was in
    /// the evaluation. Ties go to the lower `item_idx`.
    ///
    /// # Errors
    ///
    /// [`Condition`](BundleError::Condition) for a condition on attributes that there are not,
    /// [`Request`](BundleError::Request) for a value that a column does not take.
    pub fn recommend(&self, requests: &[Request], options: &Options) -> Result<Vec<Answer<'_>>, BundleError> {
        let only = options.only.as_ref();
        let seen = options.seen.unwrap_or(self.manifest.seen);
        let among =
            only.map(|only| only.items(&self.catalog, &self.attributes, self.exact.len())).transpose()?;
        let mut answers = Vec::with_capacity(requests.len());
        for (block, requests) in requests.chunks(BLOCK).enumerate() {
            let asked = self.look_up(block * BLOCK, requests);
            answers.extend(self.answer(asked, options, seen, among.as_ref())?);
        }
        Ok(answers)
    }

    /// The vectors that items are searched by, `[requests, dim]`.
    ///
    /// # Errors
    ///
    /// [`Request`](BundleError::Request) for a value that a column does not take.
    pub fn user_vectors(&self, requests: &[Request]) -> Result<Vec<f32>, BundleError> {
        let mut vectors = Vec::with_capacity(requests.len() * self.exact.dim());
        for (block, requests) in requests.chunks(BLOCK).enumerate() {
            vectors.extend(self.encode(&self.look_up(block * BLOCK, requests))?);
        }
        Ok(vectors)
    }

    /// The `k` items whose vectors point most nearly where that of `item_id` does, itself left out. Scores are cosines.
    ///
    /// # Errors
    ///
    /// [`UnknownItem`](BundleError::UnknownItem), or [`NoVector`](BundleError::NoVector) for an item that is not ranked.
    pub fn similar(&self, item_id: &str, k: NonZeroUsize) -> Result<Vec<Recommended<'_>>, BundleError> {
        let item =
            self.catalog.item_idx(item_id).ok_or_else(|| BundleError::UnknownItem(item_id.to_owned()))?;
        let row = self.exact.vectors().row(item).ok_or_else(|| BundleError::NoVector(item_id.to_owned()))?;
        let others = self.exact.vectors().ids().iter().enumerate().filter(|&(other, _)| other != row);
        let mut found: Vec<(f32, u32)> = others.map(|(other, &id)| (self.cosine(row, other), id)).collect();
        let best_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if found.len() > k.get() {
            found.select_nth_unstable_by(k.get(), best_first);
            found.truncate(k.get());
        }
        found.sort_unstable_by(best_first);
        Ok(found.into_iter().map(|(score, item)| self.recommended(item, score)).collect())
    }

    fn look_up<'a>(&'a self, first: usize, requests: &'a [Request]) -> Vec<Asked<'a>> {
        let one = |(i, request): (usize, &'a Request)| {
            let user = request.user.as_deref().and_then(|id| self.user(id));
            let mut unknown_items = Vec::new();
            let (history, times_s) = match (&request.history, user) {
                (Some(history), _) => {
                    let known = |id: &String| {
                        let item = self.catalog.item_idx(id);
                        if item.is_none() {
                            unknown_items.push(id.clone());
                        }
                        item
                    };
                    (history.iter().filter_map(known).collect(), Cow::Borrowed(&[][..]))
                }
                (None, Some(user)) => self.events_before(user as usize, request.at_s),
                (None, None) => (Cow::Borrowed(&[][..]), Cow::Borrowed(&[][..])),
            };
            let n_later_events = match (&request.history, user) {
                (None, Some(user)) => self.events.items(user as usize).len() - history.len(),
                _ => 0,
            };
            Asked { place: first + i, request, user, history, times_s, unknown_items, n_later_events }
        };
        requests.iter().enumerate().map(one).collect()
    }

    fn user(&self, id: &str) -> Option<u32> {
        let ids = self.users.ids();
        let at = self.users_by_id.binary_search_by(|&user| ids[user as usize].as_str().cmp(id)).ok()?;
        Some(self.users_by_id[at])
    }

    /// The items and times of a user's events strictly before a time. Events need not be in the order of their times.
    fn events_before(&self, user: usize, at_s: Option<i64>) -> (Cow<'_, [u32]>, Cow<'_, [i64]>) {
        let (items, times_s) = (self.events.items(user), self.events.times_s(user));
        let Some(at_s) = at_s else { return (Cow::Borrowed(items), Cow::Borrowed(times_s)) };
        let is_before = |time_s: &i64| *time_s < at_s;
        let n = times_s.iter().take_while(|time_s| is_before(time_s)).count();
        if !times_s[n..].iter().any(is_before) {
            return (Cow::Borrowed(&items[..n]), Cow::Borrowed(&times_s[..n]));
        }
        let before = items.iter().zip(times_s).filter(|(_, time_s)| is_before(time_s));
        let (items, times_s): (Vec<u32>, Vec<i64>) = before.map(|(&item, &time_s)| (item, time_s)).unzip();
        (items.into(), times_s.into())
    }

    fn encode(&self, asked: &[Asked<'_>]) -> Result<Vec<f32>, BundleError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let edges_s = self.manifest.history.as_ref().map_or(&[][..], |history| &history.gap_edges_s);
        let length = self.model.history_len();
        let rows = self.features.batch(asked, &self.users, &self.catalog, length, edges_s)?;
        let vectors = self.model.encode_users(&UserBatch::new(&rows, None, &self.device));
        Ok(vectors.into_data().try_into_vec().expect("vectors are f32"))
    }

    fn answer(
        &self,
        asked: Vec<Asked<'_>>,
        options: &Options,
        seen: Seen,
        among: Option<&ItemSet>,
    ) -> Result<Vec<Answer<'_>>, BundleError> {
        let (by_model, popular): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|asked| self.model.history_len() == 0 || !asked.history.is_empty());
        let left_out: Vec<Vec<u32>> = by_model.iter().map(|asked| seen_by(asked, seen)).collect();
        let queries = self.encode(&by_model)?;
        let found = self.search(&queries, options, (seen, &left_out), among)?;
        let mut answers = Vec::with_capacity(by_model.len() + popular.len());
        for (asked, found) in by_model.into_iter().zip(found) {
            let place = asked.place;
            answers.push((place, self.answer_one(asked, (Strategy::Model, seen), found, options)));
        }
        // What they say of themselves has no effect here, but a mistake in it is one all the same.
        self.features.batch(&popular, &self.users, &self.catalog, 0, &[])?;
        for asked in popular {
            let found = self.most_popular(&seen_by(&asked, seen), options.k.get(), among);
            let place = asked.place;
            answers.push((place, self.answer_one(asked, (Strategy::Popular, seen), found, options)));
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn search(
        &self,
        queries: &[f32],
        options: &Options,
        (seen, left_out): (Seen, &[Vec<u32>]),
        among: Option<&ItemSet>,
    ) -> Result<Vec<Vec<(u32, f32)>>, BundleError> {
        let mut filter = match seen {
            Seen::Excluded => Filter::excluding(left_out),
            Seen::Kept => Filter::ALL,
        };
        if let Some(among) = among {
            filter = filter.and_among(among);
        }
        let index = match (&self.index, options.search) {
            (Some(index), Search::Index) => Some(index),
            _ => None,
        };
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let neighbors = match index {
            Some(index) => index.search(queries, options.k, filter)?,
            None => self.exact.search(queries, options.k, filter)?,
        };
        let mut lists = Vec::with_capacity(neighbors.n_queries());
        for (i, query) in queries.chunks_exact(self.exact.dim()).enumerate() {
            let ids = neighbors.ids(i);
            // An index rounds in its own way. An item's score is the one of exact search, however it was found.
            let scores = match index {
                Some(_) => Cow::Owned(self.exact.scores(query, ids)?),
                None => Cow::Borrowed(neighbors.scores(i)),
            };
            let mut list: Vec<(u32, f32)> = ids.iter().copied().zip(scores.iter().copied()).collect();
            list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            lists.push(list);
        }
        Ok(lists)
    }

    fn most_popular(&self, left_out: &[u32], k: usize, among: Option<&ItemSet>) -> Vec<(u32, f32)> {
        let is_eligible = |item: &u32| {
            left_out.binary_search(item).is_err() && among.is_none_or(|among| among.contains(*item))
        };
        let eligible = self.by_count.iter().copied().filter(is_eligible).take(k);
        eligible.map(|item| (item, self.catalog.counts()[item as usize] as f32)).collect()
    }

    fn answer_one(
        &self,
        asked: Asked<'_>,
        (strategy, seen): (Strategy, Seen),
        found: Vec<(u32, f32)>,
        options: &Options,
    ) -> Answer<'_> {
        let mut history = match options.explain {
            0 => Vec::new(),
            _ => asked.history.to_vec(),
        };
        history.sort_unstable();
        history.dedup();
        let items = found.into_iter().map(|(item, score)| {
            let because = self.because(item, &history, options.explain);
            Recommended { because, ..self.recommended(item, score) }
        });
        Answer {
            strategy,
            seen,
            unknown_user: asked.request.user.is_some() && asked.user.is_none(),
            items: items.collect(),
            unknown_items: asked.unknown_items,
            n_later_events: asked.n_later_events,
        }
    }

    /// The items of the history that are most similar to `item`; those without a vector are similar to nothing.
    fn because(&self, item: u32, history: &[u32], n: usize) -> Vec<Because<'_>> {
        let vectors = self.exact.vectors();
        let Some(row) = vectors.row(item) else { return Vec::new() };
        let others = history.iter().filter(|&&other| other != item);
        let similar = others.filter_map(|&other| Some((self.cosine(row, vectors.row(other)?), other)));
        let mut similar: Vec<(f32, u32)> = similar.collect();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0));
        let because = |(similarity, item): (f32, u32)| Because {
            item_id: self.catalog.item_id(item),
            title: self.catalog.title(item),
            similarity,
        };
        similar.into_iter().take(n).map(because).collect()
    }

    /// Cosine of two rows of the vectors; 0 where one has no direction.
    fn cosine(&self, a: usize, b: usize) -> f32 {
        let vectors = self.exact.vectors();
        let lengths = self.lengths[a] * self.lengths[b];
        let product: f32 = vectors.vector(a).iter().zip(vectors.vector(b)).map(|(a, b)| a * b).sum();
        if lengths > 0.0 { (f64::from(product) / lengths) as f32 } else { 0.0 }
    }

    fn recommended(&self, item: u32, score: f32) -> Recommended<'_> {
        Recommended {
            item_idx: item,
            item_id: self.catalog.item_id(item),
            title: self.catalog.title(item),
            score,
            because: Vec::new(),
        }
    }
}

/// The items that must not come back, ascending.
fn seen_by(asked: &Asked<'_>, seen: Seen) -> Vec<u32> {
    if seen == Seen::Kept {
        return Vec::new();
    }
    let mut items = asked.history.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}
