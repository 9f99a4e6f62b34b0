use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::eligible::Eligible;
use crate::ffi::{self, RawIndex, RawMetric};
use crate::file::{self, Built, Description};
use crate::neighbors::{from_key, key};
use crate::sizes::Sizes;
use crate::vectors::{check_finite, check_ids, norm};
use crate::{ExactIndex, FaissSpec, Filter, Index, IndexError, ItemVectors, Neighbors, Similarity, query};

/// A faiss index: `Flat`, `IVF`, `HNSW`, `SQ8` or `IVF` over product codes.
///
/// A [`Filter`] goes into the search as a bitmap of the items that it leaves. Exact search answers instead where an
/// approximate one would miss much of them: where few are left, where a user has seen more items than `ef_search`
/// reaches past, and where faiss finds fewer than there are. The first time that happens the vectors are copied
/// out of faiss, unless [`with_exact`](FaissIndex::with_exact) gave the search.
///
/// A compressed index ([`FaissSpec::is_compressed`]) scores items by inner products with what is left of their vectors.
/// It copies none: a clustered one looks into all lists instead. With exact search given, such queries, and of `SQ8`
/// all with a filter, are answered by that, with the scores of the vectors themselves; a list never has scores of both
/// sorts.
///
/// Searches take `&self` and may come from several threads. Queries with excluded items are searched one by
/// one on rayon's threads, others in one call on faiss's own: `OMP_NUM_THREADS` and `OPENBLAS_NUM_THREADS`,
/// set before the program starts, say how many. A query that is asked alone stays on the thread that asks, and so does
/// whatever a thread asks that [keeps to itself](crate::keep_to_this_thread). Building uses one OpenMP thread, so the same vectors make the same index.
pub struct FaissIndex {
    raw: RawIndex,
    ids: Vec<u32>,
    dim: usize,
    spec: FaissSpec,
    metric: Similarity,
    longest: f64,
    exact: OnceLock<Arc<ExactIndex>>,
}

/// Vectors that are added between two times that somebody is told: faiss compares them with clusters in blocks that divide
/// this number, so that no sum depends on it.
const ADDED_AT_ONCE: usize = 1 << 16;

/// `(id, score)`, best first.
type Found = Vec<(u32, f32)>;

impl fmt::Debug for FaissIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaissIndex")
            .field("kind", &self.kind())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Similarity {
    fn raw(self) -> RawMetric {
        match self {
            Similarity::InnerProduct | Similarity::AugmentedInnerProduct => RawMetric::InnerProduct,
            Similarity::L2 => RawMetric::SquaredDistance,
        }
    }
}

impl FaissIndex {
    /// Builds an index over the vectors.
    ///
    /// # Errors
    ///
    /// [`NotUnitLength`](IndexError::NotUnitLength) under [`Similarity::L2`], [`Setting`](IndexError::Setting) or
    /// [`CompressedL2`](IndexError::CompressedL2) from [`FaissSpec::check`],
    /// [`ItemNotFinite`](IndexError::ItemNotFinite) if what codes stand for overflows, or
    /// [`Faiss`](IndexError::Faiss).
    pub fn build(vectors: &ItemVectors, spec: FaissSpec, metric: Similarity) -> Result<Self, IndexError> {
        FaissIndex::build_by(vectors, spec, metric, RawIndex::train_and_add)
    }

