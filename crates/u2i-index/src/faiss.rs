use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::ffi::{self, RawIndex, RawMetric};
use crate::file::{self, Built, Description};
use crate::neighbors::{from_key, key};
use crate::vectors::norm;
use crate::{ExactIndex, Exclude, FaissSpec, Index, IndexError, ItemVectors, Metric, Neighbors, query};

/// A faiss index: `Flat`, `IVF` or `HNSW`.
///
/// A query for which faiss finds fewer items than there are, as IVF does when few lists are probed and HNSW
/// when the walk meets many excluded items, is answered by exact search instead; the first time that happens
/// the vectors are copied out of faiss.
///
/// Searches take `&self` and may come from several threads. Queries with excluded items are searched one by
/// one on rayon's threads, others in one call on faiss's own: `OMP_NUM_THREADS` and `OPENBLAS_NUM_THREADS`,
/// set before the program starts, say how many. Building uses one OpenMP thread, so the same vectors make the
/// same index.
pub struct FaissIndex {
    raw: RawIndex,
    ids: Vec<u32>,
    dim: usize,
    spec: FaissSpec,
    metric: Metric,
    longest: f64,
    exact: OnceLock<ExactIndex>,
}

impl fmt::Debug for FaissIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaissIndex")
            .field("kind", &self.kind())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Metric {
    fn raw(self) -> RawMetric {
        match self {
            Metric::InnerProduct | Metric::AugmentedInnerProduct => RawMetric::InnerProduct,
            Metric::L2 => RawMetric::SquaredDistance,
        }
    }

    fn extra_dims(self) -> usize {
        usize::from(self == Metric::AugmentedInnerProduct)
    }
}

impl FaissIndex {
    /// Builds an index over the vectors.
    ///
    /// # Errors
    ///
    /// [`NotUnitLength`](IndexError::NotUnitLength) under [`Metric::L2`], [`Setting`](IndexError::Setting)
    /// from [`FaissSpec::check`], or [`Faiss`](IndexError::Faiss).
    pub fn build(vectors: &ItemVectors, spec: FaissSpec, metric: Metric) -> Result<Self, IndexError> {
        spec.check(vectors.ids().len())?;
        if let (Metric::L2, Some((id, length))) = (metric, vectors.first_not_unit()) {
            return Err(IndexError::NotUnitLength { id, length });
        }
        let description = match spec {
            FaissSpec::Flat => "Flat".to_owned(),
            FaissSpec::Ivf { nlist, .. } => format!("IVF{nlist},Flat"),
            FaissSpec::Hnsw { m, .. } => format!("HNSW{m},Flat"),
        };
        let mut raw = RawIndex::new(vectors.dim() + metric.extra_dims(), &description, metric.raw())?;
        match spec {
            FaissSpec::Flat => {}
            FaissSpec::Ivf { nprobe, .. } => raw.set("nprobe", nprobe.get())?,
            FaissSpec::Hnsw { ef_construction, ef_search, .. } => {
                raw.set("efConstruction", ef_construction.get())?;
                raw.set("efSearch", ef_search.get())?;
            }
        }
        // Several threads link a graph in the order in which they come.
        ffi::on_one_thread(|| match metric {
            Metric::AugmentedInnerProduct => raw.train_and_add(vectors.augmented().data()),
            Metric::InnerProduct | Metric::L2 => raw.train_and_add(vectors.data()),
        })?;
        let (ids, dim, longest) = (vectors.ids().to_vec(), vectors.dim(), vectors.longest());
        Ok(FaissIndex { raw, ids, dim, spec, metric, longest, exact: OnceLock::new() })
    }