    /// [`build`](Self::build), while `tell` hears how many vectors are in the index, and may break to stop. The index is
    /// the same.
    ///
    /// `tell` is asked also while nothing is added: a few times a second while clusters are looked for, and every few
    /// thousand vectors while a graph is linked, more of them the fewer numbers a vector has; they come in at its end, all at
    /// once. It must neither use faiss nor wait for a thread that does: faiss holds a lock while it asks.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and [`Stopped`](IndexError::Stopped).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use u2i_index::{FaissIndex, FaissSpec, Index as _, IndexError, ItemVectors, Similarity};
    /// let items = ItemVectors::new(vec![1, 2], 1, vec![2.0, 1.0])?;
    /// let (spec, metric) = (FaissSpec::Flat, Similarity::InnerProduct);
    /// let mut told = Vec::new();
    /// let mut go_on = |n_added| {
    ///     told.push(n_added);
    ///     ControlFlow::Continue(())
    /// };
    /// assert_eq!(FaissIndex::build_following(&items, spec, metric, &mut go_on)?.len(), 2);
    /// assert_eq!(told.last(), Some(&2));
    /// let stopped = FaissIndex::build_following(&items, spec, metric, &mut |_| ControlFlow::Break(()));
    /// assert!(matches!(stopped, Err(IndexError::Stopped)));
    /// # Ok::<(), IndexError>(())
    /// ```
    pub fn build_following(
        vectors: &ItemVectors,
        spec: FaissSpec,
        metric: Similarity,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self, IndexError> {
        // The order in which a graph is linked depends on what comes in together.
        let at_once = if matches!(spec, FaissSpec::Hnsw { .. }) { usize::MAX } else { ADDED_AT_ONCE };
        let fill = |raw: &mut RawIndex, data: &[f32]| raw.train_and_add_following(data, at_once, tell);
        FaissIndex::build_by(vectors, spec, metric, fill)
    }

    /// Builds an index that `fill` trains on vectors and adds them to.
    fn build_by(
        vectors: &ItemVectors,
        spec: FaissSpec,
        metric: Similarity,
        fill: impl FnOnce(&mut RawIndex, &[f32]) -> Result<(), IndexError>,
    ) -> Result<Self, IndexError> {
        spec.check(vectors.ids().len(), vectors.dim(), metric)?;
        if let (Similarity::L2, Some((id, length))) = (metric, vectors.first_not_unit()) {
            return Err(IndexError::NotUnitLength { id, length });
        }
        let description = match spec {
            FaissSpec::Flat => "Flat".to_owned(),
            FaissSpec::Ivf { nlist, .. } => format!("IVF{nlist},Flat"),
            FaissSpec::Hnsw { m, .. } => format!("HNSW{m},Flat"),
            FaissSpec::Sq8 => "SQ8".to_owned(),
            // Else examples are numbered for searches by Hamming distance, which takes far longer than finding them.
            FaissSpec::IvfPq { nlist, m, .. } => format!("IVF{nlist},PQ{m}np"),
        };
        let mut raw = RawIndex::new(vectors.dim() + metric.extra_dims(), &description, metric.raw())?;
        if let FaissSpec::Hnsw { ef_construction, .. } = spec {
            raw.set("efConstruction", ef_construction.get())?;
        }
        set_search(&mut raw, spec)?;
        // Several threads link a graph in the order in which they come.
        ffi::on_one_thread(|| match metric {
            Similarity::AugmentedInnerProduct => fill(&mut raw, vectors.augmented().data()),
            Similarity::InnerProduct | Similarity::L2 => fill(&mut raw, vectors.data()),
        })?;
        let (ids, dim) = (vectors.ids().to_vec(), vectors.dim());
        let longest =
            if spec.is_compressed() { longest(&raw, &ids, dim, metric)? } else { vectors.longest() };
        Ok(FaissIndex { raw, ids, dim, spec, metric, longest, exact: OnceLock::new() })
    }

    /// This index, searched with other settings, `nprobe` or `ef_search`; nothing is built anew.
    ///
    /// # Errors
    ///
    /// [`BuiltOtherwise`](IndexError::BuiltOtherwise) where another setting differs,
    /// [`Setting`](IndexError::Setting) from [`FaissSpec::check`], or [`Faiss`](IndexError::Faiss).
    pub fn with_search(mut self, spec: FaissSpec) -> Result<Self, IndexError> {
        if !spec.is_built_as(&self.spec) {
            let kind = |spec: &FaissSpec| spec.kind(self.metric);
            return Err(IndexError::BuiltOtherwise { built: kind(&self.spec), asked: kind(&spec) });
        }
        spec.check(self.ids.len(), self.dim, self.metric)?;
        set_search(&mut self.raw, spec)?;
        self.spec = spec;
        Ok(self)
    }

    /// This index with exact search over its items, so that their vectors need not be copied out of faiss, and
    /// for a compressed index are the true ones.
    ///
    /// # Errors
    ///
    /// [`OtherItems`](IndexError::OtherItems) if ids or dimensions differ; that the vectors are those that the index
    /// was built from is for the caller to know.
    pub fn with_exact(mut self, exact: Arc<ExactIndex>) -> Result<Self, IndexError> {
        let vectors = exact.vectors();
        if vectors.ids() != self.ids || vectors.dim() != self.dim {
            return Err(IndexError::OtherItems {
                found: (vectors.ids().len(), vectors.dim()),
                wanted: (self.ids.len(), self.dim),
            });
        }
        self.exact = OnceLock::from(exact);
        Ok(self)
    }

    /// Reads what [`save`](Index::save) wrote: every byte is checked against the file's SHA-256 before faiss
    /// reads it.
    ///
    /// That check is what stands between faiss and a broken file, for faiss believes most of what it reads. It
    /// finds accidents, not intent: whoever changes a file and makes its SHA-256 anew can take the process down.
    /// Sizes at the front are held against the description first. Of 1,000 such mutants each, and of each size replaced
    /// by 13 others, all of `Flat`, `IVF`, `SQ8` and IVF-PQ were refused, failed with an error or were answered with
    /// items of the index. Of `HNSW`, 40 to 42 ended the process by a graph that leads out of memory, and one overwrote
    /// memory that is not faiss's. A list's size that lies may ask for all memory there is. So load what comes from others as
    /// [`ExactIndex`], whose reader holds all sizes against the file, or bind the file by a hash that comes from elsewhere.
    ///
    /// # Errors
    ///
    /// [`Io`](IndexError::Io), [`CutOff`](IndexError::CutOff), [`Changed`](IndexError::Changed),
    /// [`Description`](IndexError::Description), [`Mismatch`](IndexError::Mismatch), for settings that do not fit each
    /// other as well, [`Faiss`](IndexError::Faiss), or what no sound vectors have: [`Empty`](IndexError::Empty),
    /// [`PaddingId`](IndexError::PaddingId), [`IdsNotAscending`](IndexError::IdsNotAscending) or
    /// [`ItemNotFinite`](IndexError::ItemNotFinite).
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let (description, ids) = file::open(path)?;
        let Built::Faiss { spec, metric } = description.built else {
            return Err(file::mismatch(path, "kind", "a faiss index", description.built.kind()));
        };
        let dim = description.dim;
        // A search counts on settings that fit each other. They are of the file, not of who loads it.
        spec.check(ids.len(), dim, metric).map_err(|error| match error {
            IndexError::Setting { name, found, wanted } => {
                file::mismatch(path, "settings", wanted, format!("`{name}` = {found}"))
            }
            IndexError::CompressedL2 { kind } => {
                file::mismatch(path, "settings", "another metric than L2 for compressed vectors", kind)
            }
            other => other,
        })?;
        let raw = read(path, dim, ids.len(), spec, metric)?;
        let longest = longest(&raw, &ids, dim, metric)?;
        Ok(FaissIndex { raw, ids, dim, spec, metric, longest, exact: OnceLock::new() })
    }

    /// Exact search over the same items, made when it is first needed.
    fn exact(&self) -> Result<&ExactIndex, IndexError> {
        if let Some(exact) = self.exact.get() {
            return Ok(exact);
        }
        let data = without_extra(self.raw.vectors(0..self.ids.len())?, self.dim, self.metric);
        let exact = ExactIndex::new(ItemVectors::new(self.ids.clone(), self.dim, data)?);
        Ok(self.exact.get_or_init(|| Arc::new(exact)))
    }

    /// What faiss said about one query.
    fn list(&self, query: &[f32], values: &[f32], positions: &[i64]) -> Found {
        let length = if self.metric == Similarity::L2 { norm(query) } else { 0.0 };
        let score = |value: f32| match self.metric {
            Similarity::InnerProduct | Similarity::AugmentedInnerProduct => value,
            // ‖q - v‖² = ‖q‖² + 1 - 2⟨q, v⟩
            Similarity::L2 => ((length * length + 1.0 - f64::from(value)) / 2.0) as f32,
        };
        // Position -1 stands where nothing was found, and a clustered index says whatever its file holds: both are
        // none of ours.
        let row = |at: i64| u32::try_from(at).ok().filter(|&row| (row as usize) < self.ids.len());
        let keys = values.iter().zip(positions).filter_map(|(&value, &at)| Some(key(score(value), row(at)?)));
        let mut found = Vec::with_capacity(values.len());
        found.extend(keys);
        found.sort_unstable();
        found.into_iter().map(from_key).map(|(score, row)| (self.ids[row as usize], score)).collect()
    }