    /// Reads what [`save`](Index::save) wrote: every byte is checked against the file's SHA-256 before faiss
    /// reads it.
    ///
    /// That check is what stands between faiss and a broken file, for faiss believes most of what it reads. It
    /// finds accidents, not intent: whoever changes a file and makes its SHA-256 anew can take the process down.
    /// Of 1,000 such mutants each, all of `Flat` and `IVF` were refused, failed with an error or were answered
    /// with items of the index, while 40 to 42 of `HNSW` ended the process, by a graph that leads out of memory;
    /// and a size that lies may ask for all memory there is. So load what comes from others as [`ExactIndex`],
    /// whose reader holds sizes against the file, or bind the file by a hash that comes from elsewhere.
    ///
    /// # Errors
    ///
    /// [`Io`](IndexError::Io), [`CutOff`](IndexError::CutOff), [`Changed`](IndexError::Changed),
    /// [`Description`](IndexError::Description), [`Mismatch`](IndexError::Mismatch) or
    /// [`Faiss`](IndexError::Faiss).
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let (description, ids) = file::open(path)?;
        let Built::Faiss { spec, metric } = description.built else {
            return Err(file::mismatch(path, "kind", "a faiss index", description.built.kind()));
        };
        let raw = read(path, description.dim, ids.len(), metric)?;
        let dim = description.dim;
        let vectors = ItemVectors::new(ids, dim, without_extra(raw.vectors()?, dim, metric))?;
        let longest = vectors.longest();
        Ok(FaissIndex { raw, ids: vectors.into_ids(), dim, spec, metric, longest, exact: OnceLock::new() })
    }

    /// Exact search over the same items, made when it is first needed.
    fn exact(&self) -> Result<&ExactIndex, IndexError> {
        if let Some(exact) = self.exact.get() {
            return Ok(exact);
        }
        let data = without_extra(self.raw.vectors()?, self.dim, self.metric);
        let exact = ExactIndex::new(ItemVectors::new(self.ids.clone(), self.dim, data)?);
        Ok(self.exact.get_or_init(|| exact))
    }

    /// What faiss said about one query, as `(id, score)`, best first.
    fn list(&self, query: &[f32], values: &[f32], positions: &[i64]) -> Vec<(u32, f32)> {
        let length = norm(query);
        let score = |value: f32| match self.metric {
            Metric::InnerProduct | Metric::AugmentedInnerProduct => value,
            // ‖q - v‖² = ‖q‖² + 1 - 2⟨q, v⟩
            Metric::L2 => ((length * length + 1.0 - f64::from(value)) / 2.0) as f32,
        };
        // Position -1 stands where nothing was found, and a clustered index says whatever its file holds: both are
        // none of ours.
        let row = |at: i64| match at {
            _ if u2i_bug::planted("nothing_found_is_the_first_item") => u32::try_from(at.max(0)).ok(),
            _ if u2i_bug::planted("positions_are_believed") => u32::try_from(at).ok(),
            _ => u32::try_from(at).ok().filter(|&row| (row as usize) < self.ids.len()),
        };
        let keys = values.iter().zip(positions).filter_map(|(&value, &at)| Some(key(score(value), row(at)?)));
        let mut found: Vec<u64> = keys.collect();
        found.sort_unstable();
        let id = |row: u32| if u2i_bug::planted("positions_are_ids") { row } else { self.ids[row as usize] };
        found.into_iter().map(from_key).map(|(score, row)| (id(row), score)).collect()
    }

    /// The list, or the exact one where faiss found fewer than there are.
    fn complete(
        &self,
        list: Vec<(u32, f32)>,
        wanted: usize,
        query: &[f32],
        exclude: Exclude<'_>,
    ) -> Result<Vec<(u32, f32)>, IndexError> {
        let is_short = list.len() < wanted && !u2i_bug::planted("faiss_may_find_fewer");
        let Some(k) = NonZeroUsize::new(wanted).filter(|_| is_short) else { return Ok(list) };
        let exact = self.exact()?.search(query, k, exclude)?;
        Ok(exact.ids(0).iter().copied().zip(exact.scores(0).iter().copied()).collect())
    }

    fn search_all(&self, queries: &[f32], k: usize) -> Result<Vec<Vec<(u32, f32)>>, IndexError> {
        let (values, positions) = self.raw.search(&self.with_extra(queries), k)?;
        let found = values
            .par_chunks_exact(k)
            .zip(positions.par_chunks_exact(k))
            .zip(queries.par_chunks_exact(self.dim));
        found
            .map(|((values, positions), query)| {
                self.complete(self.list(query, values, positions), k, query, Exclude::None)
            })
            .collect()
    }

    fn search_each(
        &self,
        queries: &[f32],
        k: usize,
        lists: &[Vec<u32>],
    ) -> Result<Vec<Vec<(u32, f32)>>, IndexError> {
        let nprobe = if let FaissSpec::Ivf { nprobe, .. } = self.spec { Some(nprobe.get()) } else { None };
        let one = |eligible: &mut Vec<u8>, (query, lists): (&[f32], &[Vec<u32>])| {
            let excluded = Exclude::Lists(lists).rows(0, &self.ids);
            let wanted = k.min(self.ids.len() - excluded.len());
            if wanted == 0 {
                return Ok(Vec::new());
            }
            let flip = |eligible: &mut [u8]| {
                excluded.iter().for_each(|&row| eligible[row as usize / 8] ^= 1 << (row % 8))
            };
            flip(eligible);
            let found = self.raw.search_among(&self.with_extra(query), wanted, eligible, nprobe);
            flip(eligible);
            let (values, positions) = found?;
            self.complete(self.list(query, &values, &positions), wanted, query, Exclude::Lists(lists))
        };
        queries
            .par_chunks(self.dim)
            .zip(lists.par_chunks(1))
            .map_init(|| vec![0xff; self.ids.len().div_ceil(8)], one)
            .collect()
    }

    /// Queries as faiss wants them.
    fn with_extra(&self, queries: &[f32]) -> Vec<f32> {
        let zeros = &[0.0, 0.0][..self.metric.extra_dims()];
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

    fn search(
        &self,
        queries: &[f32],
        k: NonZeroUsize,
        exclude: Exclude<'_>,
    ) -> Result<Neighbors, IndexError> {
        query::check(queries, self.dim, self.longest, exclude)?;
        let at_most = k.get().min(self.ids.len());
        let lists = match exclude {
            Exclude::None => self.search_all(queries, at_most)?,
            Exclude::Lists(lists) => self.search_each(queries, at_most, lists)?,
        };
        Ok(Neighbors::from_lists(k.get(), lists))
    }

    fn save(&self, path: &Path) -> Result<(), IndexError> {
        let built = Built::Faiss { spec: self.spec, metric: self.metric };
        let description = Description::new(built, self.dim, self.ids.len());
        // faiss only prints when the last write of a file fails, so what it wrote is read before it is
        // published.
        let check = |path: &Path| read(path, self.dim, self.ids.len(), self.metric).map(drop);
        file::save(path, description, &self.ids, |path| self.raw.write(path), check)
    }
}

/// Reads the faiss part of a file and checks that it is the index that was described.
fn read(path: &Path, dim: usize, items: usize, metric: Metric) -> Result<RawIndex, IndexError> {
    let raw = RawIndex::read(path)?;
    file::expect(path, "dimension", dim.saturating_add(metric.extra_dims()), raw.dim())?;
    file::expect(path, "number of vectors", items, raw.len())?;
    if !raw.compares_by(metric.raw()) {
        return Err(file::mismatch(path, "metric", format!("{metric:?}"), "another"));
    }
    Ok(raw)
}

/// `[items, dim]` of the vectors that faiss holds.
fn without_extra(stored: Vec<f32>, dim: usize, metric: Metric) -> Vec<f32> {
    match metric.extra_dims() {
        0 => stored,
        extra => stored.chunks_exact(dim + extra).flat_map(|vector| &vector[..dim]).copied().collect(),
    }
}