    /// What faiss finds for each query among the same rows; `None` is left to exact search.
    fn search_all(
        &self,
        queries: &[f32],
        k: usize,
        eligible: &Eligible,
    ) -> Result<Vec<Option<Found>>, IndexError> {
        let n = queries.len() / self.dim;
        let Plan::Faiss { nprobe } = self.plan(eligible.len(), 0, k, n) else { return Ok(vec![None; n]) };
        let padded = self.with_extra(queries);
        let bitmap = (eligible.len() < self.ids.len()).then(|| eligible.bitmap());
        let (values, positions) = match &bitmap {
            None => self.raw.search(&padded, k)?,
            Some(bitmap) => self.raw.search_among(&padded, k, bitmap, nprobe)?,
        };
        let found = values.chunks_exact(k).zip(positions.chunks_exact(k)).zip(queries.chunks_exact(self.dim));
        // Far too little work to wake threads for.
        let list = |((values, positions), query): ((&[f32], &[i64]), &[f32])| {
            Some(self.list(query, values, positions)).filter(|found| is_whole(found, k))
        };
        let mut lists: Vec<Option<Found>> = found.map(list).collect();
        let Some(nprobe) = self.wider(nprobe) else { return Ok(lists) };
        let open: Vec<usize> = (0..n).filter(|&query| lists[query].is_none()).collect();
        if open.is_empty() {
            return Ok(lists);
        }
        let bitmap = bitmap.unwrap_or_else(|| eligible.bitmap());
        let widened =
            |&query: &usize| self.widened(&queries[query * self.dim..][..self.dim], k, &bitmap, nprobe);
        let found: Vec<Option<Found>> = match &open[..] {
            [query] => vec![widened(query)?],
            _ => open.par_iter().map(widened).collect::<Result<_, _>>()?,
        };
        open.into_iter().zip(found).for_each(|(query, found)| lists[query] = found);
        Ok(lists)
    }

    /// Searches with rows left out for each query.
    fn search_each(
        &self,
        queries: &[f32],
        k: usize,
        filter: Filter<'_>,
        eligible: &Eligible,
    ) -> Result<Vec<Option<Found>>, IndexError> {
        let bitmap = eligible.bitmap();
        let one = |bitmap: &mut Vec<u8>, (at, query): (usize, &[f32])| {
            let excluded = eligible.excluded_rows(filter, at, &self.ids);
            let left = eligible.len() - excluded.len();
            let wanted = k.min(left);
            if wanted == 0 {
                return Ok(Some(Vec::new()));
            }
            let plan = self.plan(eligible.len(), excluded.len(), wanted, queries.len() / self.dim);
            let Plan::Faiss { nprobe } = plan else { return Ok(None) };
            let flip = |bitmap: &mut [u8]| {
                excluded.iter().for_each(|&row| bitmap[row as usize / 8] ^= 1 << (row % 8));
            };
            flip(bitmap);
            let found = self.raw.search_among(&self.with_extra(query), wanted, bitmap, nprobe);
            let found = found.and_then(|(values, positions)| {
                let found = self.list(query, &values, &positions);
                if is_whole(&found, wanted) {
                    return Ok(Some(found));
                }
                let Some(nprobe) = self.wider(nprobe) else { return Ok(None) };
                self.widened(query, wanted, bitmap, nprobe)
            });
            flip(bitmap);
            found
        };
        if queries.len() == self.dim {
            let mut bitmap = bitmap;
            return Ok(vec![one(&mut bitmap, (0, queries))?]);
        }
        queries.par_chunks(self.dim).enumerate().map_init(|| bitmap.clone(), one).collect()
    }

    /// How many lists of a compressed index are probed next, all, for a query whose `nprobe` lists held too few; `None`
    /// leaves it to exact search.
    fn wider(&self, nprobe: Option<usize>) -> Option<usize> {
        match self.spec {
            FaissSpec::IvfPq { nlist, .. } if self.exact.get().is_none() => {
                nprobe.filter(|&nprobe| nprobe < nlist.get()).map(|_| nlist.get())
            }
            _ => None,
        }
    }

    /// What `nprobe` lists hold for a query; `None` is left to exact search.
    fn widened(
        &self,
        query: &[f32],
        wanted: usize,
        bitmap: &[u8],
        nprobe: usize,
    ) -> Result<Option<Found>, IndexError> {
        let padded = self.with_extra(query);
        let (values, positions) = self.raw.search_among(&padded, wanted, bitmap, Some(nprobe))?;
        let found = self.list(query, &values, &positions);
        Ok(is_whole(&found, wanted).then_some(found))
    }

    /// Answers by exact search what faiss did not.
    fn complete(
        &self,
        lists: Vec<Option<Found>>,
        queries: &[f32],
        k: NonZeroUsize,
        filter: Filter<'_>,
        eligible: &Eligible,
    ) -> Result<Vec<Found>, IndexError> {
        let open: Vec<usize> = (0..lists.len()).filter(|&query| lists[query].is_none()).collect();
        if open.is_empty() {
            return Ok(lists.into_iter().flatten().collect());
        }
        let of = |query: usize| &queries[query * self.dim..][..self.dim];
        let queries: Vec<f32> = open.iter().flat_map(|&query| of(query)).copied().collect();
        let excluded: Option<Vec<_>> =
            filter.lists().map(|lists| open.iter().map(|&query| lists[query].clone()).collect());
        let filter = excluded.as_ref().map_or(Filter::ALL, |lists| Filter::excluding(lists));
        let exact = self.exact()?.search_eligible(&queries, k, filter, eligible)?;
        let list =
            |query| exact.ids(query).iter().copied().zip(exact.scores(query).iter().copied()).collect();
        let mut answers = (0..open.len()).map(list);
        Ok(lists.into_iter().map(|list| list.or_else(|| answers.next()).unwrap_or_default()).collect())
    }

    /// How to search for `wanted` items among those of a set of `among`, less `excluded` of them, as one of `queries`
    /// of a call.
    ///
    /// An approximate search meets the best of all items, whatever the filter leaves of them. The last item wanted is
    /// expected to be about the `wanted * n / among`-th best of all; and since users have mostly seen what scores high
    /// for them, it may stand as many places further down as items are excluded. A search must reach so deep. Measured
    /// on clustered unit vectors, 20,000 of 32 and 64 dimensions and 100,000 of 64, with random sets and with the best
    /// items excluded:
    ///
    /// - A walk reaches about `ef_search` deep: down to 0.4, 0.9, 1.6 and 3.9 times that, its recall is .998,
    ///   .97 to .99, .67 to .998 and .51 to .82. Exact search answers what lies deeper.
    /// - Probed lists reach a tenth of what they hold: down to 0.8, 1, 1.8 and 3.4 times that, their recall is .991,
    ///   .992, .77 to .92 and .59 to .86. So more lists are probed, until what they hold is more than what is left;
    ///   then exact search, which compares only that, is the faster one, too.
    /// - `Flat` is as exact as exact search, but tests every item's bit and multiplies one query at a time: that takes
    ///   longer where less than a tenth is left, and 4 to 20 times longer for many queries.
    /// - `Sq8` is slower than exact search and finds other items: that answers whatever is filtered, if it was given,
    ///   however many are asked together.
    ///
    /// What exact search would answer of a compressed index it answers only if it was given: all lists are probed
    /// instead, and `Sq8` compares every item as it is.
    fn plan(&self, among: usize, excluded: usize, wanted: usize, queries: usize) -> Plan {
        let (n, left) = (self.ids.len(), among - excluded);
        let as_set = Plan::Faiss { nprobe: self.nprobe() };
        if left == n {
            return as_set;
        }
        let depth = (excluded + wanted).saturating_mul(n).div_ceil(among);
        let is_at_hand = !self.spec.is_compressed() || self.exact.get().is_some();
        match self.spec {
            FaissSpec::Flat if queries >= 4 || left < n / 10 => Plan::Exact,
            FaissSpec::Sq8 if is_at_hand => Plan::Exact,
            FaissSpec::Hnsw { ef_search, .. } if depth > ef_search.get().max(wanted) => Plan::Exact,
            FaissSpec::Ivf { .. } | FaissSpec::IvfPq { .. } if depth.saturating_mul(10) >= left => {
                if is_at_hand {
                    Plan::Exact
                } else {
                    Plan::Faiss { nprobe: self.nlist() }
                }
            }
            FaissSpec::Ivf { nlist, nprobe } | FaissSpec::IvfPq { nlist, nprobe, .. } => {
                let probes = depth.saturating_mul(10 * nlist.get()).div_ceil(n);
                Plan::Faiss { nprobe: Some(probes.clamp(nprobe.get(), nlist.get())) }
            }
            FaissSpec::Flat | FaissSpec::Sq8 | FaissSpec::Hnsw { .. } => as_set,
        }
    }

    /// As a search with a selector has to be told.
    fn nprobe(&self) -> Option<usize> {
        self.lists().map(|(_, nprobe)| nprobe)
    }

    fn nlist(&self) -> Option<usize> {
        self.lists().map(|(nlist, _)| nlist)
    }

    /// How many lists there are, and how many of them are probed.
    fn lists(&self) -> Option<(usize, usize)> {
        match self.spec {
            FaissSpec::Ivf { nlist, nprobe } | FaissSpec::IvfPq { nlist, nprobe, .. } => {
                Some((nlist.get(), nprobe.get()))
            }
            FaissSpec::Flat | FaissSpec::Hnsw { .. } | FaissSpec::Sq8 => None,
        }
    }

    /// Queries as faiss wants them.
    fn with_extra<'a>(&self, queries: &'a [f32]) -> Cow<'a, [f32]> {
        let zeros = &[0.0, 0.0][..self.metric.extra_dims()];
        if zeros.is_empty() {
            return Cow::Borrowed(queries);
        }
        queries.chunks_exact(self.dim).flat_map(|query| query.iter().chain(zeros)).copied().collect()
    }
}

impl Index for FaissIndex {
    fn kind(&self) -> String {
        self.spec.kind(self.metric)
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn search(&self, queries: &[f32], k: NonZeroUsize, filter: Filter<'_>) -> Result<Neighbors, IndexError> {
        let n = query::check(queries, self.dim, self.longest, filter)?;
        let eligible = Eligible::new(filter, &self.ids);
        let at_most = k.get().min(eligible.len());
        let lists = if at_most == 0 {
            vec![Some(Vec::new()); n]
        } else if filter.lists().is_some() {
            self.search_each(queries, at_most, filter, &eligible)?
        } else {
            self.search_all(queries, at_most, &eligible)?
        };
        Ok(Neighbors::from_lists(k.get(), self.complete(lists, queries, k, filter, &eligible)?))
    }

    fn save(&self, path: &Path) -> Result<(), IndexError> {
        let built = Built::Faiss { spec: self.spec, metric: self.metric };
        let description = Description::new(built, self.dim, self.ids.len());
        // faiss only prints when the last write of a file fails, so what it wrote is read before it is
        // published.
        let check = |path: &Path| read(path, self.dim, self.ids.len(), self.spec, self.metric).map(drop);
        file::save(path, description, &self.ids, |path| self.raw.write(path), check)
    }
}

/// The settings that need no building.
fn set_search(raw: &mut RawIndex, spec: FaissSpec) -> Result<(), IndexError> {
    match spec {
        FaissSpec::Flat | FaissSpec::Sq8 => Ok(()),
        FaissSpec::Ivf { nprobe, .. } | FaissSpec::IvfPq { nprobe, .. } => raw.set("nprobe", nprobe.get()),
        FaissSpec::Hnsw { ef_search, .. } => raw.set("efSearch", ef_search.get()),
    }
}

/// How a query is searched.
enum Plan {
    Exact,
    Faiss { nprobe: Option<usize> },
}

/// Whether a list holds as many as were wanted.
fn is_whole(list: &Found, wanted: usize) -> bool {
    list.len() == wanted
}

/// Reads the faiss part of a file, once it is known to be the index that was described.
fn read(
    path: &Path,
    dim: usize,
    items: usize,
    spec: FaissSpec,
    metric: Similarity,
) -> Result<RawIndex, IndexError> {
    Sizes { spec, metric, dim: dim.saturating_add(metric.extra_dims()), items }.check(path)?;
    RawIndex::read(path)
}

/// Length of the longest vector that faiss holds, once they are known to be finite and their ids to be sound. A few are
/// looked at at a time: uncompressed, all of them may be more than memory holds.
fn longest(raw: &RawIndex, ids: &[u32], dim: usize, metric: Similarity) -> Result<f64, IndexError> {
    if ids.is_empty() || dim == 0 {
        return Err(IndexError::Empty { items: ids.len(), dim });
    }
    check_ids(ids)?;
    // A clustered index looks through the ids of all its lists each time.
    let together = ids.len().div_ceil(16).max(4_096);
    let mut longest = 0f64;
    for first in (0..ids.len()).step_by(together) {
        let rows = first..ids.len().min(first + together);
        let data = without_extra(raw.vectors(rows.clone())?, dim, metric);
        check_finite(&ids[rows], dim, &data)?;
        longest = data.chunks_exact(dim).map(norm).fold(longest, f64::max);
    }
    Ok(longest)
}

/// `[items, dim]` of the vectors that faiss holds.
fn without_extra(stored: Vec<f32>, dim: usize, metric: Similarity) -> Vec<f32> {
    match metric.extra_dims() {
        0 => stored,
        extra => stored.chunks_exact(dim + extra).flat_map(|vector| &vector[..dim]).copied().collect(),
    }
}
